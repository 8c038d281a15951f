"""In what does the schema that a VM tells differ from one of ours, as far as live migration goes?

The comparison goes along our schema: from each command and event into its arguments, its data and what it returns.
What it meets there is *missing*, or *changed*; what the VM has besides, in a place that we know, is *added*. A type
that is used in several places is compared in each, and a difference of its own is told once with all of them.

A reply to query-qmp-schema has commands of all of QEMU. One that we do not know is *added* only if it is about
migration: another of our schemas has it, its name has one of `SUBJECTS` in it, it uses a type of the migration schema,
of those that are not borrowed from elsewhere, or one with the word `migration`. All others are none of our business.

What our schema makes depend on the build may be absent, which is no difference. The widths of whole numbers, the types
that nothing reaches, ages and meanings cannot be told from such a reply.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from migspec.spec.schema.introspection import (
    ToldAlternate,
    ToldArray,
    ToldBuiltin,
    ToldCommand,
    ToldEnum,
    ToldEvent,
    ToldMember,
    ToldObject,
    ToldSchema,
    ToldType,
    uses,
)
from migspec.spec.schema.model import (
    Alternate,
    Array,
    Command,
    Enum,
    EnumValue,
    Event,
    IntegerType,
    Member,
    Origin,
    Ref,
    Scalar,
    Schema,
    Struct,
    Type,
    Union,
)

ELSEWHERE = frozenset({"SPICE_MIGRATE_COMPLETED"})
"""What has a subject in its name and is not about the migration of a VM: the display's viewers move here."""

SUBJECTS = ("migrat", "postcopy", "colo", "dirty-rate", "dirty-limit")
"""What the name of a command or event has in it if it is about live migration; case and dashes do not matter."""

WORD = "migration"
"""The word by which an enumeration of subsystems, say, names this one."""


class DifferenceKind(StrEnum):
    """What is different."""

    MISSING = "missing"
    """We have it and the VM does not."""
    ADDED = "added"
    """The VM has it and we do not."""
    CHANGED = "changed"
    """Both have it, and it is not the same."""
    BUILD = "build"
    """The VM does not have it, and it is in some builds only: no difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: its kind, the place, what there is to say, and the other places where it is the same.

    A place is `migrate.uri` for an argument, `MIGRATION.status` for the data of an event and `query-migrate: ram.total`
    for what is returned; `[]` is an element of a list, `(inet)` the branch of a union, and a word of an enumeration is
    in quotes.
    """

    kind: DifferenceKind
    path: str
    message: str
    also: tuple[str, ...] = ()


def compare(told: ToldSchema, schema: Schema, others: Iterable[Schema] = ()) -> tuple[Difference, ...]:
    """Every difference between what a VM told and `schema`, in the order of the latter, additions at the end.

    What `others`, such as the schemas of other releases, have of the migration schema is about migration too.
    """
    known = {entity.name for other in others for entity in other.entities if entity.origin is not Origin.EXTERNAL}
    comparison = _Comparison(told, schema, known)
    found: dict[_Key, list[str]] = {}
    for key, path in comparison.run():
        places = found.setdefault(key, [])
        if path not in places:
            places.append(path)
    return tuple(Difference(kind, path, message, tuple(also)) for (kind, _, _, message), (path, *also) in found.items())


_Key: TypeAlias = tuple[DifferenceKind, str, str, str]
"""What a difference is known by: kind, the type of which it is one, its place in that, message."""

_Finding: TypeAlias = tuple[_Key, str]
"""A difference and one path to it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the comparison is: the path, and the type that the last step was taken in."""

    path: str
    owner: str
    joint: str = "."
    leaf: str = ""

    def member(self, name: str) -> _Place:
        return _Place(f"{self.path}{self.joint}{name}", self.owner, ".", name)

    def element(self) -> _Place:
        return _Place(f"{self.path}{self.joint.rstrip('.')}[]", self.owner, ".", f"{self.leaf}[]")

    def branch(self, word: str) -> _Place:
        return _Place(f"{self.path}({word})", self.owner, ".", f"({word})")

    def within(self, ours: str, theirs: str) -> _Place:
        return _Place(self.path, f"{ours}={theirs}", self.joint)

    def word(self, word: str) -> _Place:
        return _Place(f"{self.path}{' ' if self.path[-1] != ' ' else ''}{word!r}", self.owner, "", word)

    def says(self, kind: DifferenceKind, message: str) -> _Finding:
        return (kind, self.owner, self.leaf, message), self.path.rstrip(": ")


class _Comparison:
    def __init__(self, told: ToldSchema, schema: Schema, known: Container[str]) -> None:
        self._told = told
        self._schema = schema
        self._known = known
        self._own: set[str] = set()  # the names under which the VM has types of the migration schema

    def run(self) -> Iterator[_Finding]:
        for entity in self._schema.entities:
            match entity:
                case Command():
                    yield from self._command(entity)
                case Event():
                    yield from self._event(entity)
        yield from self._added()

    # -- commands and events --

    def _command(self, command: Command) -> Iterator[_Finding]:
        place = _Place(command.name, command.name)
        theirs = self._told.commands.get(command.name)
        if theirs is None:
            yield _absent(place, command, "there is no such command")
            return
        yield from _features(place, command.features, theirs.features)
        if command.allow_oob != theirs.allow_oob:
            able, unable = "may run out of band", "may not run out of band"
            message = (
                f"{able}; expected that it {unable[4:]}" if theirs.allow_oob else f"{unable}; expected that it may"
            )
            yield place.says(DifferenceKind.CHANGED, message)
        yield from self._members(place, self._schema.arguments(command), theirs.arguments)
        returned = _Place(f"{command.name}: ", command.name, "", "return")
        if command.returns is None:
            yield from self._nothing(returned, theirs.returns)
        else:
            yield from self._type(returned, command.returns, theirs.returns)

    def _nothing(self, place: _Place, name: str) -> Iterator[_Finding]:
        theirs = self._told.types[name]
        if isinstance(theirs, ToldObject):
            yield from self._members(place, (), name)
        else:
            yield place.says(DifferenceKind.CHANGED, f"returns {self._named(theirs)}; expected an empty object")

    def _event(self, event: Event) -> Iterator[_Finding]:
        place = _Place(event.name, event.name)
        theirs = self._told.events.get(event.name)
        if theirs is None:
            yield _absent(place, event, "there is no such event")
            return
        yield from _features(place, event.features, theirs.features)
        yield from self._members(place, event.data, theirs.data)

    def _added(self) -> Iterator[_Finding]:
        entries: Iterable[tuple[str, str, ToldCommand | ToldEvent]] = [
            *((name, "a command", command) for name, command in self._told.commands.items()),
            *((name, "an event", event) for name, event in self._told.events.items()),
        ]
        for name, kind, entry in sorted(entries, key=lambda entry: entry[:2]):
            if name in self._schema.commands or name in self._schema.events:
                continue
            if name in self._known or _is_about_migration(name) or self._uses_own(entry):
                yield _Place(name, name).says(DifferenceKind.ADDED, f"{kind} that is about migration")

    def _uses_own(self, entry: ToldCommand | ToldEvent) -> bool:
        reached = self._told.reached(*uses(entry))
        types = (self._told.types[name] for name in reached)
        return bool(self._own & reached) or any(isinstance(type_, ToldEnum) and WORD in type_.words for type_ in types)

    # -- types --

    def _type(self, place: _Place, expected: Type, name: str) -> Iterator[_Finding]:
        theirs = self._told.types[name]
        match expected, theirs:
            case Ref(), ToldObject() | ToldEnum():
                yield from self._definition(place, expected, theirs)
            case Array(element=element), ToldArray(element=their_element):
                yield from self._type(place.element(), element, their_element)
            case _:
                ours, found = self._expected(expected), self._named(theirs)
                if ours != found:
                    yield place.says(DifferenceKind.CHANGED, f"is {found}; expected {ours}")

    def _definition(self, place: _Place, ref: Ref, theirs: ToldObject | ToldEnum) -> Iterator[_Finding]:
        definition = self._schema.resolve(ref)
        inside = place.within(definition.name, theirs.name)
        if definition.origin is not Origin.EXTERNAL:
            self._own.add(theirs.name)
        match definition, theirs:
            case Enum(), ToldEnum():
                yield from _words(inside, definition, theirs)
            case Struct(), ToldObject(tag=None):
                yield from self._members(inside, definition.members, theirs.name)
            case Union(), ToldObject(tag=str()):
                yield from self._union(inside, definition, theirs)
            case _:
                message = f"is {self._named(theirs)}; expected {self._expected(ref)}"
                yield place.says(DifferenceKind.CHANGED, message)

    def _members(self, place: _Place, expected: Iterable[Member], name: str) -> Iterator[_Finding]:
        theirs = {member.name: member for member in self._told.members(name)}
        for member in expected:
            found = theirs.pop(member.name, None)
            if found is None:
                yield _absent(place.member(member.name), member, "there is no such member")
            else:
                yield from self._member(place.member(member.name), member, found)
        for extra in theirs.values():
            optional = "an optional member" if extra.optional else "a member"
            marks = "".join(f", {feature}" for feature in sorted(extra.features))
            message = f"{optional} of type {self._named(self._told.types[extra.type])}{marks}"
            yield place.member(extra.name).says(DifferenceKind.ADDED, message)

    def _member(self, place: _Place, expected: Member, found: ToldMember) -> Iterator[_Finding]:
        if expected.optional != found.optional:
            words = ("mandatory", "optional")
            message = f"is {words[found.optional]}; expected {words[expected.optional]}"
            yield place.says(DifferenceKind.CHANGED, message)
        yield from _features(place, expected.features, found.features)
        yield from self._type(place, expected.type, found.type)

    def _union(self, place: _Place, expected: Union, found: ToldObject) -> Iterator[_Finding]:
        if found.tag != expected.discriminator.name:
            message = f"its branches go by {found.tag}; expected {expected.discriminator.name}"
            yield place.says(DifferenceKind.CHANGED, message)
            return
        yield from self._members(place, (expected.discriminator,), found.name)
        theirs = dict(found.variants)
        for word, struct in expected.branches:
            name = theirs.pop(word, None)
            # without its word there is no branch, which is said of the word
            if name is not None:
                yield from self._members(place.branch(word), self._schema.structs[struct].members, name)
        for word in theirs:
            yield place.branch(word).says(DifferenceKind.ADDED, "a branch")

    # -- names --

    def _expected(self, type_: Type) -> str:
        match type_:
            case IntegerType():
                return "int"
            case Scalar():
                return type_.value
            case Alternate(branches=branches):
                return _either(branch.value for branch in branches)
            case Array(element=element):
                return f"list of {self._expected(element)}"
            case Ref():
                definition = self._schema.resolve(type_)
                kinds = {Struct: "object", Union: "object with branches", Enum: "enumeration"}
                return kinds[type(definition)]

    def _named(self, type_: ToldType) -> str:
        match type_:
            case ToldBuiltin(name=name):
                return name
            case ToldEnum():
                return "enumeration"
            case ToldArray(element=element):
                return f"list of {self._named(self._told.types[element])}"
            case ToldObject(tag=tag):
                return "object" if tag is None else "object with branches"
            case ToldAlternate(branches=branches):
                return _either(self._named(self._told.types[branch]) for branch in branches)


def _either(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))


def _is_about_migration(name: str) -> bool:
    plain = name.lower().replace("_", "-")
    return name not in ELSEWHERE and any(subject in plain for subject in SUBJECTS)


def _absent(place: _Place, part: Command | Event | Member | EnumValue, message: str) -> _Finding:
    if part.condition:
        return place.says(DifferenceKind.BUILD, f"not in this build, which lacks {part.condition}")
    return place.says(DifferenceKind.MISSING, message)


def _features(place: _Place, expected: Iterable[str], found: Iterable[str]) -> Iterator[_Finding]:
    ours, theirs = set(expected), set(found)
    for feature in sorted(theirs - ours):
        yield place.says(DifferenceKind.CHANGED, f"is marked as {feature}")
    for feature in sorted(ours - theirs):
        yield place.says(DifferenceKind.CHANGED, f"is not marked as {feature}")


def _words(place: _Place, expected: Enum, found: ToldEnum) -> Iterator[_Finding]:
    ours: Mapping[str, EnumValue] = {value.name: value for value in expected.values}
    for word, value in ours.items():
        if word not in found.words:
            yield _absent(place.word(word), value, "there is no such word")
        elif (marks := found.words[word]) is not None:
            yield from _features(place.word(word), value.features, marks)
    for word, marks in found.words.items():
        if word not in ours:
            extra = "".join(f", {feature}" for feature in sorted(marks or ()))
            yield place.word(word).says(DifferenceKind.ADDED, f"a word{extra}")
