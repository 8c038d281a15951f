"""The memory of one attempt: which pages are still to be sent, pass after pass, and what was counted of those sent.

Pages are whole numbers, their kinds are shares: each pass has a blend of pages, and whatever part of it is sent has
the same blend. What the guest writes meanwhile is known only when dirty pages are collected, which begins a pass.
"""

from dataclasses import dataclass
from math import ceil

from migspec.reference_impl.physics.guest import Guest
from migspec.reference_impl.physics.paths import (
    BATCH,
    DIFFERENCE,
    DIFFERENCE_HEADER,
    HEADER,
    OVERFLOWING,
    PACKET,
    ZERO,
    Blend,
    Ways,
)
from migspec.spec.parameters import PAGE_SIZE

BLOCKS = 5
"""Blocks of memory; the first page of each is never compressed."""


@dataclass(slots=True)
class Counts:
    """What was sent so far in one attempt: pages by kind, and bytes as QEMU counts them."""

    transferred: int = 0
    normal: int = 0
    duplicate: int = 0
    multifd_bytes: int = 0
    pages: int = 0
    postcopy_requests: int = 0


@dataclass(slots=True)
class _Sent:
    """How much of the pass's blend was sent."""

    pages: int = 0
    zeroes: int = 0
    differences: int = 0
    overflows: int = 0
    misses: int = 0
    compressible: int = 0


class Memory:
    """The dirty pages of one attempt, of `total` pages of the guest.

    `passes` are the collections so far, `left` the pages to be sent.
    """

    __slots__ = (
        "_baseline",
        "_batched",
        "_cached",
        "_guest",
        "_pending",
        "_refused",
        "_scale",
        "_sent",
        "_ways",
        "blend",
        "counts",
        "left",
        "passes",
        "total",
    )

    def __init__(self, guest: Guest, ways: Ways, total: int) -> None:
        self._guest = guest
        self._ways = ways
        self.total = total
        self.passes = 0
        self.left = 0
        self.counts = Counts()
        self.blend = Blend(0)
        self._scale = total / guest.pages
        self._sent = _Sent()
        self._pending = [0.0] * len(guest.regions)
        self._cached = [0.0] * len(guest.regions)
        self._baseline: tuple[float, ...] = ()
        self._refused = 0.0
        self._batched = 0

    # ---- a pass begins ----

    def collect(self, now: float, *, postcopy: bool) -> int:
        """Collect the pages that are dirty now, and begin a pass; returns how many were not known to be dirty."""
        self._fill_cache()
        written = self._guest.written(now)
        zeroes = self._first(now) if not self.passes else self.blend.zeroes - self._sent.zeroes
        new = 0
        if self.passes:
            new, zeroes = self._dirtied(written, zeroes)
        self._baseline = written
        self.passes += 1
        self._begin(min(zeroes, self.left), postcopy=postcopy)
        greeting = self._ways.greeting() if not postcopy else 0
        self.counts.multifd_bytes += greeting
        self.counts.transferred += greeting
        return new

    def resend(self, pages: int) -> None:
        """Pages that were lost on their way are to be sent again."""
        zeroes = self.blend.zeroes - self._sent.zeroes
        self.left = min(self.total, self.left + pages)
        self._spread(self._shares())
        self._begin(min(zeroes, self.left), postcopy=True)

    def _first(self, now: float) -> int:
        self.left = self.total
        self._pending = [region.pages * self._scale for region in self._guest.regions]
        return round(sum(self._guest.zeroes(now)) * self._scale)

    def _shares(self) -> list[float]:
        """Pages of each region that are left of the present pass."""
        if not self.blend.pages:
            return [0.0] * len(self._pending)
        share = 1 - self._sent.pages / self.blend.pages
        return [pending * share for pending in self._pending]

    def _estimate(self, written: tuple[float, ...], zeroes: int) -> tuple[int, list[float]]:
        """How many pages are newly dirty, and what is then left of each region; the last entry are lost zeroes."""
        new = lost = 0.0
        after = []
        for region, left, first, last in zip(self._guest.regions, self._shares(), self._baseline, written, strict=True):
            pages = region.pages * self._scale
            share = region.changed(last - first) / region.pages
            fresh = share * max(0.0, pages - left)
            new += fresh
            after.append(left + fresh)
            lost += share * left
        dirty = min(self.total - self.left, round(new))
        after.append(zeroes * lost / self.left if self.left else 0.0)
        return dirty, after

    def _dirtied(self, written: tuple[float, ...], zeroes: int) -> tuple[int, int]:
        new, after = self._estimate(written, zeroes)
        lost = after.pop()
        self.left += new
        self._spread(after)
        return new, max(0, zeroes - round(lost))

    def _spread(self, shares: list[float]) -> None:
        """Let the pages that are left lie in the regions as these shares say, or anywhere."""
        if not sum(shares):
            shares = [float(region.pages) for region in self._guest.regions]
        whole = sum(shares)
        self._pending = [share * self.left / whole for share in shares]

    def _fill_cache(self) -> None:
        """XBZRLE keeps what it was asked for and did not have, as far as there is room."""
        if not self._sent.misses:
            return
        for place, (region, pending, left) in enumerate(
            zip(self._guest.regions, self._pending, self._shares(), strict=True)
        ):
            pages = region.pages * self._scale
            self._cached[place] += (pending - left) * (1 - min(1.0, self._cached[place] / pages))
        room = self._ways.cache_pages
        kept = sum(self._cached)
        if kept > room:
            self._cached = [cached * room / kept for cached in self._cached]

    def _begin(self, zeroes: int, *, postcopy: bool) -> None:
        rest = self.left - zeroes
        bulk = self.passes == 1
        self._sent = _Sent()
        self._refused = 0.0
        if self._ways.compress and (bulk or not self._ways.xbzrle):
            whole = min(rest, BLOCKS) if bulk else 0
            self.blend = Blend(self.left, zeroes, compressible=rest - whole)
        elif self._ways.multifd and not postcopy:
            self.blend = Blend(self.left, zeroes, multifd=True)
        elif self._ways.xbzrle and not bulk and not postcopy:
            hits = int(rest * self._hit_rate())
            overflows = int(hits * OVERFLOWING)
            self.blend = Blend(self.left, zeroes, hits - overflows, overflows, rest - hits)
        else:
            self.blend = Blend(self.left, zeroes)

    def _hit_rate(self) -> float:
        found = sum(
            pending * cached / (region.pages * self._scale)
            for region, pending, cached in zip(self._guest.regions, self._pending, self._cached, strict=True)
        )
        return min(1.0, found / self.left) if self.left else 0.0

    # ---- pages are sent ----

    def send(self, pages: int, refused: float) -> None:
        """Send pages of the pass; `refused` is the share of the compressible ones that find no thread."""
        pages = min(pages, self.left)
        if not pages:
            return
        blend, sent, counts, tallies = self.blend, self._sent, self.counts, self._guest.tallies
        after = sent.pages + pages
        zeroes = min(pages, blend.zeroes * after // blend.pages - sent.zeroes)
        differences = min(pages - zeroes, blend.differences * after // blend.pages - sent.differences)
        room = pages - zeroes - differences
        compressible = min(room, blend.compressible * after // blend.pages - sent.compressible)
        overflows = blend.overflows * after // blend.pages - sent.overflows
        misses = blend.misses * after // blend.pages - sent.misses
        self._sent = _Sent(
            after,
            sent.zeroes + zeroes,
            sent.differences + differences,
            sent.overflows + overflows,
            sent.misses + misses,
            sent.compressible + compressible,
        )
        self.left -= pages
        self._refused += compressible * refused
        busy = min(compressible, int(self._refused))
        self._refused -= busy
        packed = compressible - busy
        normal = pages - zeroes - differences - packed

        counts.pages += pages
        counts.duplicate += zeroes
        counts.normal += normal
        counts.transferred += zeroes * ZERO + differences * (DIFFERENCE + DIFFERENCE_HEADER)
        counts.transferred += packed * (self._ways.effort.size + HEADER)
        tallies.xbzrle_pages += differences + overflows
        tallies.xbzrle_bytes += differences * (DIFFERENCE + DIFFERENCE_HEADER - HEADER) + overflows * PAGE_SIZE
        tallies.overflow += overflows
        tallies.cache_miss += misses
        tallies.busy += busy
        tallies.compressed_pages += packed
        tallies.compressed_size += packed * self._ways.effort.size
        if blend.multifd:
            packets = ceil((self._batched + normal) / BATCH) - ceil(self._batched / BATCH)
            self._batched += normal
            counts.multifd_bytes += normal * PAGE_SIZE + packets * PACKET
            counts.transferred += normal * PAGE_SIZE + packets * PACKET
        else:
            counts.transferred += normal * (PAGE_SIZE + HEADER)
