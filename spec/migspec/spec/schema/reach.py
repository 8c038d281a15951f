"""Which types a message has to do with: those that it may have, and those that one value is made of.

A rule about a type can be held against an implementation only by messages that show a value of it, so whoever counts
what was exercised asks here.  Everything follows from the tables of the schema.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from migspec.spec.schema.model import (
    Array,
    Command,
    Entity,
    Enum,
    Event,
    Member,
    Ref,
    Schema,
    Struct,
    Type,
    Union,
    references,
)

UNREACHABLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "COLOMessage": "The two sides of a COLO pair say these words to each other, inside the stream.",
        "FailoverStatus": "A VM keeps it for itself; query-colo-status tells less.",
        "MigrationParameter": "It names the members of two structs; no message has a value of it.",
    }
)
"""The types of the migration schema that no message has, each with the reason."""


@lru_cache(maxsize=1024)
def reachable(schema: Schema, name: str) -> frozenset[str]:
    """The types that the entity of that name is made of, directly or not, itself aside; none if there is none."""
    found: set[str] = set()
    frontier = [name]
    while frontier:
        entity = _named(schema).get(frontier.pop())
        new = set(references(entity)) - found if entity is not None else set()
        found |= new
        frontier += new
    return frozenset(found)


@lru_cache(maxsize=16)
def _named(schema: Schema) -> Mapping[str, Entity]:
    return {entity.name: entity for entity in schema.entities}


Typed = tuple[Struct | Union | Enum, object]
"""A value in a message, with its type, which has a name."""


def values_of_reply(returned: object, command: Command, schema: Schema) -> Iterator[Typed]:
    """The values that the `return` of a successful reply, which fits the schema, is made of."""
    return _of_value(returned, command.returns, schema) if command.returns is not None else iter(())


def values_of_event(data: object, event: Event, schema: Schema) -> Iterator[Typed]:
    """The values that the data of an event, which fits the schema, is made of."""
    return _of_members(data, event.data, schema)


def values_of_arguments(arguments: object, command: Command, schema: Schema) -> Iterator[Typed]:
    """The values that the arguments of a request, which fit the schema, are made of."""
    if isinstance(command.arguments, Ref):
        return _of_value(arguments, command.arguments, schema)
    return _of_members(arguments, command.arguments, schema)


def types_of_reply(returned: object, command: Command, schema: Schema) -> frozenset[str]:
    """The types that the `return` of a successful reply, which fits the schema, is made of."""
    return _types(values_of_reply(returned, command, schema))


def types_of_event(data: object, event: Event, schema: Schema) -> frozenset[str]:
    """The types that the data of an event, which fits the schema, is made of."""
    return _types(values_of_event(data, event, schema))


def types_of_arguments(arguments: object, command: Command, schema: Schema) -> frozenset[str]:
    """The types that the arguments of a request, which fit the schema, are made of."""
    return _types(values_of_arguments(arguments, command, schema))


def _types(values: Iterator[Typed]) -> frozenset[str]:
    return frozenset(definition.name for definition, _ in values)


def _of_value(value: object, type_: Type, schema: Schema) -> Iterator[Typed]:
    match type_:
        case Array(element=element):
            for item in value if isinstance(value, list) else ():
                yield from _of_value(item, element, schema)
        case Ref():
            yield from _of_definition(value, schema.resolve(type_), schema)


def _of_definition(value: object, definition: Struct | Union | Enum, schema: Schema) -> Iterator[Typed]:
    """A value that does not fit its type shows none."""
    if isinstance(definition, Enum):
        if any(value == word.name for word in definition.values):
            yield definition, value
        return
    if not isinstance(value, dict):
        return
    yield definition, value
    if isinstance(definition, Struct):
        yield from _of_members(value, definition.members, schema)
        return
    yield from _of_members(value, (definition.discriminator,), schema)
    branch = definition.branch(value.get(definition.discriminator.name))
    if branch is not None:
        yield from _of_definition(value, schema.structs[branch], schema)


def _of_members(value: object, members: tuple[Member, ...], schema: Schema) -> Iterator[Typed]:
    if not isinstance(value, dict):
        return
    for member in members:
        if member.name in value:
            yield from _of_value(value[member.name], member.type, schema)
