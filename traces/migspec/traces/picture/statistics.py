"""The numbers of query-migrate over time: what remains, what was sent, how fast, how much the guest is slowed down.

However long a VM is polled, so many samples are kept: where they become too many every other one goes, and from then
on only every second answer is looked at, every fourth, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from migspec.traces.picture.marks import Kind, Mark

MOST_SAMPLES: Final = 1_200
"""Answers of one VM that are drawn at most."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number of an answer: its name, its unit, and the members that lead to it."""

    name: str
    unit: str
    path: tuple[str, ...]
    is_area: bool = False


STATISTICS: Final = (
    Statistic("remaining", "bytes", ("ram", "remaining"), is_area=True),
    Statistic("transferred", "bytes", ("ram", "transferred"), is_area=True),
    Statistic("throughput", "Mbit/s", ("ram", "mbps")),
    Statistic("dirty pages", "pages/s", ("ram", "dirty-pages-rate")),
    Statistic("CPU throttle", "%", ("cpu-throttle-percentage",)),
    Statistic("disk remaining", "bytes", ("disk", "remaining"), is_area=True),
)
"""What is drawn, in this order, where it is ever told and ever changes."""

_STATISTICS: Final = frozenset(statistic.path[0] for statistic in STATISTICS)
_NOTHING: Final[tuple[float | None, ...]] = (None,) * len(STATISTICS)

Sample = tuple[int, float | None, tuple[float | None, ...]]
"""The line of an answer, its time, and its numbers in the order of `STATISTICS`."""


class Series:
    """The samples of one VM, no more than `most` of them; every `stride`-th answer is looked at."""

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        self.samples: list[Sample] = []
        self.stride = 1
        self._most = most
        self._seen = 0

    def add(self, mark: Mark) -> None:
        """Take a message, if it is an answer to query-migrate with statistics, or without any after some."""
        if mark.kind is not Kind.REPLY or mark.title != "query-migrate":
            return
        told = mark.content.get("return")
        if not isinstance(told, Mapping) or told.keys().isdisjoint(_STATISTICS):
            if self.samples and self.samples[-1][2] != _NOTHING:
                self.samples.append((mark.line, mark.t, _NOTHING))
            return
        self._seen += 1
        if self._seen % self.stride:
            return
        self.samples.append((mark.line, mark.t, tuple(_number(told, statistic.path) for statistic in STATISTICS)))
        if len(self.samples) > self._most:
            self.samples = self.samples[::2]
            self.stride *= 2

    def drawn(self) -> list[int]:
        """The statistics worth drawing, as indices: those that are not one number all the time."""
        told = ({sample[2][i] for sample in self.samples} for i in range(len(STATISTICS)))
        return [i for i, values in enumerate(told) if len(values - {None}) > 1]


def _number(value: Any, path: tuple[str, ...]) -> float | None:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1e18 else None
