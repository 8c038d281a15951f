"""Relations of `ram`: sizes, what only grows, and the passes over the memory."""

from __future__ import annotations

from migspec.spec.numbers.common import CANCELLING, PAUSED, PRECOPY, WRITTEN
from migspec.spec.numbers.formula import Formula
from migspec.spec.numbers.relation import COMPLETED, UNFINISHED, WITH_RAM, Relation
from migspec.spec.rows import Standing
from migspec.spec.vocabulary import MigrationCapability as Capability
from migspec.spec.vocabulary import MigrationStatus as Status

_COUNTED = "(ram.normal + ram.duplicate + given(xbzrle_cache.pages) + given(compression.pages)) * ram.page_size"
"""Bytes of memory that were dealt with; pages left over from an earlier attempt can only make it more."""

_NO_HINTS = "no balloon hints at free pages (free-page-hint, off unless asked for)"

SIZES: tuple[Relation, ...] = (
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
        profiles=WRITTEN,
        evidence="0 of 22 341, and of some 250 000 before",
    ),
    Relation(
        "query-migrate.ram.remaining",
        "What is to be sent is not negative, and no more than the total.",
        Formula("0 <= ram.remaining <= ram.total"),
        "MigrationStats.remaining",
        statuses=None,
        standing=Standing.DOCUMENTED,
        profiles=WRITTEN,
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
        statuses=PRECOPY,
        standing=Standing.OBSERVED,
        evidence="0 of 14 994",
    ),
    Relation(
        "query-migrate.ram.accounted",
        "All memory is counted as sent or as remaining.",
        Formula(f"{_COUNTED} + ram.remaining >= ram.total - TORN * ram.page_size"),
        "MigrationStats.remaining",
        statuses=PRECOPY | {Status.POSTCOPY_ACTIVE},
        needs=_NO_HINTS,
        evidence="0 of 22 276, 12 pages at worst",
    ),
    # a failed resume makes nothing of what remains, and so does a cancellation before the set-up ended
    Relation(
        "query-migrate.ram.accounted.interrupted",
        "All memory is counted as sent or as remaining, where anything remains.",
        Formula(f"ram.remaining == 0 or {_COUNTED} + ram.remaining >= ram.total - TORN * ram.page_size"),
        "MigrationStats.remaining",
        statuses=PAUSED | CANCELLING,
        needs=_NO_HINTS,
        evidence="0 of 22 276, 12 pages at worst",
    ),
    Relation(
        "query-migrate.ram.accounted.completed",
        "A completed migration has counted all memory as sent.",
        Formula(f"{_COUNTED} >= before.ram.total"),
        "MigrationStats.normal",
        statuses=COMPLETED,
        before=UNFINISHED - CANCELLING,
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


MONOTONE: tuple[Relation, ...] = (
    # that of normal-bytes follows from normal and page-size
    _never_decreases("transferred", "The bytes sent never become fewer within a migration."),
    _never_decreases("normal", "The full pages sent never become fewer within a migration."),
    _never_decreases("duplicate", "The pages of zeroes sent never become fewer within a migration."),
    _never_decreases("dirty_sync_count", "The collections of dirty pages never become fewer within a migration."),
    _never_decreases("multifd_bytes", "The bytes sent by multifd never become fewer within a migration."),
    _never_decreases(
        "postcopy_requests",
        "The pages asked for never become fewer within a migration.",
        WITH_RAM - PRECOPY,
        WITH_RAM,
    ),
)
"""What only grows within a migration, across recoveries too."""

PASSES: tuple[Relation, ...] = (
    Relation(
        "query-migrate.ram.postcopy-requests",
        "No page is asked for before postcopy.",
        Formula("ram.postcopy_requests == 0"),
        "MigrationStats.postcopy-requests",
        statuses=PRECOPY,
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.postcopy-requests.off",
        "No page is asked for without postcopy.",
        Formula("ram.postcopy_requests == 0"),
        "MigrationStats.postcopy-requests",
        statuses=COMPLETED | CANCELLING,
        capabilities=((Capability.POSTCOPY_RAM, False),),
        evidence="0 of 22 341",
    ),
    Relation(
        "query-migrate.ram.dirty-sync-count",
        "Dirty pages were collected before the first page is sent.",
        Formula("ram.dirty_sync_count >= 1"),
        "MigrationStats.dirty-sync-count",
        statuses=WITH_RAM - CANCELLING,
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
        statuses=CANCELLING,
        evidence="0 of 12",
    ),
    # the count comes first and its event follows
    Relation(
        "query-migrate.ram.dirty-sync-count.pass",
        "The collections are as many as the passes shown, or one more.",
        Formula("passes.asked <= ram.dirty_sync_count <= passes.seen + 1"),
        "MigrationStats.dirty-sync-count",
        statuses=UNFINISHED - CANCELLING,
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
