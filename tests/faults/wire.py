"""Sample faults in what every command meets: the greeting, the negotiation, bad input, and out-of-band execution."""

from __future__ import annotations

from tests.faults.fault import Fault, in_trace, src
from tests.faults.mutations import altered, doubled, lost, moved, without

BAD = "bad-json"
CHAIN = "bad-json-with-several-errors"
NO_REQUESTS = "no-requests"
QUEUE = "out-of-band-and-the-queue"
UNNEGOTIATED = "out-of-band-without-being-negotiated"
UNKNOWN = "unknown-commands"

_NO_VALUE = src.error("JSON parse error, expecting value")
_THIRD = src.error("JSON parse error, key is not a string in object")
_NO_OBJECT = src.error("QMP input must be a JSON object")
_LACKS = src.error("QMP input lacks member 'execute'", 2)

WIRE = (
    *in_trace(
        BAD,
        src,
        Fault(
            "json-text-of-another-fault", "envelope.json", altered(_THIRD, "error.desc", "JSON parse error, stray '1'")
        ),
        Fault("json-error-of-another-class", "envelope.json", altered(_THIRD, "error.class", "CommandNotFound")),
        Fault("json-error-with-an-id", "envelope.json.id", altered(_THIRD, "id", 1)),
        Fault(
            "json-error-lost", "envelope.json", lost(_THIRD, src.error("JSON parse error, missing : in object pair"))
        ),
        Fault("json-error-doubled", "envelope.json", doubled(src.error("JSON parse error, stray '\x1b'"))),
        Fault("greeting-without-version", "envelope.greeting.members", without(src.greeting(), "QMP.version")),
        Fault(
            "greeting-with-unknown-capability",
            "envelope.greeting.members",
            altered(src.greeting(), "QMP.capabilities", ["oob", "compress"]),
        ),
    ),
    *in_trace(
        CHAIN,
        src,
        Fault("second-json-error-lost", "envelope.json", lost(_NO_VALUE, src.error("JSON parse error, stray '#'"))),
    ),
    *in_trace(
        NO_REQUESTS,
        src,
        Fault(
            "no-request-refused-for-what-it-has-not",
            "envelope.request",
            altered(_LACKS, "error.desc", "QMP input member 'bogus' is unexpected"),
        ),
        Fault("no-request-refused-without-its-id", "envelope.id", without(_LACKS, "id")),
        Fault("no-object-refused-with-an-id", "envelope.id", altered(_NO_OBJECT, "id", 1)),
    ),
    *in_trace(
        QUEUE,
        src,
        Fault("overtakes-too-many", "envelope.oob.queue", moved(src.answer("urgent", 5), src.answer("slow", 5))),
        Fault(
            "granted-without-an-offer",
            "envelope.negotiation.offered",
            lambda lines: altered(src.reply("qmp_capabilities"), "return", {})(
                altered(src.greeting(), "QMP.capabilities", [])(lines).lines
            ),
        ),
    ),
    *in_trace(
        UNNEGOTIATED,
        src,
        Fault("overtakes-without-negotiation", "envelope.reply.order", moved(src.answer("urgent"), src.answer("slow"))),
    ),
    *in_trace(
        UNKNOWN,
        src,
        Fault(
            "error-of-no-class", "envelope.error-class", altered(src.reply("MIGRATE"), "error.class", "NoSuchCommand")
        ),
    ),
)
"""Faults in the envelope."""
