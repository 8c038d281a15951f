"""Sample faults in replies: that refuse or accept wrongly, have a wrong id, are malformed, too many or too few."""

from __future__ import annotations

from tests.faults.fault import Fault, dst, in_trace, src
from tests.faults.mutations import accepted, altered, borrowed, doubled, invented, lost, refused, replaced, without
from tests.faults.traces import BAD_ADDRESS, CANCEL, CONTINUE, PAUSE, POLLED, PRECOPY

REFUSED = "recover-refused"

_BUSY = "There's a migration process in progress"
_FIFTH = src.reply("migrate", 4)

REPLIES = (
    *in_trace(
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
    *in_trace(
        POLLED,
        src,
        Fault(
            "contents-exchanged",
            "query-migrate.status",
            borrowed(src.reply("query-migrate"), "return", src.reply("query-migrate", 2)),
        ),
    ),
    *in_trace(
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
    *in_trace(
        REFUSED,
        dst,
        Fault("pause-when-paused-accepted", "migrate-pause.not-postcopy", accepted(dst.reply("migrate-pause", 2))),
    ),
    *in_trace(
        CONTINUE,
        src,
        Fault(
            "continue-with-wrong-state-accepted",
            "migrate-continue.other-state",
            accepted(src.reply("migrate-continue", 5)),
        ),
    ),
    *in_trace(
        PAUSE,
        src,
        Fault(
            "continue-refused",
            "migrate-continue.accepted",
            refused(src.reply("migrate-continue"), "Migration not in expected state: pre-switchover"),
        ),
    ),
    *in_trace(
        CANCEL,
        src,
        Fault("cancel-refused", "migrate_cancel.accepted", refused(src.reply("migrate_cancel"), _BUSY)),
    ),
    *in_trace(
        BAD_ADDRESS,
        src,
        Fault("bad-address-accepted", "migrate.uri.body", accepted(src.reply("migrate", 2))),
    ),
)
"""Replies that refuse or accept wrongly, have a wrong id, are malformed, too many or too few."""
