"""From decoded messages to observations, and what is wrong with a message in itself.

Each kind of message has one place where it is held against the schema and reduced to an observation.
Everything here is remembered by the message's own text, so that a poller's thousandth request costs a
look-up.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable, Iterator
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import astuple, replace

from migspec.spec import parameters
from migspec.spec.commands import colo, dirty_rate
from migspec.spec.commands.queries import MigrateAnswer, contradictions
from migspec.spec.events import name_of
from migspec.spec.requests import Request, understand, words
from migspec.spec.schema import ABSENT, Schema
from migspec.spec.schema.known import UNKNOWN, known, known_arguments
from migspec.spec.schema.reach import types_of_arguments, types_of_reply
from migspec.spec.schema.validate import LATER, Mismatch, MismatchKind, validate_event, validate_reply
from migspec.spec.state import VARIABLES
from migspec.traces.findings import Grade
from migspec.traces.messages import AnswerDecoders, Message, answers_like, decode_any, decoders_for
from migspec.traces.observations import Reply

MOST_REMEMBERED = 20_000
"""Entries of a memory before it is emptied: it bounds what a trace of ever new messages can take."""

_LONGEST_REMEMBERED = 2_048
"""Bytes of a reply that is likely to come once more."""

_LONG_NUMBER = re.compile(rb"\d{20}")
"""What a number has that may be larger than any integer of the wire."""


class Reader:
    """The reading of messages under one schema; shared by all VMs that are judged by it.

    Unless the schema is `exact`, the members and words that it does not know are those of a later release, and left
    aside.
    """

    def __init__(self, schema: Schema, *, exact: bool = True) -> None:
        self.schema = schema
        self._exact = exact
        decoders = decoders_for(schema)
        self._decoders = decoders
        self._returns = decoders.returns
        self._migrate_answer = decoders.returns["query-migrate"].decode
        self._requests: dict[tuple[str, bytes, bool], Request] = {}
        self._events: dict[tuple[str, bytes], tuple[str | None, tuple[Mismatch, ...]]] = {}
        self._contradictions: dict[tuple[str, bytes], tuple[tuple[str, str], ...]] = {}
        self._types: dict[tuple[str, bytes], frozenset[str]] = {}
        self._replies: dict[Reply, Reply] = {}
        self._successes: dict[tuple[str, bytes], tuple[Reply | None, tuple[Mismatch, ...]]] = {}

    def request(self, command: str, arguments: bytes, *, oob: bool) -> Request:
        """The request for a command with these arguments, given as JSON text; empty where there are none."""
        key = (command, arguments, oob)
        found = self._requests.get(key)
        if found is None:
            found = self._understood(command, _decode(arguments) if arguments else ABSENT, oob=oob)
            _remember(self._requests, key, found)
        return found

    def event(self, name: str, data: bytes) -> tuple[str | None, tuple[Mismatch, ...]]:
        """The event as rows name it, None if no row knows it, and what the schema finds wrong with it."""
        key = (name, data)
        found = self._events.get(key)
        if found is None:
            value = _decode(data) if data else ABSENT
            definition = self.schema.events.get(name)
            faults = tuple(validate_event(value, definition, self.schema)) if definition else ()
            found = (name_of(name, value), faults)
            _remember(self._events, key, found)
        return found

    def reply(self, command: str, message: Message) -> tuple[Reply | None, tuple[Mismatch, ...]]:
        """The reply to a command, None where its faults leave nothing of it, and what the schema finds wrong."""
        error = message.error
        if error is not None:
            return self._intern(Reply(error.error_class, error.desc)), ()
        returned = message.returned
        if len(returned) > _LONGEST_REMEMBERED:
            return self._success(command, returned)
        key = (command, bytes(returned))
        found = self._successes.get(key)
        if found is None:
            found = self._success(command, returned)
            _remember(self._successes, key, found)
        return found

    def _success(self, command: str, returned: msgspec.Raw) -> tuple[Reply | None, tuple[Mismatch, ...]]:
        decoder = self._returns.get(command)
        if decoder is None:
            return self._intern(Reply(empty=bytes(returned) == b"{}")), ()
        try:
            value = decoder.decode(returned)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._misfit(command, bytes(returned))
        if _LONG_NUMBER.search(returned):
            reply, faults = self._misfit(command, bytes(returned))
            if faults:
                return reply, faults
        return self._content(command, value, bytes(returned)), ()

    def contradictions(self, command: str, returned: bytes) -> tuple[tuple[str, str], ...]:
        """What an answer that fits the schema contradicts in itself: the rule, and what is wrong."""
        key = (command, returned)
        found = self._contradictions.get(key)
        if found is None:
            found = tuple(contradictions(command, _decode(returned)))
            _remember(self._contradictions, key, found)
        return found

    def types_of_request(self, command: str, arguments: bytes) -> frozenset[str]:
        """The types of the schema that the arguments of a request, which fit it, are made of."""
        definition = self.schema.commands.get(command)
        if definition is None or not arguments:
            return frozenset()
        key = (command, arguments)
        found = self._types.get(key)
        if found is None:
            found = types_of_arguments(_decode(arguments), definition, self.schema)
            _remember(self._types, key, found)
        return found

    def misfit(self, fault: Mismatch) -> tuple[Grade, str]:
        """How much it weighs that a message does not fit, and what to say; a later release may have more."""
        if self._exact or fault.kind not in LATER:
            return Grade.VIOLATION, str(fault)
        if fault.kind is MismatchKind.UNKNOWN_VALUE:
            return Grade.NOTE, f"{fault.path} is {fault.found}, a word that the schema does not have"
        return Grade.NOTE, f"{fault.path} is not in the schema, as that of a later release may be"

    def migrate_answer(self, returned: msgspec.Raw) -> Hashable:
        """What distinguishes an answer to query-migrate from others for the state: its status and members.

        It does not tell how long its lists are and of which types their elements are, which no state decides about.
        Raises `msgspec.ValidationError` for an answer that does not fit the schema.
        """
        info = self._migrate_answer(returned)
        return (info.status, *map(type, astuple(info)))

    def alike(self, returned: msgspec.Raw) -> AnswerDecoders:
        """Decoders for the answers to query-migrate that say the same of the state as this one.

        They refuse all others, and numbers so large that they must be looked at.
        """
        return answers_like(self._decoders, decode_any(returned))

    def _content(self, command: str, value: Any, returned: bytes) -> Reply:
        definition = self.schema.commands[command]
        reply = Reply(types=types_of_reply(_decode(returned), definition, self.schema))
        match command:
            case "query-migrate":
                members = frozenset(
                    name
                    for name in value.__struct_encode_fields__
                    if getattr(value, name.replace("-", "_")) is not UNSET
                )
                status = None if value.status is UNSET else value.status
                reply = replace(reply, answer=MigrateAnswer(status, members - {"status"}))
            case "query-status":
                reply = replace(reply, run=value.status)
            case "query-migrate-capabilities":
                reply = replace(reply, settings=tuple((entry.capability, entry.state) for entry in value))
            case parameters.READ:
                told = None if value.block_incremental is UNSET else value.block_incremental
                reply = replace(reply, block_incremental=told)
            case colo.QUERY:
                reply = replace(reply, shown=colo.ColoAnswer(value.mode, value.last_mode, value.reason))
            case dirty_rate.QUERY:
                rate = dirty_rate.DirtyRateAnswer(value.status, value.dirty_rate is not UNSET)
                reply = replace(reply, shown=rate)
            case _:
                reply = replace(reply, empty=definition.returns is None)
        return self._intern(reply)

    def _misfit(self, command: str, returned: bytes) -> tuple[Reply | None, tuple[Mismatch, ...]]:
        value = _decode(returned)
        faults = tuple(validate_reply(value, self.schema.commands[command], self.schema))
        if not self._exact and all(fault.kind in LATER for fault in faults):
            return self._known_reply(command, value), faults
        return _salvage(command, value), faults

    def _understood(self, command: str, given: object, *, oob: bool) -> Request:
        """What is asked for; what only a later release may know is refused, as written, or means what is left of it."""
        found = understand(command, given, self.schema, oob=oob)
        definition = self.schema.commands.get(command)
        if self._exact or found.may_pass or definition is None:
            return found
        part = known_arguments(given, definition, self.schema)
        later = found if part is UNKNOWN else understand(command, part, self.schema, oob=oob)
        return dataclasses.replace(later, argument_errors=found.argument_errors) if later.may_pass else found

    def _known_reply(self, command: str, value: object) -> Reply | None:
        """What a reply of a later release says in the words of this schema; None if that leaves its status open."""
        returns = self.schema.commands[command].returns
        part = {} if returns is None else known(value, returns, self.schema)
        if part is UNKNOWN or (isinstance(value, dict) and isinstance(part, dict) and "status" in value.keys() - part):
            return None
        text = msgspec.json.encode(part)
        return self._content(command, self._returns[command].decode(text), text)

    def _intern(self, reply: Reply) -> Reply:
        found = self._replies.get(reply)
        if found is None:
            _remember(self._replies, reply, reply)
            return reply
        return found


def _salvage(command: str, value: object) -> Reply | None:
    """What a reply that does not fit the schema still says about the state; None if that is the part at fault."""
    if command == "query-migrate":
        status = value.get("status") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not (status is None or status in VARIABLES["outgoing"].values):
            return None
        return Reply(answer=MigrateAnswer(status, frozenset(value) - {"status"}))
    if command == "query-status":
        run = value.get("status") if isinstance(value, dict) else None
        return Reply(run=run) if run in VARIABLES["run"].values else None
    return Reply(empty=value == {})


def uri_of(arguments: bytes) -> str:
    """The URI in a request's arguments, or in the line that they give to the human monitor; empty where there is none.

    Of a line it is the first word behind the command that is no flag.
    """
    given = _decode(arguments)
    if not isinstance(given, dict):
        return ""
    uri, line = given.get("uri"), given.get("command-line")
    if isinstance(line, str):
        return next((word for word in words(line)[1:] if not word.startswith("-")), "")
    return uri if isinstance(uri, str) else ""


_FAULT = "Error: "
"""How the human monitor begins the text of what it could not do."""

_ASIDES = ("terminal does not allow synchronous migration", "warning: ")
"""How it begins what it says of a command that it carries out."""


def carried_out(request: Request, message: Message) -> bool | None:
    """Whether a reply tells that its request was carried out; None if it does not tell.

    The human monitor tells of faults in the text of a success.
    """
    if message.error is not None or not request.monitor_command:
        return message.error is None
    text = _decode(bytes(message.returned))
    said = [line for line in text.splitlines() if line] if isinstance(text, str) else [""]
    if any(line.startswith(_FAULT) for line in said):
        return False
    return True if all(line.startswith(_ASIDES) for line in said) else None


def _decode(text: bytes) -> object:
    try:
        return decode_any(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _remember(memory: dict[Any, Any], key: object, value: object) -> None:
    if len(memory) >= MOST_REMEMBERED:
        memory.clear()
    memory[key] = value


def salvaged(value: object) -> Message | None:
    """What a malformed server message still says, as a well-formed one; None if nothing."""
    if not isinstance(value, dict):
        return None
    kept: dict[str, object] = {name: value[name] for name in ("return", "id", "event", "data", "QMP") if name in value}
    error = value.get("error")
    if isinstance(error, dict):
        kept["error"] = {"class": str(error.get("class", "")), "desc": str(error.get("desc", ""))}
    if "event" in kept:
        kept["timestamp"] = {"seconds": -1, "microseconds": -1}
    try:
        message = msgspec.json.decode(msgspec.json.encode(kept), type=Message)
    except (msgspec.MsgspecError, RecursionError):
        return None
    says = message.returned or message.error or message.event is not None or message.greeting
    return message if says else None


def is_mixed(message: Message) -> bool:
    """Whether a server message has the members of several kinds of message."""
    kinds = (bool(message.returned), message.error is not None, message.event is not None, bool(message.greeting))
    if sum(kinds) > 1 or message.execute is not UNSET or message.exec_oob is not UNSET or message.arguments:
        return True
    if message.event is not None:
        return message.id is not UNSET
    return bool(message.data) or message.timestamp is not None


def envelope_faults(value: object) -> Iterator[str]:
    """What is wrong with a server message as a whole, each fault as `path: problem`."""
    if not isinstance(value, dict):
        yield "the message is not an object"
        return
    kinds = [kind for kind in ("QMP", "return", "error", "event") if kind in value]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        yield f"a server message has exactly one of QMP, return, error and event; this has {found}"
        return
    kind = kinds[0]
    allowed = {"event": {"event", "data", "timestamp"}, "QMP": {"QMP"}}.get(kind, {kind, "id"})
    for name in sorted(set(value) - allowed):
        yield f"{name}: unknown member"
    if kind == "error":
        yield from _error_faults(value["error"])
    if kind == "event":
        yield from _timestamp_faults(value.get("timestamp"))
        if not isinstance(value["event"], str):
            yield "event: expected a string"


def _error_faults(error: object) -> Iterator[str]:
    if not isinstance(error, dict):
        yield "error: expected an object"
        return
    for name in ("class", "desc"):
        if not isinstance(error.get(name), str):
            yield f"error.{name}: expected a string"
    for name in sorted(set(error) - {"class", "desc"}):
        yield f"error.{name}: unknown member"


def _timestamp_faults(timestamp: object) -> Iterator[str]:
    if not isinstance(timestamp, dict):
        yield "timestamp: expected an object"
        return
    for name in ("seconds", "microseconds"):
        if type(timestamp.get(name)) is not int:
            yield f"timestamp.{name}: expected an integer"
    for name in sorted(set(timestamp) - {"seconds", "microseconds"}):
        yield f"timestamp.{name}: unknown member"
