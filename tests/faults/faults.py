"""The sample faults: each puts one thing wrong into a recorded trace and says where and as what it must be found.

A fault names the trace of the corpus that it starts from, the VM that has it, the mutation, and the rules of
which one must be named.  The tests judge each, and keep what the checker says about it as text in `golden`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.mutations import (
    Faulty,
    Mutation,
    Side,
    accepted,
    altered,
    as_text,
    doubled,
    exchanged,
    invented,
    lost,
    recorded,
    refused,
    replaced,
    without,
)

PRECOPY = "precopy-unix"
POLLED = "precopy-polled-only"
CANCEL = "cancel-in-active"
PAUSE = "pause-before-switchover"
RECOVER = "recover-once"
REFUSED = "recover-refused"
CONTINUE = "continue-with-wrong-states"
BAD_ADDRESS = "migrate-to-malformed-addresses-events-off"
MISMATCH = "mismatch-of-memory-size"
CAPABILITIES = "capabilities-that-exclude-each-other"
QUIT = "source-quits-in-active"
LATE = "late-attach"

src = Side("src")
dst = Side("dst")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its name, the trace that it is put into, the VM that has it, and the rules that may be named."""

    name: str
    base: str
    side: Side
    rules: tuple[str, ...]
    mutation: Mutation

    def faulty(self) -> Faulty:
        """The trace with the fault in it."""
        return self.mutation(recorded(self.base))


def _migration(status: str) -> Mapping[str, object]:
    return {"event": "MIGRATION", "data": {"status": status}}


_STATUSES = (
    Fault("active-lost", PRECOPY, src, ("outgoing.setup-to-active",), lost(src.status("active"), src.event("STOP"))),
    Fault("setup-lost", PRECOPY, src, ("migrate.accepted",), lost(src.status("setup"), src.reply("migrate"))),
    Fault("stop-lost", PRECOPY, src, ("outgoing.stop-guest",), lost(src.event("STOP"), src.status("completed"))),
    Fault("resume-lost", PRECOPY, dst, ("incoming.active-to-completed",), lost(dst.event("RESUME"), dst.status("completed"))),
    Fault("completed-lost", PRECOPY, src, ("outgoing.active-to-completed",), lost(src.status("completed"), src.reply("query-migrate", 2))),
    Fault("cancelling-lost", CANCEL, src, ("migrate_cancel.accepted",), lost(src.status("cancelling"), src.reply("migrate_cancel"))),
    Fault("cancelled-lost", CANCEL, src, ("outgoing.cancelling-to-cancelled",), lost(src.status("cancelled"), src.reply("query-migrate", 3))),
    Fault("recover-lost", RECOVER, src, ("outgoing.postcopy-paused-to-postcopy-recover",), lost(src.status("postcopy-recover"), src.status("postcopy-active", 2))),
    Fault("active-doubled", PRECOPY, src, ("outgoing.setup-to-active",), doubled(src.status("active"))),
    Fault("stop-doubled", PRECOPY, src, ("outgoing.stop-guest",), doubled(src.event("STOP"))),
    Fault("completed-doubled", PRECOPY, src, ("outgoing.active-to-completed",), doubled(src.status("completed"))),
    Fault("destination-completed-doubled", PRECOPY, dst, ("incoming.active-to-completed",), doubled(dst.status("completed"))),
    Fault("active-before-its-pass", PRECOPY, src, ("outgoing.first-pass",), exchanged(src.passed(1), src.status("active"), src.status("active"))),
    Fault("stop-after-pre-switchover", PAUSE, src, ("outgoing.stop-guest",), exchanged(src.event("STOP"), src.status("pre-switchover"), src.status("pre-switchover"))),
    Fault("resume-after-completed", PRECOPY, dst, ("incoming.active-to-completed",), exchanged(dst.event("RESUME"), dst.status("completed"), dst.status("completed"))),
    Fault("stop-before-postcopy-active", RECOVER, src, ("outgoing.active-to-postcopy-active",), exchanged(src.status("postcopy-active"), src.event("STOP"), src.event("STOP"))),
    Fault("postcopy-without-capability", PRECOPY, src, ("outgoing.active-to-postcopy-active",), invented(src.status("active"), _migration("postcopy-active"))),
    Fault("device-without-pause", PRECOPY, src, ("outgoing.pre-switchover-to-device",), invented(src.event("STOP"), _migration("device"))),
    Fault("colo-without-capability", PRECOPY, src, ("outgoing.active-to-colo",), invented(src.passed(2), _migration("colo"))),
    Fault("wait-unplug-without-device", PRECOPY, src, ("outgoing.setup-to-wait-unplug",), invented(src.status("active"), _migration("wait-unplug"))),
    Fault("active-after-completed", PRECOPY, src, ("outgoing.setup-to-active",), invented(src.status("completed"), _migration("active"))),
    Fault("cancelled-after-completed", PRECOPY, src, ("outgoing.cancelling-to-cancelled",), invented(src.status("completed"), _migration("cancelled"))),
    Fault("failed-after-completed", PRECOPY, src, ("outgoing.failed-to-failed.channel",), invented(src.status("completed"), _migration("failed"))),
    Fault("cancelled-without-cancel", CANCEL, src, ("outgoing.cancelling-to-cancelled",), invented(src.status("active"), _migration("cancelled"))),
    Fault("destination-cancelled", PRECOPY, dst, (), invented(dst.status("active"), _migration("cancelled"))),
    Fault("message-after-failed", CANCEL, dst, ("incoming.active-to-completed",), invented(dst.status("failed"), _migration("completed"))),
    Fault("resume-after-completion", PRECOPY, src, ("cont.stopped",), invented(src.status("completed"), {"event": "RESUME"})),
    Fault("unknown-status", PRECOPY, src, ("schema.MIGRATION",), altered(src.status("active"), ("msg", "data", "status"), "activ")),
)  # fmt: skip
"""Events that are lost, repeated, exchanged or impossible."""

_PASSES = (
    Fault("pass-jumps", PRECOPY, src, ("migration-pass.count",), altered(src.passed(2), ("msg", "data", "pass"), 4)),
    Fault("pass-repeats", CONTINUE, src, ("migration-pass.count",), altered(src.passed(2), ("msg", "data", "pass"), 1)),
    Fault("pass-starts-at-two", PRECOPY, src, ("outgoing.first-pass",), altered(src.passed(1), ("msg", "data", "pass"), 2)),
    Fault("pass-of-wrong-type", PRECOPY, src, ("schema.MIGRATION_PASS",), altered(src.passed(2), ("msg", "data", "pass"), "2")),
    Fault("last-pass-lost", PRECOPY, src, ("outgoing.last-pass",), lost(src.passed(2), src.status("completed"))),
)  # fmt: skip
"""MIGRATION_PASS."""

_BUSY = "There's a migration process in progress"

_REPLIES = (
    Fault("migrate-refused", PRECOPY, src, ("migrate.accepted",), refused(src.reply("migrate"), _BUSY)),
    Fault("migrate-in-progress-accepted", REFUSED, src, ("migrate.in-progress",), accepted(src.reply("migrate", 4))),
    Fault("wrong-class", REFUSED, src, ("migrate.in-progress",), altered(src.reply("migrate", 4), ("msg", "error", "class"), "CommandNotFound")),
    Fault("wrong-text", REFUSED, src, ("migrate.in-progress",), altered(src.reply("migrate", 4), ("msg", "error", "desc"), "Migration in progress")),
    Fault("unknown-class", REFUSED, src, ("migrate.in-progress",), altered(src.reply("migrate", 4), ("msg", "error", "class"), "MigrationError")),
    Fault("continue-with-wrong-state-accepted", CONTINUE, src, ("migrate-continue.other-state",), accepted(src.reply("migrate-continue", 5))),
    Fault("continue-refused", PAUSE, src, ("migrate-continue.switch",), refused(src.reply("migrate-continue"), "Migration not in expected state: pre-switchover")),
    Fault("recover-on-source-accepted", REFUSED, src, ("migrate-recover.not-paused",), accepted(src.reply("migrate-recover", 3))),
    Fault("pause-accepted-when-paused", REFUSED, src, ("migrate-pause.not-postcopy",), accepted(src.reply("migrate-pause", 3))),
    Fault("cancel-refused", CANCEL, src, ("migrate_cancel.accepted",), refused(src.reply("migrate_cancel"), "No migration in progress")),
    Fault("bad-address-accepted", BAD_ADDRESS, src, ("migrate.uri.body",), accepted(src.reply("migrate", 2))),
    Fault("wrong-id", PRECOPY, src, ("envelope.id",), altered(src.reply("migrate"), ("msg", "id"), "m-99")),
    Fault("id-missing", PRECOPY, src, ("envelope.id",), without(src.reply("migrate"), ("msg", "id"))),
    Fault("id-of-other-type", PRECOPY, src, ("envelope.id",), altered(src.reply("migrate"), ("msg", "id"), 5)),
    Fault("reply-lost", PRECOPY, src, ("envelope.reply.order",), lost(src.reply("query-status"), src.reply("query-migrate"))),
    Fault("reply-of-migrate-lost", PRECOPY, src, ("envelope.reply.order",), lost(src.reply("migrate"), src.reply("query-status", 2))),
    Fault("reply-invented", PRECOPY, src, ("envelope.reply.unrequested",), invented(src.status("completed"), {"return": {}, "id": "m-5"})),
    Fault("reply-doubled", PRECOPY, src, ("envelope.reply.unrequested",), doubled(src.reply("query-status"))),
    Fault("replies-exchanged", PRECOPY, src, ("query-status.run", "schema.query-status"), exchanged(src.reply("query-status"), src.reply("query-migrate"), src.request("query-migrate"))),
)  # fmt: skip
"""Replies that are refused or accepted wrongly, carry a wrong id, or are too many or too few."""

_STATISTICS = (
    Fault("member-missing", CANCEL, src, ("schema.query-migrate",), without(src.reply("query-migrate"), ("msg", "return", "ram", "remaining"))),
    Fault("member-added", CANCEL, src, ("schema.query-migrate",), altered(src.reply("query-migrate"), ("msg", "return", "ram", "pages"), 1)),
    Fault("member-of-wrong-type", CANCEL, src, ("schema.query-migrate",), altered(src.reply("query-migrate"), ("msg", "return", "total-time"), "8")),
    Fault("member-out-of-range", CANCEL, src, ("schema.query-migrate",), altered(src.reply("query-migrate"), ("msg", "return", "ram", "total"), 2**64)),
    Fault("member-negative", CANCEL, src, ("schema.query-migrate",), altered(src.reply("query-migrate"), ("msg", "return", "ram", "total"), -(2**63) - 1)),
    Fault("status-unknown", CANCEL, src, ("schema.query-migrate",), altered(src.reply("query-migrate"), ("msg", "return", "status"), "migrating")),
    Fault("statistics-in-setup", POLLED, src, ("query-migrate.members",), altered(src.reply("query-migrate"), ("msg", "return", "ram"), {})),
    Fault("statistics-in-cancelled", CANCEL, src, ("query-migrate.members",), altered(src.reply("query-migrate", 3), ("msg", "return", "total-time"), 90)),
    Fault("downtime-in-active", CANCEL, src, ("query-migrate.members",), altered(src.reply("query-migrate"), ("msg", "return", "downtime"), 2)),
    Fault("expected-downtime-in-completed", PRECOPY, src, ("query-migrate.members",), altered(src.reply("query-migrate", 2), ("msg", "return", "expected-downtime"), 300)),
    Fault("no-statistics-in-active", CANCEL, src, ("query-migrate.members",), without(src.reply("query-migrate"), ("msg", "return", "ram"))),
    Fault("error-after-bad-scheme", BAD_ADDRESS, src, ("query-migrate.members",), altered(src.reply("query-migrate"), ("msg", "return", "error-desc"), "Parameter 'uri' expects a valid migration protocol")),
    Fault("address-after-completion", PRECOPY, dst, ("query-migrate.members",), altered(dst.reply("query-migrate", 2), ("msg", "return", "socket-address"), [{"type": "unix", "path": "/tmp/m"}])),
    Fault("address-missing", PRECOPY, dst, ("query-migrate.members",), without(dst.reply("query-migrate"), ("msg", "return", "socket-address"))),
    Fault("status-contradicts-event", CANCEL, src, ("query-migrate.status",), altered(src.reply("query-migrate", 3), ("msg", "return", "status"), "active")),
    Fault("active-still-in-completed", PRECOPY, dst, ("query-migrate.status",), altered(dst.reply("query-migrate", 2), ("msg", "return", "status"), "active")),
    Fault("run-state-contradicts-stop", PAUSE, src, ("query-status.run",), replaced(src.reply("query-status"), **{"return": {"status": "running", "singlestep": False, "running": True}})),
    Fault("run-state-unknown", PAUSE, src, ("schema.query-status",), altered(src.reply("query-status"), ("msg", "return", "status"), "stopped")),
    Fault("running-contradicts-run-state", PAUSE, src, ("schema.query-status", "query-status.run"), altered(src.reply("query-status"), ("msg", "return", "running"), True)),
    Fault("capability-not-as-set", CAPABILITIES, src, ("query-migrate-capabilities.settings",), altered(src.reply("query-migrate-capabilities"), ("msg", "return", 0, "state"), True)),
    Fault("capability-missing", CAPABILITIES, src, ("query-migrate-capabilities.complete",), without(src.reply("query-migrate-capabilities"), ("msg", "return", 3))),
)  # fmt: skip
"""Answers of queries."""

_FORM = (
    Fault("event-before-negotiation", PRECOPY, src, ("envelope.negotiation.complete",), invented(src.greeting(), {"event": "STOP"})),
    Fault("timestamp-missing", PRECOPY, src, ("envelope.timestamp",), without(src.event("STOP"), ("msg", "timestamp"))),
    Fault("timestamp-of-wrong-type", PRECOPY, src, ("envelope.message", "envelope.timestamp"), altered(src.event("STOP"), ("msg", "timestamp", "seconds"), "1")),
    Fault("event-data-missing", PRECOPY, src, ("schema.MIGRATION",), without(src.status("active"), ("msg", "data"))),
    Fault("event-member-added", PRECOPY, src, ("schema.MIGRATION",), altered(src.status("active"), ("msg", "data", "side"), "source")),
    Fault("error-without-class", REFUSED, src, ("envelope.message",), without(src.reply("migrate", 4), ("msg", "error", "class"))),
    Fault("error-member-added", REFUSED, src, ("envelope.message",), altered(src.reply("migrate", 4), ("msg", "error", "code"), 16)),
    Fault("error-text-of-wrong-type", REFUSED, src, ("envelope.message",), altered(src.reply("migrate", 4), ("msg", "error", "desc"), 16)),
    Fault("return-and-error", REFUSED, src, ("envelope.message",), altered(src.reply("migrate", 4), ("msg", "return"), {})),
    Fault("return-not-empty", PRECOPY, src, ("schema.migrate",), replaced(src.reply("migrate"), **{"return": {"status": "setup"}})),
)  # fmt: skip
"""The form of messages."""

_ENDS = (
    Fault("crash-out-of-nowhere", QUIT, src, ("process.terminated",), altered(src.end(), ("exit",), -11)),
    Fault("destination-crashes", CANCEL, dst, ("process.terminated",), altered(dst.end(), ("exit",), -11)),
    Fault("exit-without-quit", CANCEL, dst, ("process.terminated",), altered(dst.end(), ("exit",), 0)),
    Fault("quit-with-failure", QUIT, src, ("process.terminated",), altered(src.end(), ("exit",), 1)),
)  # fmt: skip
"""The ends of processes."""

FAULTS: tuple[Fault, ...] = (*_STATUSES, *_PASSES, *_REPLIES, *_STATISTICS, *_FORM, *_ENDS)
"""Every sample fault."""


def demo() -> str:
    """The trace that the demonstration judges: a completed precopy whose source lets its guest run again."""
    (fault,) = (fault for fault in FAULTS if fault.name == "resume-after-completion")
    lines = fault.faulty().lines
    header = {
        **lines[0],
        "scenario": "demo",
        "note": "A running guest migrates; after completion it runs again on the source, too.",
    }
    return as_text([header, *lines[1:]])
