"""The times in the answers to query-dirty-rate, held against what was asked for.

They are numbers, so they are judged beside the automaton. What is exact on QEMU 5.2.0: the times are those of the last
measurement until another has begun; then its start is no earlier, and its length is what was asked for, or more where
taking the samples took longer than that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from migspec.spec.commands.dirty_rate import CALC, QUERY
from migspec.spec.requests import Request
from migspec.spec.vocabulary import DirtyRateStatus


class Times(NamedTuple):
    """When a measurement began, in seconds of the host's monotonic clock, and how many seconds it takes or took."""

    start: int
    length: int


_STEPS: Mapping[str, tuple[str, ...]] = {
    DirtyRateStatus.MEASURING: ("dirty-rate.begins",),
    DirtyRateStatus.MEASURED: ("dirty-rate.begins", "dirty-rate.ends"),
}


class DirtyRates:
    """What is known of the measurements of one VM.

    Two monitors have no order between them, so that nothing is said of a VM which is asked on more than one.
    """

    def __init__(self) -> None:
        self._monitors: set[int] = set()
        self._orders: Counter[int] = Counter()
        self._unanswered = 0
        self._shown: Times | None = None
        self._settled = False

    @staticmethod
    def rules(returned: Mapping[str, object]) -> tuple[str, ...]:
        """The rows whose steps an answer shows: no message of their own does."""
        return _STEPS.get(str(returned.get("status")), ())

    def forget(self) -> None:
        """The VM was not watched for a while, or may be another one."""
        self._orders.clear()
        self._unanswered = 0
        self._shown = None
        self._settled = False

    def asked(self, monitor: int, request: Request) -> None:
        """A request was sent; only those of this module's commands are of interest."""
        if request.command not in (CALC, QUERY):
            return
        seconds = request.argument("calc-time")
        self._monitors.add(monitor)
        if request.command == CALC and isinstance(seconds, int):
            self._orders[seconds] += 1
            self._unanswered += 1

    def answered(self, request: Request, returned: Any) -> Iterator[tuple[str, str]]:
        """A request was answered, with an error if `returned` is None; what is wrong with it, by rule."""
        if request.command == CALC:
            self._ordered(request, accepted=returned is not None)
        elif request.command == QUERY and isinstance(returned, dict):
            times = Times(returned["start-time"], returned["calc-time"])
            yield from self._told(returned["status"], times)

    def _ordered(self, request: Request, *, accepted: bool) -> None:
        seconds = request.argument("calc-time")
        if not isinstance(seconds, int) or not self._unanswered:
            return
        self._unanswered -= 1
        if not accepted:
            self._orders -= Counter({seconds: 1})
        else:
            self._settled = False

    def _told(self, status: str, times: Times) -> Iterator[tuple[str, str]]:
        before = self._shown
        if before is not None and len(self._monitors) == 1 and times != before:
            orders = sorted(self._orders)
            if self._settled and (status == DirtyRateStatus.UNSTARTED or not orders):
                rule = "start-time" if times.start != before.start else "calc-time"
                was = before.start if rule == "start-time" else before.length
                yield f"{QUERY}.{rule}", f"{rule} must be {was} still, for no other measurement has begun"
            elif times.start < before.start:
                yield f"{QUERY}.start-time", f"start-time must not be before {before.start}, where it was"
            elif orders and times.length != before.length and not self._may_take(times.length):
                asked = " or ".join(map(str, orders))
                yield f"{QUERY}.calc-time", f"calc-time must be {asked}, as was asked for, or more"
        self._shown = times
        if status == DirtyRateStatus.MEASURED and not self._unanswered:
            self._settled = True
            # where one order replaced another, the thread of either may still be about to begin
            if self._orders.total() == 1:
                self._orders.clear()

    def _may_take(self, seconds: int) -> bool:
        return seconds >= min(self._orders)
