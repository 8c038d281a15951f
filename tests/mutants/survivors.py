"""Why mutants survive: each that is not found has its reason here, is proved right by `tests.mutants.proofs`, or shows
nothing of its own in any environment in which every word was tried (`tests.mutants.words`).

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
    "Every step that it takes is one of the specification's, which `tests.mutants.proofs` proves: it only leaves some"
    " out. That it never stands still for want of them is not proved; no run in which it does was found, and every"
    " property about the end holds in those environments that were searched to their end",
)
"""The reason of the mutants whose steps are proved right."""

BOUNDED: Final = Reason(
    Kind.EQUIVALENT,
    "Not to be told apart within bounds: in environments in which it makes a difference, every word that it can show,"
    " of any length and with queries anywhere in between, is one that the specification shows, and every property about"
    " the end holds. `tests/mutants/results.json` names the environments of each",
)
"""The reason of those of which every word was tried."""

REASONS: Final[tuple[Reason, ...]] = (
    Reason(
        Kind.EQUIVALENT,
        "A process that exits may end before it has sent what it owes, so what it does last need not show",
        (
            "event.omitted:outgoing.cancelled-by-exit.*",
            "change.dropped:outgoing.cancelled-by-exit.*",
            "change.dropped:outgoing.cancelling-to-cancelled.exiting:*",
        ),
    ),
    Reason(
        Kind.EQUIVALENT,
        "The same may come once more at any time, by the guest's own doing or another client's",
        ("event.doubled:guest.reset*",),
    ),
    Reason(
        Kind.EQUIVALENT,
        "A guest may have several failover pairs, and is asked to give up each primary",
        ("event.doubled:outgoing.unplug-requested:*",),
    ),
    Reason(
        Kind.EQUIVALENT,
        "Whatever refuses it has words of its own, and may be of any class",
        ("refusal.text:migrate.blocked", "refusal.class:device_del.refused"),
    ),
    Reason(
        Kind.EQUIVALENT,
        "In other words it may be what a blocker says, which forbids migration in words of its own",
        ("refusal.text:migrate.block-options",),
    ),
    Reason(
        Kind.EQUIVALENT,
        "A primary that leaves COLO by order may have reported its end before, and report nothing then",
        ("event.omitted:colo.primary-exit-too-early:*",),
    ),
    Reason(
        Kind.EQUIVALENT,
        "The pass need not have been made: without its event it is a step that shows nothing and leads nowhere else",
        ("event.omitted:outgoing.pass-while-cancelling:*",),
    ),
    Reason(
        Kind.EQUIVALENT,
        "Each wait resets it when it begins, so that nobody sees what the one before has left",
        (
            "change.dropped:outgoing.pre-switchover-to-device:continued",
            "change.dropped:outgoing.wait-overtaken:continued",
            "change.dropped:outgoing.pre-switchover-to-postcopy-active:continued",
            "change.dropped:outgoing.postcopy-wait-overtaken:continued",
        ),
    ),
    Reason(
        Kind.EQUIVALENT,
        "With a final status, only a crash that no run has to show tells these stages from `idle`",
        ("change.dropped:outgoing.cancelling-to-cancelled.connection:stage",),
    ),
    Reason(
        Kind.EQUIVALENT,
        "No value is out of the range of max-bandwidth, so that nobody is refused by it",
        ("refusal.*:migrate_set_speed.range",),
    ),
    Reason(
        Kind.EQUIVALENT,
        "What a reply tells of the build is news to the judge alone: the machine itself is not changed by it",
        ("change.dropped:*.accepted:replication", "change.dropped:*.answered:replication"),
    ),
    Reason(
        Kind.EQUIVALENT,
        "Who can recover has been connected to before, and so has an address already",
        ("change.dropped:migrate-recover.accepted:has-address",),
    ),
    Reason(
        Kind.EQUIVALENT,
        "A guest whose disks may be away has been stopped for the switch-over, and so is not suspended",
        ("guard.negated:cont.disk:run#1",),
    ),
    Reason(
        Kind.MISSING,
        "Nothing says when the sides of COLO are ready for each other: a secondary that never is looks like one that"
        " waits for its primary",
        ("change.dropped:incoming.active-to-colo:load", "guard.negated:guest.colo-secondary-runs:incoming"),
    ),
    Reason(
        Kind.MISSING,
        "Nothing says when a measurement of the dirty rate ends: one that begins while another goes on looks like one"
        " that begins after it",
        ("refusal.skipped:calc-dirty-rate.measuring",),
    ),
    Reason(
        Kind.UNREACHED,
        "Every monitor of the model has a thread of its own, and so offers out-of-band execution",
        ("refusal.text:qmp_capabilities.unavailable", "refusal.class:qmp_capabilities.unavailable"),
    ),
    Reason(
        Kind.UNREACHED,
        "Nothing in the model starts a guest that finish-migrate holds, so that the row never applies",
        ("guard.negated:guest.runs-already:outgoing", "change.dropped:guest.runs-already:stage"),
    ),
)
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
    if told is not None:
        return told
    if _is_proved(outcome.id):
        return PROVED
    return BOUNDED if outcome.exhausted and not outcome.stopped else None


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
    by_word: int
    by_end: int
    only_steps: int
    """Those of the equivalent whose steps are proved right, but not that they never stand still."""
    bounded: int
    """Those of the equivalent that are not to be told apart within bounds."""

    @property
    def wrong(self) -> int:
        """The mutants that are neither void nor equivalent."""
        return self.made - self.void - self.equivalent

    @property
    def found(self) -> int:
        """Those of them that were found."""
        return self.by_rule + self.by_standing + self.by_word + self.by_end

    @property
    def share(self) -> float:
        """The share of them that was found."""
        return self.found / self.wrong if self.wrong else 1.0

    @property
    def least(self) -> float:
        """The same, were all those wrong of which only the steps are proved right, or all that is bounded."""
        wrong = self.wrong + self.only_steps + self.bounded
        return self.found / wrong if wrong else 1.0

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
        sum(bool(outcome.word) for outcome in every_one),
        sum(bool(outcome.never) for outcome in every_one),
        sum(reason is PROVED for reason in reasons.values()),
        sum(reason is BOUNDED for reason in reasons.values()),
    )
