"""Values of any type of the schema, and any JSON at all; and the numbers and texts at which something may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeAlias

from hypothesis import strategies as st

from migspec.spec.schema import Command, Enum, Member, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType, Scalar

Values: TypeAlias = st.SearchStrategy[Any]
"""A strategy for JSON values, decoded."""

JSON: Values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
"""Any JSON value."""

TEXT: st.SearchStrategy[str] = st.text(
    st.characters(min_codepoint=1, exclude_categories=("Cs", "Cn")),  # Cn: the noncharacters are among them
    max_size=8,
)
"""Text that QEMU accepts as it is: no NUL, at which it would end, no surrogate and no noncharacter."""


_SCALARS: Mapping[Scalar, Values] = {
    # a larger integer is not the same number once it has been read as one of floating point
    Scalar.NUMBER: st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    Scalar.STRING: st.text(max_size=8),
    Scalar.BOOLEAN: st.booleans(),
    Scalar.NULL: st.none(),
}


@cache
def values_of(type_: Type | Struct | Union | Enum, schema: Schema) -> Values:
    """The values that fit a type wherever it stands, as what a server sends; words of some builds are among them."""
    definition = schema.resolve(type_) if isinstance(type_, Ref) else type_
    match definition:
        case Struct(members=members):
            return objects_of(members, schema)
        case Union(discriminator=discriminator, branches=branches):
            return st.one_of(
                [
                    objects_of(schema.structs[struct].members, schema, {discriminator.name: st.just(word)})
                    for word, struct in branches
                ]
            )
        case Enum(values=values):
            return st.sampled_from([value.name for value in values])
        case Array(element=element):
            return st.lists(values_of(element, schema), max_size=3)
        case IntegerType(minimum=minimum, maximum=maximum):
            return st.integers(minimum, maximum)
        case Alternate(branches=scalars):
            return st.one_of([_SCALARS[branch] for branch in scalars])
        case Scalar():
            return _SCALARS[definition]


def objects_of(
    members: Iterable[Member], schema: Schema, fixed: Mapping[str, Values] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """The objects that have `members`, those that are optional or not, and `fixed` as well."""
    required = dict(fixed or {})
    optional: dict[str, Values] = {}
    for member in members:
        target = optional if member.optional else required
        target[member.name] = values_of(member.type, schema)
    return st.fixed_dictionaries(required, optional=optional)


def arguments_of(command: Command, schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """The arguments that fit a command, without a lean to the edges."""
    return objects_of(schema.arguments(command), schema)


# -- numbers --

_SMALLEST_TOKEN, _LARGEST_TOKEN = -(2**63), 2**64 - 1
"""Between which a whole number stays one when QEMU reads it."""

_POWERS = [1 << bits for bits in (0, 1, 7, 8, 9, 12, 15, 16, 31, 32, 53, 62, 63, 64, 65, 70)]
EDGES: tuple[int, ...] = tuple(
    sorted({0, *(sign * power + step for power in _POWERS for sign in (1, -1) for step in (-1, 0, 1))})
)
"""Whole numbers at which something may change: around the powers of two, far beyond 64 bits included."""


def accepts(type_: IntegerType, number: int) -> bool:
    """Whether a request may have the number: an unsigned type takes a negative one for its complement."""
    if type_.signed or not _SMALLEST_TOKEN <= number <= _LARGEST_TOKEN:
        return type_.minimum <= number <= type_.maximum
    return number % 2**64 <= type_.maximum


FRACTIONS = st.sampled_from([0.0, -0.0, 1.0, 1.5, -1.0, 1e3, 1e300, -1e300, 1e-7]) | st.floats(
    allow_nan=False, allow_infinity=False
)
"""Numbers that are written with a fraction or an exponent."""


# -- changes --

_JUNK: Values = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        -(2**63),
        -(2**63) - 1,
        *(edge for bits in (8, 16, 32, 63) for edge in (2**bits - 1, 2**bits)),
        2**64 - 1,
        0.0,
        1.0,
        1.5,
        -1e300,
        "",
        "1",
        [],
        {},
        [1],
    ]
)


def corrupted(value: Any, junk: Values = _JUNK) -> Values:
    """`value`, decoded JSON, with one change at any depth: something else, more or less in one place."""
    here = [junk]
    match value:
        case dict():
            here.append(st.tuples(st.text(max_size=3), junk).map(lambda extra: value | {extra[0]: extra[1]}))
            for name, item in value.items():
                rest = {key: other for key, other in value.items() if key != name}
                here += [st.just(rest), corrupted(item, junk).map(_as_member(value, name))]
        case list():
            here.append(junk.map(lambda extra: [*value, extra]))
            for place, item in enumerate(value):
                here.append(st.just([*value[:place], *value[place + 1 :]]))
                here.append(corrupted(item, junk).map(_as_element(value, place)))
        case str():
            here.append(st.sampled_from([value + "-not", value[1:]]))
    return st.one_of(here)


def _as_member(whole: dict[str, Any], name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda item: whole | {name: item}


def _as_element(whole: list[Any], place: int) -> Callable[[Any], list[Any]]:
    return lambda item: [*whole[:place], item, *whole[place + 1 :]]
