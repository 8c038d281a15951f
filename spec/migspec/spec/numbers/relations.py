"""The relations that hold between the numbers in answers to query-migrate: the only place where they are stated.

They are what QEMU 5.2.0 kept in every one of some 370 000 answers. Much that looks like a relation is none. The
times of a completed migration are missing for a moment, and for ever after a snapshot or a failover from COLO. Sent
and remaining bytes do not add up to the total. Counters are read without a lock while a thread increases them, so
that two of them belong to slightly different moments; those of XBZRLE and of compression are never reset. Hence the
scopes and tolerances. Where a tolerance is seldom needed, the formula asks first without it. The evidence says how
many of how many answers, or pairs of answers, broke the relation.
"""

from __future__ import annotations

from collections.abc import Iterable

from migspec.spec.numbers.formula import Formula
from migspec.spec.numbers.relation import COMPLETED, UNFINISHED, WITH_RAM, History, Relation
from migspec.spec.rows import QEMU_5_2_0, SEED, Standing
from migspec.spec.schema.structs import MIGRATION_STATS
from migspec.spec.vocabulary import MigrationCapability as Capability
from migspec.spec.vocabulary import MigrationStatus as Status

_WRITTEN = frozenset({SEED, QEMU_5_2_0})
_PRECOPY = frozenset({Status.ACTIVE, Status.PRE_SWITCHOVER, Status.DEVICE})
_CANCELLING = frozenset({Status.CANCELLING})
_HELD = frozenset({Status.PRE_SWITCHOVER})
_PAUSED = frozenset({Status.POSTCOPY_PAUSED})
_RECOVERING = frozenset({Status.POSTCOPY_RECOVER})
_MULTIFD_OFF = ((Capability.MULTIFD, False),)
_COMPRESS_OFF = ((Capability.COMPRESS, False),)
_MULTIFD_ONLY = ((Capability.MULTIFD, True), (Capability.COMPRESS, False), (Capability.POSTCOPY_RAM, False))

_COUNTERS = tuple(f"ram.{member.name.replace('-', '_')}" for member in MIGRATION_STATS.members)


def _unchanged(members: Iterable[str]) -> str:
    return " and ".join(f"{member} == before.{member}" for member in members)


def _but(*left_out: str) -> tuple[str, ...]:
    return tuple(counter for counter in _COUNTERS if counter not in left_out)


_COUNTED = "(ram.normal + ram.duplicate + given(xbzrle_cache.pages) + given(compression.pages)) * ram.page_size"
"""Bytes of memory that were dealt with; pages left over from an earlier attempt can only make it more."""

_PAGES_SENT = "ram.normal * (ram.page_size + 8) + ram.duplicate * 9"
"""Bytes that full pages and pages of zeroes take in the stream, each behind a header of eight."""

_NO_HINTS = "no balloon hints at free pages (free-page-hint, off unless asked for)"
_NO_CLOCK_STEP = "the host's clock is not set meanwhile"

_SIZES = (
    Relation(
        "query-migrate.ram.skipped",
        "No page is counted as skipped.",
        Formula("ram.skipped == 0"),
        "MigrationStats.skipped",
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.whole-pages",
        "What is to be sent, and the total, are whole pages.",
        Formula("ram.page_size > 0 and ram.total % ram.page_size == 0 and ram.remaining % ram.page_size == 0"),
        "MigrationStats.page-size",
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.page-size",
        "The size of a page never changes.",
        Formula("ram.page_size == before.ram.page_size"),
        "MigrationStats.page-size",
        evidence="0 of 21 733",
    ),
    # memory may be plugged, and capabilities switched, as soon as the migration is over
    Relation(
        "query-migrate.ram.total",
        "The total does not change while the migration goes on.",
        Formula("ram.total == before.ram.total"),
        "MigrationStats.total",
        statuses=UNFINISHED,
        evidence="0 of 21 733",
    ),
    Relation(
        "query-migrate.ram.normal-bytes",
        "The bytes of full pages are their number times the size of a page.",
        Formula("ram.normal_bytes == ram.normal * ram.page_size"),
        "MigrationStats.normal-bytes",
        statuses=None,
        standing=Standing.DOCUMENTED,
        profiles=_WRITTEN,
        evidence="0 of 22 341, and of some 250 000 before",
    ),
    Relation(
        "query-migrate.ram.remaining",
        "What is to be sent is not negative, and no more than the total.",
        Formula("0 <= ram.remaining <= ram.total"),
        "MigrationStats.remaining",
        statuses=None,
        standing=Standing.DOCUMENTED,
        profiles=_WRITTEN,
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.completed",
        "A completed migration has nothing left to send and no dirty pages.",
        Formula("ram.remaining == 0 and ram.dirty_pages_rate == 0"),
        "MigrationStats.remaining",
        statuses=COMPLETED,
        evidence="0 of 3 499",
    ),
    Relation(
        "query-migrate.ram.remaining.rises",
        "What is to be sent grows only when the dirty pages are collected.",
        Formula("ram.dirty_sync_count > before.ram.dirty_sync_count or ram.remaining <= before.ram.remaining"),
        "MigrationStats.remaining",
        statuses=_PRECOPY,
        standing=Standing.OBSERVED,
        evidence="0 of 14 994",
    ),
    Relation(
        "query-migrate.ram.accounted",
        "All memory is counted as sent or as remaining.",
        Formula(f"{_COUNTED} + ram.remaining >= ram.total - TORN * ram.page_size"),
        "MigrationStats.remaining",
        statuses=_PRECOPY | {Status.POSTCOPY_ACTIVE},
        needs=_NO_HINTS,
        evidence="0 of 22 276, 12 pages at worst",
    ),
    # a failed resume makes nothing of what remains, and so does a cancellation before the set-up ended
    Relation(
        "query-migrate.ram.accounted.interrupted",
        "All memory is counted as sent or as remaining, where anything remains.",
        Formula(f"ram.remaining == 0 or {_COUNTED} + ram.remaining >= ram.total - TORN * ram.page_size"),
        "MigrationStats.remaining",
        statuses=_PAUSED | _CANCELLING,
        needs=_NO_HINTS,
        evidence="0 of 22 276, 12 pages at worst",
    ),
    Relation(
        "query-migrate.ram.accounted.completed",
        "A completed migration has counted all memory as sent.",
        Formula(f"{_COUNTED} >= before.ram.total"),
        "MigrationStats.normal",
        statuses=COMPLETED,
        before=UNFINISHED - _CANCELLING,
        needs=_NO_HINTS,
        evidence="0 of 3 499",
    ),
)
"""Sizes, and what is still to be sent."""


def _never_decreases(
    member: str, sentence: str, statuses: frozenset[str] = WITH_RAM, before: frozenset[str] | None = None
) -> Relation:
    name = member.replace("_", "-")
    return Relation(
        f"query-migrate.ram.{name}.monotone",
        sentence,
        Formula(f"ram.{member} >= before.ram.{member}"),
        f"MigrationStats.{name}",
        statuses=statuses,
        before=before,
        evidence="0 of 21 733",
    )


_MONOTONE = (
    # that of normal-bytes follows from normal and page-size
    _never_decreases("transferred", "The bytes sent never become fewer within a migration."),
    _never_decreases("normal", "The full pages sent never become fewer within a migration."),
    _never_decreases("duplicate", "The pages of zeroes sent never become fewer within a migration."),
    _never_decreases("dirty_sync_count", "The collections of dirty pages never become fewer within a migration."),
    _never_decreases("multifd_bytes", "The bytes sent by multifd never become fewer within a migration."),
    _never_decreases(
        "postcopy_requests",
        "The pages asked for never become fewer within a migration.",
        WITH_RAM - _PRECOPY,
        WITH_RAM,
    ),
)
"""What only grows within a migration, across recoveries too."""

_STREAM = (
    Relation(
        "query-migrate.ram.transferred.pages",
        "Each page sent takes its size in the stream, but for what was read a moment later.",
        Formula("ram.transferred >= ram.normal_bytes or ram.transferred + TORN * ram.page_size >= ram.normal_bytes"),
        "MigrationStats.transferred",
        statuses=UNFINISHED,
        capabilities=_MULTIFD_OFF,
        evidence="0 of 17 662, 4 pages at worst",
    ),
    Relation(
        "query-migrate.ram.transferred.batch",
        "No more pages are counted and not yet sent than multifd gathers.",
        Formula(
            "ram.transferred >= ram.normal_bytes"
            " or ram.transferred + (BATCH + TORN) * ram.page_size >= ram.normal_bytes"
        ),
        "MigrationStats.transferred",
        statuses=UNFINISHED,
        capabilities=_COMPRESS_OFF,
        evidence="0 of 3 203, 128 pages at worst",
    ),
    Relation(
        "query-migrate.ram.transferred.completed",
        "A completed migration has sent every page counted, with its header.",
        Formula(f"total_time == 0 or ram.multifd_bytes > 0 or ram.transferred >= {_PAGES_SENT}"),
        "MigrationStats.transferred",
        statuses=COMPLETED,
        capabilities=_COMPRESS_OFF,
        history=frozenset({History.BEGUN}),
        evidence="0 of 3 354",
    ),
    Relation(
        "query-migrate.ram.transferred.xbzrle",
        "A completed migration has sent the differences that XBZRLE counts, too.",
        Formula(
            f"total_time == 0 or ram.multifd_bytes > 0 or ram.transferred >= {_PAGES_SENT}"
            " + xbzrle_cache.bytes - xbzrle_cache.overflow * ram.page_size"
        ),
        "XBZRLECacheStats.bytes",
        statuses=COMPLETED,
        capabilities=((Capability.XBZRLE, True),),
        history=frozenset({History.BEGUN, History.FIRST}),
        evidence="170 kB to spare with 80 MB of differences",
    ),
    # a thread that is idle when all are flushed has its last page of zeroes counted once more, though nothing is sent
    Relation(
        "query-migrate.ram.transferred.compression",
        "A completed migration has sent the full pages and those that compression counts.",
        Formula(
            "total_time == 0 or ram.multifd_bytes > 0"
            " or ram.transferred >= ram.normal * (ram.page_size + 8)"
            " + compression.compressed_size + compression.pages * 8"
        ),
        "CompressionStats.compressed-size",
        statuses=COMPLETED,
        capabilities=((Capability.COMPRESS, True), (Capability.MULTIFD, False)),
        history=frozenset({History.BEGUN, History.FIRST}),
    ),
    # the thread that sends a batch counts it there first, and may send more before the total is read
    Relation(
        "query-migrate.ram.multifd-bytes",
        "What multifd has sent is part of what was sent, but for what was read a moment later.",
        Formula(
            "ram.multifd_bytes <= ram.transferred or ram.multifd_bytes <= ram.transferred + 8 * BATCH * ram.page_size"
        ),
        "MigrationStats.multifd-bytes",
        statuses=UNFINISHED,
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.multifd-bytes.completed",
        "What multifd has sent is part of what was sent.",
        Formula("ram.multifd_bytes <= ram.transferred"),
        "MigrationStats.multifd-bytes",
        statuses=COMPLETED,
        evidence="0 of 3 499",
    ),
    Relation(
        "query-migrate.ram.multifd-bytes.off",
        "Nothing is sent by multifd where it is off.",
        Formula("ram.multifd_bytes == 0"),
        "MigrationStats.multifd-bytes",
        capabilities=_MULTIFD_OFF,
        evidence="0 of 19 137",
    ),
    Relation(
        "query-migrate.ram.multifd-bytes.pages",
        "Multifd has sent every full page of a migration that it completed.",
        Formula("ram.multifd_bytes == 0 or ram.multifd_bytes >= ram.normal_bytes"),
        "MigrationStats.multifd-bytes",
        statuses=COMPLETED,
        capabilities=_MULTIFD_ONLY,
        evidence="0 of 39",
    ),
)
"""What was sent, against the pages counted."""

_PASSES = (
    Relation(
        "query-migrate.ram.postcopy-requests",
        "No page is asked for before postcopy.",
        Formula("ram.postcopy_requests == 0"),
        "MigrationStats.postcopy-requests",
        statuses=_PRECOPY,
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.postcopy-requests.off",
        "No page is asked for without postcopy.",
        Formula("ram.postcopy_requests == 0"),
        "MigrationStats.postcopy-requests",
        statuses=COMPLETED | _CANCELLING,
        capabilities=((Capability.POSTCOPY_RAM, False),),
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.dirty-sync-count",
        "Dirty pages were collected before the first page is sent.",
        Formula("ram.dirty_sync_count >= 1"),
        "MigrationStats.dirty-sync-count",
        statuses=WITH_RAM - _CANCELLING,
        evidence="0 of 14 549",
    ),
    Relation(
        "query-migrate.ram.dirty-sync-count.completed",
        "A completed migration has collected dirty pages at least twice, unless postcopy was for bitmaps alone.",
        Formula("ram.dirty_sync_count >= 2"),
        "MigrationStats.dirty-sync-count",
        statuses=COMPLETED,
        capabilities=((Capability.DIRTY_BITMAPS, False),),
        evidence="0 of 3 499",
    ),
    # what remains is set up a little before the first collection, so nothing can be said of that
    Relation(
        "query-migrate.ram.dirty-sync-count.none",
        "Nothing was sent before dirty pages were collected.",
        Formula("ram.dirty_sync_count > 0 or (ram.transferred == 0 and ram.normal == 0 and ram.duplicate == 0)"),
        "MigrationStats.dirty-sync-count",
        statuses=_CANCELLING,
        evidence="0 of 12",
    ),
    # the count comes first and its event follows
    Relation(
        "query-migrate.ram.dirty-sync-count.pass",
        "The collections are as many as the passes shown, or one more.",
        Formula("passes.asked <= ram.dirty_sync_count <= passes.seen + 1"),
        "MigrationStats.dirty-sync-count",
        statuses=UNFINISHED - _CANCELLING,
        evidence="0 of 8 593",
    ),
    Relation(
        "query-migrate.ram.dirty-sync-count.last-pass",
        "A completed migration has shown every collection as a pass.",
        Formula("ram.dirty_sync_count == passes.seen"),
        "MigrationStats.dirty-sync-count",
        statuses=COMPLETED,
        evidence="0 of 381",
    ),
)
"""Collections of dirty pages, and what postcopy asks for."""

_TIMES = (
    Relation(
        "query-migrate.total-time.monotone",
        "The time since the start grows until the migration is completed.",
        Formula("total_time >= before.total_time"),
        "MigrationInfo.total-time",
        statuses=UNFINISHED,
        standing=Standing.DOCUMENTED,
        profiles=_WRITTEN,
        evidence="0 of 18 380",
    ),
    Relation(
        "query-migrate.setup-time.constant",
        "The time of the set-up does not change once that is over.",
        Formula("setup_time == before.setup_time"),
        "MigrationInfo.setup-time",
        before=WITH_RAM - _CANCELLING,
        evidence="0 of 21 733",
    ),
    Relation(
        "query-migrate.setup-time",
        "The set-up takes no longer than the migration so far.",
        Formula("setup_time <= total_time + ROUNDING"),
        "MigrationInfo.setup-time",
        statuses=UNFINISHED,
        needs=_NO_CLOCK_STEP,
        evidence="0 of 18 842",
    ),
    Relation(
        "query-migrate.setup-time.completed",
        "The set-up took no longer than the migration, once its times are there.",
        Formula("total_time == 0 or setup_time <= total_time + ROUNDING"),
        "MigrationInfo.setup-time",
        statuses=COMPLETED,
        needs=_NO_CLOCK_STEP,
        evidence="0 of 3 432",
    ),
    # a postcopy that switches over in less than a millisecond shows the host's uptime as its downtime
    Relation(
        "query-migrate.downtime",
        "The guest of a precopy stood still no longer than the migration took, once its times are there.",
        Formula("total_time == 0 or 0 <= downtime <= total_time"),
        "MigrationInfo.downtime",
        statuses=COMPLETED,
        capabilities=((Capability.POSTCOPY_RAM, False), (Capability.DIRTY_BITMAPS, False)),
        evidence="0 of 3 432",
    ),
    Relation(
        "query-migrate.completed.constant",
        "Nothing changes any more once a completed migration has its times.",
        Formula(
            f"before.total_time == 0 or ({_unchanged(('total_time', 'setup_time', 'downtime', *_but('ram.total')))})"
        ),
        "MigrationInfo.status",
        statuses=COMPLETED,
        evidence="0 of 3 072",
    ),
    Relation(
        "query-migrate.pre-switchover.constant",
        "Nothing is counted in pre-switchover.",
        Formula(_unchanged(("expected_downtime", *_COUNTERS))),
        "MigrationStatus.pre-switchover",
        statuses=_HELD,
        evidence="0 of 49",
    ),
    # requests for pages may be on their way still, and a resume that fails makes nothing of what remains
    Relation(
        "query-migrate.postcopy-paused.constant",
        "Nothing is sent while a postcopy is paused.",
        Formula(
            "(ram.remaining == 0 or ram.remaining == before.ram.remaining) and "
            + _unchanged(("expected_downtime", *_but("ram.remaining", "ram.postcopy_requests")))
        ),
        "MigrationStatus.postcopy-paused",
        statuses=_PAUSED,
        recovers=False,
        evidence="0 of 49",
    ),
    # the destination tells in between what it has got
    Relation(
        "query-migrate.postcopy-recover.constant",
        "Nothing is sent until a recovery has come to pass.",
        Formula(_unchanged(("expected_downtime", *_but("ram.remaining", "ram.postcopy_requests")))),
        "MigrationStatus.postcopy-recover",
        statuses=_RECOVERING,
        recovers=False,
        evidence="0 of 49",
    ),
)
"""Times, and when everything stands still."""

_RATES = (
    Relation(
        "query-migrate.ram.mbps",
        "The speed is not negative.",
        Formula("ram.mbps >= 0"),
        "MigrationStats.mbps",
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.rates.first",
        "There is no speed before the first 100 ms are over.",
        Formula("total_time >= 100 or (ram.mbps == 0 and ram.pages_per_second == 0)"),
        "MigrationStats.pages-per-second",
        statuses=UNFINISHED,
        evidence="0 of 1 040",
    ),
    Relation(
        "query-migrate.ram.dirty-pages-rate.first",
        "There is no rate of dirty pages before the first second is over.",
        Formula("total_time >= 1000 or ram.dirty_pages_rate == 0"),
        "MigrationStats.dirty-pages-rate",
        statuses=UNFINISHED,
        evidence="0 of 3 041",
    ),
    Relation(
        "query-migrate.expected-downtime.first",
        "The downtime expected in the first 100 ms is the limit that was in force when the migration began.",
        Formula("total_time >= 100 or expected_downtime == parameter.downtime_limit"),
        "MigrationInfo.expected-downtime",
        statuses=UNFINISHED - _CANCELLING,
        history=frozenset({History.BEGUN, History.STEADY}),
        evidence="0 of 1 034",
    ),
)
"""Rates, which are computed now and then."""

_THROTTLE = (
    Relation(
        "query-migrate.cpu-throttle-percentage",
        "A guest that is throttled loses from 1 to 99 per cent of its time.",
        Formula("1 <= cpu_throttle_percentage <= 99"),
        "MigrationInfo.cpu-throttle-percentage",
        evidence="0 of 304",
    ),
    Relation(
        "query-migrate.cpu-throttle-percentage.limit",
        "A step of the throttle does not go beyond max-cpu-throttle.",
        Formula(
            "cpu_throttle_percentage == before.cpu_throttle_percentage"
            " or cpu_throttle_percentage <= parameter.max_cpu_throttle"
        ),
        "MigrationInfo.cpu-throttle-percentage",
        statuses=UNFINISHED,
        evidence="0 of 304",
    ),
    Relation(
        "query-migrate.cpu-throttle-percentage.monotone",
        "The throttle is loosened only to a lower max-cpu-throttle.",
        Formula(
            "cpu_throttle_percentage == parameter.max_cpu_throttle"
            " or cpu_throttle_percentage >= before.cpu_throttle_percentage"
        ),
        "MigrationInfo.cpu-throttle-percentage",
        statuses=UNFINISHED,
        evidence="0 of 304",
    ),
    # a step is taken just after the dirty pages are collected
    Relation(
        "query-migrate.cpu-throttle-percentage.step",
        "Each collection of dirty pages tightens the throttle by cpu-throttle-increment at most.",
        Formula(
            "cpu_throttle_percentage <= before.cpu_throttle_percentage + parameter.cpu_throttle_increment"
            " * (ram.dirty_sync_count - before.ram.dirty_sync_count + 1)"
        ),
        "MigrationInfo.cpu-throttle-percentage",
        statuses=UNFINISHED,
        evidence="0 of 304",
    ),
)
"""Auto-converge."""

_OTHERS = (
    # a block of 1 MiB may be sent between the reading of the two
    Relation(
        "query-migrate.disk.remaining",
        "Blocks of disks are sent or remain.",
        Formula("0 <= disk.total - disk.transferred - disk.remaining <= TORN * 1048576"),
        "MigrationInfo.disk",
        evidence="0 of 13",
    ),
    Relation(
        "query-migrate.disk.unused",
        "Nothing but bytes is counted of disks.",
        Formula(
            " and ".join(
                f"disk.{member.name.replace('-', '_')} == 0"
                for member in MIGRATION_STATS.members
                if member.name not in ("transferred", "remaining", "total")
            )
        ),
        "MigrationInfo.disk",
        evidence="0 of 13",
    ),
    Relation(
        "query-migrate.xbzrle-cache.cache-size",
        "The size of the cache is the parameter.",
        Formula("xbzrle_cache.cache_size == parameter.xbzrle_cache_size"),
        "XBZRLECacheStats.cache-size",
        evidence="0 of 449",
    ),
    Relation(
        "query-migrate.xbzrle-cache.monotone",
        "What XBZRLE counts never becomes less.",
        Formula(
            "xbzrle_cache.bytes >= before.xbzrle_cache.bytes and xbzrle_cache.pages >= before.xbzrle_cache.pages"
            " and xbzrle_cache.cache_miss >= before.xbzrle_cache.cache_miss"
            " and xbzrle_cache.overflow >= before.xbzrle_cache.overflow"
        ),
        "XBZRLECacheStats.pages",
        evidence="0 of 449",
    ),
    Relation(
        "query-migrate.xbzrle-cache.overflow",
        "An overflow is an overflow of a page, and no rate is negative.",
        Formula("xbzrle_cache.overflow <= xbzrle_cache.pages + TORN and xbzrle_cache.cache_miss_rate >= 0"),
        "XBZRLECacheStats.overflow",
        evidence="0 of 449",
    ),
    Relation(
        "query-migrate.compression.monotone",
        "What compression counts never becomes less.",
        Formula(
            "compression.pages >= before.compression.pages"
            " and compression.compressed_size >= before.compression.compressed_size"
        ),
        "CompressionStats.pages",
        statuses=COMPLETED,
        before=COMPLETED,
    ),
    Relation(
        "query-migrate.postcopy-blocktime",
        "All vCPUs together are blocked no longer than the one that was blocked longest.",
        Formula("postcopy_blocktime <= largest(postcopy_vcpu_blocktime)"),
        "MigrationInfo.postcopy-blocktime",
        statuses=None,
        evidence="0 of 21",
    ),
)
"""Disks, XBZRLE, compression, and the destination's own."""

RELATIONS: tuple[Relation, ...] = (
    *_SIZES,
    *_MONOTONE,
    *_STREAM,
    *_PASSES,
    *_TIMES,
    *_RATES,
    *_THROTTLE,
    *_OTHERS,
)
"""Every relation."""
