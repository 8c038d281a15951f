"""What a client can tell of the two VMs of a run: their answers, made into the half-known states that properties judge.

An answer tells of one moment, and the next answer of a later one.  A property must therefore put together only what
cannot have changed in between: a status that nothing but a client's command leaves, with a run state asked for later;
a guest that runs on the destination, which does not stop by itself, with one that runs on the source after that.  What
is not certain stays unknown, and no property is broken by what is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from migspec.properties.stateful.subject import Arguments, Reply, Subject
from migspec.properties.temporal import Moment
from migspec.spec.commands import CONTRACTS
from migspec.spec.composition import Side
from migspec.spec.rows import Thread
from migspec.spec.state import ANYTHING, VARIABLES, Life, assign
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus, RunState

_STATUSES: Final = frozenset(MigrationStatus)
_RUN_STATES: Final = frozenset(RunState)
_ENDED: Final = tuple(life for life in Life if life not in (Life.ALIVE, Life.QUITTING))
_OVERTAKEN: Final = frozenset(
    {
        (str(MigrationStatus.FAILED), str(MigrationStatus.CANCELLING)),
        *(
            (str(MigrationStatus.CANCELLING), event.partition(":")[2])
            for case in CONTRACTS["migrate_cancel"].cases
            for thread, event in case.sends
            if thread is Thread.MIGRATION
        ),
    }
)
"""Statuses that events tell of one after the other, of which the second was left before the first was reached."""
_BEGINS_OUTGOING: Final = frozenset({"migrate", "human-monitor-command"})


@dataclass(slots=True)
class View:
    """What is known of one VM, by variable: its value or a choice of values."""

    receives: bool
    """Whether it was started to wait for a migration."""
    sends: bool = False
    """Whether it was ever asked to migrate away: then its status is that of this migration, and hides the other."""
    known: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    announced: str = ""
    """The status that an event told of last."""

    def __post_init__(self) -> None:
        self.known["life"] = Life.ALIVE
        if not self.receives:
            self.known["incoming"] = MigrationStatus.NONE

    @property
    def status(self) -> str:
        """The status that it told last, empty if it told none that can be attributed."""
        told = self.known.get("outgoing" if self.sends or not self.receives else "incoming", "")
        return told if isinstance(told, str) else ""

    @property
    def runs(self) -> bool:
        """Whether its guest ran when it was last asked."""
        return self.known.get("run") == RunState.RUNNING

    def state(self) -> int:
        """The half-known state."""
        return assign(ANYTHING, self.known)

    def asked(self, command: str) -> None:
        """Take note of a request."""
        self.sends |= command in _BEGINS_OUTGOING

    def answered(self, command: str, arguments: Arguments | None, reply: Reply | None) -> None:
        """Learn from the reply to a request, or from there being none."""
        if command == "migrate-set-capabilities":
            self._capabilities(arguments, reply)
        if reply is None or reply.is_error:
            return
        match command:
            case "query-migrate" if isinstance(reply.value, dict):
                self._status(reply.value)
            case "query-status" if isinstance(reply.value, dict):
                self.known.pop("run", None)
                if reply.value.get("status") in _RUN_STATES:
                    self.known["run"] = str(reply.value["status"])
            case "query-migrate-capabilities" if isinstance(reply.value, list):
                for entry in reply.value:
                    self._capability(entry)

    def _status(self, told: Arguments) -> None:
        status = told.get("status", MigrationStatus.NONE)
        self.known.pop("outgoing", None)
        if self.receives:
            self.known.pop("incoming", None)
        if status not in _STATUSES:
            return
        if not self.sends:
            self.known["outgoing"] = MigrationStatus.NONE
            self.known["incoming"] = str(status) if self.receives else MigrationStatus.NONE
        elif not self.receives:
            self.known["outgoing"] = str(status)

    def told(self, status: str) -> int | None:
        """What an event that tells of a status says of the moment at which it was sent; None if not to be attributed.

        A process that begins to listen announces a set-up, and is in none.  A cancellation is announced by the main
        loop, and its failure by the migration thread: whichever is the quicker, the other's event is of the past.
        """
        before, self.announced = self.announced, status
        if (before, status) in _OVERTAKEN:
            self.announced = before
            return None
        if status not in _STATUSES or (self.receives and (self.sends or status == MigrationStatus.SETUP)):
            return None
        name = "incoming" if self.receives else "outgoing"
        return assign(ANYTHING, {name: status})

    def _capabilities(self, arguments: Arguments | None, reply: Reply | None) -> None:
        wanted = (arguments or {}).get("capabilities")
        if reply is not None and not reply.is_error and isinstance(wanted, list):
            for entry in wanted:
                self._capability(entry)
        elif reply is None:
            self.forget(f"cap.{capability}" for capability in MigrationCapability)

    def _capability(self, entry: Any) -> None:
        match entry:
            case {"capability": str() as name, "state": bool() as on} if f"cap.{name}" in VARIABLES:
                self.known[f"cap.{name}"] = "yes" if on else "no"

    def forget(self, names: Iterable[str]) -> None:
        """Know nothing more of some variables."""
        for name in names:
            self.known.pop(name, None)

    def forget_status(self) -> None:
        """Know nothing more of what it is doing."""
        self.forget(("run", "outgoing", *(("incoming",) if self.receives else ())))

    def ended(self) -> None:
        """The VM has shown that it has ended: what it was is of the past."""
        self.known = {"life": _ENDED}


class Passed(NamedTuple):
    """A status that an event told of, and all that is known of the moment at which it was sent."""

    side: Side
    status: str
    moment: Moment


class Watch:
    """The views of both VMs, and the questions that keep them up to date."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._heard: dict[Side, int] = {}
        self.views: dict[Side, View] = {}

    def started(self, side: Side) -> None:
        """A VM was started on a side."""
        unknown = not self._subject.is_fresh
        self.views[side] = View(receives=unknown or side is Side.DESTINATION, sends=unknown)
        self._heard[side] = 0

    def passed(self) -> list[Passed]:
        """The statuses that events have told of since they were last asked for, in the order of each side."""
        return [passed for side in self.views for passed in self._passed(side)]

    def _passed(self, side: Side) -> Iterator[Passed]:
        events = self._subject.events(side)
        for event in events[self._heard[side] :]:
            status = event.data.get("status")
            if event.name == "MIGRATION" and isinstance(status, str):
                state = self.views[side].told(status)
                if state is not None:
                    yield Passed(side, status, Moment(state) if side is Side.SOURCE else Moment(destination=state))
        self._heard[side] = len(events)

    def ask(self, side: Side, command: str, arguments: Arguments | None = None, *, oob: bool = False) -> Reply | None:
        """Ask, and learn from the reply."""
        view = self.views[side]
        view.asked(command)
        reply = self._subject.ask(side, command, arguments, oob=oob)
        view.answered(command, arguments, reply)
        return reply

    def tell(self, side: Side, command: str, arguments: Arguments | None = None) -> None:
        """Ask without waiting; what the command may change is no longer known."""
        self.views[side].asked(command)
        self._subject.tell(side, command, arguments)

    def look(self, *, ask: bool) -> tuple[Moment, list[Passed]]:
        """What is known now; with `ask`, both VMs are asked first.

        Also what events told meanwhile: they may be newer than the answers, so their sides are in no known status.
        """
        for side, view in self.views.items():
            if not self._subject.is_alive(side):
                view.ended()
            elif not ask or not self._look_at(side):
                view.forget_status()
        source, destination = (self.views.get(side) for side in Side)
        if ask and source is not None and destination is not None and source.runs and destination.runs:
            self.ask(Side.SOURCE, "query-status")  # it may have stopped before the other started
        meanwhile = self.passed()
        for passed in meanwhile:
            self.views[passed.side].forget_status()
        return Moment(*(view.state() if view is not None else ANYTHING for view in (source, destination))), meanwhile

    def _look_at(self, side: Side) -> bool:
        """Ask a VM what it is doing; whether it answered."""
        return self.ask(side, "query-migrate") is not None and self.ask(side, "query-status") is not None
