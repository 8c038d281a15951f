"""What a schema is made of: types, members, the five kinds of entity, and a set of them.

A type says what JSON values a place may hold. A member gives a type a name, an age and a meaning. An
entity is what the schema names at top level. A `Schema` is a closed set of entities; a release of QEMU
is another `Schema`, made from an earlier one by `Schema.with_changes`, never a copy of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum as PythonEnum
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias


class Absent(PythonEnum):
    """The value of what is not there, which JSON's null is not."""

    ABSENT = "absent"
    """A member, or the arguments of a command, left out."""


ABSENT: Final = Absent.ABSENT


class SchemaError(Exception):
    """A schema contradicts itself, or a change does not fit the schema it is applied to.

    `schema` is the name of the schema, `subject` the entity or member at fault, `problem` what is wrong.
    """

    def __init__(self, schema: str, subject: str, problem: str) -> None:
        super().__init__(f"schema {schema}: {subject} {problem}")
        self.schema = schema
        self.subject = subject
        self.problem = problem


@dataclass(frozen=True, slots=True)
class IntegerType:
    """A whole number between two bounds, both included."""

    name: str
    minimum: int
    maximum: int

    @property
    def signed(self) -> bool:
        """Whether the type has negative numbers."""
        return self.minimum < 0

    def __str__(self) -> str:
        return self.name


class Scalar(StrEnum):
    """A type without bounds or parts; the value is its name in the schema."""

    NUMBER = "number"
    """Any JSON number, whole or not."""
    STRING = "str"
    """Text."""
    BOOLEAN = "bool"
    """True or false."""
    NULL = "null"
    """JSON's null and nothing else."""

    @property
    def json_name(self) -> str:
        """What QEMU's error texts call the type."""
        return _JSON_TYPES[self][0]

    def admits(self, value: object) -> bool:
        """Tell whether `value`, a decoded JSON value, is of this type; a truth value is no number."""
        if isinstance(value, bool):
            return self is Scalar.BOOLEAN
        return isinstance(value, _JSON_TYPES[self][1])


_JSON_TYPES: Final[Mapping[Scalar, tuple[str, tuple[type, ...]]]] = {
    Scalar.NUMBER: ("number", (int, float)),
    Scalar.STRING: ("string", (str,)),
    Scalar.BOOLEAN: ("boolean", (bool,)),
    Scalar.NULL: ("null", (type(None),)),
}


@dataclass(frozen=True, slots=True)
class Alternate:
    """A value of one of several types, told apart by their JSON type alone."""

    name: str
    branches: tuple[Scalar, ...]

    def admits(self, value: object) -> bool:
        """Tell whether `value`, a decoded JSON value, is of one of the types."""
        return any(branch.admits(value) for branch in self.branches)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Ref:
    """The struct, union or enumeration of that name."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Array:
    """A list whose elements are all of one type."""

    element: "Type"

    def __str__(self) -> str:
        return f"[{self.element}]"


Type: TypeAlias = IntegerType | Scalar | Alternate | Ref | Array

INT: Final = IntegerType("int", -(2**63), 2**63 - 1)
INT64: Final = IntegerType("int64", -(2**63), 2**63 - 1)
UINT8: Final = IntegerType("uint8", 0, 2**8 - 1)
UINT16: Final = IntegerType("uint16", 0, 2**16 - 1)
UINT32: Final = IntegerType("uint32", 0, 2**32 - 1)
UINT64: Final = IntegerType("uint64", 0, 2**64 - 1)
SIZE: Final = IntegerType("size", 0, 2**64 - 1)
NUMBER: Final = Scalar.NUMBER
STRING: Final = Scalar.STRING
BOOLEAN: Final = Scalar.BOOLEAN
NULL: Final = Scalar.NULL
STR_OR_NULL: Final = Alternate("StrOrNull", (STRING, NULL))


class Origin(StrEnum):
    """Where an entity was found."""

    SEED = "seed"
    """In the migration schema itself."""
    EXTERNAL = "external"
    """In another part of QEMU's schema; traces of migrations need it."""
    RELEASE = "release"
    """In a release of QEMU, not in the migration schema."""


@dataclass(frozen=True, slots=True)
class Member:
    """One named value of an object.

    `since` is the first QEMU release with it, None if it is as old as the object; `features` are marks
    such as deprecated; `condition` is the build condition, as the schema writes it.
    """

    name: str
    type: Type
    doc: str
    optional: bool = False
    since: str | None = None
    features: tuple[str, ...] = ()
    condition: str | None = None


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One word of an enumeration; fields as in `Member`."""

    name: str
    doc: str
    since: str | None = None
    features: tuple[str, ...] = ()
    condition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What every entity has: name, meaning, first release, origin, features, build condition."""

    name: str
    doc: str
    since: str | None
    origin: Origin = Origin.SEED
    features: tuple[str, ...] = ()
    condition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Struct(Entity):
    """An object with a fixed set of members."""

    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Union(Entity):
    """An object whose further members depend on the value of one of them.

    `discriminator` is that member, of an enumeration type; `branches` pairs its values with the names of
    structs whose members stand in the same object.
    """

    discriminator: Member
    branches: tuple[tuple[str, str], ...]

    def branch(self, word: object) -> str | None:
        """Return the struct that goes with the value `word` of the discriminator, None if none does."""
        return next((struct for value, struct in self.branches if value == word), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enum(Entity):
    """A closed set of words."""

    values: tuple[EnumValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Entity):
    """A request that a client may make.

    `arguments` are its members, or the struct whose members they are ("boxed"); `returns` is the type of
    a successful reply, None for the empty object; `allow_oob` tells whether it may be sent out of band.
    """

    arguments: tuple[Member, ...] | Ref = ()
    returns: Type | None = None
    allow_oob: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Entity):
    """A message that the server sends by itself; without members it has no data at all."""

    data: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """A closed set of entities, in the order of their definition, found by name.

    Two schemas are the same only if they are one object, so that a schema can be a key at no cost.
    Raises `SchemaError` if two entities share a name or a type refers to nothing.
    """

    name: str
    entities: tuple[Entity, ...]
    structs: Mapping[str, Struct] = field(init=False, repr=False)
    unions: Mapping[str, Union] = field(init=False, repr=False)
    enums: Mapping[str, Enum] = field(init=False, repr=False)
    commands: Mapping[str, Command] = field(init=False, repr=False)
    events: Mapping[str, Event] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kinds = (
            ("structs", Struct),
            ("unions", Union),
            ("enums", Enum),
            ("commands", Command),
            ("events", Event),
        )
        names: set[str] = set()
        for entity in self.entities:
            if entity.name in names:
                raise SchemaError(self.name, entity.name, "is defined twice")
            names.add(entity.name)
        for attribute, kind in kinds:
            found = {entity.name: entity for entity in self.entities if isinstance(entity, kind)}
            object.__setattr__(self, attribute, MappingProxyType(found))
        for entity in self.entities:
            for name in references(entity):
                if not (name in self.structs or name in self.unions or name in self.enums):
                    raise SchemaError(self.name, entity.name, f"refers to unknown {name}")

    def resolve(self, ref: Ref) -> Struct | Union | Enum:
        """Return what `ref` names. Raises `SchemaError` if that is nothing."""
        for definitions in (self.structs, self.unions, self.enums):
            if definition := definitions.get(ref.name):
                return definition
        raise SchemaError(self.name, ref.name, "is not defined")

    def arguments(self, command: Command) -> tuple[Member, ...]:
        """Return the members that `command` takes, in the order in which QEMU looks at them."""
        if isinstance(command.arguments, Ref):
            return self.structs[command.arguments.name].members
        return command.arguments

    def with_changes(
        self,
        name: str,
        *,
        add: Iterable[Entity] = (),
        members: Mapping[str, Iterable[Member]] = MappingProxyType({}),
    ) -> "Schema":
        """Return this schema under another name, with entities added and members added or replaced.

        `members` maps the name of a struct, command or event to members: one that the entity has by name
        is replaced where it stands, any other goes to the end. Raises `SchemaError` if the entity does
        not exist or keeps its members elsewhere.
        """
        changed = []
        pending = {entity: tuple(new) for entity, new in members.items()}
        for entity in self.entities:
            new = pending.pop(entity.name, None)
            changed.append(entity if new is None else self._amended(entity, new))
        for missing in pending:
            raise SchemaError(self.name, missing, "does not exist, so its members cannot change")
        return Schema(name, (*changed, *add))

    def _amended(self, entity: Entity, new: tuple[Member, ...]) -> Entity:
        match entity:
            case Struct():
                return replace(entity, members=_merged(entity.members, new))
            case Command(arguments=tuple() as arguments):
                return replace(entity, arguments=_merged(arguments, new))
            case Event():
                return replace(entity, data=_merged(entity.data, new))
        raise SchemaError(self.name, entity.name, "has no members of its own")


def members_of(entity: Entity) -> tuple[Member, ...]:
    """Return the members that `entity` itself spells out."""
    match entity:
        case Struct(members=members) | Command(arguments=tuple() as members) | Event(data=members):
            return members
        case Union(discriminator=discriminator):
            return (discriminator,)
    return ()


def references(entity: Entity) -> Iterator[str]:
    """Yield the name of every struct, union and enumeration that `entity` itself mentions."""
    types = [member.type for member in members_of(entity)]
    match entity:
        case Union(branches=branches):
            yield from (struct for _, struct in branches)
        case Command(arguments=arguments, returns=returns):
            types += [type_ for type_ in (arguments, returns) if isinstance(type_, Type)]
    for type_ in types:
        while isinstance(type_, Array):
            type_ = type_.element
        if isinstance(type_, Ref):
            yield type_.name


def _merged(old: tuple[Member, ...], new: tuple[Member, ...]) -> tuple[Member, ...]:
    merged = {member.name: member for member in old}
    merged.update((member.name, member) for member in new)
    return tuple(merged.values())
