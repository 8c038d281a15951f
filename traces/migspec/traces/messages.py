"""Decoders for the lines of a trace, derived from the specification's schema.

A message that fits the schema is decoded and checked in one pass of compiled code; any other is decoded as
plain JSON and handed to the schema's own validator, which says what is wrong and where.  The types are built
from the schema's tables, so there is nothing to keep in step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from migspec.spec.schema import Command, Enum, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType, Scalar

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

    execute: str | None = None
    exec_oob: str | None = msgspec.field(default=None, name="exec-oob")
    arguments: Raw = Raw()
    returned: Raw = msgspec.field(default=Raw(), name="return")
    error: ErrorBody | None = None
    event: str | None = None
    data: Raw = Raw()
    timestamp: Timestamp | None = None
    id: Any = UNSET
    greeting: Raw = msgspec.field(default=Raw(), name="QMP")


class Line(msgspec.Struct, gc=False):
    """A line of a trace after the header; unknown members of this wrapper are ignored."""

    vm: str
    dir: Literal["->", "<-"] | None = None
    t: float | None = None
    mon: str = ""
    msg: Message | None = None
    raw: str | None = None
    end: str | None = None
    exit: int | None = None
    by: str | None = None
    gap: str | None = None


class LooseLine(msgspec.Struct, gc=False):
    """The same line with a message that is any JSON value; `UNSET` where there is none."""

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
decode_any = msgspec.json.Decoder().decode


class Decoders:
    """Decoders for what commands return, by the command's name.

    One thing they let pass: an integer above the range of an unsigned member of 64 bits, see `unbounded`.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._structs: dict[str, type[Any]] = {}
        self.returns: Mapping[str, msgspec.json.Decoder[Any]] = {
            command.name: msgspec.json.Decoder(self._returned(command)) for command in schema.commands.values()
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
                # msgspec knows no bound beyond that of a signed integer: see `unbounded`
                return Annotated[int, Meta(ge=minimum, le=maximum if maximum <= _SIGNED_LIMIT else None)]
            case Scalar():
                return {"number": float, "str": str, "bool": bool, "null": None}[wire.value]
            case Alternate(branches=branches):
                return str | None if Scalar.NULL in branches else str
            case Array(element=element):
                return GenericAlias(list, (self.python_type(element),))
            case Ref():
                return self._definition(wire)
        raise TypeError(wire)

    def unbounded(self, wire: Type | None, value: Any) -> Iterator[str]:
        """The paths, as attributes of a decoded value, to its integers whose upper bound was not checked."""
        definition = self.schema.resolve(wire) if isinstance(wire, Ref) else None
        if not isinstance(definition, Struct):
            return
        for member in definition.members:
            name = member.name.replace("-", "_")
            inner = getattr(value, name)
            if inner is UNSET:
                continue
            if isinstance(member.type, IntegerType) and member.type.maximum > _SIGNED_LIMIT:
                yield name
            yield from (f"{name}.{rest}" for rest in self.unbounded(member.type, inner))

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


@lru_cache(maxsize=8)
def decoders_for(schema: Schema) -> Decoders:
    """The decoders of a schema, made once."""
    return Decoders(schema)
