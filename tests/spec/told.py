"""What a VM would tell of one of our schemas: a reply to query-qmp-schema, made from the tables."""

import gzip
import json
from pathlib import Path
from typing import Any

from migspec.spec.schema import Command, Enum, Event, Member, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType, Scalar

RECORDED = Path(__file__).parent.parent / "schemas"
"""The replies of real QEMUs, one file a release."""
RELEASES = ("5.2.0", "7.2", "10.0", "11.1")

_JSON_TYPES = {"str": "string", "bool": "boolean", "number": "number", "null": "null", "int": "int"}


def recorded(release: str) -> list[dict[str, Any]]:
    """The entries that a real QEMU returned."""
    reply = json.loads(gzip.decompress((RECORDED / f"qemu-{release}.json.gz").read_bytes()))
    entries: list[dict[str, Any]] = reply["return"]
    return entries


def tell(schema: Schema, *, words_have_marks: bool = True) -> list[dict[str, Any]]:
    """The entries for `schema`, with every build condition met; newer releases tell the marks of words too."""
    return _Teller(schema, words_have_marks).run()


class _Teller:
    def __init__(self, schema: Schema, words_have_marks: bool) -> None:
        self._schema = schema
        self._words_have_marks = words_have_marks
        self._entries: dict[str, dict[str, Any]] = {}
        self._masks: dict[object, str] = {}

    def run(self) -> list[dict[str, Any]]:
        for entity in self._schema.entities:
            if isinstance(entity, Command | Event):
                self._add(entity.name, **self._told(entity))
        return list(self._entries.values())

    def _add(self, name: str, **entry: Any) -> str:
        self._entries[name] = {"name": name, **entry}
        return name

    def _told(self, entity: Command | Event) -> dict[str, Any]:
        marks = {"features": list(entity.features)} if entity.features else {}
        if isinstance(entity, Event):
            return marks | {"meta-type": "event", "arg-type": self._object(entity.data)}
        returns = self._object(()) if entity.returns is None else self._type(entity.returns)
        told = {"meta-type": "command", "arg-type": self._object(self._schema.arguments(entity)), "ret-type": returns}
        return marks | told | ({"allow-oob": True} if entity.allow_oob else {})

    def _object(self, members: tuple[Member, ...], **more: Any) -> str:
        key = ("object", members, repr(more))
        if key not in self._masks:
            self._masks[key] = str(len(self._masks))
            told = [self._member(member) for member in members]
            self._add(self._masks[key], **{"meta-type": "object", "members": told, **more})
        return self._masks[key]

    def _member(self, member: Member) -> dict[str, Any]:
        told: dict[str, Any] = {"name": member.name, "type": self._type(member.type)}
        if member.optional:
            told["default"] = None
        return told | ({"features": list(member.features)} if member.features else {})

    def _type(self, type_: Type) -> str:
        match type_:
            case IntegerType() | Scalar():
                name = "int" if isinstance(type_, IntegerType) else type_.value
                return self._add(name, **{"meta-type": "builtin", "json-type": _JSON_TYPES[name]})
            case Array(element=element):
                inner = self._type(element)
                return self._add(f"[{inner}]", **{"meta-type": "array", "element-type": inner})
            case Alternate(branches=branches):
                told = [{"type": self._type(branch)} for branch in branches]
                return self._add(f"|{type_.name}", **{"meta-type": "alternate", "members": told})
            case Ref():
                return self._definition(type_)

    def _definition(self, ref: Ref) -> str:
        match self._schema.resolve(ref):
            case Struct(members=members):
                return self._object(members)
            case Union(discriminator=tag, branches=branches):
                variants = [
                    {"case": word, "type": self._object(self._schema.structs[name].members)} for word, name in branches
                ]
                return self._object((tag,), tag=tag.name, variants=variants)
            case Enum(values=values) as enum:
                told = [
                    {"name": value.name} | ({"features": list(value.features)} if value.features else {})
                    for value in values
                ]
                more = {"members": told} if self._words_have_marks else {}
                words = [value.name for value in values]
                return self._add(f"#{enum.name}", **{"meta-type": "enum", "values": words, **more})
        raise TypeError(ref)
