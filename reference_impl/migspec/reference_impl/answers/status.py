"""What is told of the guest, of COLO, of disk replication and of the measurement of the dirty rate.

Which answer a state gives is the specification's (`fits` of each query); here it is made.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

from migspec.spec.commands import colo, dirty_rate
from migspec.spec.vocabulary import COLOExitReason, COLOMode, DirtyRateStatus, RunState


class UntoldError(Exception):
    """No answer to `query` fits the state `state`: it is not known, or no process can be in it."""

    def __init__(self, query: str, state: int) -> None:
        super().__init__(f"no answer to {query} fits the state")
        self.query = query
        self.state = state


def status_told(run: str) -> dict[str, object]:
    """The answer to query-status; the guest is never executed step by step."""
    return {"status": run, "singlestep": False, "running": run == RunState.RUNNING}


_COLO_ANSWERS: Final = tuple(
    colo.ColoAnswer(mode.value, last.value, reason.value)
    for mode, last, reason in product(COLOMode, COLOMode, COLOExitReason)
)


@lru_cache(maxsize=256)
def colo_answer(state: int) -> colo.ColoAnswer:
    """What is told of COLO in a known state.  Raises `UntoldError` where no answer fits it."""
    for answer in _COLO_ANSWERS:
        if any(condition.holds(state) for condition in colo.fits(answer)):
            return answer
    raise UntoldError(colo.QUERY, state)


def colo_told(state: int) -> dict[str, object]:
    """The answer to query-colo-status in a known state.  Raises `UntoldError` where none fits it."""
    answer = colo_answer(state)
    return {"mode": answer.mode, "last-mode": answer.last_mode, "reason": answer.reason}


def replication_told(error: str = "") -> dict[str, object]:
    """The answer to query-xen-replication-status; `error` is what is wrong, empty if nothing is."""
    return {"error": bool(error), **({"desc": error} if error else {})}


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement of the dirty rate: its result in megabytes a second, and when it began and how long it took.

    `start` is in seconds since the host was started, `period` in seconds; both are 0 before the first measurement.
    """

    rate: int = dirty_rate.UNMEASURED
    start: int = 0
    period: int = 0


_RATE_ANSWERS: Final = (
    dirty_rate.DirtyRateAnswer(DirtyRateStatus.UNSTARTED, has_rate=False),
    dirty_rate.DirtyRateAnswer(DirtyRateStatus.MEASURING, has_rate=False),
    dirty_rate.DirtyRateAnswer(DirtyRateStatus.MEASURED, has_rate=True),
)


def dirty_rate_told(state: int, measured: Measured, *, always: bool = False) -> dict[str, object]:
    """The answer to query-dirty-rate in a known state: the rate is told once it is there, the times always.

    Where the schema wants a rate `always`, the one that stands for none is told before.  Raises `UntoldError` where
    none fits the state.
    """
    for answer in _RATE_ANSWERS:
        if any(condition.holds(state) for condition in dirty_rate.fits(answer)):
            rate = {"dirty-rate": measured.rate} if answer.has_rate else {}
            if always and not rate:
                rate = {"dirty-rate": dirty_rate.UNMEASURED}
            times = {"start-time": measured.start, "calc-time": measured.period}
            return {"status": answer.status, **rate, **times}
    raise UntoldError(dirty_rate.QUERY, state)
