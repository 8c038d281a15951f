"""Hypothesis strategies: values that fit a type of the schema, values with one change in them, and any JSON at all.

And what is to be known of such values.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from migspec.spec.schema import QEMU_5_2_0, Command, Enum, Member, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType, Scalar

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

_SCALARS: dict[Scalar, st.SearchStrategy[Any]] = {
    # a larger integer is not the same number once it has been read as one of floating point
    Scalar.NUMBER: st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
    Scalar.STRING: st.text(max_size=8),
    Scalar.BOOLEAN: st.booleans(),
    Scalar.NULL: st.none(),
}


@cache
def values_of(type_: Type | Struct | Union | Enum, schema: Schema) -> st.SearchStrategy[Any]:
    """Return the values that fit `type_`."""
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
    members: Iterable[Member], schema: Schema, fixed: dict[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """Return the objects that have `members`, and `fixed` as well."""
    required = dict(fixed or {})
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for member in members:
        target = optional if member.optional else required
        target[member.name] = values_of(member.type, schema)
    return st.fixed_dictionaries(required, optional=optional)


def arguments_of(command: Command, schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Return the arguments that fit `command`."""
    return objects_of(schema.arguments(command), schema)


_EDGES = [edge for bits in (8, 16, 32, 63) for edge in (2**bits - 1, 2**bits)]
_JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        -(2**63),
        -(2**63) - 1,
        *_EDGES,
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


def corrupted(value: Any, junk: st.SearchStrategy[Any] = _JUNK) -> st.SearchStrategy[Any]:
    """Return `value` with one change at any depth: something else, more or less in one place."""
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


_FLOATS = frozenset(
    member.name for struct in QEMU_5_2_0.structs.values() for member in struct.members if member.type is Scalar.NUMBER
)


def has_large_integer(value: Any) -> bool:
    """Whether there is a number above the range of a signed integer where the schema of a return has an integer."""
    match value:
        case dict():
            return any(has_large_integer(item) for name, item in value.items() if name not in _FLOATS)
        case list():
            return any(map(has_large_integer, value))
    return type(value) is int and value > 2**63 - 1
