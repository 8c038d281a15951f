"""Sample faults in the numbers that query-migrate answers."""

from __future__ import annotations

from tests.faults.fault import Fault, in_trace, src
from tests.faults.mutations import altered
from tests.faults.traces import CANCEL, PRECOPY

_PROGRESS = src.reply("query-migrate")
_MONOTONE = "query-migrate.ram.transferred.monotone"
_SECOND = src.reply("query-migrate", 2)

NUMBERS = (
    *in_trace(
        CANCEL,
        src,
        Fault("bytes-of-pages", "query-migrate.ram.normal-bytes", altered(_PROGRESS, "return.ram.normal-bytes", 4097)),
        Fault(
            "more-remains-than-there-is",
            "query-migrate.ram.remaining",
            altered(_PROGRESS, "return.ram.remaining", 2**40),
        ),
        Fault("page-skipped", "query-migrate.ram.skipped", altered(_PROGRESS, "return.ram.skipped", 1)),
        Fault(
            "asked-before-postcopy",
            "query-migrate.ram.postcopy-requests",
            altered(_PROGRESS, "return.ram.postcopy-requests", 1),
        ),
        Fault("speed-at-once", "query-migrate.ram.rates.first", altered(_PROGRESS, "return.ram.mbps", 900.5)),
        Fault("less-was-sent", _MONOTONE, altered(_SECOND, "return.ram.transferred", 5), most=2),
        Fault("time-runs-back", "query-migrate.total-time.monotone", altered(_SECOND, "return.total-time", 1), most=3),
        Fault("total-changes", "query-migrate.ram.total", altered(_SECOND, "return.ram.total", 67649536), most=2),
    ),
    *in_trace(
        PRECOPY,
        src,
        Fault("something-remains", "query-migrate.ram.completed", altered(_SECOND, "return.ram.remaining", 4096)),
        Fault(
            "collections-without-a-pass",
            "query-migrate.ram.dirty-sync-count.last-pass",
            altered(_SECOND, "return.ram.dirty-sync-count", 3),
        ),
    ),
)
"""The numbers in answers to query-migrate."""
