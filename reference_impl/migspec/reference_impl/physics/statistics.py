"""The members of query-migrate that the outgoing side adds, made of what was counted.

Which members go with a status is the specification's: `migspec.spec.commands.queries`. The times of a completed
migration are 0 for a moment: the status comes first, as in QEMU 5.2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migspec.reference_impl.physics.disks import DiskWork
from migspec.reference_impl.physics.guest import Guest, Tallies
from migspec.reference_impl.physics.memory import Counts
from migspec.reference_impl.physics.meter import milliseconds
from migspec.reference_impl.physics.settings import Settings, number
from migspec.spec.commands.queries import EXTRAS, REQUIRED
from migspec.spec.parameters import PAGE_SIZE
from migspec.spec.schema.structs import MIGRATION_STATS
from migspec.spec.vocabulary import MigrationCapability, MigrationParameter, MigrationStatus


@dataclass(slots=True)
class Times:
    """The times of one attempt: moments in seconds, and durations in milliseconds once they are over."""

    began: float
    expected_downtime: int
    thread_began: float | None = None
    setup: int | None = None
    stopped: float | None = None
    downtime: int | None = None
    total: int | None = None
    ended: float | None = None
    settled: bool = False

    def restarted(self, now: float) -> None:
        """The downtime is over, unless it was before."""
        if self.downtime is None:
            self.downtime = milliseconds(self.stopped, now) if self.stopped is not None else 0

    def shown(self, status: MigrationStatus, now: float, *, begun: bool) -> Mapping[str, object]:
        """The members that are times; `begun` tells whether the migration thread was started."""
        completed = status is MigrationStatus.COMPLETED
        final = completed and self.settled
        return {
            "setup-time": self.setup or 0,
            "total-time": (self.total or 0 if final else 0) if completed else milliseconds(self.began, now),
            "downtime": self.downtime or 0 if final else 0,
            "expected-downtime": self.expected_downtime if begun else 0,
        }


@dataclass(slots=True)
class RatesBefore:
    """The tallies when their rates were computed last."""

    tallies: Tallies

    @classmethod
    def of(cls, tallies: Tallies) -> "RatesBefore":
        """Those of now."""
        return cls(_copy(tallies))

    def renew(self, tallies: Tallies, pages: int) -> None:
        """Compute the rates of a period in which so many pages were sent."""
        before = self.tallies
        if pages:
            tallies.cache_miss_rate = (tallies.cache_miss - before.cache_miss) / pages
            tallies.busy_rate = (tallies.busy - before.busy) / pages
            encoded = tallies.xbzrle_bytes - before.xbzrle_bytes
            if encoded:
                tallies.encoding_rate = (tallies.xbzrle_pages - before.xbzrle_pages) * PAGE_SIZE / encoded
            packed = tallies.compressed_size - before.compressed_size
            if packed:
                unpacked = (tallies.compressed_pages - before.compressed_pages) * PAGE_SIZE
                tallies.compression_rate = unpacked / packed
        self.tallies = _copy(tallies)


def _copy(tallies: Tallies) -> Tallies:
    return Tallies(
        xbzrle_bytes=tallies.xbzrle_bytes,
        xbzrle_pages=tallies.xbzrle_pages,
        cache_miss=tallies.cache_miss,
        busy=tallies.busy,
        compressed_pages=tallies.compressed_pages,
        compressed_size=tallies.compressed_size,
    )


@dataclass(frozen=True, slots=True)
class Ram:
    """What goes into `ram`: sizes are bytes."""

    counts: Counts
    passes: int
    total: int
    remaining: int
    dirty_pages_rate: int
    mbps: float
    pages_per_second: int

    def shown(self, *, completed: bool) -> dict[str, object]:
        """The member; a completed migration has nothing remaining and no rate of dirty pages."""
        return {
            "transferred": self.counts.transferred,
            "remaining": 0 if completed else self.remaining,
            "total": self.total,
            "duplicate": self.counts.duplicate,
            "skipped": 0,
            "normal": self.counts.normal,
            "normal-bytes": self.counts.normal * PAGE_SIZE,
            "dirty-pages-rate": 0 if completed else self.dirty_pages_rate,
            "mbps": self.mbps,
            "dirty-sync-count": self.passes,
            "postcopy-requests": self.counts.postcopy_requests,
            "page-size": PAGE_SIZE,
            "multifd-bytes": self.counts.multifd_bytes,
            "pages-per-second": self.pages_per_second,
        }


def members(
    status: MigrationStatus,
    settings: Settings,
    times: Mapping[str, object],
    ram: Ram,
    disks: DiskWork | None,
    guest: Guest,
) -> dict[str, object]:
    """The members that go with a status, with the capabilities that are on now."""
    required = REQUIRED.get(status, frozenset())
    if not required:
        return {}
    answer = {name: value for name, value in times.items() if name in required}
    answer["ram"] = ram.shown(completed=status is MigrationStatus.COMPLETED)
    for extra in EXTRAS:
        make = _MAKERS.get(extra.member)
        if make is None or status not in extra.statuses or not settings.capability(make.capability):
            continue
        value = make.value(settings, guest, disks)
        if value is not None:
            answer[extra.member] = value
    return answer


def _xbzrle(settings: Settings, guest: Guest, disks: DiskWork | None) -> object:
    size = number(settings, MigrationParameter.XBZRLE_CACHE_SIZE)
    tallies = guest.tallies
    return {
        "cache-size": size - (1 << 64) if size >= 1 << 63 else size,
        "bytes": tallies.xbzrle_bytes,
        "pages": tallies.xbzrle_pages,
        "cache-miss": tallies.cache_miss,
        "cache-miss-rate": tallies.cache_miss_rate,
        "encoding-rate": tallies.encoding_rate,
        "overflow": tallies.overflow,
    }


def _compression(settings: Settings, guest: Guest, disks: DiskWork | None) -> object:
    tallies = guest.tallies
    return {
        "pages": tallies.compressed_pages,
        "busy": tallies.busy,
        "busy-rate": tallies.busy_rate,
        "compressed-size": tallies.compressed_size,
        "compression-rate": tallies.compression_rate,
    }


def _throttle(settings: Settings, guest: Guest, disks: DiskWork | None) -> object | None:
    return guest.throttle or None


def _disk(settings: Settings, guest: Guest, disks: DiskWork | None) -> object | None:
    if disks is None:
        return None
    unused = dict.fromkeys((member.name for member in MIGRATION_STATS.members), 0)
    remaining = disks.total - disks.transferred
    return {**unused, "transferred": disks.transferred, "remaining": remaining, "total": disks.total}


@dataclass(frozen=True, slots=True)
class _Maker:
    """What makes a member, and the capability without which it is not shown."""

    capability: MigrationCapability
    value: Callable[[Settings, Guest, DiskWork | None], object | None]


_MAKERS: Mapping[str, _Maker] = {
    "xbzrle-cache": _Maker(MigrationCapability.XBZRLE, _xbzrle),
    "compression": _Maker(MigrationCapability.COMPRESS, _compression),
    "cpu-throttle-percentage": _Maker(MigrationCapability.AUTO_CONVERGE, _throttle),
    "disk": _Maker(MigrationCapability.BLOCK, _disk),
}
"""The members that EXTRAS names, but for those that are not physics or that no modelled device has (vfio)."""
