"""Faults that happen to a machine: who waits for their triggers, and does what they say.

`Faults` is the watcher of one machine.  It is asked after each step, so a trigger is noticed before anything else
happens.  What a fault does it does by the machine's own means: it orders rows and cases that the relation allows, holds
threads, shuts or refuses connections, ends processes.  None makes a step of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from migspec.reference_impl.amendments import relation_of
from migspec.reference_impl.calls import Call
from migspec.reference_impl.faults.model import (
    EVERY,
    Action,
    After,
    Becomes,
    Clear,
    Cut,
    DropRecovery,
    Executes,
    Fail,
    Fault,
    GuestDoes,
    Hang,
    Happen,
    Hold,
    HostHas,
    Kill,
    KillPeer,
    Late,
    Now,
    Refuse,
    Sends,
    Sent,
    TakeRow,
    Terminate,
    Trigger,
)
from migspec.reference_impl.faults.script import FaultError, parse
from migspec.reference_impl.faults.words import HOST_TROUBLES, MAIN
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.physics.outgoing import SENDING
from migspec.reference_impl.source import Attempt
from migspec.spec.rows import Row, Standing, Thread
from migspec.spec.state import Load, Stage
from migspec.spec.vocabulary import MigrationStatus

LEAST_WAIT: Final = 0.0005
"""Seconds between two looks at how much has been sent."""
LONGEST_WAIT: Final = 0.5
"""The same at most: the pace may change meanwhile."""

_LASTING: Final = ("take:", "hold:", "case:")
_RECOVERY_LOST: Final = (
    Fault(Becomes("stage", Stage.RESUMING), Cut()),
    Fault(Becomes("load", Load.RECOVERED), Cut()),
)
"""What is set when the connection of a recovery is to be lost, on whichever side the machine turns out to be."""
_FAILURES: Final[tuple[Thread, ...]] = (Thread.MIGRATION, Thread.LISTEN, Thread.MAIN, Thread.CHANNEL)


class Onlooker(Protocol):
    """Somebody who wants to know when the machine has changed, and to be woken at a time."""

    def looks(self) -> None:
        """The machine may have changed, or the time gone on."""

    def wakes(self) -> float | None:
        """When the next look is due at the latest; None for never."""


@dataclass(slots=True, eq=False)
class Armed:
    """A fault that waits: since when, how often its trigger has occurred, and whether what it waits for is so now."""

    fault: Fault
    since: float
    count: int = 0
    holds: bool = False


@dataclass(slots=True)
class Sending:
    """How much of an attempt is sent: bytes of `total` that were `left` when last looked `at`, and the `share` at most.

    `pace` is in bytes a second between the last two looks, 0 where none of this stage is known.
    """

    attempt: Attempt
    total: int
    stage: str
    at: float
    left: int
    pace: float = 0.0
    share: float = 0.0

    def see(self, stage: str, now: float, left: int) -> None:
        """Look anew."""
        if stage != self.stage:
            self.stage, self.pace = stage, 0.0
        elif now > self.at and left < self.left:
            self.pace = (self.left - left) / (now - self.at)
        self.at, self.left = now, left
        self.share = max(self.share, 1 - left / self.total)


class Faults:
    """The faults of one machine, which it watches from then on."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        machine.watcher = self
        self._armed: list[Armed] = []
        self._onlookers: list[Onlooker] = []
        self._news: list[Trigger] = []
        self._expected: Call | None = None
        self._failing = False
        self._fresh = False
        self._sending: Sending | None = None
        self._rows = {row.id for row in _all_rows(machine.profile)}

    # --- setting faults

    @property
    def armed(self) -> tuple[Fault, ...]:
        """The faults that still wait for their triggers."""
        return tuple(armed.fault for armed in self._armed)

    def add(self, script: str) -> tuple[Fault, ...]:
        """Set the faults of a script, and return them.

        Raises `FaultError` for a text that is none, or that orders a row which the machine's profile has not.
        """
        faults = parse(script)
        for fault in faults:
            if isinstance(fault.action, TakeRow) and fault.action.row not in self._rows:
                row = fault.action.row
                expected = f"a row that {self.machine.profile} has"
                raise FaultError(script, max(0, script.find(row)), row, expected)
        self.arm(faults)
        return faults

    def arm(self, faults: Iterable[Fault]) -> None:
        """Set faults.  What is to happen at once happens when the machine is advanced next."""
        self._armed += [Armed(fault, self.machine.now) for fault in faults]
        self._fresh = True

    def clear(self) -> None:
        """Forget the faults that wait, and end what earlier ones go on doing."""
        self._armed.clear()
        self._relent()

    def _relent(self) -> None:
        machine = self.machine
        machine.wishes -= {wish for wish in machine.wishes if wish.startswith(_LASTING) or wish in HOST_TROUBLES}
        machine.reply_delay = 0.0
        machine.source.refusal = None
        self._failing = False

    def attend(self, onlooker: Onlooker) -> None:
        """Tell somebody of each change from now on."""
        self._onlookers.append(onlooker)

    def dismiss(self, onlooker: Onlooker) -> None:
        """Tell somebody no more."""
        self._onlookers.remove(onlooker)

    # --- what the machine tells

    def looks(self) -> None:
        """See which triggers occur, and let their faults happen."""
        self._fresh = False
        if self.machine.exit is None:
            self._measure()
            news, self._news = self._news, []
            for armed in tuple(self._armed):
                self._look(armed, news)
            if self._failing:
                self._fail()
        for onlooker in tuple(self._onlookers):
            onlooker.looks()

    def hears(self, event: str) -> None:
        """Note an event."""
        self._news.append(Sends(event))

    def expects(self, call: Call) -> None:
        """Let the faults happen that wait for a command; one that is put off counts once."""
        if call is self._expected:
            return
        self._expected = call
        for armed in tuple(self._armed):
            if armed.fault.trigger == Executes(call.command):
                self._occurs(armed)

    def wakes(self) -> float | None:
        """When the next trigger that is a matter of time is due at the latest."""
        if self._fresh:
            return self.machine.now
        times = [at for armed in self._armed if (at := self._due(armed)) is not None]
        times += [at for onlooker in self._onlookers if (at := onlooker.wakes()) is not None]
        return min(times, default=None)

    # --- triggers

    def _look(self, armed: Armed, news: Iterable[Trigger]) -> None:
        trigger = armed.fault.trigger
        match trigger:
            case Now():
                self._occurs(armed)
            case After(seconds):
                while armed in self._armed and self.machine.now >= armed.since + seconds * (armed.count + 1):
                    self._occurs(armed)
            case Becomes(variable, value):
                self._turns(armed, self.machine.value(variable) == value)
            case Sent(percent):
                self._turns(armed, self._sending is not None and self._sending.share >= percent / 100)
            case _:
                for _ in [piece for piece in news if piece == trigger]:
                    self._occurs(armed)

    def _turns(self, armed: Armed, holds: bool) -> None:
        turned, armed.holds = holds and not armed.holds, holds
        if turned:
            self._occurs(armed)

    def _occurs(self, armed: Armed) -> None:
        if armed not in self._armed or self.machine.exit is not None:
            return
        armed.count += 1
        nth = armed.fault.nth
        if nth not in (EVERY, armed.count):
            return
        if nth != EVERY:
            self._armed.remove(armed)
        problem = self.perform(armed.fault.action)
        if problem:
            self.machine.host.report(f"fault {armed.fault}: {problem}")

    def _due(self, armed: Armed) -> float | None:
        match armed.fault.trigger:
            case After(seconds):
                return armed.since + seconds * (armed.count + 1)
            case Sent(percent):
                return self._sent_at(percent / 100)
        return None

    def _measure(self) -> None:
        """See how much of the present attempt is sent."""
        machine, sending = self.machine, self._sending
        attempt = machine.source.attempt
        if sending is not None and sending.attempt is not attempt:
            sending = self._sending = None
        if attempt is None or machine.value("stage") not in SENDING:
            return
        left = attempt.work.left()
        if sending is None:
            total = max(1, left, attempt.work.total())
            sending = self._sending = Sending(attempt, total, machine.value("stage"), machine.now, left)
        sending.see(machine.value("stage"), machine.now, left)

    def _sent_at(self, share: float) -> float | None:
        """When a share may be sent, if the pace does not rise."""
        sending = self._sending
        if sending is None or sending.share >= share or sending.attempt.lost is not None:
            return None
        if self.machine.value("stage") not in SENDING:
            return None
        missing = sending.left - sending.total * (1 - share)
        wait = missing / sending.pace if sending.pace else LEAST_WAIT
        return sending.at + min(LONGEST_WAIT, max(LEAST_WAIT, wait))

    # --- actions

    def perform(self, action: Action) -> str:
        """Do what a fault does; why that cannot be done, empty if it can."""
        machine = self.machine
        match action:
            case Cut():
                return self._cut()
            case Refuse(text):
                self._refuse(text)
            case KillPeer():
                return "" if machine.kill_peer() else "there is no connection to a peer"
            case Kill():
                machine.kill()
            case Terminate():
                machine.terminate()
            case Hang():
                self._hang()
            case Hold(what):
                machine.wishes.add(f"hold:{what}")
            case Late(seconds):
                machine.reply_delay = seconds
            case DropRecovery():
                self.arm(_RECOVERY_LOST)
            case Fail():
                self._failing = True
            case TakeRow(row):
                machine.wishes.add(f"take:{row}")
            case Happen(name):
                machine.wishes.add(f"case:{name}")
            case GuestDoes(event):
                machine.wishes.add(event)
            case HostHas(trouble):
                machine.wishes.add(trouble)
            case Clear():
                self._relent()
        return ""

    def _cut(self) -> str:
        source, destination = self.machine.source, self.machine.destination
        if not (source.can_shut or destination.can_shut):
            return "there is no connection to cut"
        source.shut_stream()
        destination.shut_stream()
        return ""

    def _refuse(self, text: str) -> None:
        load = self.machine.value("load")
        if load in (Load.NONE, Load.DONE):
            self.machine.source.refusal = text
        elif load in (Load.LISTENING, Load.RECOVERING):
            self.machine.host.unlisten()
        else:
            awaited = Load.LISTENING if load == Load.DEFERRED else Load.RECOVERING
            self.arm((Fault(Becomes("load", awaited), Refuse()),))

    def _hang(self) -> None:
        stage, load = self.machine.value("stage"), self.machine.value("load")
        held = [stage] if stage != Stage.IDLE else []
        held += [load] if load not in (Load.NONE, Load.DONE) else []
        self.machine.wishes |= {f"hold:{place}" for place in held or [MAIN]}

    def _fail(self) -> None:
        failures = [row for row in self.machine.open_rows() if _is_failure(row)]
        if failures:
            self._failing = False
            self.machine.wishes.add(f"take:{min(failures, key=lambda row: _FAILURES.index(row.thread)).id}")


def _all_rows(profile: str) -> Iterable[Row]:
    relation = relation_of(profile)
    yield from relation.rows
    yield from relation.aside
    for rows in relation.instant.values():
        yield from rows


def _is_failure(row: Row) -> bool:
    return row.change == MigrationStatus.FAILED and row.standing is not Standing.DEFECT and row.thread in _FAILURES
