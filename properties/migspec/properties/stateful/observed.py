"""What must hold in every run, in terms of what a client can see; and what known defects break it.

The properties are those of the catalogue whose variables an answer tells.  What the catalogue exempts by what only an
explorer sees is told apart here by what a client does: by its meddling, and by what defects look like.  An arena has
its own tuple of such properties, so these can be exchanged for others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from migspec.properties.catalogue import PROPERTIES as CATALOGUE
from migspec.properties.catalogue.property import excused
from migspec.properties.catalogue.safety import SEVERAL as SEVERAL
from migspec.properties.temporal import Behaviour, Formula, Predicate, source
from migspec.spec.conditions import Condition, where
from migspec.spec.rows import Standing
from migspec.spec.vocabulary import RunState


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

    def defect_in(self, behaviour: Behaviour) -> KnownDefect | None:
        """The known defect by which a behaviour breaks it, if it is one."""
        return next((defect for defect in self.defects if defect.shown_by(behaviour)), None)


def _outgoing(*statuses: str) -> Condition:
    return where({"outgoing": statuses})


def _now(predicate: Predicate) -> Callable[[Behaviour], bool]:
    """Whether a predicate is certain at the last moment of a behaviour."""
    return lambda behaviour: predicate.truth(behaviour.moments[-1]) is True


_MAY_POSTCOPY: Final = where({"cap.postcopy-ram": "yes"}) | where({"cap.dirty-bitmaps": "yes"})
_ALL_RUN: Final = frozenset(Meddling)

_UNLESS: Final[Mapping[str, frozenset[Meddling]]] = {
    "guest.one-side": _ALL_RUN,
    "guest.stays-away": frozenset({Meddling.TAKEN_OVER, Meddling.CONTINUED}),
}
"""What takes the ground away from a property of the catalogue."""

_DEFECTS: Final[Mapping[str, tuple[KnownDefect, ...]]] = {
    "cancelling.ends": (
        KnownDefect(
            "cancelling.ends.postcopy",
            "A cancellation in postcopy breaks the stream, and the thread that pauses for it never ends.",
            _now(source(_MAY_POSTCOPY & where({"run": RunState.FINISH_MIGRATE}))),
        ),
        KnownDefect(
            "cancelling.ends.colo-after-pause",
            "COLO together with a pause before the switch-over hangs in `device`, and no cancellation helps.",
            _now(source(where({"cap.x-colo": "yes", "cap.pause-before-switchover": "yes"}))),
        ),
        KnownDefect(
            "cancelling.ends.multifd",
            "A cancellation waits for ever for channels of multifd that do not flow.",
            _now(source(where({"cap.multifd": "yes"}))),
        ),
    ),
}
"""How a release is known to break a property of the catalogue, where what that exempts is not seen by a client."""


def _of_catalogue(name: str) -> Observed:
    known = CATALOGUE[name]
    formula = known.strict
    for one in known.exempt:
        if one.standing is Standing.DOCUMENTED and one.when is not None:
            formula = excused(formula, one)
    exempt = tuple(
        KnownDefect(one.id, one.sentence, _now(one.when))
        for one in known.exempt
        if one.standing is Standing.DEFECT and one.when is not None
    )
    defects = (*exempt, *_DEFECTS.get(name, ()))
    return Observed(name, known.sentence, formula, known.clause, _UNLESS.get(name, frozenset()), defects)


PROPERTIES: Final[tuple[Observed, ...]] = tuple(
    _of_catalogue(name)
    for name in (
        "guest.one-side",
        "guest.stays-away",
        "outgoing.completed.lasts",
        "outgoing.failed.lasts",
        "outgoing.cancelled.lasts",
        "incoming.completed.lasts",
        "incoming.failed.lasts",
        "outgoing.needs.pause-before-switchover",
        "outgoing.needs.postcopy",
        "outgoing.needs.x-colo",
        "incoming.needs.postcopy",
        "cancelling.ends",
    )
)
"""What must hold of what is seen of a pair: those properties of the catalogue that a client can see broken."""
