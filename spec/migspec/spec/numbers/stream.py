"""Relations between what went through the stream and the pages counted."""

from __future__ import annotations

from migspec.spec.numbers.formula import Formula
from migspec.spec.numbers.relation import COMPLETED, UNFINISHED, History, Relation
from migspec.spec.vocabulary import MigrationCapability as Capability

_MULTIFD_OFF = ((Capability.MULTIFD, False),)
_COMPRESS_OFF = ((Capability.COMPRESS, False),)
_MULTIFD_ONLY = ((Capability.MULTIFD, True), (Capability.COMPRESS, False), (Capability.POSTCOPY_RAM, False))

_PAGES_SENT = "ram.normal * (ram.page_size + 8) + ram.duplicate * 9"
"""Bytes that full pages and pages of zeroes take in the stream, each behind a header of eight."""

STREAM: tuple[Relation, ...] = (
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
