"""Samples of the schema: values that fit a type, and values with one fault, each with its place and kind.

Everything is made from the tables of the schema, in an order of their own, and nothing is left to chance.  For each
type there are few values: the smallest object and the largest, every word of an enumeration, both ends of a range.
A faulty value is a small one with something wrong at one place.  What is wrong with it is not said by whoever made it:
the validator of the specification says so, and for arguments, under the profile of a release, its refusals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

from migspec.spec.arguments import judge
from migspec.spec.profiles import Profile
from migspec.spec.rows import SEED
from migspec.spec.schema import ABSENT, Command, Enum, Event, Member, Ref, Schema, Struct, Type, Union
from migspec.spec.schema.model import Alternate, Array, IntegerType, Scalar
from migspec.spec.schema.validate import Mismatch, validate, validate_event, validate_reply

UNKNOWN: Final = "unknown-member"
"""The name of a member, and the word, that no schema has."""

Object = dict[str, Any]
Place = tuple[str | int, ...]
"""Names of members and indices of elements, from the outside in."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value, `ABSENT` where there is none, and what is wrong with it; `errors` are the texts that refuse it.

    `valid` says whether it is accepted: under the profile of a release that is not always what the type says.
    """

    value: Any
    valid: bool
    faults: tuple[Mismatch, ...] = ()
    errors: tuple[str, ...] = ()

    def as_object(self) -> Object:
        """The sample as a member of a file."""
        shown: Object = {"valid": self.valid}
        if self.value is not ABSENT:
            shown["value"] = self.value
        if self.faults:
            shown["faults"] = [{"at": list(place_of(fault.path)), "kind": fault.kind.value} for fault in self.faults]
        if self.errors:
            shown["errors"] = list(self.errors)
        return shown


_STEP: Final = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def place_of(path: str) -> Place:
    """The place that the validator calls `return.ram.total` or `return[3].capability`, without the root."""
    return tuple(name or int(index) for name, index in _STEP.findall(path))


def entities_of(profile: Profile) -> Iterator[Object]:
    """What a profile's schema has: the arguments of each command, what it returns, and the data of each event."""
    schema = profile.schema
    for command in schema.commands.values():
        yield _entity("arguments", command.name, arguments_of(command, profile))
        yield _entity("return", command.name, returns_of(command, schema))
    for event in schema.events.values():
        yield _entity("event", event.name, data_of(event, schema))


def _entity(subject: str, name: str, samples: Iterable[Sample]) -> Object:
    return {"subject": subject, "name": name, "samples": [sample.as_object() for sample in samples]}


def arguments_of(command: Command, profile: Profile) -> Iterator[Sample]:
    """Samples of the arguments of a command.

    The written schema goes by the types.  A release goes by what its reader of arguments does: it takes a negative
    number for a large one.  What depends on the build is left out.
    """
    members = profile.schema.arguments(command)
    whole = Struct(name=command.name, doc="", since=None, members=members)
    for value in _once(chain((ABSENT,), _objects(members, profile.schema), _faulty(whole, profile.schema))):
        faults = tuple(validate({} if value is ABSENT else value, whole, profile.schema, "arguments"))
        if profile.name == SEED:
            yield Sample(value, not faults, faults)
            continue
        verdict = judge(command, value, profile.schema)
        if not (verdict.may_pass and verdict.refusals):
            yield Sample(value, verdict.may_pass, () if verdict.may_pass else faults, tuple(sorted(verdict.refusals)))


def returns_of(command: Command, schema: Schema) -> Iterator[Sample]:
    """Samples of what a command returns, successes alone."""
    empty = Struct(name="the empty object", doc="", since=None, members=())
    type_ = empty if command.returns is None else command.returns
    for value in _once(chain(_fitting(type_, schema), _faulty(type_, schema))):
        yield _judged(value, tuple(validate_reply(value, command, schema)))


def data_of(event: Event, schema: Schema) -> Iterator[Sample]:
    """Samples of the data of an event; an event without data has none at all."""
    whole = Struct(name=event.name, doc="", since=None, members=event.data)
    fitting = _objects(event.data, schema) if event.data else iter(())
    faulty = _faulty(whole, schema) if event.data else iter(({},))
    for value in _once(chain((ABSENT,), fitting, faulty)):
        yield _judged(value, tuple(validate_event(value, event, schema)))


def _judged(value: Any, faults: tuple[Mismatch, ...]) -> Sample:
    return Sample(value, not faults, faults)


def _once(values: Iterable[Any]) -> Iterator[Any]:
    """Each value once, as JSON tells them apart."""
    seen = set()
    for value in values:
        shown = "" if value is ABSENT else json.dumps(value, sort_keys=True)
        if shown not in seen:
            seen.add(shown)
            yield value


# ---- values that fit ----

_PLAIN: Final[Mapping[Scalar, tuple[Any, ...]]] = {
    Scalar.STRING: ("a", "", "ä €"),
    Scalar.BOOLEAN: (True, False),
    Scalar.NUMBER: (1, 0.5, -1),
    Scalar.NULL: (None,),
}
"""Values of the types without parts, the plainest first."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _fitting(type_: Type | Struct | Union | Enum, schema: Schema) -> Iterator[Any]:
    """Values of a type, the plainest first."""
    definition = schema.resolve(type_) if isinstance(type_, Ref) else type_
    match definition:
        case IntegerType(minimum=least, maximum=most):
            yield from (1, least, most)
        case Scalar():
            yield from _PLAIN[definition]
        case Alternate(branches=branches):
            yield from (value for branch in branches for value in _PLAIN[branch])
        case Enum(values=words):
            yield from (word.name for word in words)
        case Array(element=element):
            first, *others = _fitting(element, schema)
            yield from ([first], [], [first, first], *([other] for other in others))
        case Struct(members=members):
            yield from _objects(members, schema)
        case Union():
            for named, members in _alternatives(definition, schema):
                yield from _objects(members, schema, named)


def _plainest(member: Member, schema: Schema) -> Any:
    return next(_fitting(member.type, schema))


def _alternatives(union: Union, schema: Schema) -> Iterator[tuple[Object, tuple[Member, ...]]]:
    """Each word of the discriminator, as the object that has nothing else, and the members that go with it."""
    for word, struct in union.branches:
        yield {union.discriminator.name: word}, schema.structs[struct].members


def _smallest(members: Iterable[Member], schema: Schema, named: Mapping[str, Any]) -> Object:
    return {**named, **{member.name: _plainest(member, schema) for member in members if not member.optional}}


def _objects(members: Sequence[Member], schema: Schema, named: Mapping[str, Any] = _NOTHING) -> Iterator[Object]:
    """Objects with these members: the smallest, the largest, and small ones with each value of each member."""
    smallest = _smallest(members, schema, named)
    yield smallest
    yield {**named, **{member.name: _plainest(member, schema) for member in members}}
    for member in members:
        yield from (smallest | {member.name: value} for value in _fitting(member.type, schema))


# ---- values with a fault ----

_NO_WORD: Final[tuple[Any, ...]] = (1, None)
_NO_ARRAY: Final[tuple[Any, ...]] = ({}, "a", None)
_NO_OBJECT: Final[tuple[Any, ...]] = ([], "a", None)
_NO_INTEGER: Final[tuple[Any, ...]] = ("1", 1.5, True, None)
_NOT: Final[Mapping[Scalar, tuple[Any, ...]]] = {
    Scalar.STRING: (1, [], None),
    Scalar.BOOLEAN: (1, "true", None),
    Scalar.NUMBER: ("1", True, None),
    Scalar.NULL: (0, "", False),
}
"""Values of other types than these."""


def _faulty(type_: Type | Struct | Union | Enum, schema: Schema) -> Iterator[Any]:
    """Values that would be of a type but for one thing."""
    definition = schema.resolve(type_) if isinstance(type_, Ref) else type_
    match definition:
        case IntegerType(minimum=least, maximum=most):
            yield from (*_NO_INTEGER, least - 1, most + 1)
        case Scalar():
            yield from _NOT[definition]
        case Alternate(branches=branches):
            wrong = (value for branch in branches for value in _NOT[branch])
            yield from (value for value in wrong if not definition.admits(value))
        case Enum(values=words):
            yield from (*_NO_WORD, UNKNOWN, words[0].name.upper())
        case Array(element=element):
            yield from _NO_ARRAY
            yield from ([wrong] for wrong in _faulty(element, schema))
            yield [next(_fitting(element, schema)), None]
        case Struct(members=members):
            yield from _NO_OBJECT
            yield from _faulty_objects(members, schema)
        case Union(discriminator=discriminator):
            yield from _NO_OBJECT
            for named, members in _alternatives(definition, schema):
                yield from _faulty_objects(members, schema, named)
            for wrong in _faulty(discriminator.type, schema):
                yield {discriminator.name: wrong}
            yield {}


def _faulty_objects(members: Sequence[Member], schema: Schema, named: Mapping[str, Any] = _NOTHING) -> Iterator[Object]:
    """Small objects with one fault: a member too many, one too few, or one with a fault of its own."""
    smallest = _smallest(members, schema, named)
    yield smallest | {UNKNOWN: 1}
    for member in members:
        if not member.optional:
            yield {name: value for name, value in smallest.items() if name != member.name}
        yield from (smallest | {member.name: wrong} for wrong in _faulty(member.type, schema))
