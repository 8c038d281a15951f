"""Hypothesis strategies made from the schema: values that fit a type, and any JSON value at all."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from hypothesis import strategies as st

from migspec.spec.schema import Command, Enum, Member, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType, Scalar

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

_SCALARS: dict[Scalar, st.SearchStrategy[Any]] = {
    Scalar.NUMBER: st.integers() | st.floats(allow_nan=False, allow_infinity=False),
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
