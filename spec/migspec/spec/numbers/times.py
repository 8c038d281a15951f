"""Relations of times and rates, and of what stands still."""

from __future__ import annotations

from migspec.spec.numbers.common import CANCELLING, NO_CLOCK_STEP, PAUSED, WRITTEN, counters, unchanged
from migspec.spec.numbers.formula import Formula
from migspec.spec.numbers.relation import COMPLETED, UNFINISHED, WITH_RAM, History, Relation
from migspec.spec.rows import Standing
from migspec.spec.vocabulary import MigrationCapability as Capability
from migspec.spec.vocabulary import MigrationStatus as Status

_HELD = frozenset({Status.PRE_SWITCHOVER})
_RECOVERING = frozenset({Status.POSTCOPY_RECOVER})

TIMES: tuple[Relation, ...] = (
    Relation(
        "query-migrate.total-time.monotone",
        "The time since the start grows until the migration is completed.",
        Formula("total_time >= before.total_time"),
        "MigrationInfo.total-time",
        statuses=UNFINISHED,
        standing=Standing.DOCUMENTED,
        profiles=WRITTEN,
        evidence="0 of 18 380",
    ),
    Relation(
        "query-migrate.setup-time.constant",
        "The time of the set-up does not change once that is over.",
        Formula("setup_time == before.setup_time"),
        "MigrationInfo.setup-time",
        before=WITH_RAM - CANCELLING,
        evidence="0 of 21 733",
    ),
    Relation(
        "query-migrate.setup-time",
        "The set-up takes no longer than the migration so far.",
        Formula("setup_time <= total_time + ROUNDING"),
        "MigrationInfo.setup-time",
        statuses=UNFINISHED,
        needs=NO_CLOCK_STEP,
        evidence="0 of 18 842",
    ),
    Relation(
        "query-migrate.setup-time.completed",
        "The set-up took no longer than the migration, once its times are there.",
        Formula("total_time == 0 or setup_time <= total_time + ROUNDING"),
        "MigrationInfo.setup-time",
        statuses=COMPLETED,
        needs=NO_CLOCK_STEP,
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
            f"before.total_time == 0 or ({unchanged(('total_time', 'setup_time', 'downtime', *counters('ram.total')))})"
        ),
        "MigrationInfo.status",
        statuses=COMPLETED,
        evidence="0 of 3 072",
    ),
    Relation(
        "query-migrate.pre-switchover.constant",
        "Nothing is counted in pre-switchover.",
        Formula(unchanged(("expected_downtime", *counters()))),
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
            + unchanged(("expected_downtime", *counters("ram.remaining", "ram.postcopy_requests")))
        ),
        "MigrationStatus.postcopy-paused",
        statuses=PAUSED,
        recovers=False,
        evidence="0 of 49",
    ),
    # the destination tells in between what it has got
    Relation(
        "query-migrate.postcopy-recover.constant",
        "Nothing is sent until a recovery has come to pass.",
        Formula(unchanged(("expected_downtime", *counters("ram.remaining", "ram.postcopy_requests")))),
        "MigrationStatus.postcopy-recover",
        statuses=_RECOVERING,
        recovers=False,
        evidence="0 of 49",
    ),
)
"""Times, and when everything stands still."""

RATES: tuple[Relation, ...] = (
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
        statuses=UNFINISHED - CANCELLING,
        history=frozenset({History.BEGUN, History.STEADY}),
        evidence="0 of 1 034",
    ),
)
"""Rates, which are computed now and then."""
