"""What a modelled process is: its state, its settings, its guest, its two sides, and what others may see of them.

How it moves is in `moving`, how it answers calls in `answering`; `migspec.reference_impl.machine` puts them together.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace

from migspec.reference_impl.amendments import relation_of
from migspec.reference_impl.answers.status import Measured
from migspec.reference_impl.calls import Call
from migspec.reference_impl.commands import Commands
from migspec.reference_impl.destination import Destination
from migspec.reference_impl.gates.gate import Opening
from migspec.reference_impl.host import Exit, Host
from migspec.reference_impl.options import Disk, Options
from migspec.reference_impl.physics.guest import Guest
from migspec.reference_impl.source import Source
from migspec.reference_impl.watcher import Watcher
from migspec.spec.bitmaps import BitmapMapping
from migspec.spec.contracts import Answer
from migspec.spec.lifecycle.guards import IN_PROGRESS
from migspec.spec.parameters import DEFAULTS, Value
from migspec.spec.rows import Row
from migspec.spec.schema import ABSENT, Absent
from migspec.spec.state import FRESH, VARIABLES, Load, Stream, assign
from migspec.spec.steps import NEGOTIATING, SESSION, THREADS, Configuration
from migspec.spec.vocabulary import MigrationCapability, MigrationParameter, RunState


class Process(Commands):
    """A modelled process at one moment."""

    def __init__(self, options: Options, host: Host, now: float) -> None:
        self.options = options
        self.host = host
        self.now = now
        self.profile = options.profile
        self.guest = Guest(options)
        self.values: Mapping[str, Value] = DEFAULTS
        self.descriptors: dict[tuple[int, str], int] = {}
        self.snapshots: frozenset[str] = frozenset()
        self.exit: Exit | None = None
        """How the process has ended; None while it has not."""
        self.reply_delay = 0.0
        """Seconds for which replies are kept back."""
        self.wishes: set[str] = set()
        """What clients, fault scripts and the guest have asked for; see `wanted`."""
        self.watcher: Watcher | None = None
        """Who looks on, if anybody does."""
        self.turn = 0
        """A number that has grown whenever something may have changed but the time."""
        self.passes = 0
        """The number of the last pass."""
        self.measurement = Measured()
        """The last measurement of the dirty rate that has begun."""
        self.resets_itself = False
        """Whether the last reset was the guest's own."""
        self.screen = ""
        """What the last line has left on the human monitor's screen."""
        self.ordered_seconds = 0
        """Seconds for which the dirty rate is to be measured next."""
        self._measured_from = 0.0
        self._relation = relation_of(options.profile)
        self._open: dict[int, tuple[tuple[int, Row, Opening], ...]] = {}
        self._rested = [now] * (len(THREADS) + 1)
        self.asking = 0
        """The monitor whose request is executed, or was last."""
        self.carried_out: Answer | None = None
        """The answer to the call that is executed, once its step is taken."""
        self.trouble = RunState.PAUSED
        """The run state of a guest that stops by itself, after the last trouble."""
        self._listened: tuple[Call, str] | None = None
        self.c = Configuration(beginning(options))
        self.source = Source(self)
        self.destination = Destination(self)
        self.guest.run(self.guest_runs, now)
        self.stands_by = options.failover and self.guest_runs
        """Whether the guest has accepted that its primary is taken away for a migration."""

    @abstractmethod
    def become(self, after: Configuration) -> None:
        """Go on as `after`, and let the world follow."""

    def value(self, variable: str) -> str:
        """The value of a variable of the state."""
        return VARIABLES[variable].of(self.c.state)[0]

    def capability(self, name: str) -> bool:
        """Whether a capability is on."""
        return self.value(f"cap.{name}") == "yes"

    def parameter(self, name: str) -> Value:
        """The value of a parameter."""
        if name == MigrationParameter.BLOCK_INCREMENTAL:
            return self.value("block-incremental") == "yes"
        return self.values[name]

    def mapping(self) -> BitmapMapping | Absent:
        """The value of block-bitmap-mapping."""
        value = self.values[MigrationParameter.BLOCK_BITMAP_MAPPING]
        return value if isinstance(value, tuple) else ABSENT

    @property
    def disks(self) -> tuple[Disk, ...]:
        """The disks, with the dirty bitmaps that have come with a migration."""
        arrived = self.destination.bitmaps
        return tuple(
            replace(
                disk,
                bitmaps=tuple(dict.fromkeys((*disk.bitmaps, *(name for node, name in arrived if node == disk.node)))),
            )
            for disk in self.options.disks
        )

    @property
    def guest_runs(self) -> bool:
        """Whether the guest runs."""
        return self.value("run") == RunState.RUNNING

    @property
    def in_progress(self) -> bool:
        """Whether an outgoing migration is in progress."""
        return IN_PROGRESS.holds(self.c.state)

    @property
    def state(self) -> int:
        """The state as the monitor sees it whose request is executed, or was last."""
        session = self.c.monitors[self.asking].session if self.c.monitors else NEGOTIATING
        return self.c.state & ~SESSION.field | session

    def rested(self, thread: int) -> float:
        """When a thread took its last step or announced one; answers do not count."""
        return self._rested[thread]

    def wanted(self, wish: str) -> bool:
        """Whether something has been asked for: by a client, by a fault script, or by the guest."""
        return wish in self.wishes

    def measured_until(self) -> float:
        """When the measurement of the dirty rate that is under way ends."""
        return self._measured_from + self.measurement.period

    def streams(self, capabilities: Iterable[str]) -> None:
        """The stream that arrives is that of a source with these capabilities on."""
        self.c = self.c.moved(assign(self.c.state, {"stream": kind_of_stream(frozenset(capabilities))}))


def beginning(options: Options) -> int:
    """The state of a process that has just started with these options."""
    state = assign(FRESH, {"session": VARIABLES["session"].values, "spice": "yes" if options.spice else "no"})
    if options.stopped:
        state = assign(state, {"autostart": "no", "run": RunState.PRELAUNCH})
    if options.incoming:
        deferred = options.incoming == "defer"
        state = assign(
            state,
            {
                "run": RunState.INMIGRATE,
                "load": Load.DEFERRED if deferred else Load.LISTENING,
                "defer": "yes" if deferred else "no",
                "accepted": "no",
                "has-address": "yes" if not deferred and not options.incoming.startswith(("exec:", "fd:")) else "no",
            },
        )
    return state


def kind_of_stream(capabilities: frozenset[str]) -> str:
    """The value of the variable `stream` for a source with these capabilities on."""
    if MigrationCapability.X_COLO in capabilities:
        return Stream.COLO
    return Stream.BITMAPS if MigrationCapability.DIRTY_BITMAPS in capabilities else Stream.PLAIN
