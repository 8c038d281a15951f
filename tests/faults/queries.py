"""Sample faults in the answers of queries about the migration, the guest and the capabilities."""

from __future__ import annotations

from tests.faults.fault import Fault, dst, in_trace, src
from tests.faults.mutations import altered, borrowed, replaced, setting, without
from tests.faults.traces import BAD_ADDRESS, CANCEL, PAUSE, POLLED, PRECOPY

CAPABILITIES = "capabilities-that-exclude-each-other"

_PROGRESS = src.reply("query-migrate")
_RUN = src.reply("query-status")
_LISTED = src.reply("query-migrate-capabilities", 2)

QUERIES = (
    *in_trace(
        CANCEL,
        src,
        Fault("member-missing", "schema.query-migrate", without(_PROGRESS, "return.ram.remaining")),
        Fault("member-added", "schema.query-migrate", altered(_PROGRESS, "return.ram.pages", 1)),
        Fault("member-of-wrong-type", "schema.query-migrate", altered(_PROGRESS, "return.total-time", "8")),
        Fault(
            "member-out-of-range",
            "schema.query-migrate",
            altered(_PROGRESS, "return.ram.total", 2**64),
        ),
        Fault(
            "status-unknown",
            "schema.query-migrate",
            altered(_PROGRESS, "return.status", "migrating"),
        ),
        Fault("downtime-in-active", "query-migrate.members", altered(_PROGRESS, "return.downtime", 2)),
        Fault("no-statistics-in-active", "query-migrate.members", without(_PROGRESS, "return.ram")),
        Fault(
            "total-time-in-cancelled",
            "query-migrate.members",
            altered(src.reply("query-migrate", 3), "return.total-time", 90),
        ),
        Fault(
            "statistics-in-cancelled",
            "query-migrate.members",
            borrowed(src.reply("query-migrate", 3), "return.ram", _PROGRESS),
        ),
        Fault(
            "active-after-cancelled",
            "query-migrate.status",
            altered(src.reply("query-migrate", 3), "return.status", "active"),
        ),
    ),
    *in_trace(
        POLLED,
        src,
        Fault(
            "statistics-in-setup",
            "query-migrate.members",
            borrowed(_PROGRESS, "return.ram", src.reply("query-migrate", 2)),
        ),
    ),
    *in_trace(
        PRECOPY,
        src,
        Fault(
            "expected-downtime-in-completed",
            "query-migrate.members",
            altered(src.reply("query-migrate", 2), "return.expected-downtime", 300),
        ),
    ),
    *in_trace(
        PRECOPY,
        dst,
        Fault(
            "address-after-completion",
            "query-migrate.members",
            borrowed(dst.reply("query-migrate", 2), "return.socket-address", dst.reply("query-migrate")),
        ),
        Fault(
            "address-missing",
            "query-migrate.members",
            without(dst.reply("query-migrate"), "return.socket-address"),
        ),
        Fault(
            "active-still-in-completed",
            "query-migrate.status",
            altered(dst.reply("query-migrate", 2), "return.status", "active"),
        ),
    ),
    *in_trace(
        BAD_ADDRESS,
        src,
        Fault(
            "error-after-bad-scheme",
            "query-migrate.members",
            altered(_PROGRESS, "return.error-desc", "Parameter 'uri' expects a valid migration protocol"),
        ),
    ),
    *in_trace(
        PAUSE,
        src,
        Fault(
            "run-state-contradicts-stop",
            "query-status.run",
            replaced(_RUN, {"return": {"status": "running", "singlestep": False, "running": True}}),
        ),
        Fault(
            "run-state-unknown",
            "schema.query-status",
            altered(_RUN, "return.status", "stopped"),
        ),
        Fault(
            "running-contradicts-run-state",
            "query-status.running",
            altered(_RUN, "return.running", True),
        ),
    ),
    *in_trace(
        CAPABILITIES,
        src,
        Fault(
            "capability-not-as-set",
            "query-migrate-capabilities.settings",
            setting(_LISTED, "postcopy-ram", on=False),
        ),
        Fault(
            "capability-missing",
            "query-migrate-capabilities.complete",
            without(_LISTED, "return.3"),
        ),
    ),
)
"""Answers of queries."""
