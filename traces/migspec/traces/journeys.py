"""The migrations of a trace, put together from both sides, for the properties that tie VMs together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from migspec.properties.pairs import Arrival, Departure, broken, judged
from migspec.spec.requests import Request
from migspec.spec.rows import Standing
from migspec.spec.state import VARIABLES
from migspec.traces.findings import Finding, Grade
from migspec.traces.hypotheses import Hypothesis

BEGINNERS: tuple[str, ...] = ("migrate", "migrate-incoming")
"""The commands that begin a migration on one side, asked for by a request or by a line for the human monitor."""


MOST_KEPT = 4_096
"""Migrations that are kept in mind; more than that, and those that are over are judged once and for all."""


class Journeys:
    """Collects departures and arrivals from what the VMs' monitors show.

    The event `setup` belongs to the oldest request that is not answered; what follows belongs to that migration, until
    it is over or another begins.  A migration that no request of the trace began, such as a snapshot or one begun by
    a client that the trace does not show, is nobody's.
    """

    def __init__(self) -> None:
        self.departures: list[Departure] = []
        self.arrivals: list[Arrival] = []
        self._judged: Counter[str] = Counter()
        self._examples: dict[str, int] = {}
        self._found: list[Finding] = []
        self._waiting: dict[str, list[Departure | Arrival]] = {}
        self._current: dict[str, Departure | Arrival] = {}

    def asked(self, vm: str, line: int, request: Request, uri: str, hypotheses: tuple[Hypothesis, ...]) -> None:
        """A request that may begin a migration was sent in `line`."""
        journey: Departure | Arrival
        if request.command == "migrate-incoming":
            journey = Arrival(vm, line, uri, last_line=line)
        elif request.resume:
            return
        else:
            journey = Departure(vm, line, uri, last_line=line)
            journey.has_return_path = _either(
                _known_answer(hypotheses, "cap.return-path"), _known_answer(hypotheses, "cap.postcopy-ram")
            )
            journey.guest_ran = _known_running(hypotheses)
        self._waiting.setdefault(vm, []).append(journey)

    def answered(self, vm: str, line: int, *, success: bool | None) -> None:
        """The request of `line` was answered; `success` is None where the answer does not tell."""
        waiting = self._waiting.get(vm, [])
        for journey in [journey for journey in waiting if journey.line == line]:
            waiting.remove(journey)
            if success is False:
                continue
            if success is None:
                # it may have gone where another one goes, and what is shown now is its own or the other's
                self.unwatched(vm)
                journey.watched = False
            self._current[vm] = journey
            if isinstance(journey, Departure):
                self.departures.append(journey)
            else:
                self.arrivals.append(journey)
            if len(self.departures) + len(self.arrivals) > MOST_KEPT:
                self._settle()

    def unwatched(self, vm: str) -> None:
        """Events of the VM may have been missed: what a migration that is not over did not show tells nothing."""
        for journey in self._waiting.get(vm, ()):
            journey.watched = False
        current = self._current.get(vm)
        if current is not None and current.outcome is None:
            current.watched = False
        elif current is not None:
            # what it has shown stands, and what comes now is not its own for certain
            del self._current[vm]

    def restarted(self, vm: str) -> None:
        """Another process may answer now: what it shows belongs to no migration of the one before."""
        self.unwatched(vm)
        self._waiting.pop(vm, None)
        self._current.pop(vm, None)

    def emitted(self, vm: str, line: int, event: str) -> None:
        """An event was sent."""
        name, _, status = event.partition(":")
        if status == "setup":
            self._begin(vm)
        journey = self._current.get(vm)
        if journey is None:
            return
        if name == "MIGRATION" and journey.outcome is not None and status != journey.statuses[-1]:
            del self._current[vm]
        elif name == "MIGRATION":
            journey.statuses.append(status)
            journey.last_line = line
        elif name == "RESUME":
            # what a migration has not stopped, a client has started
            journey.resumed = isinstance(journey, Arrival) or journey.stopped
        elif name == "STOP" and isinstance(journey, Departure):
            journey.stopped = True

    def _begin(self, vm: str) -> None:
        """Find out whose the event `setup` is."""
        waiting, current = self._waiting.get(vm), self._current.get(vm)
        if waiting:
            self._current[vm] = waiting[0]
        elif current is not None and not current.statuses:
            # its own, late by way of another monitor, or that of a migration which the trace does not show
            current.watched = False
        elif current is None or "postcopy-paused" not in current.statuses:
            # a destination that waits for its recovery is set up once more
            self._current.pop(vm, None)

    def _settle(self) -> None:
        """Judge what is over on both sides, and keep only what may still go on."""
        self._count()
        self._found += self._broken()
        under_way = [id(journey) for journey in self._current.values()]
        self.departures = [d for d in self.departures if d.outcome is None or id(d) in under_way]
        self.arrivals = [a for a in self.arrivals if a.outcome is None or id(a) in under_way]

    def finish(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """For each property, how many migrations it was held against, and the last line of the first.

        To be asked once, when nothing more is to come.
        """
        self._count()
        return self._judged, self._examples

    def _count(self) -> None:
        for rule, line in judged(self.departures, self.arrivals):
            self._judged[rule.id] += 1
            self._examples[rule.id] = min(line, self._examples.get(rule.id, line))

    def findings(self) -> Iterator[Finding]:
        """What the pairs of the trace break."""
        yield from self._found
        yield from self._broken()

    def _broken(self) -> Iterator[Finding]:
        for rule, source, destination in broken(self.departures, self.arrivals):
            grade = Grade.DEFECT if rule.standing is Standing.DEFECT else Grade.VIOLATION
            # nothing is ordered across two monitors, so the place is that of one side, whichever the trace shows later
            line, vm = destination.last_line, destination.vm
            told = (
                f"{source.vm} ended as {source.statuses[-1]} (line {source.last_line}) and "
                f"{destination.vm} as {destination.statuses[-1]} (line {destination.last_line})"
            )
            yield Finding(line, vm, rule.id, grade, f"{rule.sentence[:-1]}; here {told}.")


def _known_answer(hypotheses: tuple[Hypothesis, ...], name: str) -> bool | None:
    values = {VARIABLES[name].known(h.state) for h in hypotheses}
    return {"yes": True, "no": False}.get(values.pop() or "") if len(values) == 1 else None


def _either(a: bool | None, b: bool | None) -> bool | None:
    return True if a or b else None if a is None or b is None else False


def _known_running(hypotheses: tuple[Hypothesis, ...]) -> bool | None:
    values = {VARIABLES["run"].known(h.state) for h in hypotheses}
    return True if values == {"running"} else None
