"""What happened, in a sentence: which VM went where, how long it took, and how it ended.

A migration begins with an accepted `migrate`, or with the first message that shows one under way, and ends with the
first that shows it over. The other side is told by the address, and where that does not tell, by there being one only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from migspec.spec.lifecycle.guards import ENDED_STATUSES
from migspec.traces.findings import Grade, Report, Verdict
from migspec.traces.picture.marks import Kind, Mark, shortened
from migspec.traces.report import counted

MOST_TOLD: Final = 3
"""Migrations that are told one by one; more of them are counted."""

LONGEST_REASON: Final = 200
"""Characters of an error that are told."""

_AT_REST: Final = frozenset({"none", "?", *ENDED_STATUSES})


@dataclass(slots=True)
class Journey:
    """One migration as one VM shows it, with the marks of its beginning and its end.

    One that arrives may wait long before it does: `moved` is the first mark that shows it under way.
    """

    vm: str
    arrives: bool
    first: Mark
    uri: str = ""
    moved: Mark | None = None
    last: Mark | None = None
    outcome: str = ""
    statuses: list[str] = field(default_factory=list)
    reason: str = ""
    downtime: int | None = None
    peer: str = ""

    @property
    def status(self) -> str:
        """The last status that was certain, empty if there was none."""
        return self.statuses[-1] if self.statuses else ""

    @property
    def seconds(self) -> float | None:
        """How long it took, as far as times are known."""
        first = self.moved if self.arrives else self.first
        if self.last is None or self.last.t is None or first is None or first.t is None:
            return None
        if not self.arrives and first.kind is not Kind.REQUEST and first.words != "setup":
            return None  # it had begun before the log did
        return max(0.0, self.last.t - first.t)


class Side:
    """One direction of one VM: its journeys, found message by message."""

    def __init__(self, vm: str, command: str, variable: str) -> None:
        self.journeys: list[Journey] = []
        self.refusals = 0
        self._vm = vm
        self._command = command
        self._variable = variable
        self._asked: dict[int, Mark] = {}
        self._current: Journey | None = None

    def add(self, mark: Mark) -> None:
        """Take the next message of the VM."""
        if mark.kind is Kind.REQUEST and mark.title == self._command and not _argument(mark, "resume"):
            self._asked[mark.line] = mark
        elif mark.asked in self._asked:
            asked = self._asked.pop(mark.asked)
            if mark.kind is Kind.ERROR:
                self.refusals += 1
            elif self._current is None:
                self._begin(asked, _argument(asked, "uri"))
            elif not self._current.uri:
                self._current.uri = _argument(asked, "uri")
        if mark.state is not None:
            self._follow(mark, str(getattr(mark.state, self._variable)))
        if self.journeys and mark.kind is Kind.REPLY and mark.title == "query-migrate":
            self._learn(self.journeys[-1], mark.content.get("return"))
        if mark.kind is Kind.END and self._current is not None and "exit status" in mark.words:
            self._current.reason = self._current.reason or f"{self._vm} ended, {mark.words}"

    def _begin(self, mark: Mark, uri: str = "") -> None:
        self._current = Journey(self._vm, self._variable == "incoming", mark, uri)
        self.journeys.append(self._current)

    def _follow(self, mark: Mark, value: str) -> None:
        values = set(value.split("|"))
        if self._current is None and not values & _AT_REST:
            asked = next(iter(self._asked.values()), None)
            self._begin(asked or mark, _argument(asked, "uri") if asked else "")
        if self._current is None:
            return
        if self._current.moved is None and not values & _AT_REST:
            self._current.moved = mark
        if len(values) == 1 and value not in ("?", "none", *self._current.statuses[-1:]):
            self._current.statuses.append(value)
        if value in ENDED_STATUSES and mark.kind is not Kind.REQUEST:
            self._current.last, self._current.outcome = mark, value
            self._current = None

    def _learn(self, journey: Journey, told: object) -> None:
        if isinstance(told, Mapping) and journey.outcome:
            if isinstance(told.get("error-desc"), str):
                journey.reason = journey.reason or f"“{shortened(told['error-desc'], LONGEST_REASON)}”"
            if isinstance(told.get("downtime"), int):
                journey.downtime = told["downtime"]


@dataclass(frozen=True, slots=True)
class Story:
    """All that happened: the journeys out of VMs, those into them, and how often `migrate` was refused."""

    departures: tuple[Journey, ...]
    arrivals: tuple[Journey, ...]
    refusals: int

    @property
    def vms(self) -> frozenset[str]:
        """The VMs that took part."""
        return frozenset(journey.vm for journey in (*self.departures, *self.arrivals))


def story_of(sides: Mapping[str, tuple[Side, Side]]) -> Story:
    """Put the sides of all VMs together."""
    departures = sorted((j for out, _ in sides.values() for j in out.journeys), key=lambda j: j.first.line)
    arrivals = sorted((j for _, into in sides.values() for j in into.journeys), key=lambda j: j.first.line)
    _introduce(departures, arrivals)
    return Story(tuple(departures), tuple(arrivals), sum(out.refusals for out, _ in sides.values()))


def _introduce(departures: Sequence[Journey], arrivals: Sequence[Journey]) -> None:
    """Tell each departure where it went to, and each arrival where it came from."""
    free = list(arrivals)
    for departure in departures:
        others = [arrival for arrival in free if arrival.vm != departure.vm]
        same = [arrival for arrival in others if arrival.uri and arrival.uri == departure.uri]
        found = same or (others if len({arrival.vm for arrival in others}) == 1 else [])
        if found:
            departure.peer, found[0].peer = found[0].vm, departure.vm
            free.remove(found[0])


# ---- sentences ----

_VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.CONFORMS: "Nothing that QEMU did is against its protocol.",
    Verdict.INCONCLUSIVE: "Whether QEMU kept to its protocol cannot be told: the log does not show enough.",
    Verdict.UNREADABLE: "The file cannot be read to its end as a log of QMP.",
}

_ENDS: Final[Mapping[str, str]] = {
    "completed": "completed",
    "failed": "failed",
    "cancelled": "was cancelled",
}

_STANDS: Final[Mapping[str, str]] = {
    "postcopy-paused": "had lost its connection in postcopy",
    "colo": "kept both sides in step (COLO)",
    "": "had not shown what became of it",
}
"""How a migration that is not over stands when the log ends; any other is in its status."""


def what_happened(story: Story, verdict: Verdict) -> str:
    """The migrations of the log, in plain words; of a log that cannot be read, those before it breaks off."""
    # an address to listen at is no migration yet
    journeys = story.departures or tuple(journey for journey in story.arrivals if journey.moved or journey.outcome)
    if not journeys and verdict is Verdict.UNREADABLE:
        return "Nothing is known of a migration."
    if not journeys:
        refused = f", and migrate was refused {_times(story.refusals)}" if story.refusals else ""
        waits = " A VM waited for one." if story.arrivals else ""
        return f"No migration took place{refused}.{waits}"
    if len(journeys) > MOST_TOLD:
        ends = Counter(_ENDS.get(journey.outcome, "not over at the end of the log") for journey in journeys)
        told = ", ".join(f"{count} {end.removeprefix('was ')}" for end, count in ends.items())
        return f"{len(journeys)} migrations took place: {told}."
    return " ".join(_sentence(journey) for journey in journeys)


def _sentence(journey: Journey) -> str:
    if journey.arrives:
        who = f"A migration{' from ' + journey.peer if journey.peer else ''} to {journey.vm}"
    elif journey.uri.startswith("exec:"):
        who = f"The migration of {journey.vm} to a command"
    elif journey.peer:
        who = f"The migration from {journey.vm} to {journey.peer}"
    else:
        who = f"The migration of {journey.vm}"
    reason = f": {journey.reason}" if journey.reason else ""
    if not journey.outcome:
        stands = _STANDS.get(journey.status, f"was in the status {journey.status}")
        return f"{who} {stands} when the log ended{reason}."
    seconds = journey.seconds
    took = "" if seconds is None else f" {'in' if journey.outcome == 'completed' else 'after'} {duration(seconds)}"
    stood = f"; the guest stood still for {duration(journey.downtime / 1000)}" if journey.downtime else ""
    manner = " by postcopy" if journey.outcome == "completed" and "postcopy-active" in journey.statuses else ""
    losses = journey.statuses.count("postcopy-paused")
    lost = f", after its connection was lost {_times(losses)}" if losses else ""
    why = reason if journey.outcome != "completed" else ""
    return f"{who} {_ENDS[journey.outcome]}{manner}{took}{lost}{why}{stood}."


def whether_it_kept_to_it(report: Report) -> str:
    """The verdict, in plain words."""
    violations = report.count(Grade.VIOLATION)
    if report.verdict is Verdict.VIOLATES:
        return f"QEMU broke its protocol {_times(violations)}."
    defects = report.count(Grade.DEFECT)
    shown = f" It showed {counted(defects, 'known defect', 'known defects')} of its release." if defects else ""
    return _VERDICTS[report.verdict] + shown


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _argument(mark: Mark, name: str) -> str:
    """An argument of a request, as text; empty where it is missing or false."""
    arguments = mark.content.get("arguments") if isinstance(mark.content, dict) else None
    value = arguments.get(name) if isinstance(arguments, dict) else None
    return str(value) if value else ""
