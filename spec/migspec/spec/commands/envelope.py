"""What every command meets before its own checks: negotiation, out-of-band execution, its arguments."""

from __future__ import annotations

from migspec.spec.conditions import ALWAYS, where
from migspec.spec.contracts import Case, Contract, Words, refusal
from migspec.spec.requests import Request
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema.structs import REPLICATION
from migspec.spec.state import Session
from migspec.spec.vocabulary import ErrorClass

_NEGOTIATING = where({"session": Session.NEGOTIATING}, "the monitor is in negotiation")
_NEGOTIATED = where({"session": (Session.READY, Session.OOB)}, "the monitor is past negotiation")
_NO_OOB = where({"session": (Session.NEGOTIATING, Session.READY)}, "out-of-band execution was not negotiated")

_OF_REPLICATION = frozenset(name for name, command in SCHEMA.commands.items() if command.condition == REPLICATION)


def _argument_words(request: Request, _state: int) -> Words:
    return Words(request.argument_errors)


PASSES = Case(
    "envelope.passes",
    "The request reaches its command.",
    profiles=frozenset({SEED, QEMU_5_2_0}),
)
"""The case of a request that its own command goes on with."""

CONTRACT = Contract(
    "",
    (
        refusal(
            "envelope.oob.unexpected",
            "exec-oob is unknown on a monitor that has not negotiated it.",
            "QMP input member 'exec-oob' is unexpected",
            asks=lambda request: request.oob,
            when=_NO_OOB,
            evidence="in either mode, before all other checks",
        ),
        refusal(
            "envelope.negotiation.expected",
            "Before qmp_capabilities every other command is refused.",
            "Expecting capabilities negotiation with 'qmp_capabilities'",
            asks=lambda request: request.sent_as != "qmp_capabilities",
            when=_NEGOTIATING,
            error_class=ErrorClass.COMMAND_NOT_FOUND,
        ),
        refusal(
            "envelope.oob.unsupported",
            "Only commands marked allow-oob run out of band.",
            lambda request, _state: Words(frozenset({f"The command {request.sent_as} does not support OOB"})),
            asks=lambda request: request.oob and request.known and not request.oob_allowed,
        ),
        refusal(
            "envelope.command.build",
            "A build lacks the commands of what it was made without.",
            lambda request, _state: Words(frozenset({f"The command {request.sent_as} has not been found"})),
            asks=lambda request: request.sent_as in _OF_REPLICATION,
            when=where({"replication": "no"}, "the build lacks replication"),
            error_class=ErrorClass.COMMAND_NOT_FOUND,
            evidence="read in the release's source; its own build has them",
        ),
        refusal(
            "envelope.arguments",
            "Arguments that do not fit the schema are refused before the command looks at anything.",
            _argument_words,
            asks=lambda request: not request.may_pass,
            when=ALWAYS,
        ),
        refusal(
            "envelope.arguments.build",
            "Arguments with a word that only some builds know may be refused.",
            _argument_words,
            asks=lambda request: request.may_pass and bool(request.argument_errors),
            final=False,
        ),
        refusal(
            "envelope.negotiation.complete",
            "qmp_capabilities is accepted once a connection.",
            "Capabilities negotiation is already complete, command ignored",
            asks=lambda request: request.command == "qmp_capabilities",
            when=_NEGOTIATED,
            error_class=ErrorClass.COMMAND_NOT_FOUND,
            evidence="after the check of its arguments",
        ),
        PASSES,
    ),
)
"""The checks that come before every contract."""
