"""What a VM is, as far as migration is concerned: its variables, and states packed into one integer.

A *state* gives each variable the **set** of values it may have. A set of one value is knowledge, the set of
all values is ignorance, the empty set is a contradiction. The model's states know everything; the checker's
learn as they go. Both are tested by the same conditions and moved by the same assignments, so nothing is
defined twice.

A state is a plain ``int``: variable after variable, one bit for each value. Copying is free, hashing and
comparing are one machine operation or two, and learning is a bitwise *and*.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum

from migspec.spec.vocabulary import COLOMode, FailoverStatus, MigrationCapability, MigrationStatus, RunState


class Stage(StrEnum):
    """How far the outgoing side has got with the work behind its status.

    The status that a client sees is coarser than the work: the guest is stopped and the last pass made
    in ``active``, and a cancelled migration goes on for a while. The stages are the points between
    which another thread can be seen to act. Source: observed on QEMU 5.2.0, where each has its own
    order of events.
    """

    IDLE = "idle"
    """No attempt is under way."""
    CONNECTING = "connecting"
    """``migrate`` was accepted; its connection is not there yet."""
    SETTING_UP = "setting-up"
    """The migration thread runs and has not yet made its first pass."""
    SET_UP = "set-up"
    """The first pass is made; the status has yet to follow."""
    UNPLUGGING = "unplugging"
    """Waiting for the guest to give up a failover primary."""
    ITERATING = "iterating"
    """Sending pages, in precopy or postcopy."""
    LAST_TURN = "last-turn"
    """A pass was made although the migration is being cancelled: the loop ends with it."""
    COMMITTED = "committed"
    """The thread has decided to complete and will stop the guest, whatever happens to the status."""
    STOPPED = "stopped"
    """The guest is stopped for the switch-over."""
    HELD = "held"
    """Waiting in pre-switchover for ``migrate-continue``."""
    SAVING = "saving"
    """About to make the last pass and save the devices."""
    SAVED = "saved"
    """The last pass is made; the stream is being closed."""
    SWITCHING = "switching"
    """The thread has decided to start postcopy; the status has yet to follow."""
    POSTCOPY_STOPPING = "postcopy-stopping"
    """Postcopy is starting; the guest is about to be stopped."""
    POSTCOPY_STOPPED = "postcopy-stopped"
    """Postcopy is starting; the guest is stopped."""
    POSTCOPY_HELD = "postcopy-held"
    """As `HELD`, before the start of postcopy."""
    POSTCOPY_SAVING = "postcopy-saving"
    """Postcopy is starting; the last pass and the device package are being made."""
    PAUSED = "paused"
    """The postcopy stream is lost; waiting for a recovery."""
    RESUMING = "resuming"
    """The connection of a recovery is made; waiting for the destination's answer."""
    COLO_STARTING = "colo-starting"
    """In COLO, before the secondary was ready for the first time."""
    COLO_RUNNING = "colo-running"
    """In COLO, between checkpoints."""
    COLO_STOPPED = "colo-stopped"
    """In a COLO checkpoint, before its pass."""
    COLO_SAVING = "colo-saving"
    """In a COLO checkpoint, after its pass."""
    COLO_EXITED = "colo-exited"
    """In COLO, after COLO_EXIT was sent without an order."""
    COLO_LEAVING = "colo-leaving"
    """COLO was left by order; COLO_EXIT and the guest's start are due."""
    COLO_LEFT = "colo-left"
    """COLO was left by order; the guest's start is due."""
    ENDING = "ending"
    """The outcome is decided; the guest's run state has yet to follow."""
    CLEANING = "cleaning"
    """The migration thread is done; the main loop has yet to clean up."""
    STUCK = "stuck"
    """Nothing will happen any more by itself (known defects of 5.2)."""


class Load(StrEnum):
    """How far the incoming side has got; the counterpart of `Stage`."""

    NONE = "none"
    """Not an incoming VM."""
    DEFERRED = "deferred"
    """Started with ``-incoming defer`` and not told where to listen yet."""
    LISTENING = "listening"
    """Waiting for a connection."""
    LOADING = "loading"
    """Reading the stream."""
    POSTCOPY = "postcopy"
    """Switched to postcopy; the guest is not started yet."""
    RUNNING = "running"
    """In postcopy with the guest's devices loaded."""
    PAUSED = "paused"
    """The postcopy stream is lost."""
    RECOVERING = "recovering"
    """``migrate-recover`` was accepted; waiting for the connection."""
    RECOVERED = "recovered"
    """That connection is there; the source has yet to ask to go on."""
    COLO_STARTING = "colo-starting"
    """In COLO, before the guest runs."""
    COLO_RUNNING = "colo-running"
    """In COLO, the secondary guest runs."""
    COLO_STOPPED = "colo-stopped"
    """In COLO, the secondary guest is stopped for a checkpoint."""
    COLO_EXITED = "colo-exited"
    """In COLO, after COLO_EXIT was sent without an order."""
    COLO_LEAVING = "colo-leaving"
    """COLO was left by order; COLO_EXIT and the guest's start are due."""
    COLO_LEFT = "colo-left"
    """COLO was left by order; the guest's start is due."""
    CLOSING = "closing"
    """The postcopy is complete; the listener is about to be closed."""
    DONE = "done"
    """The incoming migration is complete."""


class Life(StrEnum):
    """Whether the process goes on."""

    ALIVE = "alive"
    """Yes."""
    QUITTING = "quitting"
    """``quit`` was accepted; the event SHUTDOWN has yet to come."""
    DOWN = "down"
    """The main loop has ended; the monitor is about to close."""
    GONE = "gone"
    """The exiting process has cancelled its migration."""
    DYING = "dying"
    """The incoming migration failed: the process exits with 1 at once."""
    ABORTED = "aborted"
    """A failed assertion is ending the process (known defects)."""
    CRASHED = "crashed"
    """A fault such as a bad access to memory is ending the process (known defects)."""


ENDINGS: Mapping[int, tuple[Life, ...]] = {
    0: (Life.QUITTING, Life.DOWN, Life.GONE),
    1: (Life.DYING,),
    -6: (Life.ABORTED,),
    **dict.fromkeys((-11, -7, -8, -4), (Life.CRASHED,)),
}
"""The lives in which a process may end with an exit code, that of a signal negative: any other signal may end any."""


class Session(StrEnum):
    """How far a monitor's client has got with the negotiation; a command sees that of its own monitor."""

    NEGOTIATING = "negotiating"
    """The greeting was sent; only qmp_capabilities is allowed, and no events are delivered."""
    READY = "ready"
    """Commands are allowed."""
    OOB = "oob"
    """Commands are allowed, some of them out of band."""


class Stream(StrEnum):
    """What the source of the incoming stream has on and the destination need not have."""

    PLAIN = "plain"
    """Nothing."""
    BITMAPS = "bitmaps"
    """Dirty bitmaps, which are sent in a postcopy of their own."""
    COLO = "colo"
    """COLO."""


class Loan(StrEnum):
    """What becomes of the block options that `migrate` switched on for itself, by blk or inc."""

    NONE = "none"
    """It switched none on."""
    LENT = "lent"
    """They go off when the migration is cleaned up."""
    LEAKED = "leaked"
    """They stay on until the end of another migration: the address was refused."""


class Measurement(StrEnum):
    """How far the measurement of the dirty rate has got; query-dirty-rate shows the first two as ``unstarted``."""

    UNSTARTED = "unstarted"
    """None was asked for."""
    ORDERED = "ordered"
    """One was asked for; its thread has yet to begin."""
    MEASURING = "measuring"
    """One is under way."""
    MEASURED = "measured"
    """One has ended."""


class Answer(StrEnum):
    """A yes or no."""

    NO = "no"
    """No."""
    YES = "yes"
    """Yes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the state: its name, its values, where its bits begin, and what it tells."""

    name: str
    values: tuple[str, ...]
    offset: int
    doc: str
    field: int = dataclasses.field(init=False, repr=False, compare=False)
    """All bits of this variable."""
    _of: dict[int, tuple[str, ...]] = dataclasses.field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", ((1 << len(self.values)) - 1) << self.offset)

    def bits(self, values: Iterable[str]) -> int:
        """The bits of these values.

        Raises `ValueError` for a value that the variable cannot have.
        """
        result = 0
        for value in values:
            result |= 1 << (self.offset + self.values.index(value))
        return result

    def of(self, state: int) -> tuple[str, ...]:
        """The values that this variable may have in `state`."""
        bits = state & self.field
        found = self._of.get(bits)
        if found is None:
            found = tuple(value for i, value in enumerate(self.values) if bits >> self.offset + i & 1)
            self._of[bits] = found
        return found

    def known(self, state: int) -> str | None:
        """The one value that this variable has in `state`; None when that is not known."""
        values = self.of(state)
        return values[0] if len(values) == 1 else None


def laid_out(columns: Mapping[str, tuple[type[StrEnum], str]]) -> Iterator[Variable]:
    """Variables of these names, each with its domain and what it tells, their bits one after the other."""
    offset = 0
    for name, (domain, doc) in columns.items():
        values = tuple(member.value for member in domain)
        yield Variable(name, values, offset, doc)
        offset += len(values)


VARIABLES: Mapping[str, Variable] = {
    variable.name: variable
    for variable in laid_out(
        {
            "outgoing": (
                MigrationStatus,
                "The status of the outgoing side (S); `none` until the first migrate.",
            ),
            "incoming": (
                MigrationStatus,
                "The status of the incoming side (D); `none` until the first connection.",
            ),
            "stage": (Stage, "How far the outgoing side has got."),
            "load": (Load, "How far the incoming side has got."),
            "run": (RunState, "The run state, as query-status shows it."),
            "life": (Life, "Whether the process goes on."),
            "session": (Session, "The negotiation of the monitor on which a command is given."),
            "was-running": (
                Answer,
                "Whether this migration stopped a running guest, to be started if it fails.",
            ),
            "switch-asked": (Answer, "Whether migrate-start-postcopy was accepted in this migration."),
            "continued": (Answer, "Whether the wait in pre-switchover has been ended."),
            "resuming": (Answer, "Whether the connection of a migrate with resume=true is being made."),
            "poisoned": (
                Answer,
                "Whether a resume failed to connect, so that the next one ends the process.",
            ),
            "error-known": (Answer, "Whether the failed attempt has an error-desc."),
            "stream": (Stream, "What the source of the incoming stream has switched on."),
            "failover": (Answer, "Whether the migration has asked the guest to unplug a primary."),
            "defer": (Answer, "Whether the process was started with -incoming defer."),
            "accepted": (Answer, "Whether a migrate-incoming has succeeded."),
            "autostart": (Answer, "Whether the guest starts when the incoming migration is done."),
            "recover-asked": (Answer, "Whether migrate-recover was given since the last pause."),
            "colo-failover": (FailoverStatus, "How far the failover that x-colo-lost-heartbeat ordered has come."),
            "colo-last": (COLOMode, "Which half of a COLO pair the VM is, or was last."),
            "piped": (Answer, "Whether the outgoing stream goes to a command or a descriptor instead of a socket."),
            "threads-changed": (Answer, "Whether the number of threads or channels was changed in mid-migration."),
            "switched-late": (Answer, "Whether multifd or compress was switched on while the stream was loaded."),
            "colo-thread": (Answer, "Whether the thread of a primary in COLO has still to report its end."),
            "has-address": (Answer, "Whether the process listens, or has listened, on a socket."),
            "disks-gone": (Answer, "Whether a completed migration has given up the guest's disks."),
            "stop-due": (Answer, "Whether an event told that the guest is about to stop by its own doing."),
            "block-options": (Loan, "The block options that migrate switched on for itself."),
            "block-incremental": (Answer, "The parameter of that name."),
            "dirty-rate": (Measurement, "How far the measurement of the dirty rate has got."),
            "blocktime": (
                Answer,
                "Whether the incoming side measures its blocktime, or has measured it.",
            ),
            "spice": (Answer, "Whether the process serves SPICE; decided when it is started."),
            "replication": (Answer, "Whether the build has replication, without which there is no COLO."),
            "block-migration": (Answer, "Whether the build has the migration of disks by blk and inc."),
            **{
                f"cap.{capability.value}": (Answer, f"The capability {capability.value}.")
                for capability in MigrationCapability
            },
        }
    )
}
"""Every variable, by name, in the order of their bits."""

ANYTHING: int = sum(variable.field for variable in VARIABLES.values())
"""The state of which nothing is known."""


def assign(state: int, values: Mapping[str, str | Iterable[str]], variables: Mapping[str, Variable] = VARIABLES) -> int:
    """`state` with these of its `variables` set, to one value or to a choice of values.

    Raises `KeyError` for an unknown variable and `ValueError` for a value that it cannot have.
    """
    for name, value in values.items():
        variable = variables[name]
        state = state & ~variable.field | variable.bits((value,) if isinstance(value, str) else value)
    return state


FRESH: int = assign(
    0,
    {
        **{name: Answer.NO for name, variable in VARIABLES.items() if variable.values == ("no", "yes")},
        "outgoing": MigrationStatus.NONE,
        "incoming": MigrationStatus.NONE,
        "stage": Stage.IDLE,
        "load": Load.NONE,
        "run": RunState.RUNNING,
        "life": Life.ALIVE,
        "stream": Stream.PLAIN,
        "block-options": Loan.NONE,
        "session": Session.NEGOTIATING,
        "autostart": Answer.YES,
        "colo-failover": FailoverStatus.NONE,
        "colo-last": COLOMode.NONE,
        "dirty-rate": Measurement.UNSTARTED,
        "replication": Answer.YES,
        "block-migration": Answer.YES,
    },
)
"""A process of a complete build that has just started without options, its guest running."""


def describe(state: int, names: Iterable[str] = ("outgoing", "stage", "incoming", "load", "run")) -> dict[str, str]:
    """The named variables as text: a value, a choice `a|b`, or `?` where anything is possible.

    Raises `KeyError` for an unknown variable.
    """
    shown = {}
    for name in names:
        variable = VARIABLES[name]
        values = variable.of(state)
        shown[name] = "?" if len(values) == len(variable.values) else "|".join(values)
    return shown
