"""What must hold in every run, in terms of what a client can see; and what known defects break it.

Each property is a formula of `migspec.properties.temporal` with an id and a sentence.  The machine takes any iterable
of such, so these can be exchanged for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from migspec.properties.temporal import (
    Action,
    Always,
    AlwaysStep,
    Behaviour,
    Formula,
    LeadsTo,
    Predicate,
    Taken,
    destination,
    source,
)
from migspec.spec.conditions import Condition, where
from migspec.spec.vocabulary import MigrationStatus, RunState


class Meddling(StrEnum):
    """What a client may have done to a pair that takes a property's ground away."""

    CONTINUED = "continued"
    """It has started a guest on the source that had been asked to migrate."""
    TAKEN_OVER = "taken-over"
    """It has ordered a takeover, after which either half of a COLO pair may run."""
    MIGRATED_BACK = "migrated-back"
    """It has migrated from the destination, or had the source wait."""
    NEW_SOURCE = "new-source"
    """It has started another source, which has a guest of its own."""


class Named(Protocol):
    """What the machine needs of a property."""

    @property
    def id(self) -> str:
        """A stable dotted id."""

    @property
    def sentence(self) -> str:
        """What it says, in a sentence."""

    @property
    def formula(self) -> Formula:
        """The same, as a formula."""


@dataclass(frozen=True, slots=True)
class KnownDefect:
    """A way in which a release breaks a property; `shown_by` looks at the behaviour up to the breach."""

    id: str
    sentence: str
    shown_by: Callable[[Behaviour], bool]


@dataclass(frozen=True, slots=True)
class Observed:
    """A property of what can be seen, what excuses a breach, and the defects that are known to break it."""

    id: str
    sentence: str
    formula: Formula
    clause: str = ""
    unless: frozenset[Meddling] = frozenset()
    defects: tuple[KnownDefect, ...] = ()


def defect_of(property_: Named, behaviour: Behaviour) -> KnownDefect | None:
    """The known defect by which a behaviour breaks a property, if it is one."""
    known: Sequence[KnownDefect] = getattr(property_, "defects", ())
    return next((defect for defect in known if defect.shown_by(behaviour)), None)


def is_excused(property_: Named, meddlings: frozenset[Meddling]) -> bool:
    """Whether what clients did takes a property's ground away."""
    unless: frozenset[Meddling] = getattr(property_, "unless", frozenset())
    return bool(unless & meddlings)


SEVERAL: Final = "several"
"""The name of a step in which several commands were sent, or one that may do anything."""

_BEGINS: Final = frozenset({"migrate", SEVERAL})
_STARTS: Final = frozenset({"cont", "migrate", "x-colo-lost-heartbeat", SEVERAL})


def _outgoing(*statuses: str) -> Condition:
    return where({"outgoing": statuses})


def _incoming(*statuses: str) -> Condition:
    return where({"incoming": statuses})


def _now(predicate: Predicate) -> Callable[[Behaviour], bool]:
    """Whether a predicate is certain at the last moment of a behaviour."""
    return lambda behaviour: predicate.truth(behaviour.moments[-1]) is True


def _kept(side: Callable[[Condition], Predicate], variable: str, status: str, ends: frozenset[str]) -> AlwaysStep:
    """That a status is left only by steps of some names."""
    held = side(where({variable: status}))

    def concerns(taken: Taken) -> bool:
        return taken.name not in ends

    return AlwaysStep(Action(concerns, before=held, after=held | side(_NOT_ALIVE)))


_ALIVE: Final = where({"life": "alive"})
_NOT_ALIVE: Final = ~_ALIVE
_RUNS: Final = where({"run": RunState.RUNNING})
_MAY_POSTCOPY: Final = where({"cap.postcopy-ram": "yes"}) | where({"cap.dirty-bitmaps": "yes"})
_ALL_RUN: Final = frozenset(Meddling)


def _does_not_start(taken: Taken) -> bool:
    return taken.name not in _STARTS


def _terminal() -> Iterator[Observed]:
    for status in (MigrationStatus.COMPLETED, MigrationStatus.FAILED, MigrationStatus.CANCELLED):
        yield Observed(
            f"outgoing.{status}.lasts",
            f"An outgoing migration that is {status} stays so until another one begins.",
            _kept(source, "outgoing", status, _BEGINS),
            clause="MigrationStatus",
        )
    for status in (MigrationStatus.COMPLETED, MigrationStatus.FAILED):
        yield Observed(
            f"incoming.{status}.lasts",
            f"An incoming migration that is {status} stays so.",
            _kept(destination, "incoming", status, frozenset()),
            clause="MigrationStatus",
        )


def _needs(status: str, *capabilities: str) -> Observed:
    """That a source has a status only with one of some capabilities."""
    cases = [where({f"cap.{capability}": "yes"}) for capability in capabilities]
    any_of = cases[0]
    for case in cases[1:]:
        any_of |= case
    return Observed(
        f"outgoing.{status}.capability",
        f"A source is in {status} only with the capability {' or '.join(capabilities)}.",
        Always(source((~_outgoing(status) | any_of).named(f"{status} needs {' or '.join(capabilities)}"))),
        clause=f"MigrationStatus.{status}",
    )


PROPERTIES: Final[tuple[Observed, ...]] = (
    Observed(
        "guest.one-side",
        "The guest runs on one side at most, but for COLO.",
        Always(~(source(_RUNS & where({"cap.x-colo": "no"})) & destination(_RUNS))),
        clause="migrate",
        unless=_ALL_RUN,
        defects=(
            KnownDefect(
                "guest.one-side.lost-cancel",
                "A cancellation, or a failure, that comes when the destination has everything starts the guest again.",
                _now(source(_outgoing("cancelled", "cancelling", "failed")) & destination(_incoming("completed"))),
            ),
        ),
    ),
    *_terminal(),
    *(_needs(status, "pause-before-switchover") for status in ("pre-switchover", "device")),
    *(
        _needs(status, "postcopy-ram", "dirty-bitmaps")
        for status in ("postcopy-active", "postcopy-paused", "postcopy-recover")
    ),
    _needs("colo", "x-colo"),
    Observed(
        "source.completed.rests",
        "A source that has completed does not run again by itself.",
        AlwaysStep(
            Action(
                _does_not_start,
                before=source(_outgoing("completed") & ~_RUNS),
                after=~source(_outgoing("completed") & _RUNS),
            )
        ),
        clause="MigrationStatus.completed",
        unless=frozenset({Meddling.TAKEN_OVER, Meddling.CONTINUED}),
    ),
    Observed(
        "cancel.ends",
        "A cancellation comes to an end.",
        LeadsTo(
            source(_outgoing("cancelling") & _ALIVE),
            source(~_outgoing("cancelling") | _NOT_ALIVE),
        ),
        clause="migrate_cancel",
        defects=(
            KnownDefect(
                "cancel.ends.postcopy",
                "A cancellation in postcopy breaks the stream, and the thread that pauses for it never ends.",
                _now(source(_MAY_POSTCOPY & where({"run": RunState.FINISH_MIGRATE}))),
            ),
            KnownDefect(
                "cancel.ends.colo-after-pause",
                "COLO together with a pause before the switch-over hangs in `device`, and no cancellation helps.",
                _now(source(where({"cap.x-colo": "yes", "cap.pause-before-switchover": "yes"}))),
            ),
            KnownDefect(
                "cancel.ends.multifd",
                "A cancellation waits for ever for channels of multifd that do not flow.",
                _now(source(where({"cap.multifd": "yes"}))),
            ),
        ),
    ),
)
"""What must hold of what is seen of a pair."""
