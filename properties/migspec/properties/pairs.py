"""What ties the two VMs of one migration together.

Each VM is judged by itself; nothing orders their monitors.  These properties therefore speak only of how a migration
ended on either side, where both ends are certain, and never of which side was first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from migspec.spec.lifecycle.guards import ENDED_STATUSES
from migspec.spec.rows import QEMU_5_2_0, Standing
from migspec.spec.rules import Rule


@dataclass(slots=True)
class Departure:
    """One outgoing migration of a VM, as its events told it; all of them if it was `watched` throughout.

    `has_return_path` and `guest_ran` are None where that is not known.
    """

    vm: str
    line: int
    uri: str
    statuses: list[str] = field(default_factory=list)
    last_line: int = 0
    stopped: bool = False
    resumed: bool = False
    has_return_path: bool | None = None
    guest_ran: bool | None = None
    watched: bool = True

    @property
    def outcome(self) -> str | None:
        """`completed`, `failed` or `cancelled`; None while it is not over."""
        last = self.statuses[-1] if self.statuses else ""
        return last if last in ENDED_STATUSES else None


@dataclass(slots=True)
class Arrival:
    """One incoming migration of a VM, as its events told it."""

    vm: str
    line: int
    uri: str
    statuses: list[str] = field(default_factory=list)
    last_line: int = 0
    resumed: bool = False
    watched: bool = True

    @property
    def outcome(self) -> str | None:
        """`completed` or `failed`; None while it is not over."""
        last = self.statuses[-1] if self.statuses else ""
        return last if last in ("completed", "failed") else None


@dataclass(frozen=True, slots=True)
class PairProperty:
    """A property of a migration: what breaks it is a pair of ends that must not come together.

    `concerns` tells which migrations it says something of; a known defect is one that shows itself.
    """

    rule: Rule
    concerns: Callable[[Departure, Arrival], bool]
    is_broken: Callable[[Departure, Arrival], bool]


def _rule(name: str, sentence: str, standing: Standing, evidence: str = "", clause: str = "") -> Rule:
    return Rule(f"pair.{name}", sentence, clause, standing, frozenset({QEMU_5_2_0}), evidence=evidence)


def _completes_with_return_path(source: Departure, _destination: Arrival) -> bool:
    return source.has_return_path is True and source.outcome == "completed"


def _unloaded(source: Departure, destination: Arrival) -> bool:
    return source.has_return_path is True and (source.outcome, destination.outcome) == ("completed", "failed")


def _arrives(_source: Departure, destination: Arrival) -> bool:
    return destination.outcome == "completed"


def _unsent(source: Departure, destination: Arrival) -> bool:
    never_stopped = source.guest_ran is True and not source.stopped
    return never_stopped and source.outcome in ("failed", "cancelled") and destination.outcome == "completed"


def _arrives_in_postcopy(source: Departure, destination: Arrival) -> bool:
    return source.outcome in ("completed", "failed") and "postcopy-active" in destination.statuses


def _unannounced(source: Departure, destination: Arrival) -> bool:
    switched = "postcopy-active" in source.statuses
    return source.outcome in ("completed", "failed") and not switched and "postcopy-active" in destination.statuses


def _lost(source: Departure, destination: Arrival) -> bool:
    return source.has_return_path is False and (source.outcome, destination.outcome) == (
        "completed",
        "failed",
    )


def _both_run(source: Departure, destination: Arrival) -> bool:
    return source.outcome in ("failed", "cancelled") and source.resumed and destination.resumed


PROPERTIES: tuple[PairProperty, ...] = (
    PairProperty(
        _rule(
            "completed-unloaded",
            "With a return path a source completes only if its destination has loaded everything.",
            Standing.OBSERVED,
            clause="MigrationCapability.return-path",
        ),
        _completes_with_return_path,
        _unloaded,
    ),
    PairProperty(
        _rule(
            "completed-unsent",
            "A destination completes only if its source had stopped the guest.",
            Standing.OBSERVED,
        ),
        _arrives,
        _unsent,
    ),
    PairProperty(
        _rule(
            "postcopy-unannounced",
            "A destination switches to postcopy only if its source does.",
            Standing.DOCUMENTED,
            clause="migrate-start-postcopy",
        ),
        _arrives_in_postcopy,
        _unannounced,
    ),
    PairProperty(
        _rule(
            "guest-lost",
            "Without a return path a source may complete although its destination failed: the guest is lost.",
            Standing.DEFECT,
            "3 of 3",
        ),
        _lost,
        _lost,
    ),
    PairProperty(
        _rule(
            "both-run",
            "A cancellation may come so late that the guest runs on both sides.",
            Standing.DEFECT,
            "1 recorded",
        ),
        _both_run,
        _both_run,
    ),
)
"""Every property of a pair."""

PAIR_RULES: tuple[Rule, ...] = tuple(prop.rule for prop in PROPERTIES)
"""The rules of the properties."""


def pairs(departures: list[Departure], arrivals: list[Arrival]) -> Iterator[tuple[Departure, Arrival]]:
    """The departures and arrivals that belong together: the same address, used once by either side."""
    rivals = Counter(arrival.uri for arrival in arrivals)
    leaving: dict[str, list[Departure]] = {}
    for departure in departures:
        leaving.setdefault(departure.uri, []).append(departure)
    for arrival in arrivals:
        if rivals[arrival.uri] > 1 or not arrival.watched:
            continue
        sources = [departure for departure in leaving.get(arrival.uri, ()) if departure.vm != arrival.vm]
        if len(sources) == 1 and sources[0].watched:
            yield sources[0], arrival


def judged(departures: list[Departure], arrivals: list[Arrival]) -> Iterator[tuple[Rule, int]]:
    """Every property with the last line of each migration that it concerns, known from both ends and over."""
    for source, destination in pairs(departures, arrivals):
        if source.outcome is None or destination.outcome is None:
            continue
        for prop in PROPERTIES:
            if prop.concerns(source, destination):
                yield prop.rule, max(source.last_line, destination.last_line)


def broken(departures: list[Departure], arrivals: list[Arrival]) -> Iterator[tuple[Rule, Departure, Arrival]]:
    """Every property that a migration breaks."""
    for source, destination in pairs(departures, arrivals):
        for prop in PROPERTIES:
            if prop.is_broken(source, destination):
                yield prop.rule, source, destination
