"""Comparing schemas: what is told of a schema equals it, and each single change is found where it was made."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.told import RELEASES, recorded, tell

from migspec.spec.schema import QEMU_5_2_0, SEED, Command, Entity, Enum, EnumValue, Event, Member, Ref, Schema, Struct
from migspec.spec.schema.comparison import SUBJECTS, Difference, DifferenceKind, compare
from migspec.spec.schema.introspection import read_introspection
from migspec.spec.schema.model import BOOLEAN, INT, NUMBER, STRING, UINT8, Array, IntegerType, Scalar, members_of

SCHEMAS = (SEED, QEMU_5_2_0)
SCHEMA = QEMU_5_2_0
KINDS = DifferenceKind


def differences(entries: list[dict[str, Any]], schema: Schema = SCHEMA) -> list[Difference]:
    found = compare(read_introspection(entries), schema, SCHEMAS)
    return [difference for difference in found if difference.kind is not KINDS.BUILD]


@pytest.mark.parametrize("words_have_marks", [False, True])
@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_schema_is_what_is_told_of_it(schema: Schema, words_have_marks: bool) -> None:
    told = read_introspection(tell(schema, words_have_marks=words_have_marks))
    assert compare(told, schema, SCHEMAS) == ()


# -- one change --


def with_entity(entity: Entity) -> Schema:
    return Schema("changed", tuple(entity if old.name == entity.name else old for old in SCHEMA.entities))


def with_members(entity: Entity, members: tuple[Member, ...]) -> Entity:
    match entity:
        case Struct():
            return replace(entity, members=members)
        case Command():
            return replace(entity, arguments=members)
        case Event():
            return replace(entity, data=members)
    raise TypeError(entity)


NEW = Member("new-member", BOOLEAN, "New.", optional=True)


def change_of(member: Member) -> dict[str, Member]:
    other: IntegerType | Scalar = BOOLEAN if isinstance(member.type, Scalar) and member.type is not BOOLEAN else STRING
    return {
        f"is {'mandatory' if member.optional else 'optional'}": replace(member, optional=not member.optional),
        f"is {other}": replace(member, type=other),
        "is a list": replace(member, type=Array(member.type)),
        "is marked as unstable": replace(member, features=(*member.features, "unstable")),
    }


def reachable(name: str) -> bool:
    """Whether a command or event uses a type, so that something is told of it."""
    seen: set[str] = set()
    waiting = [entity for entity in SCHEMA.entities if isinstance(entity, Command | Event)]
    names: list[str] = []
    for entity in waiting:
        types = [member.type for member in members_of(entity)]
        if isinstance(entity, Command):
            types += [type_ for type_ in (entity.returns, entity.arguments) if isinstance(type_, Ref | Array)]
        names += [type_.name for type_ in map(innermost, types) if isinstance(type_, Ref)]
    while names:
        found = names.pop()
        if found not in seen:
            seen.add(found)
            definition = SCHEMA.resolve(Ref(found))
            inner = [innermost(member.type) for member in members_of(definition)]
            names += [type_.name for type_ in inner if isinstance(type_, Ref)]
            names += [struct for _, struct in getattr(definition, "branches", ())]
    return name in seen


def innermost(type_: Any) -> Any:
    while isinstance(type_, Array):
        type_ = type_.element
    return type_


def has_members(entity: Entity) -> bool:
    """Whether it has members of its own, and the VM tells of them; without a condition, which would excuse a change."""
    if isinstance(entity, Struct):
        return reachable(entity.name)
    return isinstance(entity, Event) or (isinstance(entity, Command) and isinstance(entity.arguments, tuple))


CHANGEABLE = [entity for entity in SCHEMA.entities if has_members(entity)]
MEMBERS = [(entity, member) for entity in CHANGEABLE for member in members_of(entity)]
WORDS = [
    (entity, value)
    for entity in SCHEMA.entities
    if isinstance(entity, Enum) and reachable(entity.name)
    for value in entity.values
]
NAMED = [entity for entity in SCHEMA.entities if isinstance(entity, Command | Event)]


def only(found: list[Difference]) -> Difference:
    """The one difference; one member of a struct may have several roots, if the struct is that of several unions."""
    assert len(found) == 1, found
    return found[0]


@given(st.sampled_from(MEMBERS), st.data())
def test_a_changed_member_is_found(pair: tuple[Entity, Member], data: st.DataObject) -> None:
    entity, member = pair
    message, changed = data.draw(st.sampled_from(sorted(change_of(member).items())))
    members = tuple(changed if old is member else old for old in members_of(entity))
    found = only(differences(tell(with_entity(with_members(entity, members)))))
    assert found.kind is KINDS.CHANGED
    assert found.path.rstrip("[]").endswith(member.name)
    assert found.message.startswith(message.replace("is a list", "is list of"))


@given(st.sampled_from(MEMBERS))
def test_a_missing_member_is_found(pair: tuple[Entity, Member]) -> None:
    entity, member = pair
    members = tuple(old for old in members_of(entity) if old is not member)
    entries = tell(with_entity(with_members(entity, members)))
    if member.condition:
        found = compare(read_introspection(entries), SCHEMA)
        assert [(difference.kind, difference.path.endswith(member.name)) for difference in found] == [
            (KINDS.BUILD, True)
        ]
    else:
        missing = only(differences(entries))
        assert (missing.kind, missing.path.endswith(member.name)) == (KINDS.MISSING, True)


@given(st.sampled_from(CHANGEABLE))
def test_an_additional_member_is_found(entity: Entity) -> None:
    found = only(differences(tell(with_entity(with_members(entity, (*members_of(entity), NEW))))))
    assert (found.kind, found.message) == (KINDS.ADDED, "an optional member of type bool")
    assert found.path.endswith("new-member")


@given(st.sampled_from(WORDS))
def test_a_word_more_or_less_is_found(pair: tuple[Enum, EnumValue]) -> None:
    enum, value = pair
    less = replace(enum, values=tuple(word for word in enum.values if word is not value))
    expected = KINDS.BUILD if value.condition else KINDS.MISSING
    for difference in compare(read_introspection(tell(with_entity(less))), SCHEMA):
        assert (difference.kind, difference.path.endswith(f"{value.name!r}")) == (expected, True)
    more = replace(enum, values=(*enum.values, EnumValue("new-word", "New.", features=("unstable",))))
    found = only(differences(tell(with_entity(more))))
    assert (found.kind, found.message) == (KINDS.ADDED, "a word, unstable")
    assert found.path.endswith("'new-word'")


@given(st.sampled_from(NAMED))
def test_a_missing_command_or_event_is_found(entity: Command | Event) -> None:
    without = Schema("less", tuple(old for old in SCHEMA.entities if old is not entity))
    found = compare(read_introspection(tell(without)), SCHEMA)
    expected = KINDS.BUILD if entity.condition else KINDS.MISSING
    assert [(difference.kind, difference.path) for difference in found] == [(expected, entity.name)]


COMMAND_CHANGES: dict[str, Callable[[Command], Command]] = {
    "run out of band": lambda command: replace(command, allow_oob=not command.allow_oob),
    "is marked as odd": lambda command: replace(command, features=(*command.features, "odd")),
    "list of": lambda command: replace(command, returns=Array(Array(STRING))),
}


@given(st.sampled_from(sorted(SCHEMA.commands)), st.sampled_from(sorted(COMMAND_CHANGES)))
def test_a_changed_command_is_found(name: str, message: str) -> None:
    found = only(differences(tell(with_entity(COMMAND_CHANGES[message](SCHEMA.commands[name])))))
    assert (found.kind, found.path.removesuffix(": []")) == (KINDS.CHANGED, name)
    assert message in found.message


@given(st.sampled_from(MEMBERS))
def test_the_width_of_a_whole_number_cannot_be_seen(pair: tuple[Entity, Member]) -> None:
    entity, member = pair
    if isinstance(member.type, IntegerType):
        narrow = replace(member, type=UINT8)
        members = tuple(narrow if old is member else old for old in members_of(entity))
        assert differences(tell(with_entity(with_members(entity, members)))) == []


# -- what is about migration --

UNKNOWN = {
    "cook-dinner": ((), False),
    "query-postcopy-times": ((), True),
    "x-Migrate_again": ((), True),
    "eat": ((Member("status", Ref("MigrationStatus"), "A type of the schema."),), True),
    "drink": ((Member("how", Array(Ref("MigrationStats")), "Deep in a type of the schema."),), True),
    "sleep": ((Member("where", Ref("SocketAddress"), "A type from elsewhere."),), False),
    "dream": (
        (Member("of", Ref("RunState"), "Another."), Member("n", NUMBER, "A number."), Member("i", INT, "")),
        False,
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("kind", [Command, Event])
def test_what_is_added_must_be_about_migration(name: str, kind: type[Entity]) -> None:
    members, about = UNKNOWN[name]
    parts: dict[str, Any] = {"arguments": members} if kind is Command else {"data": members}
    more = SCHEMA.with_changes("more", add=(kind(name=name, doc="New.", since=None, **parts),))
    paths = [(difference.kind, difference.path) for difference in differences(tell(more))]
    assert paths == ([(KINDS.ADDED, name)] if about else [])


def test_what_another_schema_has_is_about_migration() -> None:
    told = read_introspection(tell(QEMU_5_2_0))
    new = {"xen-load-devices-state", "xen-set-global-dirty-log"}
    assert new <= {difference.path for difference in compare(told, SEED, SCHEMAS)}
    assert not new & {difference.path for difference in compare(told, SEED)}


def test_each_subject_is_in_some_name_of_a_real_release() -> None:
    names = {
        entry["name"].lower().replace("_", "-")
        for release in RELEASES
        for entry in recorded(release)
        if entry["meta-type"] in ("command", "event")
    }
    assert [subject for subject in SUBJECTS if not any(subject in name for name in names)] == []


# -- unions --


def entry_of(entries: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (found,) = [entry for entry in entries if wanted.items() <= entry.items()]
    return found


def union_changes() -> Iterator[tuple[Callable[[dict[str, Any]], object], str]]:
    yield lambda entry: entry["variants"].append({"case": "pigeon", "type": "int-object"}), "(pigeon)"
    yield lambda entry: entry.update(tag="kind"), "its branches go by kind; expected type"
    yield lambda entry: [entry.pop("tag"), entry.pop("variants")], "is object; expected object with branches"


@pytest.mark.parametrize(("change", "told"), list(union_changes()))
def test_a_changed_union_is_found(change: Callable[[dict[str, Any]], object], told: str) -> None:
    entries = [*tell(SCHEMA), {"name": "int-object", "meta-type": "object", "members": []}]
    change(entry_of(entries, tag="type"))
    found = only(differences(entries))
    assert found.path.startswith("query-migrate: socket-address[]")
    assert told in found.path + found.message


# -- real replies --


def test_qemu_5_2_0_tells_its_own_schema() -> None:
    found = compare(read_introspection(recorded("5.2.0")), QEMU_5_2_0, SCHEMAS)
    assert [(difference.kind, difference.path, difference.also) for difference in found] == [
        (
            KINDS.BUILD,
            "migrate-set-parameters.multifd-compression 'zstd'",
            ("query-migrate-parameters: multifd-compression 'zstd'",),
        )
    ]


def test_qemu_5_2_0_differs_from_the_seed_in_four_things() -> None:
    assert [(difference.kind, difference.path) for difference in differences(recorded("5.2.0"), SEED)] == [
        (KINDS.ADDED, "query-migrate: vfio"),
        (KINDS.CHANGED, "query-dirty-rate: dirty-rate"),
        (KINDS.ADDED, "xen-load-devices-state"),
        (KINDS.ADDED, "xen-set-global-dirty-log"),
    ]
