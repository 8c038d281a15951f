"""Contracts of the measurement of the dirty rate, and what its answer must show.

Texts and order: observed on QEMU 5.2.0. How the times in the answers go together with what was asked for is judged
beside the state; the bounds are here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migspec.spec.conditions import Condition, where
from migspec.spec.contracts import Case, Contract, refusal
from migspec.spec.requests import Request
from migspec.spec.state import Measurement
from migspec.spec.vocabulary import DirtyRateStatus

CALC = "calc-dirty-rate"
QUERY = "query-dirty-rate"

PERIODS = range(1, 61)
"""The seconds that a measurement may take."""

UNMEASURED = -1
"""The rate, in megabytes a second, that stands for none."""

_ORDERED = where({"dirty-rate": Measurement.ORDERED}, "a measurement is about to begin")
_MEASURING = where({"dirty-rate": Measurement.MEASURING}, "a measurement is under way")
_NOT_BEGUN = where({"dirty-rate": (Measurement.UNSTARTED, Measurement.ORDERED)}, "no measurement has begun")
_MEASURED = where({"dirty-rate": Measurement.MEASURED}, "a measurement has ended")


@dataclass(frozen=True, slots=True)
class DirtyRateAnswer:
    """A query-dirty-rate answer as far as the state decides it: its status, and whether it has a rate."""

    status: str
    has_rate: bool

    def __str__(self) -> str:
        return f"status {self.status} {'with' if self.has_rate else 'without'} a rate"


_SHOWN_BY: dict[DirtyRateAnswer, Condition] = {
    DirtyRateAnswer(DirtyRateStatus.UNSTARTED, has_rate=False): _NOT_BEGUN,
    DirtyRateAnswer(DirtyRateStatus.MEASURING, has_rate=False): _MEASURING,
    DirtyRateAnswer(DirtyRateStatus.MEASURED, has_rate=True): _MEASURED,
    # the measurement ended between the look for the rate and the look for the status
    DirtyRateAnswer(DirtyRateStatus.MEASURED, has_rate=False): _MEASURING,
}


def fits(answer: DirtyRateAnswer) -> tuple[Condition, ...]:
    """The conditions under which a VM gives this answer; it fits where one of them holds."""
    condition = _SHOWN_BY.get(answer)
    return () if condition is None else (condition,)


def contradictions(answer: dict[str, object]) -> Iterator[tuple[str, str]]:
    """What an answer that fits the schema contradicts in itself: the rule, and what is wrong."""
    if answer.get("dirty-rate") == UNMEASURED and answer.get("status") == DirtyRateStatus.MEASURED:
        yield "query-dirty-rate.unmeasured", f"the rate is {UNMEASURED} although one is {DirtyRateStatus.MEASURED}"


def _is_out_of_range(request: Request) -> bool:
    seconds = request.argument("calc-time")
    return isinstance(seconds, int) and seconds not in PERIODS


CALC_DIRTY_RATE = Contract(
    CALC,
    (
        refusal(
            "calc-dirty-rate.measuring",
            "There is one measurement at a time.",
            "the dirty rate is already being measured.",
            when=_MEASURING,
            clause=CALC,
            evidence="17 recorded, 5 of them with a calc-time out of range",
        ),
        refusal(
            "calc-dirty-rate.range",
            "A measurement takes one second to sixty.",
            f"calc-time is out of range[{PERIODS[0]}, {PERIODS[-1]}].",
            asks=_is_out_of_range,
            clause="calc-dirty-rate.calc-time",
            evidence="46 recorded",
        ),
        refusal(
            "calc-dirty-rate.begins-meanwhile",
            "A measurement that begins at that very moment is in the way.",
            "init dirty rate calculation state failed.",
            when=_ORDERED,
            final=False,
            evidence="read in the release's source; never recorded",
        ),
        Case(
            "calc-dirty-rate.accepted",
            "A thread is started for the measurement; until it begins, another order replaces this one.",
            then={"dirty-rate": Measurement.ORDERED},
            clause=CALC,
            evidence="two orders in one write: the second counted",
        ),
    ),
    aside=True,
)

QUERY_DIRTY_RATE = Contract(
    QUERY,
    (Case("query-dirty-rate.answered", "The query is answered.", clause=QUERY),),
    query=QUERY,
    aside=True,
)

CONTRACTS: tuple[Contract, ...] = (CALC_DIRTY_RATE, QUERY_DIRTY_RATE)
"""The contracts of this module."""
