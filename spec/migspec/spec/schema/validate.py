"""Does a value that a server sent have the shape that the schema promises?

Every difference is reported, with the place where it was found. A value of the wrong type is not looked
into; nor is a member that the schema does not know. The depth of the search is that of the schema, so no
value can exhaust it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from migspec.spec.schema.model import (
    ABSENT,
    Absent,
    Alternate,
    Array,
    Command,
    Enum,
    Event,
    IntegerType,
    Member,
    Ref,
    Scalar,
    Schema,
    Struct,
    Type,
    Union,
)


class MismatchKind(StrEnum):
    """In what way a value differs from its type."""

    UNKNOWN_MEMBER = "unknown-member"
    """An object has a member that its type does not have."""
    MISSING_MEMBER = "missing-member"
    """An object lacks a member that is not optional."""
    WRONG_TYPE = "wrong-type"
    """The value is of another JSON type."""
    UNKNOWN_VALUE = "unknown-value"
    """The text is not a word of the enumeration."""
    OUT_OF_RANGE = "out-of-range"
    """The whole number is outside the bounds of its type."""


LATER: frozenset[MismatchKind] = frozenset({MismatchKind.UNKNOWN_MEMBER, MismatchKind.UNKNOWN_VALUE})
"""What a later release may say: its schema has more members and words, and a client ignores what it does not know."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place where a value differs from its type.

    `path` leads there from the root that the caller named, as in `return.ram.total` or
    `return[3].capability`; `expected` and `found` describe both sides for people.
    """

    path: str
    expected: str
    found: str
    kind: MismatchKind

    def __str__(self) -> str:
        return f"{self.path} should be {self.expected}, and is {self.found}"


_LONGEST_EXCERPT = 60
_WIDEST_SPELLED_OUT = 256  # bits; Python refuses to print numbers of very many digits


def validate(
    value: object, expected: Type | Struct | Union | Enum, schema: Schema, path: str = "value"
) -> Iterator[Mismatch]:
    """Yield every mismatch of `value`, a decoded JSON value, against a type or definition of `schema`.

    `path` names the root. Members are looked at in the order of the schema, unknown ones after them.
    Never raises, whatever the value.
    """
    definition = schema.resolve(expected) if isinstance(expected, Ref) else expected
    match definition:
        case Struct(members=members):
            yield from _object(value, definition.name, members, schema, path)
        case Union():
            yield from _union(value, definition, schema, path)
        case Enum():
            yield from _word(value, definition, path)
        case Array(element=element):
            if not isinstance(value, list):
                yield _wrong_type("array", value, path)
                return
            for index, item in enumerate(value):
                yield from validate(item, element, schema, f"{path}[{index}]")
        case IntegerType():
            yield from _integer(value, definition, path)
        case Scalar():
            if not definition.admits(value):
                yield _wrong_type(definition.json_name, value, path)
        case Alternate(branches=branches):
            if not definition.admits(value):
                yield _wrong_type(" or ".join(branch.json_name for branch in branches), value, path)


def validate_reply(value: object, command: Command, schema: Schema) -> Iterator[Mismatch]:
    """Yield every mismatch of the `return` of a successful reply to `command`."""
    if command.returns is None:
        yield from _object(value, "the empty object", (), schema, "return")
    else:
        yield from validate(value, command.returns, schema, "return")


def validate_event(data: object | Absent, event: Event, schema: Schema) -> Iterator[Mismatch]:
    """Yield every mismatch of the `data` of `event`, `ABSENT` where the message has none."""
    if event.data and data is ABSENT:
        yield Mismatch("data", f"data of {event.name}", "nothing", MismatchKind.MISSING_MEMBER)
    elif event.data:
        yield from _object(data, event.name, event.data, schema, "data")
    elif data is not ABSENT:
        yield Mismatch("data", "nothing", _describe(data), MismatchKind.UNKNOWN_MEMBER)


def _object(value: object, name: str, members: Iterable[Member], schema: Schema, path: str) -> Iterator[Mismatch]:
    if not isinstance(value, dict):
        yield _wrong_type("object", value, path)
        return
    known = {member.name: member for member in members}
    for member in known.values():
        yield from _member(value, member, schema, path)
    yield from _unknown_members(value, known, name, path)


def _union(value: object, union: Union, schema: Schema, path: str) -> Iterator[Mismatch]:
    if not isinstance(value, dict):
        yield _wrong_type("object", value, path)
        return
    yield from _member(value, union.discriminator, schema, path)
    chosen = union.branch(value.get(union.discriminator.name))
    for member in schema.structs[chosen].members if chosen else ():
        yield from _member(value, member, schema, path)
    # without a known discriminator, the members of any branch may be meant
    possible = [chosen] if chosen else [struct for _, struct in union.branches]
    known = {union.discriminator.name}
    known.update(member.name for struct in possible for member in schema.structs[struct].members)
    yield from _unknown_members(value, known, union.name, path)


def _member(value: Mapping[str, object], member: Member, schema: Schema, path: str) -> Iterator[Mismatch]:
    where = f"{path}.{member.name}"
    if member.name in value:
        yield from validate(value[member.name], member.type, schema, where)
    elif not member.optional:
        yield Mismatch(where, _noun(member.type), "nothing", MismatchKind.MISSING_MEMBER)


def _unknown_members(value: Mapping[str, object], known: Iterable[str], owner: str, path: str) -> Iterator[Mismatch]:
    names = set(known)
    for name, extra in value.items():
        if name not in names:
            yield Mismatch(f"{path}.{name}", f"a member of {owner}", _describe(extra), MismatchKind.UNKNOWN_MEMBER)


def _word(value: object, enum: Enum, path: str) -> Iterator[Mismatch]:
    if not isinstance(value, str):
        yield _wrong_type("string", value, path)
    elif not any(value == word.name for word in enum.values):
        yield Mismatch(path, f"a word of {enum.name}", _describe(value), MismatchKind.UNKNOWN_VALUE)


def _integer(value: object, type_: IntegerType, path: str) -> Iterator[Mismatch]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield _wrong_type("integer", value, path)
    elif not type_.minimum <= value <= type_.maximum:
        bounds = f"{type_.name} ({type_.minimum} to {type_.maximum})"
        yield Mismatch(path, bounds, _describe(value), MismatchKind.OUT_OF_RANGE)


def _wrong_type(expected: str, value: object, path: str) -> Mismatch:
    return Mismatch(path, expected, _describe(value), MismatchKind.WRONG_TYPE)


def _noun(type_: Type) -> str:
    return type_.json_name if isinstance(type_, Scalar) else str(type_)


def _describe(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean {str(value).lower()}"
        case int() if value.bit_length() > _WIDEST_SPELLED_OUT:
            return f"integer of {value.bit_length()} bits"
        case int():
            return f"integer {value}"
        case float():
            return f"number {value}"
        case str() if len(value) > _LONGEST_EXCERPT:
            return f"string {value[:_LONGEST_EXCERPT]!r}..."
        case str():
            return f"string {value!r}"
        case list():
            return f"array of {len(value)}"
    return "object"
