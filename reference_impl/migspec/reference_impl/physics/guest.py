"""The guest: its memory, whether it runs and how fast, and what it has written at any time of the last minutes.

Nothing is advanced step by step. The guest notes when its speed changed, and computes from that what it had written at
any moment, so that asking costs the same after a second and after a week.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import exp
from random import Random

from migspec.reference_impl.options import Options
from migspec.reference_impl.physics.workload import Region, parse, regions_of
from migspec.spec.parameters import PAGE_SIZE

FIRMWARE = 532_480
"""Bytes of memory beside the RAM proper that are migrated with it: firmware. Observed: a 64 MiB guest has 67641344."""

REMEMBERED = 120.0
"""Seconds for which the guest remembers its changes of speed; a measurement of the dirty rate takes 60 at most."""

SAMPLES_PER_GIB = 512
"""Pages that a measurement of the dirty rate looks at in each GiB."""

LEAST_BLOCK = 2 << 20
"""Bytes of the smallest memory block that such a measurement looks at."""


@dataclass(slots=True)
class Tallies:
    """What XBZRLE and compression have counted: never reset while the process lives, as in QEMU 5.2."""

    xbzrle_bytes: int = 0
    xbzrle_pages: int = 0
    cache_miss: int = 0
    cache_miss_rate: float = 0.0
    encoding_rate: float = 0.0
    overflow: int = 0
    compressed_pages: int = 0
    compressed_size: int = 0
    busy: int = 0
    busy_rate: float = 0.0
    compression_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class _Span:
    """From `start` on the guest runs at `speed`, 0 to 1, having written that much to each region before."""

    start: float
    speed: float
    written: tuple[float, ...]


@dataclass(slots=True)
class _Speed:
    """Whether the guest runs, and the percentage of its time that it loses to the throttle."""

    running: bool
    throttle: int = 0

    def __call__(self) -> float:
        return (1 - self.throttle / 100) if self.running else 0.0


class Guest:
    """The guest of one process.

    It runs from the beginning unless the options say that it is stopped or waits for a migration. Raises
    `WorkloadError` for a workload that cannot be read.
    """

    __slots__ = ("_kept", "_random", "_spans", "_speed", "_zero", "memory", "pages", "regions", "tallies", "vcpus")

    def __init__(self, options: Options) -> None:
        workload = parse(options.workload)
        self.memory = options.memory
        self.vcpus = options.vcpus
        self.pages = (options.memory + FIRMWARE) // PAGE_SIZE
        self.regions: tuple[Region, ...] = regions_of(workload, self.pages)
        self.tallies = Tallies()
        self._zero = workload.zero
        self._kept = 1.0
        self._speed = _Speed(running=not options.stopped and not options.incoming)
        self._spans: list[_Span] = []
        self._random = Random(options.seed)

    @property
    def throttle(self) -> int:
        """The percentage of its time that the guest loses to auto-converge; 0 for none."""
        return self._speed.throttle

    @property
    def speed(self) -> float:
        """The share of its full speed at which the guest runs now, 0 to 1."""
        return self._speed()

    def run(self, running: bool, now: float) -> None:
        """Start or stop the vCPUs."""
        self._speed.running = running
        self._changed(now)

    def slow(self, throttle: int, now: float) -> None:
        """Take a percentage of its time from the guest."""
        self._speed.throttle = throttle
        self._changed(now)

    def written(self, at: float) -> tuple[float, ...]:
        """Pages written to each region until `at`, of late or now; the same page any number of times."""
        if not self._spans:
            self._spans.append(_Span(at, self._speed(), (0.0,) * len(self.regions)))
        place = bisect_right(self._spans, at, key=_start)
        span = self._spans[max(0, place - 1)]
        at = max(at, span.start)
        if not span.speed:
            return span.written
        return tuple(
            before + span.speed * (region.written(at) - region.written(span.start))
            for before, region in zip(span.written, self.regions, strict=True)
        )

    def changed(self, began: float, ended: float) -> float:
        """How many pages were written between two moments of late."""
        before, after = self.written(began), self.written(ended)
        return sum(
            region.changed(last - first) for region, first, last in zip(self.regions, before, after, strict=True)
        )

    def zeroes(self, at: float) -> tuple[float, ...]:
        """How many pages of each region hold nothing but zeroes: at first a share, later those never written to."""
        return tuple(
            region.pages * (1 - self._kept * (1 - self._zero * exp(-written / region.pages)))
            for region, written in zip(self.regions, self.written(at), strict=True)
        )

    def release(self, pages: int) -> None:
        """Give back pages that the destination has (release-ram): they read as zeroes from now on."""
        self._kept = max(0.0, self._kept - pages / self.pages)

    def dirty_rate(self, began: float, ended: float) -> int:
        """The megabytes a second that query-dirty-rate shows for a measurement between two moments.

        An estimate from sampled pages, as in QEMU: coarse in a small guest, never more than all memory, and -1 where no
        block of memory is large enough to be sampled.
        """
        if self.memory < LEAST_BLOCK or ended <= began:
            return -1
        samples = max(1, self.memory * SAMPLES_PER_GIB >> 30)
        share = min(1.0, self.changed(began, ended) / self.pages)
        spread = (samples * share * (1 - share)) ** 0.5
        hits = min(samples, max(0, round(samples * share + spread * self._random.gauss(0, 1))))
        return int(hits / samples * (self.memory >> 20) / (ended - began))

    def _changed(self, now: float) -> None:
        if self._spans and self._spans[-1].speed == self._speed():
            return
        now = max(now, self._spans[-1].start) if self._spans else now
        span = _Span(now, self._speed(), self.written(now))
        if self._spans and self._spans[-1].start == now:
            self._spans.pop()
        self._spans.append(span)
        # the last span that began before the memory's end is still needed
        useless = bisect_right(self._spans, now - REMEMBERED, key=_start) - 1
        del self._spans[: max(0, useless)]


def _start(span: _Span) -> float:
    return span.start
