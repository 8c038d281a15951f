"""Why mutants survive: each that is not found has its reason here, or is proved right by `tests.mutants.proofs`.

A reason is of one of three kinds. *Equivalent*: the mutant does nothing that is not allowed, or nothing that can be
seen. *Missing*: it is wrong, and the judge lacks what would find it. *Unreached*: no run of the search takes the rule,
so nothing is known. Only the first kind is left out of the score. A test finds a survivor without a reason, and a
reason that no survivor needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from tests.mutants.proofs import refines
from tests.mutants.results import Results, every
from tests.mutants.search import Outcome


class Kind(StrEnum):
    """What a survivor is."""

    EQUIVALENT = "equivalent"
    """Right, or not to be told from what is right."""
    MISSING = "missing"
    """Wrong, and accepted."""
    UNREACHED = "unreached"
    """Not known: the search never takes the rule."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some mutants survive; `ids` are patterns."""

    kind: Kind
    why: str
    ids: tuple[str, ...] = ()

    def covers(self, outcome: Outcome) -> bool:
        """Whether it is the reason of a survivor."""
        return any(fnmatchcase(outcome.id, pattern) for pattern in self.ids)


PROVED: Final = Reason(
    Kind.EQUIVALENT,
    "Every step that it takes is one of the specification's: it only leaves out what nobody must do, and never stands"
    " still (proved by `tests.mutants.proofs`)",
)
"""The reason of the mutants that are proved right."""

REASONS: Final[tuple[Reason, ...]] = ()
"""The others; the first that covers a survivor is given."""


@cache
def _is_proved(identity: str) -> bool:
    return refines(every()[identity])


def survivors(results: Results) -> Iterator[Outcome]:
    """The mutants that were not found."""
    return (outcome for outcome in results.outcomes if not outcome.found and not outcome.void)


def reason_for(outcome: Outcome) -> Reason | None:
    """Why a mutant survives; None if nothing says."""
    told = next((reason for reason in REASONS if reason.covers(outcome)), None)
    if told is None and _is_proved(outcome.id):
        return PROVED
    return told


def unexplained(results: Results) -> list[str]:
    """The survivors without a reason."""
    return [outcome.id for outcome in survivors(results) if reason_for(outcome) is None]


def stale(results: Results) -> list[str]:
    """The patterns that no survivor needs."""
    left = list(survivors(results))
    return [
        pattern
        for reason in REASONS
        for pattern in reason.ids
        if not any(fnmatchcase(outcome.id, pattern) for outcome in left)
    ]


@dataclass(frozen=True, slots=True)
class Score:
    """How many mutants there are, and what came of them."""

    made: int
    void: int
    equivalent: int
    by_rule: int
    by_standing: int

    @property
    def wrong(self) -> int:
        """The mutants that are neither void nor equivalent."""
        return self.made - self.void - self.equivalent

    @property
    def found(self) -> int:
        """Those of them that were found."""
        return self.by_rule + self.by_standing

    @property
    def share(self) -> float:
        """The share of them that was found."""
        return self.found / self.wrong if self.wrong else 1.0

    def __str__(self) -> str:
        return f"{self.found} of {self.wrong} mutants that are not equivalent are found: {100 * self.share:.1f} %"


def score(outcomes: Iterable[Outcome]) -> Score:
    """What came of some mutants."""
    every_one = list(outcomes)
    left = [outcome for outcome in every_one if not outcome.found and not outcome.void]
    reasons: Mapping[str, Reason | None] = {outcome.id: reason_for(outcome) for outcome in left}
    equivalent = sum(reason is not None and reason.kind is Kind.EQUIVALENT for reason in reasons.values())
    return Score(
        len(every_one),
        sum(outcome.void for outcome in every_one),
        equivalent,
        sum(bool(outcome.rule) for outcome in every_one),
        sum(bool(outcome.stands) for outcome in every_one),
    )
