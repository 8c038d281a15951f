"""What query-qmp-schema, query-commands and query-events tell: the served schema in QEMU's form.

Commands and events come first, in the order of the schema, then the types that they use, each as often as it takes to
reach those that it uses itself.  A type that has a name of its own is known by a number instead, counted as types are
met; a list is known by its element in brackets, what has no parts by its name, and every whole number is an `int`.  The
build that is modelled lacks nothing.  Source: observed on QEMU 5.2.0, to the last number.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from migspec.reference_impl.answers.interface import BasedUnion, served
from migspec.spec.schema import Command, Entity, Enum, Event, Member, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType

Entry = Mapping[str, object]
"""One entry of an answer, which nobody changes."""

_JSON_TYPES: Final[Mapping[str, str]] = {
    "str": "string",
    "int": "int",
    "number": "number",
    "bool": "boolean",
    "null": "null",
    "any": "value",
}
"""The JSON types of the types without parts."""

_EMPTY: Final = Struct(name="", doc="An object without members.", since=None, members=())

_REGISTERED_LAST: Final = ("device_add", "query-qmp-schema")
"""The commands that QEMU registers after those of its schema."""


@lru_cache(maxsize=8)
def schema_told(profile: str) -> tuple[Entry, ...]:
    """The answer to query-qmp-schema; always the same object.  Raises `KeyError` for an unknown profile."""
    return tuple(_Teller(served(profile)).tell())


@lru_cache(maxsize=8)
def commands_told(profile: str) -> tuple[Entry, ...]:
    """The answer to query-commands: the command that was registered last comes first."""
    schema = served(profile)
    registered = [name for name in schema.commands if name not in _REGISTERED_LAST]
    late = [name for name in reversed(_REGISTERED_LAST) if name in schema.commands]
    return _listed([*registered, *late])


@lru_cache(maxsize=8)
def events_told(profile: str) -> tuple[Entry, ...]:
    """The answer to query-events: the last event of the schema comes first."""
    return _listed(served(profile).events)


def _listed(names: Iterable[str]) -> tuple[Entry, ...]:
    return tuple({"name": name} for name in reversed(list(names)))


class _Teller:
    """Tells one schema; it counts types as it meets them."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._numbers: dict[str, str] = {}
        self._met: dict[str, Type | Entity] = {}

    def tell(self) -> list[Entry]:
        entries = [self._told(entity) for entity in self._schema.entities if isinstance(entity, Command | Event)]
        told = 0
        while told < len(self._met):
            name, type_ = list(self._met.items())[told]
            entries.append({"name": name, **self._type(type_)})
            told += 1
        return entries

    # -- names --

    def _name(self, type_: Type) -> str:
        """The name under which a type is told; from now on it is one of those that are."""
        match type_:
            case Ref():
                return self._use(self._schema.resolve(type_))
            case Array(element=element):
                # a list is met before its element, which its name has in it
                self._met.setdefault(self._key(type_), type_)
                return f"[{self._name(element)}]"
        name = self._key(type_)
        self._met.setdefault(name, type_)
        return name

    def _key(self, type_: Type) -> str:
        """The name of a type, which is not told for its sake."""
        match type_:
            case Ref(name=name):
                return self._number(name)
            case Array(element=element):
                return f"[{self._key(element)}]"
            case Alternate(name=name, branches=branches) if branches:
                return self._number(name)
            case IntegerType():
                return "int"
        return str(type_)

    def _use(self, definition: Entity) -> str:
        name = self._number(definition.name)
        self._met.setdefault(name, definition)
        return name

    def _number(self, name: str) -> str:
        return self._numbers.setdefault(name, str(len(self._numbers)))

    def _object_of(self, name: str, members_: tuple[Member, ...] | Ref) -> str:
        if isinstance(members_, Ref):
            return self._name(members_)
        if not members_:
            return self._use(_EMPTY)
        implied = Struct(name=f"members of {name}", doc="", since=None, members=members_)
        return self._use(implied)

    # -- entries --

    def _told(self, entity: Command | Event) -> Entry:
        marks = {"features": list(entity.features)} if entity.features else {}
        if isinstance(entity, Event):
            used: Entry = {"arg-type": self._object_of(entity.name, entity.data), "meta-type": "event"}
            return {"name": entity.name, **used, **marks}
        arguments = self._object_of(entity.name, entity.arguments)
        returns = self._object_of(entity.name, ()) if entity.returns is None else self._name(entity.returns)
        oob = {"allow-oob": True} if entity.allow_oob else {}
        return {
            "name": entity.name,
            "meta-type": "command",
            "arg-type": arguments,
            "ret-type": returns,
            **oob,
            **marks,
        }

    def _type(self, type_: Type | Entity) -> Entry:
        match type_:
            case Struct(members=members_):
                return {"meta-type": "object", "members": [self._member(member) for member in members_]}
            case Union(discriminator=discriminator, branches=branches):
                base = type_.base if isinstance(type_, BasedUnion) else (discriminator,)
                return {
                    "meta-type": "object",
                    "members": [self._member(member) for member in base],
                    "tag": discriminator.name,
                    "variants": [{"case": word, "type": self._name(Ref(struct))} for word, struct in branches],
                }
            case Enum(values=values):
                return {"meta-type": "enum", "values": [value.name for value in values]}
            case Array(element=element):
                return {"meta-type": "array", "element-type": self._name(element)}
            case Alternate(branches=scalars) if scalars:
                return {"meta-type": "alternate", "members": [{"type": self._name(scalar)} for scalar in scalars]}
        name = "int" if isinstance(type_, IntegerType) else str(type_)
        return {"meta-type": "builtin", "json-type": _JSON_TYPES[name]}

    def _member(self, member: Member) -> Entry:
        told: dict[str, object] = {"name": member.name, "type": self._name(member.type)}
        if member.optional:
            told["default"] = None
        return told | ({"features": list(member.features)} if member.features else {})
