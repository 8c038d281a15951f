"""Decoders for the lines of a trace, derived from the specification's schema.

A message that fits the schema is decoded and checked in one pass of compiled code; any other is decoded as
plain JSON and handed to the schema's own validator, which says what is wrong and where.  The types are built
from the schema's tables, so there is nothing to keep in step.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType
from msgspec.structs import astuple

from migspec.spec.schema import Command, Enum, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType, Scalar
from migspec.traces.framing import ANYTHING

_SIGNED_LIMIT = 2**63 - 1


class ErrorBody(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The error of a reply."""

    desc: str
    error_class: str = msgspec.field(name="class")


class Timestamp(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """When an event was made, by the host's clock; both are -1 where that failed."""

    seconds: int
    microseconds: int


class Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A QMP message of any kind, its variable parts left as text."""

    execute: str | UnsetType = UNSET
    exec_oob: str | UnsetType = msgspec.field(default=UNSET, name="exec-oob")
    arguments: Raw = Raw()
    returned: Raw = msgspec.field(default=Raw(), name="return")
    error: ErrorBody | None = None
    event: str | None = None
    data: Raw = Raw()
    timestamp: Timestamp | None = None
    id: Any = UNSET
    greeting: Raw = msgspec.field(default=Raw(), name="QMP")


SERVER_MEMBERS: tuple[str, ...] = ("return", "error", "event", "data", "timestamp", "QMP")
"""The members of a message that no request has."""


def is_request(message: Message, *, exact: bool) -> bool:
    """Whether a client's message, whose members have the right types, names one command.

    With `exact` it must have no member of a server's, and its arguments must be an object.
    """
    one = (message.execute is UNSET) != (message.exec_oob is UNSET)
    if not exact or not one:
        return one
    arguments = bytes(message.arguments)
    said = (message.error, message.event, message.timestamp)
    unexpected = message.returned or message.data or message.greeting or any(part is not None for part in said)
    return not unexpected and (not arguments or arguments.startswith(b"{"))


def spelled(message: Message) -> bytes:
    """A message as JSON text, with the members that it has."""
    members = zip(message.__struct_encode_fields__, astuple(message), strict=True)
    given = {name: value for name, value in members if name == "id" or not (value is None or value == Raw())}
    return msgspec.json.encode({name: value for name, value in given.items() if value is not UNSET})


class Line(msgspec.Struct, gc=False):
    """A line of a trace with a message; unknown members of this wrapper are ignored, those of other lines refused."""

    vm: str
    dir: Literal["->", "<-"]
    msg: Message
    t: float | None = None
    mon: str = ""
    raw: None = None
    end: None = None
    gap: None = None


class LooseLine(msgspec.Struct, gc=False):
    """Any line after the header; its message is any JSON value, `UNSET` where there is none."""

    vm: str
    dir: Literal["->", "<-"] | None = None
    t: float | None = None
    mon: str = ""
    msg: Any = UNSET
    raw: str | None = None
    end: str | None = None
    exit: int | None = None
    by: str | None = None
    gap: str | None = None


decode_line = msgspec.json.Decoder(Line).decode
decode_loosely = msgspec.json.Decoder(LooseLine).decode
decode_any = ANYTHING.decode


@lru_cache(maxsize=1_000)
def _struct_of(name: str, members: tuple[tuple[str, Any], ...]) -> type[Any]:
    """A struct with exactly these members."""
    return msgspec.defstruct(
        name,
        [(member.replace("-", "_"), kind) for member, kind in members],
        rename={member.replace("-", "_"): member for member, _ in members},
        forbid_unknown_fields=True,
        gc=False,
    )


class Decoders:
    """Decoders for what commands return, by the command's name.

    msgspec knows no bound beyond that of a signed integer, so one thing passes: an integer above the range of an
    unsigned member of 64 bits.  With `strict` the bound is that of a signed one.
    """

    def __init__(self, schema: Schema, *, strict: bool = False) -> None:
        self.schema = schema
        self._largest = _SIGNED_LIMIT if strict else None
        self._structs: dict[str, type[Any]] = {}

    @cached_property
    def returns(self) -> Mapping[str, msgspec.json.Decoder[Any]]:
        """The decoders, by the command's name."""
        return {
            command.name: msgspec.json.Decoder(self._returned(command)) for command in self.schema.commands.values()
        }

    def _returned(self, command: Command) -> Any:
        return (
            self._struct(f"{command.name}-returned", ())
            if command.returns is None
            else self.python_type(command.returns)
        )

    def python_type(self, wire: Type) -> Any:
        """The Python type whose JSON decoding accepts exactly the values of a wire type."""
        match wire:
            case IntegerType(minimum=minimum, maximum=maximum):
                return Annotated[int, Meta(ge=minimum, le=maximum if maximum <= _SIGNED_LIMIT else self._largest)]
            case Scalar():
                return {"number": float, "str": str, "bool": bool, "null": None}[wire.value]
            case Alternate(branches=branches):
                return str | None if Scalar.NULL in branches else str
            case Array(element=element):
                return GenericAlias(list, (self.python_type(element),))
            case Ref():
                return self._definition(wire)
        raise TypeError(wire)

    def exactly(self, struct: str, sample: Mapping[str, Any], fixed: Mapping[str, str]) -> type[Any]:
        """A type for values of a struct that have the members of `sample`, all of them and no others.

        `fixed` gives members that have one value.  It is stricter than the schema in one way: no integer may be above
        the range of a signed one.  It reads values fastest whose members come in the order of the sample.
        """
        members = {member.name: member for member in self.schema.structs[struct].members}
        fields: list[tuple[str, Any]] = []
        for name, value in sample.items():
            wire = members[name].type
            kind: Any = self._strict.python_type(wire)
            if name in fixed:
                kind = Literal[fixed[name]]
            elif isinstance(wire, Ref) and wire.name in self.schema.structs and isinstance(value, dict):
                kind = self.exactly(wire.name, value, {})
            fields.append((name, kind))
        return _struct_of(struct, tuple(fields))

    @cached_property
    def _strict(self) -> Decoders:
        return Decoders(self.schema, strict=True)

    def _definition(self, ref: Ref) -> Any:
        match self.schema.resolve(ref):
            case Enum(values=values):
                return Literal[tuple(value.name for value in values)]
            case Struct(name=name, members=members):
                return self._struct(name, members)
            case Union(discriminator=discriminator, branches=branches):
                made: Any = None
                for value, struct in branches:
                    part = self._struct(
                        f"{ref.name}.{value}", self.schema.structs[struct].members, discriminator.name, value
                    )
                    made = part if made is None else made | part
                return made
        raise TypeError(ref)

    def _struct(self, name: str, members: Any, tag_field: str | None = None, tag: str | None = None) -> Any:
        made = self._structs.get(name)
        if made is None:
            made = self._structs[name] = msgspec.defstruct(
                name.replace("-", "_").replace(".", "_"),
                [self._field(member) for member in sorted(members, key=lambda member: member.optional)],
                rename={member.name.replace("-", "_"): member.name for member in members},
                forbid_unknown_fields=True,
                gc=False,
                tag_field=tag_field,
                tag=tag,
            )
        return made

    def _field(self, member: Any) -> Any:
        python = self.python_type(member.type)
        name = member.name.replace("-", "_")
        return (name, python | UnsetType, UNSET) if member.optional else (name, python)


@dataclass(frozen=True, slots=True)
class AnswerDecoders:
    """Decoders for the answers to query-migrate that have one status and these members, alone and as a line.

    They raise `msgspec.ValidationError` for all others.
    """

    status: str | None
    members: tuple[str, ...]
    decode: Callable[[Raw], Any]
    decode_line: Callable[[bytes], Any]


def answers_like(decoders: Decoders, sample: Mapping[str, Any]) -> AnswerDecoders:
    """The decoders for answers of the kind of `sample`, a decoded answer, and for lines of a trace with them.

    All VMs share them: msgspec never gives back what it has made of a struct.
    """
    status = sample.get("status")
    answer: Any = decoders.exactly("MigrationInfo", sample, {} if status is None else {"status": status})
    return _answers(answer, status, tuple(name for name in sample if name != "status"))


@lru_cache(maxsize=1_000)
def _answers(answer: Hashable, status: str | None, names: tuple[str, ...]) -> AnswerDecoders:
    message = msgspec.defstruct(
        "Answer",
        [("returned", answer), ("id", Any, UNSET)],
        rename={"returned": "return"},
        forbid_unknown_fields=True,
        gc=False,
    )
    origin: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("t", float | None, None),
        ("vm", str),
        ("dir", Literal["<-"]),
        ("msg", message),
        ("mon", str, ""),
        *((name, None, None) for name in ("raw", "end", "gap")),
    ]
    line = msgspec.defstruct("AnswerLine", origin, gc=False, kw_only=True)
    return AnswerDecoders(status, names, msgspec.json.Decoder(answer).decode, msgspec.json.Decoder(line).decode)


@lru_cache(maxsize=8)
def decoders_for(schema: Schema) -> Decoders:
    """The decoders of a schema, made once."""
    return Decoders(schema)
