"""What of a value is known to a schema: later releases have more members and words, which whoever judges by an older
schema leaves aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum as PythonEnum
from typing import Final

from migspec.spec.schema.model import Array, Command, Enum, Member, Ref, Schema, Struct, Type, Union


class Unknown(PythonEnum):
    """What is left of a word that the schema does not have."""

    UNKNOWN = "unknown"
    """Nothing."""


UNKNOWN: Final = Unknown.UNKNOWN


def known(value: object, expected: Type | Struct | Union | Enum, schema: Schema) -> object:
    """`value` without the members, words and elements of lists that the schema does not know; `UNKNOWN` if all is.

    An object without a member that it must have, because that has an unknown word, is unknown itself. What is wrong
    in any other way is left as it is.
    """
    definition = schema.resolve(expected) if isinstance(expected, Ref) else expected
    match definition:
        case Struct(members=members):
            return _object(value, members, schema)
        case Union():
            return _object(value, _members_of(value, definition, schema), schema)
        case Enum(values=words) if isinstance(value, str):
            return value if any(value == word.name for word in words) else UNKNOWN
        case Array(element=element) if isinstance(value, list):
            parts = (known(part, element, schema) for part in value)
            return [part for part in parts if part is not UNKNOWN]
    return value


def known_arguments(arguments: object, command: Command, schema: Schema) -> object:
    """The arguments of a command without what the schema does not know."""
    given = command.arguments
    return known(arguments, given, schema) if isinstance(given, Ref) else _object(arguments, given, schema)


def _object(value: object, members: Iterable[Member], schema: Schema) -> object:
    if not isinstance(value, dict):
        return value
    parts = {
        member.name: (known(value[member.name], member.type, schema), member)
        for member in members
        if member.name in value
    }
    if any(part is UNKNOWN and not member.optional for part, member in parts.values()):
        return UNKNOWN
    return {name: part for name, (part, _) in parts.items() if part is not UNKNOWN}


def _members_of(value: object, union: Union, schema: Schema) -> Iterable[Member]:
    given: Mapping[object, object] = value if isinstance(value, dict) else {}
    chosen = union.branch(given.get(union.discriminator.name))
    return (union.discriminator, *(schema.structs[chosen].members if chosen else ()))
