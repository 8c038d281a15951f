"""Sample faults in events: lost, doubled, in the wrong order, impossible where they come, or of a wrong form."""

from __future__ import annotations

from tests.faults.fault import Fault, dst, in_trace, src
from tests.faults.mutations import Line, altered, doubled, exchanged, invented, lost, without
from tests.faults.traces import CANCEL, CONTINUE, PAUSE, PRECOPY

CANCELLED_EARLY = "tls-cancelled-while-connecting"

RECOVER = "recover-once"


def _migration(status: str) -> Line:
    return {"event": "MIGRATION", "data": {"status": status}}


_ACTIVE = "outgoing.setup-to-active"
_COMPLETED = "outgoing.active-to-completed"
_CANCELLED = "outgoing.cancelling-to-cancelled"
_LOADED = "incoming.active-to-completed"

_LOST = (
    *in_trace(
        PRECOPY,
        src,
        Fault("setup-lost", "migrate.accepted", lost(src.status("setup"), src.reply("migrate"))),
        Fault("active-lost", _ACTIVE, lost(src.status("active"), src.event("STOP"))),
        Fault("stop-lost", "outgoing.stop-guest", lost(src.event("STOP"), src.status("completed"))),
        Fault("last-pass-lost", "outgoing.last-pass", lost(src.passed(2), src.status("completed")), most=2),
        Fault("completed-lost", _COMPLETED, lost(src.status("completed"), src.reply("query-status", 2))),
    ),
    # without RESUME the guest may as well have stayed stopped, until a query says otherwise
    *in_trace(
        PRECOPY,
        dst,
        Fault("resume-lost", "query-status.run", lost(dst.event("RESUME"), dst.reply("query-status", 2))),
    ),
    # without `cancelling` the migration may as well have failed by itself just before, until a query says otherwise
    *in_trace(
        CANCEL,
        src,
        Fault(
            "cancelling-lost",
            "query-migrate.status",
            lost(src.status("cancelling"), src.reply("query-migrate", 2)),
        ),
        Fault("cancelled-lost", _CANCELLED, lost(src.status("cancelled"), src.reply("query-migrate", 3))),
    ),
    *in_trace(
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
    *in_trace(
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
    *in_trace(
        PRECOPY,
        dst,
        Fault("destination-completed-doubled", _LOADED, doubled(dst.status("completed"))),
        Fault(
            "resume-after-completed",
            "cont.stopped",
            exchanged(dst.event("RESUME"), dst.status("completed"), dst.event("RESUME")),
        ),
    ),
    *in_trace(
        PAUSE,
        src,
        Fault(
            "stop-after-pre-switchover",
            "outgoing.stop-guest",
            exchanged(src.event("STOP"), src.status("pre-switchover"), src.event("STOP")),
        ),
    ),
    *in_trace(
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
    *in_trace(
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
    *in_trace(
        PRECOPY,
        dst,
        Fault("destination-cancelled", _CANCELLED, invented(dst.status("active"), _migration("cancelled"))),
    ),
    *in_trace(
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
    *in_trace(
        PRECOPY,
        src,
        Fault("pass-jumps", "migration-pass.count", altered(src.passed(2), "data.pass", 4), most=2),
        Fault("pass-starts-at-two", "outgoing.first-pass", altered(src.passed(1), "data.pass", 2), most=3),
        Fault("pass-of-wrong-type", "schema.MIGRATION_PASS", altered(src.passed(2), "data.pass", "2"), most=2),
    ),
    # while it is being cancelled, a migration may make any pass as far as the states know
    *in_trace(
        CANCELLED_EARLY,
        src,
        Fault("cancelled-pass-starts-at-two", "migration-pass.count", altered(src.passed(1), "data.pass", 2)),
    ),
    *in_trace(
        CONTINUE,
        src,
        Fault("pass-repeats", "outgoing.last-pass", altered(src.passed(2), "data.pass", 1), most=2),
    ),
)
"""MIGRATION_PASS."""

EVENTS: tuple[Fault, ...] = (*_LOST, *_TWICE, *_IMPOSSIBLE, *_PASSES)
"""Faults in events, but for their form."""

FORM = in_trace(
    PRECOPY,
    src,
    Fault("event-before-negotiation", "envelope.greeting", invented(src.greeting(), {"event": "STOP"})),
    Fault("timestamp-missing", "envelope.timestamp", without(src.event("STOP"), "timestamp")),
    Fault("timestamp-of-wrong-type", "envelope.message", altered(src.event("STOP"), "timestamp.seconds", "1")),
    Fault("event-data-missing", "schema.MIGRATION", without(src.status("active"), "data"), most=2),
    Fault("event-member-added", "schema.MIGRATION", altered(src.status("active"), "data.side", "source")),
)
"""Faults in the form of events."""
