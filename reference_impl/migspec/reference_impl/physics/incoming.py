"""The destination's work: the page faults of a guest in postcopy, and how long they block its vCPUs.

A vCPU that touches a missing page waits until the page has come over the link; until then it touches no other. So the
more is missing and the busier the guest, the closer it comes to one fault a round trip. While the stream is lost each
vCPU runs until its next missing page, and then waits for the recovery.
"""

from math import exp, inf, prod
from random import Random

from migspec.reference_impl.options import Options
from migspec.reference_impl.physics.guest import Guest
from migspec.reference_impl.physics.network import throughput
from migspec.reference_impl.physics.paths import EFFORTS
from migspec.reference_impl.physics.settings import Settings, number
from migspec.spec.parameters import PAGE_SIZE
from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationParameter as P

READS = 2.0
"""Pages that are touched for each that is written."""
IDLE_RATE = 400.0
"""Pages a second that even an idle guest touches."""
IDLE_SET = 512
"""Pages of the set in which it does."""
HANDLING = 2e-4
"""Seconds that a fault takes beside the link: both processes must wake up."""
DECOMPRESSION = 4 * EFFORTS[1].speed / PAGE_SIZE
"""Pages a second that one thread decompresses: four times as many as one compresses (MigrationParameter)."""
STEP = 0.05
"""Seconds for which the rate of faults is taken as constant."""
MOST_STEPS = 64
"""Steps into which a stretch of time is cut at most; longer stretches have longer steps."""


class IncomingWork:
    """One incoming migration.

    Blocktimes are measured if `postcopy-blocktime` and `postcopy-ram` are on when it begins; otherwise they stay 0.
    """

    __slots__ = (
        "_at",
        "_blocked",
        "_blocked_all",
        "_closed",
        "_decompressed",
        "_faults",
        "_guest",
        "_lost_at",
        "_measured",
        "_missing",
        "_random",
        "_running",
        "_stuck",
        "_touched",
        "_untold",
        "_wait",
        "_weights",
    )

    def __init__(self, guest: Guest, settings: Settings, options: Options, now: float) -> None:
        self._guest = guest
        self._random = Random(options.seed)
        self._measured = settings.capability(C.POSTCOPY_BLOCKTIME) and settings.capability(C.POSTCOPY_RAM)
        self._wait = 2 * options.latency + HANDLING + PAGE_SIZE / throughput(options)
        vcpus = max(1, options.vcpus)
        shares = [0.5 + self._random.random() for _ in range(vcpus)]
        self._weights = [share / sum(shares) for share in shares]
        self._blocked = [0.0] * vcpus
        self._blocked_all = 0.0
        self._missing = guest.pages
        self._running = False
        self._closed = False
        threads = number(settings, P.DECOMPRESS_THREADS)
        self._decompressed = threads * DECOMPRESSION if settings.capability(C.COMPRESS) else inf
        self._at = now
        self._faults = 0.0
        self._touched = [0.0] * (len(guest.regions) + 1)
        self._lost_at: float | None = None
        self._stuck: list[float] = []
        self._untold: list[float] = []

    def accepts(self) -> float:
        """Pages a second that its decompressing threads can take in; infinite without compression."""
        return self._decompressed

    def postcopy_started(self, running: bool, now: float) -> None:
        """The guest's devices are loaded; from now on it runs, or does not."""
        self._advance(now)
        self._running = running

    def missing(self, pages_left: int, now: float) -> None:
        """So many pages have yet to arrive."""
        self._advance(now)
        self._missing = max(0, pages_left)

    def faults(self, now: float) -> int:
        """Page requests made since the last call, to be sent to the source."""
        self._advance(now)
        stuck = [moment for moment in self._untold if moment <= now]
        self._untold = [moment for moment in self._untold if moment > now]
        whole = int(self._faults)
        self._faults -= whole
        return whole + len(stuck)

    def paused(self, now: float) -> None:
        """The stream is lost: each vCPU runs on until it needs a page that is not there."""
        self._advance(now)
        if self._lost_at is not None:
            return
        self._lost_at = now
        rate = sum(self._rates())
        self._stuck = [
            now + self._random.expovariate(rate * weight) if self._running and rate else inf for weight in self._weights
        ]
        self._untold = [moment for moment in self._stuck if moment < inf]

    def recovered(self, now: float) -> None:
        """The stream flows again, and brings what the vCPUs wait for first."""
        self._advance(now)
        if self._lost_at is None:
            return
        until = now + self._wait
        self._lost_at = None
        for vcpu, moment in enumerate(self._stuck):
            self._blocked[vcpu] += until - moment if moment < now else 0.0
        last = max(self._stuck)
        self._blocked_all += until - last if last < now else 0.0
        self._stuck = []
        self._untold = [moment for moment in self._untold if moment <= now]

    def completed(self, now: float) -> None:
        """All pages are there."""
        self.recovered(now)
        self._closed = True

    def blocktime(self) -> dict[str, object]:
        """How long vCPUs were blocked so far, in milliseconds: each of them, and all at once."""
        if not self._measured:
            return {"postcopy-blocktime": 0, "postcopy-vcpu-blocktime": [0] * len(self._blocked)}
        return {
            "postcopy-blocktime": _whole(self._blocked_all),
            "postcopy-vcpu-blocktime": [_whole(seconds) for seconds in self._blocked],
        }

    def _rates(self) -> list[float]:
        """Missing pages that are touched a second: in each region, and in the set of an idle guest."""
        share = self._missing / self._guest.pages
        regions = [
            READS * region.mean * share * exp(-touched / region.pages)
            for region, touched in zip(self._guest.regions, self._touched, strict=False)
        ]
        return [*regions, IDLE_RATE * share * exp(-self._touched[-1] / IDLE_SET)]

    def _advance(self, now: float) -> None:
        seconds = now - self._at
        if seconds <= 0:
            return
        self._at = now
        if not self._running or self._closed or self._lost_at is not None or not self._missing:
            return
        steps = min(MOST_STEPS, 1 + int(seconds / STEP))
        for _ in range(steps):
            self._step(seconds / steps)

    def _step(self, seconds: float) -> None:
        rates = self._rates()
        whole = sum(rates)
        shares = []
        for vcpu, weight in enumerate(self._weights):
            faults = whole * weight / (1 + whole * weight * self._wait)
            self._faults += faults * seconds
            shares.append(faults * self._wait)
            self._blocked[vcpu] += shares[-1] * seconds
        self._blocked_all += prod(shares) * seconds
        moving = seconds * (1 - sum(shares) / len(shares))
        for place, region in enumerate(self._guest.regions):
            self._touched[place] += READS * region.mean * moving
        self._touched[-1] += IDLE_RATE * moving


def _whole(seconds: float) -> int:
    return min(int(seconds * 1000), 0xFFFFFFFF)
