"""The sample faults: each puts one thing wrong into a recorded trace and says where and as what it must be found.

The tables are grouped by the trace that a fault starts from and the VM that has it.  An entry is the fault's
name, the rule that the checker has to name, and the mutation; what the checker says about each is kept as text
in `golden`.  A fault that the checker cannot find yet is listed too, with the reason.
"""

from __future__ import annotations

from tests.faults.fault import Fault, dst, src
from tests.faults.fault import in_trace as _in
from tests.faults.mutations import (
    Line,
    accepted,
    altered,
    as_text,
    borrowed,
    doubled,
    ended,
    exchanged,
    exiting,
    invented,
    lost,
    refused,
    replaced,
    setting,
    without,
)
from tests.faults.wire import WIRE

PRECOPY = "precopy-unix"
POLLED = "precopy-polled-only"
CANCEL = "cancel-in-active"
PAUSE = "pause-before-switchover"
RECOVER = "recover-once"
REFUSED = "recover-refused"
CONTINUE = "continue-with-wrong-states"
BAD_ADDRESS = "migrate-to-malformed-addresses-events-off"
LIMITS = "parameters-at-their-limits"
CAPABILITIES = "capabilities-that-exclude-each-other"
QUIT = "source-quits-in-active"
DIRTY_RATE = "dirty-rate-asked-for-at-once"
REPLICATION = "replication-without-any"


def _migration(status: str) -> Line:
    return {"event": "MIGRATION", "data": {"status": status}}


_ACTIVE = "outgoing.setup-to-active"
_COMPLETED = "outgoing.active-to-completed"
_CANCELLED = "outgoing.cancelling-to-cancelled"
_LOADED = "incoming.active-to-completed"

_LOST = (
    *_in(
        PRECOPY,
        src,
        Fault("setup-lost", "migrate.accepted", lost(src.status("setup"), src.reply("migrate"))),
        Fault("active-lost", _ACTIVE, lost(src.status("active"), src.event("STOP"))),
        Fault("stop-lost", "outgoing.stop-guest", lost(src.event("STOP"), src.status("completed"))),
        Fault("last-pass-lost", "outgoing.last-pass", lost(src.passed(2), src.status("completed")), most=2),
        Fault("completed-lost", _COMPLETED, lost(src.status("completed"), src.reply("query-status", 2))),
    ),
    # without RESUME the guest may as well have stayed stopped, until a query says otherwise
    *_in(
        PRECOPY,
        dst,
        Fault("resume-lost", "query-status.run", lost(dst.event("RESUME"), dst.reply("query-status", 2))),
    ),
    # without `cancelling` the migration may as well have failed by itself just before, until a query says otherwise
    *_in(
        CANCEL,
        src,
        Fault(
            "cancelling-lost",
            "query-migrate.status",
            lost(src.status("cancelling"), src.reply("query-migrate", 2)),
        ),
        Fault("cancelled-lost", _CANCELLED, lost(src.status("cancelled"), src.reply("query-migrate", 3))),
    ),
    *_in(
        RECOVER,
        src,
        Fault(
            "recover-lost",
            "outgoing.postcopy-paused-to-postcopy-recover",
            lost(src.status("postcopy-recover"), src.reply("query-migrate", 2)),
        ),
    ),
)
"""Events that are lost."""

_TWICE = (
    *_in(
        PRECOPY,
        src,
        Fault("active-doubled", _ACTIVE, doubled(src.status("active"))),
        Fault("stop-doubled", "outgoing.stop-guest", doubled(src.event("STOP"))),
        Fault("completed-doubled", _COMPLETED, doubled(src.status("completed"))),
        Fault(
            "active-before-its-pass",
            _ACTIVE,
            exchanged(src.passed(1), src.status("active"), src.status("active")),
            most=2,
        ),
    ),
    *_in(
        PRECOPY,
        dst,
        Fault("destination-completed-doubled", _LOADED, doubled(dst.status("completed"))),
        Fault(
            "resume-after-completed",
            "cont.stopped",
            exchanged(dst.event("RESUME"), dst.status("completed"), dst.event("RESUME")),
        ),
    ),
    *_in(
        PAUSE,
        src,
        Fault(
            "stop-after-pre-switchover",
            "outgoing.stop-guest",
            exchanged(src.event("STOP"), src.status("pre-switchover"), src.event("STOP")),
        ),
    ),
    *_in(
        RECOVER,
        src,
        Fault(
            "stop-before-postcopy-active",
            "query-migrate.status",
            exchanged(src.status("postcopy-active"), src.event("STOP"), src.reply("query-migrate")),
        ),
    ),
)
"""Events that come twice, or in the wrong order."""

_IMPOSSIBLE = (
    *_in(
        PRECOPY,
        src,
        Fault(
            "postcopy-without-capability",
            "outgoing.active-to-postcopy-active",
            invented(src.status("active"), _migration("postcopy-active")),
        ),
        Fault(
            "device-without-pause",
            "outgoing.pre-switchover-to-device",
            invented(src.event("STOP"), _migration("device")),
        ),
        Fault("colo-without-capability", "outgoing.active-to-colo", invented(src.status("active"), _migration("colo"))),
        Fault(
            "wait-unplug-in-active",
            "outgoing.setup-to-wait-unplug",
            invented(src.status("active"), _migration("wait-unplug")),
        ),
        Fault("active-after-completed", _ACTIVE, invented(src.status("completed"), _migration("active"))),
        Fault("cancelled-after-completed", _CANCELLED, invented(src.status("completed"), _migration("cancelled"))),
        Fault("cancelled-without-cancel", _CANCELLED, invented(src.status("active"), _migration("cancelled"))),
        Fault(
            "failed-after-completed",
            "outgoing.active-to-failed",
            invented(src.status("completed"), _migration("failed")),
        ),
        Fault("resume-after-completion", "guest.restarted", invented(src.status("completed"), {"event": "RESUME"})),
        Fault("unknown-status", "schema.MIGRATION", altered(src.status("active"), "data.status", "activ"), most=3),
    ),
    *_in(
        PRECOPY,
        dst,
        Fault("destination-cancelled", _CANCELLED, invented(dst.status("active"), _migration("cancelled"))),
    ),
    *_in(
        CANCEL,
        dst,
        Fault(
            "resume-after-failed",
            "incoming.active-to-completed",
            invented(dst.status("failed"), {"event": "RESUME"}),
        ),
        Fault(
            "completed-after-failed",
            _LOADED,
            invented(dst.status("failed"), _migration("completed")),
        ),
    ),
)
"""Events that are impossible where they come."""

_PASSES = (
    *_in(
        PRECOPY,
        src,
        Fault("pass-jumps", "migration-pass.count", altered(src.passed(2), "data.pass", 4), most=2),
        Fault("pass-starts-at-two", "outgoing.first-pass", altered(src.passed(1), "data.pass", 2), most=3),
        Fault("pass-of-wrong-type", "schema.MIGRATION_PASS", altered(src.passed(2), "data.pass", "2"), most=2),
    ),
    *_in(
        CONTINUE,
        src,
        Fault("pass-repeats", "outgoing.last-pass", altered(src.passed(2), "data.pass", 1), most=2),
    ),
)
"""MIGRATION_PASS."""

_BUSY = "There's a migration process in progress"
_FIFTH = src.reply("migrate", 4)

_REPLIES = (
    *_in(
        PRECOPY,
        src,
        Fault("migrate-refused", "migrate.accepted", refused(src.reply("migrate"), _BUSY)),
        Fault("wrong-id", "envelope.id", altered(src.reply("migrate"), "id", "m-99")),
        Fault("id-of-other-type", "envelope.id", altered(src.reply("migrate"), "id", 5)),
        Fault("id-missing", "envelope.id", without(src.reply("migrate"), "id")),
        Fault("reply-lost", "envelope.reply.order", lost(src.reply("query-status"), src.reply("query-migrate"))),
        Fault("reply-of-migrate-lost", "migrate.accepted", lost(src.reply("migrate"), src.passed(1)), most=3),
        Fault(
            "reply-invented",
            "envelope.reply.unrequested",
            invented(src.status("completed"), {"return": {}, "id": "m-5"}),
        ),
        Fault("reply-doubled", "envelope.reply.unrequested", doubled(src.reply("query-status"))),
        Fault("return-not-empty", "schema.migrate", replaced(src.reply("migrate"), {"return": {"status": 1}}), most=2),
    ),
    *_in(
        POLLED,
        src,
        Fault(
            "contents-exchanged",
            "query-migrate.status",
            borrowed(src.reply("query-migrate"), "return", src.reply("query-migrate", 2)),
        ),
    ),
    *_in(
        REFUSED,
        src,
        Fault("migrate-in-progress-accepted", "migrate.in-progress", accepted(_FIFTH)),
        Fault("wrong-class", "migrate.in-progress", altered(_FIFTH, "error.class", "CommandNotFound")),
        Fault("unknown-class", "migrate.in-progress", altered(_FIFTH, "error.class", "MigrationError")),
        Fault("wrong-text", "migrate.in-progress", altered(_FIFTH, "error.desc", "Migration in progress")),
        Fault("recover-on-source-accepted", "migrate-recover.not-paused", accepted(src.reply("migrate-recover", 3))),
        Fault("error-without-class", "envelope.message", without(_FIFTH, "error.class"), most=2),
        Fault("error-member-added", "envelope.message", altered(_FIFTH, "error.code", 16)),
        Fault("error-text-of-wrong-type", "envelope.message", altered(_FIFTH, "error.desc", 16), most=2),
        Fault(
            "return-and-error",
            "envelope.message",
            altered(_FIFTH, "return", {}),
        ),
    ),
    *_in(
        REFUSED,
        dst,
        Fault("pause-when-paused-accepted", "migrate-pause.not-postcopy", accepted(dst.reply("migrate-pause", 2))),
    ),
    *_in(
        CONTINUE,
        src,
        Fault(
            "continue-with-wrong-state-accepted",
            "migrate-continue.other-state",
            accepted(src.reply("migrate-continue", 5)),
        ),
    ),
    *_in(
        PAUSE,
        src,
        Fault(
            "continue-refused",
            "migrate-continue.accepted",
            refused(src.reply("migrate-continue"), "Migration not in expected state: pre-switchover"),
        ),
    ),
    *_in(
        CANCEL,
        src,
        Fault("cancel-refused", "migrate_cancel.accepted", refused(src.reply("migrate_cancel"), _BUSY)),
    ),
    *_in(
        BAD_ADDRESS,
        src,
        Fault("bad-address-accepted", "migrate.uri.body", accepted(src.reply("migrate", 2))),
    ),
)
"""Replies that refuse or accept wrongly, have a wrong id, are malformed, too many or too few."""

_PROGRESS = src.reply("query-migrate")
_RUN = src.reply("query-status")
_LISTED = src.reply("query-migrate-capabilities", 2)

_QUERIES = (
    *_in(
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
    *_in(
        POLLED,
        src,
        Fault(
            "statistics-in-setup",
            "query-migrate.members",
            borrowed(_PROGRESS, "return.ram", src.reply("query-migrate", 2)),
        ),
    ),
    *_in(
        PRECOPY,
        src,
        Fault(
            "expected-downtime-in-completed",
            "query-migrate.members",
            altered(src.reply("query-migrate", 2), "return.expected-downtime", 300),
        ),
    ),
    *_in(
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
    *_in(
        BAD_ADDRESS,
        src,
        Fault(
            "error-after-bad-scheme",
            "query-migrate.members",
            altered(_PROGRESS, "return.error-desc", "Parameter 'uri' expects a valid migration protocol"),
        ),
    ),
    *_in(
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
    *_in(
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

_MONOTONE = "query-migrate.ram.transferred.monotone"
_SECOND = src.reply("query-migrate", 2)

_NUMBERS = (
    *_in(
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
    *_in(
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

_FORM = _in(
    PRECOPY,
    src,
    Fault("event-before-negotiation", "envelope.greeting", invented(src.greeting(), {"event": "STOP"})),
    Fault("timestamp-missing", "envelope.timestamp", without(src.event("STOP"), "timestamp")),
    Fault("timestamp-of-wrong-type", "envelope.message", altered(src.event("STOP"), "timestamp.seconds", "1")),
    Fault("event-data-missing", "schema.MIGRATION", without(src.status("active"), "data"), most=2),
    Fault("event-member-added", "schema.MIGRATION", altered(src.status("active"), "data.side", "source")),
)
"""The form of events."""

_ENDS = (
    *_in(
        PRECOPY,
        src,
        Fault("crash-out-of-nowhere", "process.terminated", ended(_PROGRESS, -11)),
        Fault("exit-without-quit", "process.terminated", ended(src.status("active"), 0)),
        Fault("failure-out-of-nowhere", "process.terminated", ended(_PROGRESS, 1)),
    ),
    *_in(
        CANCEL,
        dst,
        Fault("destination-crashes", "process.terminated", exiting(dst.end(), -11)),
        Fault("destination-exits-in-peace", "process.terminated", exiting(dst.end(), 0)),
    ),
    *_in(
        QUIT,
        src,
        Fault(
            "quit-ends-in-failure",
            "process.terminated",
            exiting(src.end(), 1),
            gap="an incoming postcopy from before the trace may fail unseen while the process exits",
        ),
    ),
)
"""The ends of processes."""

_READ = "query-migrate-parameters"
_SET = "migrate-set-parameters"

_CALC = "calc-dirty-rate"
_RATE = "query-dirty-rate"

_INTERFACE = (
    *_in(
        DIRTY_RATE,
        src,
        Fault("no-seconds-are-measured", "calc-dirty-rate.measuring", accepted(src.reply(_CALC, 2))),
        Fault("rate-before-its-time", "query-dirty-rate.status", altered(src.reply(_RATE, 4), "return.dirty-rate", 5)),
        Fault(
            "measured-for-no-time", "query-dirty-rate.calc-time", altered(src.reply(_RATE, 14), "return.calc-time", 0)
        ),
        Fault(
            "measured-in-the-past", "query-dirty-rate.start-time", altered(src.reply(_RATE, 15), "return.start-time", 1)
        ),
    ),
    *_in(
        REPLICATION,
        src,
        Fault("failover-at-the-start", "xen-set-replication.failover", accepted(src.reply("xen-set-replication", 2))),
        Fault(
            "description-of-no-error",
            "query-xen-replication-status.desc",
            altered(src.reply("query-xen-replication-status"), "return.desc", "none"),
        ),
        Fault(
            "spice-of-another-class",
            "client_migrate_info.not-in-use",
            refused(src.reply("client_migrate_info", 2), "SPICE is not in use"),
        ),
    ),
)
"""The rest of the interface."""

_VALUES = _in(
    LIMITS,
    src,
    Fault("value-not-stored", f"{_READ}.announce-initial", altered(src.reply(_READ, 2), "return.announce-initial", 50)),
    Fault("value-not-cut", f"{_READ}.compress-level", altered(src.reply(_READ, 5), "return.compress-level", 9)),
    Fault(
        "value-changed-unasked",
        f"{_READ}.tls-creds",
        altered(src.reply(_READ, 4), "return.tls-creds", "tls0"),
    ),
    Fault("parameter-not-told", f"{_READ}.complete", without(src.reply(_READ, 3), "return.max-bandwidth")),
    Fault("value-out-of-range-accepted", f"{_SET}.announce-initial.range", accepted(src.reply(_SET, 2))),
    Fault(
        "value-in-range-refused",
        f"{_SET}.accepted",
        refused(src.reply(_SET, 1), "Parameter 'announce_initial' expects is invalid, it must be less than 100000 ms"),
        most=2,
    ),
    Fault(
        "range-with-another-text",
        f"{_SET}.compress-level.range",
        refused(src.reply(_SET, 7), "Parameter 'compress_level' expects a value between 0 and 9"),
    ),
)
"""Values of parameters."""

FAULTS: tuple[Fault, ...] = (
    *_LOST,
    *_TWICE,
    *_IMPOSSIBLE,
    *_PASSES,
    *_REPLIES,
    *_QUERIES,
    *_INTERFACE,
    *_VALUES,
    *_FORM,
    *_ENDS,
    *WIRE,
    *_NUMBERS,
)
"""Every sample fault."""


def demo() -> str:
    """The trace that the demonstration judges: a completed precopy whose source lets its guest run again."""
    (fault,) = (fault for fault in FAULTS if fault.name == "resume-after-completion")
    header, *lines = fault.faulty().lines
    note = "A running guest migrates; after the completion it runs again on the source, too."
    return as_text([{**header, "scenario": "demo", "note": note}, *lines])
