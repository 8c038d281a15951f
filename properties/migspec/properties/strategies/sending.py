"""What a client may send in place of a type of the schema: values that are accepted, and values with one fault.

It differs from what a server sends: the checks are those of QEMU's input visitor, which takes a negative number for an
unsigned one, and no word that the build does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from hypothesis import strategies as st

from migspec.properties.strategies.values import EDGES, FRACTIONS, TEXT, Values, accepts
from migspec.spec.schema import Command, Enum, Member, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType, Scalar


class Fault(StrEnum):
    """What is wrong with something that was drawn."""

    WRONG_TYPE = "wrong-type"
    """A value of another JSON type."""
    FRACTION = "fraction"
    """A number written with a fraction or an exponent where a whole one is due."""
    OUT_OF_RANGE = "out-of-range"
    """A whole number outside the range of the wire type; the token may have more than 64 bits."""
    UNKNOWN_WORD = "unknown-word"
    """Text that is no word of the enumeration."""
    BUILD = "build"
    """A word that only some builds know: it may be accepted."""
    MISSING_MEMBER = "missing-member"
    """A mandatory member is not there."""
    UNEXPECTED_MEMBER = "unexpected-member"
    """There is a member that nobody knows."""
    NOT_AN_OBJECT = "not-an-object"
    """The arguments as a whole are something else."""
    UNKNOWN_COMMAND = "unknown-command"
    """There is no such command."""


EVERY_FAULT: frozenset[Fault] = frozenset(Fault)
"""All of them."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A value that was drawn, with its one fault, None if it is meant to be valid.

    `path` leads to the fault as QEMU's error texts spell it, `capabilities[0].state`.
    """

    value: Any
    fault: Fault | None = None
    path: str = ""

    @property
    def valid(self) -> bool:
        """Whether it is meant to be valid in every build."""
        return self.fault is None


DrawnValues: TypeAlias = st.SearchStrategy[Drawn]
"""A strategy for values that say whether they are valid."""


def accepted_numbers(type_: IntegerType) -> Values:
    """The whole numbers that a request may have for a type, with a lean to the edges."""
    edges = [number for number in EDGES if accepts(type_, number)]
    return st.sampled_from(edges) | st.integers(type_.minimum, type_.maximum)


def _refused_numbers(type_: IntegerType) -> Values:
    return st.sampled_from([number for number in EDGES if not accepts(type_, number)])


class _Shape(StrEnum):
    """What JSON tells apart, whole numbers from others too."""

    NULL = "null"
    BOOLEAN = "boolean"
    WHOLE = "whole"
    FRACTION = "fraction"
    STRING = "string"
    ARRAY = "array"
    OBJECT = "object"


_SHAPES: Mapping[_Shape, Values] = {
    _Shape.NULL: st.none(),
    _Shape.BOOLEAN: st.booleans(),
    _Shape.WHOLE: st.sampled_from(EDGES),
    _Shape.FRACTION: FRACTIONS,
    _Shape.STRING: st.sampled_from(["", "1", "true", "null", "none"]) | TEXT,
    _Shape.ARRAY: st.lists(st.sampled_from([None, 1, "", {}]), max_size=2),
    _Shape.OBJECT: st.dictionaries(TEXT, st.sampled_from([None, 1, "", []]), max_size=2),
}

_OF_SCALAR: Mapping[Scalar, frozenset[_Shape]] = {
    Scalar.NUMBER: frozenset({_Shape.WHOLE, _Shape.FRACTION}),
    Scalar.STRING: frozenset({_Shape.STRING}),
    Scalar.BOOLEAN: frozenset({_Shape.BOOLEAN}),
    Scalar.NULL: frozenset({_Shape.NULL}),
}


def _shapes_of(definition: Type | Struct | Union | Enum) -> frozenset[_Shape]:
    match definition:
        case IntegerType():
            return frozenset({_Shape.WHOLE, _Shape.FRACTION})  # a fraction is a fault of its own
        case Scalar():
            return _OF_SCALAR[definition]
        case Alternate(branches=branches):
            return frozenset[_Shape]().union(*(_OF_SCALAR[branch] for branch in branches))
        case Enum():
            return frozenset({_Shape.STRING})
        case Array():
            return frozenset({_Shape.ARRAY})
    return frozenset({_Shape.OBJECT})


def _not_of(definition: Type | Struct | Union | Enum) -> Values:
    return st.one_of([values for shape, values in _SHAPES.items() if shape not in _shapes_of(definition)])


Special: TypeAlias = Callable[[Schema], Values]
"""What makes the valid values of one argument, where its type alone says too little."""


_MOST_OPTIONAL = 6
"""How many optional members an object gets at most, so that those with dozens are not drawn out."""

NOTHING_SPECIAL: Mapping[tuple[str, str], Special] = MappingProxyType({})


class Sender:
    """Makes what a client may send under a schema, valid and with each fault.

    `special` replaces the valid values of arguments, by command and name; of all arguments of a command, by its name
    and none.
    """

    def __init__(self, schema: Schema, special: Mapping[tuple[str, str], Special] = NOTHING_SPECIAL) -> None:
        self._schema = schema
        self._special = special

    def accepted(self, type_: Type) -> Values:
        """The values that QEMU accepts for a type in every build."""
        definition = self._schema.resolve(type_) if isinstance(type_, Ref) else type_
        match definition:
            case IntegerType():
                return accepted_numbers(definition)
            case Scalar() | Alternate():
                return st.one_of([_SHAPES[shape] for shape in sorted(_shapes_of(definition))])
            case Array(element=element):
                return st.lists(self.accepted(element), max_size=3)
            case Enum(values=values):
                return st.sampled_from([value.name for value in values if not value.condition])
            case Struct() | Union():
                return st.one_of([self._object(members) for members in self._alternatives(definition)])
        raise TypeError(definition)

    def refused(self, type_: Type, path: str) -> Iterator[tuple[Fault, DrawnValues]]:
        """Each fault that a value of a type may have, with the values that have it; `path` is that of the value."""
        definition = self._schema.resolve(type_) if isinstance(type_, Ref) else type_
        yield Fault.WRONG_TYPE, _faulty(_not_of(definition), Fault.WRONG_TYPE, path)
        match definition:
            case IntegerType():
                yield Fault.FRACTION, _faulty(FRACTIONS, Fault.FRACTION, path)
                yield Fault.OUT_OF_RANGE, _faulty(_refused_numbers(definition), Fault.OUT_OF_RANGE, path)
            case Enum(values=values):
                words = [value.name for value in values]
                near = st.sampled_from([edit(word) for word in words for edit in (str.upper, str.title)])
                unknown = (near | TEXT).filter(lambda text: text not in words)
                yield Fault.UNKNOWN_WORD, _faulty(unknown, Fault.UNKNOWN_WORD, path)
                if some := [value.name for value in values if value.condition]:
                    yield Fault.BUILD, _faulty(st.sampled_from(some), Fault.BUILD, path)
            case Array(element=element):
                for index in range(2):
                    around = st.lists(self.accepted(element), min_size=index, max_size=2)
                    for fault, wrong in self.refused(element, f"{path}[{index}]"):
                        yield fault, st.builds(_inserted, around, st.just(index), wrong)
            case Struct() | Union():
                for members in self._alternatives(definition):
                    yield from self._refused_object(members, path)

    def arguments(self, command: Command) -> Values:
        """The arguments that are accepted."""
        members = self._schema.arguments(command)
        if (command.name, "") in self._special:
            return self._special[command.name, ""](self._schema)
        own = {
            member.name: special(self._schema)
            for member in members
            if (special := self._special.get((command.name, member.name)))
        }
        return self._object([(member, own.get(member.name)) for member in members])

    def refused_arguments(self, command: Command) -> Iterator[tuple[Fault, DrawnValues]]:
        """Each fault that the arguments of a command may have, with the arguments that have it."""
        yield Fault.NOT_AN_OBJECT, _faulty(_not_of(_EMPTY), Fault.NOT_AN_OBJECT, "")
        yield from self._refused_object([(member, None) for member in self._schema.arguments(command)], "")

    def _alternatives(self, definition: Struct | Union) -> Iterator[list[_Part]]:
        if isinstance(definition, Struct):
            yield [(member, None) for member in definition.members]
            return
        for word, struct in definition.branches:
            rest = [(member, None) for member in self._schema.structs[struct].members]
            yield [(definition.discriminator, st.just(word)), *rest]

    def _object(self, parts: Iterable[_Part], omit: str = "") -> st.SearchStrategy[dict[str, Any]]:
        """The objects with these members, of which `omit` is left out."""
        required: dict[str, Values] = {}
        optional: dict[str, Values] = {}
        for member, own in parts:
            if member.name != omit:
                values = self.accepted(member.type) if own is None else own
                (optional if member.optional else required)[member.name] = values
        if len(optional) <= _MOST_OPTIONAL:
            return st.fixed_dictionaries(required, optional=optional)
        names = st.lists(st.sampled_from(sorted(optional)), max_size=_MOST_OPTIONAL, unique=True)
        return names.flatmap(lambda chosen: st.fixed_dictionaries(required | {name: optional[name] for name in chosen}))

    def _refused_object(self, parts: list[_Part], path: str) -> Iterator[tuple[Fault, DrawnValues]]:
        prefix = f"{path}." if path else ""
        names = [member.name for member, _ in parts]
        extra = TEXT.filter(lambda name: name not in names)
        yield Fault.UNEXPECTED_MEMBER, st.builds(_extended, self._object(parts), extra, st.just(prefix))
        for member, _ in parts:
            where = prefix + member.name
            others = self._object(parts, omit=member.name)
            if not member.optional:
                yield Fault.MISSING_MEMBER, _faulty(others, Fault.MISSING_MEMBER, where)
            for fault, wrong in self.refused(member.type, where):
                yield fault, st.builds(_with_member, others, st.just(member.name), wrong)


_Part: TypeAlias = tuple[Member, Values | None]
"""A member, and what replaces its valid values."""

_EMPTY = Struct(name="", doc="", since=None, members=())


def _faulty(values: Values, fault: Fault, path: str) -> DrawnValues:
    return values.map(lambda value: Drawn(value, fault, path))


def _with_member(others: dict[str, Any], name: str, wrong: Drawn) -> Drawn:
    return Drawn(others | {name: wrong.value}, wrong.fault, wrong.path)


def _extended(whole: dict[str, Any], name: str, prefix: str) -> Drawn:
    return Drawn(whole | {name: None}, Fault.UNEXPECTED_MEMBER, prefix + name)


def _inserted(around: list[Any], index: int, wrong: Drawn) -> Drawn:
    return Drawn([*around[:index], wrong.value, *around[index:]], wrong.fault, wrong.path)


def chosen(groups: Iterable[tuple[Fault, DrawnValues]], faults: Collection[Fault]) -> DrawnValues:
    """One of the faults that there may be, whatever the number of places that may have it."""
    found: dict[Fault, list[DrawnValues]] = {}
    for fault, values in groups:
        if fault in faults:
            found.setdefault(fault, []).append(values)
    kinds = [st.one_of(found[fault]) for fault in Fault if fault in found]
    return st.sampled_from(kinds).flatmap(lambda values: values) if kinds else st.nothing()
