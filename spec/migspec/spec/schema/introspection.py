"""A schema as a VM tells it: the reply to query-qmp-schema, read into types that can be looked at.

Such a reply is a list of entries. Commands and events have their names, types are masked by numbers, so that a type is
known by its shape and by where it is used. Every whole number is an `int` there, whatever its width. A type that no
command and no event uses need not appear, and what the build leaves out does not (observed on QEMU 5.2.0, 7.2, 10.0
and 11.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias


class IntrospectionError(Exception):
    """A value that is no reply to query-qmp-schema.

    `subject` is the entry at fault, `problem` what is wrong with it, `expected` what would have been right.
    """

    def __init__(self, subject: str, problem: str, expected: str) -> None:
        super().__init__(f"{subject} {problem}; expected {expected}")
        self.subject = subject
        self.problem = problem
        self.expected = expected


@dataclass(frozen=True, slots=True)
class ToldMember:
    """A member of an object: its name, the name of its type, whether it may be left out, its marks."""

    name: str
    type: str
    optional: bool
    features: frozenset[str]


@dataclass(frozen=True, slots=True)
class ToldBuiltin:
    """A type without parts: its name, such as `str`, and the JSON type of its values."""

    name: str
    json_type: str


@dataclass(frozen=True, slots=True)
class ToldEnum:
    """A closed set of words, each with its marks; None where the release does not tell those of words."""

    name: str
    words: Mapping[str, frozenset[str] | None]


@dataclass(frozen=True, slots=True)
class ToldArray:
    """A list of values of the type named `element`."""

    name: str
    element: str


@dataclass(frozen=True, slots=True)
class ToldObject:
    """An object with `members`; `variants` gives the further members by the word of the member `tag`."""

    name: str
    members: Mapping[str, ToldMember]
    tag: str | None
    variants: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ToldAlternate:
    """A value of one of several types, by their names."""

    name: str
    branches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToldCommand:
    """A command: the types of its arguments and of what it returns, its marks, whether it may run out of band."""

    name: str
    arguments: str
    returns: str
    features: frozenset[str]
    allow_oob: bool


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event: the type of its data, and its marks."""

    name: str
    data: str
    features: frozenset[str]


ToldType: TypeAlias = ToldBuiltin | ToldEnum | ToldArray | ToldObject | ToldAlternate


@dataclass(frozen=True, slots=True)
class ToldSchema:
    """Everything that one VM told, by name; every type that is named is there."""

    types: Mapping[str, ToldType]
    commands: Mapping[str, ToldCommand]
    events: Mapping[str, ToldEvent]

    def members(self, name: str) -> tuple[ToldMember, ...]:
        """The members of an object that are always in it; none of what is no object."""
        type_ = self.types[name]
        return tuple(type_.members.values()) if isinstance(type_, ToldObject) else ()

    def reached(self, *names: str) -> frozenset[str]:
        """Those types and all that their values consist of."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += uses(self.types[name])
        return frozenset(found)


def uses(entry: ToldType | ToldCommand | ToldEvent) -> tuple[str, ...]:
    """The names of the types that an entry itself mentions."""
    match entry:
        case ToldArray(element=element):
            return (element,)
        case ToldObject(members=members, variants=variants):
            return (*(member.type for member in members.values()), *variants.values())
        case ToldAlternate(branches=branches):
            return branches
        case ToldCommand(arguments=arguments, returns=returns):
            return (arguments, returns)
        case ToldEvent(data=data):
            return (data,)
    return ()


def read_introspection(value: object) -> ToldSchema:
    """Read what a VM returned, as decoded from JSON.

    Members that this version does not know are ignored. Raises `IntrospectionError` where it is no list of entries,
    an entry lacks a member or has one of a wrong type, two share a name, or one mentions a type that is not there.
    """
    if not isinstance(value, list) or not value:
        raise IntrospectionError("the reply", f"is {_shape(value)}", "a list of entries")
    entries: dict[str, ToldType | ToldCommand | ToldEvent] = {}
    for index, item in enumerate(value):
        entry = _Entry(f"entry {index}", item).read()
        if entry.name in entries:
            raise IntrospectionError(f"entry {index}", f"repeats the name {entry.name!r}", "a name for each")
        entries[entry.name] = entry
    types = {name: entry for name, entry in entries.items() if not isinstance(entry, ToldCommand | ToldEvent)}
    for name, entry in entries.items():
        for used in uses(entry):
            if used not in types:
                raise IntrospectionError(f"entry {name!r}", f"mentions the type {used!r}", "a type of the reply")
        for used in _objects_of(entry):
            if not isinstance(types[used], ToldObject):
                raise IntrospectionError(f"entry {name!r}", f"uses {used!r} for members", "an object")
    return ToldSchema(
        MappingProxyType(types),
        MappingProxyType({name: entry for name, entry in entries.items() if isinstance(entry, ToldCommand)}),
        MappingProxyType({name: entry for name, entry in entries.items() if isinstance(entry, ToldEvent)}),
    )


def _objects_of(entry: ToldType | ToldCommand | ToldEvent) -> Iterator[str]:
    match entry:
        case ToldCommand(arguments=arguments):
            yield arguments
        case ToldEvent(data=data):
            yield data
        case ToldObject(variants=variants):
            yield from variants.values()


_JSON_NAMES: Mapping[type, str] = {
    str: "a string",
    list: "an array",
    dict: "an object",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def _shape(value: object) -> str:
    return "empty" if value == [] else _JSON_NAMES.get(type(value), "no JSON")


class _Entry:
    """One entry, or a part of one, that is being read; `subject` names it in errors."""

    def __init__(self, subject: str, value: object) -> None:
        self.subject = subject
        if not isinstance(value, dict):
            raise IntrospectionError(subject, f"is {_shape(value)}", "an object")
        self._value: Mapping[str, Any] = value

    def has(self, member: str) -> bool:
        return member in self._value

    def text(self, member: str) -> str:
        return str(self._of(member, str))

    def flag(self, member: str) -> bool:
        return self.has(member) and bool(self._of(member, bool))

    def parts(self, member: str) -> list[_Entry]:
        items = self._of(member, list)
        return [_Entry(f"{self.subject}, {member}[{index}]", item) for index, item in enumerate(items)]

    def texts(self, member: str) -> list[str]:
        items: list[Any] = self._of(member, list)
        for item in items:
            if not isinstance(item, str):
                raise IntrospectionError(self.subject, f"has {_shape(item)} in {member!r}", "strings")
        return items

    def features(self) -> frozenset[str]:
        return frozenset(self.texts("features") if self.has("features") else ())

    def read(self) -> ToldType | ToldCommand | ToldEvent:
        kind, name = self.text("meta-type"), self.text("name")
        reader = _READERS.get(kind)
        if reader is None:
            raise IntrospectionError(self.subject, f"is of the kind {kind!r}", "one of " + ", ".join(_READERS))
        self.subject = f"entry {name!r}"
        return reader(self, name)

    def _of(self, member: str, kind: type) -> Any:
        if not self.has(member):
            raise IntrospectionError(self.subject, f"has no {member!r}", _JSON_NAMES[kind])
        value = self._value[member]
        if not isinstance(value, kind):
            raise IntrospectionError(self.subject, f"has {_shape(value)} as {member!r}", _JSON_NAMES[kind])
        return value


def _builtin(entry: _Entry, name: str) -> ToldBuiltin:
    return ToldBuiltin(name, entry.text("json-type"))


def _enum(entry: _Entry, name: str) -> ToldEnum:
    # older releases have the words alone; newer ones have both, for older clients
    if entry.has("members"):
        return ToldEnum(name, {part.text("name"): part.features() for part in entry.parts("members")})
    return ToldEnum(name, dict.fromkeys(entry.texts("values")))


def _array(entry: _Entry, name: str) -> ToldArray:
    return ToldArray(name, entry.text("element-type"))


def _object(entry: _Entry, name: str) -> ToldObject:
    members = [
        ToldMember(part.text("name"), part.text("type"), part.has("default"), part.features())
        for part in entry.parts("members")
    ]
    variants = entry.parts("variants") if entry.has("variants") else []
    return ToldObject(
        name,
        {member.name: member for member in members},
        entry.text("tag") if entry.has("tag") else None,
        {part.text("case"): part.text("type") for part in variants},
    )


def _alternate(entry: _Entry, name: str) -> ToldAlternate:
    return ToldAlternate(name, tuple(part.text("type") for part in entry.parts("members")))


def _command(entry: _Entry, name: str) -> ToldCommand:
    return ToldCommand(name, entry.text("arg-type"), entry.text("ret-type"), entry.features(), entry.flag("allow-oob"))


def _event(entry: _Entry, name: str) -> ToldEvent:
    return ToldEvent(name, entry.text("arg-type"), entry.features())


_READERS: Mapping[str, Callable[[_Entry, str], ToldType | ToldCommand | ToldEvent]] = {
    "builtin": _builtin,
    "enum": _enum,
    "array": _array,
    "object": _object,
    "alternate": _alternate,
    "command": _command,
    "event": _event,
}
