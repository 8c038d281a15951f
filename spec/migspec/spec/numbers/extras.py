"""Relations of what only some migrations have: a throttle, disks, XBZRLE, compression, and blocked vCPUs."""

from __future__ import annotations

from migspec.spec.numbers.formula import Formula
from migspec.spec.numbers.relation import COMPLETED, UNFINISHED, Relation
from migspec.spec.schema.structs import MIGRATION_STATS

THROTTLE: tuple[Relation, ...] = (
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

OTHERS: tuple[Relation, ...] = (
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
        "The size of the cache is the parameter, as a signed number.",
        Formula(
            "xbzrle_cache.cache_size == parameter.xbzrle_cache_size - SIZES"
            " or xbzrle_cache.cache_size == parameter.xbzrle_cache_size"
        ),
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
