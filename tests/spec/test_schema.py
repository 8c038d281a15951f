"""The schema: its inventory, its closure, and releases as deltas of it."""

from collections import Counter
from pathlib import Path

import pytest

from migspec.spec.schema import (
    QEMU_5_2_0,
    SEED,
    Command,
    Entity,
    Enum,
    Event,
    Member,
    Origin,
    Ref,
    Schema,
    SchemaError,
    Struct,
    Union,
    describe,
    members_of,
    references,
)
from migspec.spec.schema.model import BOOLEAN, INT, STRING, Array
from migspec.spec.vocabulary import MigrationParameter

GOLDEN = Path(__file__).parent / "golden" / "seed-inventory.txt"
SEED_ENTITIES = [entity for entity in SEED.entities if entity.origin is Origin.SEED]


def test_the_inventory_is_the_golden_one() -> None:
    assert describe(SEED) == GOLDEN.read_text(encoding="utf-8")


def test_the_seed_has_fifty_entities() -> None:
    kinds = Counter(type(entity) for entity in SEED_ENTITIES)
    assert kinds == {Command: 25, Struct: 12, Enum: 9, Event: 4}
    assert sum(len(members_of(entity)) for entity in SEED_ENTITIES) == 138
    assert sum(len(entity.values) for entity in SEED_ENTITIES if isinstance(entity, Enum)) == 84
    assert list(SEED.entities[:50]) == SEED_ENTITIES


def test_everything_in_the_seed_has_an_age() -> None:
    assert [entity.name for entity in SEED_ENTITIES if entity.since is None] == []


@pytest.mark.parametrize("entity", QEMU_5_2_0.entities, ids=lambda entity: entity.name)
def test_everything_has_a_docstring(entity: Entity) -> None:
    parts = entity.values if isinstance(entity, Enum) else members_of(entity)
    undocumented = [part.name for part in (entity, *parts) if not part.doc.endswith(".")]
    assert undocumented == []


def test_every_seed_type_is_used_or_known_to_be_unreachable() -> None:
    used = {name for entity in SEED.entities for name in references(entity)}
    types = [entity.name for entity in SEED_ENTITIES if isinstance(entity, Struct | Enum)]
    assert [name for name in types if name not in used] == [
        "MigrationParameter",
        "COLOMessage",
        "FailoverStatus",
    ]


def test_the_parameters_of_both_structs_are_those_of_the_enumeration() -> None:
    written = [member.name for member in SEED.structs["MigrateSetParameters"].members]
    read = [member.name for member in SEED.structs["MigrationParameters"].members]
    assert written == read
    assert sorted(written) == sorted(MigrationParameter)


def test_a_boxed_command_takes_the_members_of_its_struct() -> None:
    command = SEED.commands["migrate-set-parameters"]
    assert command.arguments == Ref("MigrateSetParameters")
    assert SEED.arguments(command) == SEED.structs["MigrateSetParameters"].members
    assert [member.name for member in SEED.arguments(SEED.commands["migrate"])] == [
        "uri",
        "blk",
        "inc",
        "detach",
        "resume",
    ]


def test_only_two_commands_of_the_seed_may_be_out_of_band() -> None:
    assert [name for name, command in SEED.commands.items() if command.allow_oob] == [
        "migrate-recover",
        "migrate-pause",
    ]


def test_four_commands_are_deprecated() -> None:
    assert [name for name, command in SEED.commands.items() if "deprecated" in command.features] == [
        "migrate_set_downtime",
        "migrate_set_speed",
        "migrate-set-cache-size",
        "query-migrate-cache-size",
    ]


def test_a_reference_resolves_to_its_definition() -> None:
    assert isinstance(SEED.resolve(Ref("MigrationInfo")), Struct)
    assert isinstance(SEED.resolve(Ref("SocketAddress")), Union)
    assert isinstance(SEED.resolve(Ref("RunState")), Enum)
    with pytest.raises(SchemaError, match="schema seed: migrate is not defined"):
        SEED.resolve(Ref("migrate"))


def test_release_5_2_0_differs_from_the_seed_in_five_lines() -> None:
    before, after = (set(describe(schema).splitlines()) for schema in (SEED, QEMU_5_2_0))
    assert {line.split()[1] for line in after - before} == {
        "MigrationInfo",
        "DirtyRateInfo",
        "VfioStats",
        "xen-load-devices-state",
        "xen-set-global-dirty-log",
    }
    assert {line.split()[1] for line in before - after} == {"MigrationInfo", "DirtyRateInfo"}


def test_a_changed_member_keeps_its_place_and_a_new_one_goes_last() -> None:
    assert [member.name for member in QEMU_5_2_0.structs["DirtyRateInfo"].members] == [
        member.name for member in SEED.structs["DirtyRateInfo"].members
    ]
    assert QEMU_5_2_0.structs["DirtyRateInfo"].members[0].optional
    assert not SEED.structs["DirtyRateInfo"].members[0].optional
    assert QEMU_5_2_0.structs["MigrationInfo"].members[-1].name == "vfio"


def test_members_of_commands_and_events_can_change_too() -> None:
    extra = Member("extra", BOOLEAN, "Something new.", optional=True)
    changed = SEED.with_changes("next", members={"migrate": (extra,), "MIGRATION": (extra,)})
    assert changed.name == "next"
    assert changed.arguments(changed.commands["migrate"])[-1] == extra
    assert changed.events["MIGRATION"].data[-1] == extra


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("no-such", "does not exist, so its members cannot change"),
        ("migrate-set-parameters", "has no members of its own"),
        ("MigrationStatus", "has no members of its own"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(target: str, problem: str) -> None:
    with pytest.raises(SchemaError) as refused:
        SEED.with_changes("next", members={target: (Member("x", INT, "New."),)})
    assert (refused.value.schema, refused.value.subject, refused.value.problem) == ("seed", target, problem)


def test_a_name_may_be_taken_once() -> None:
    with pytest.raises(SchemaError, match="migrate is defined twice"):
        SEED.with_changes("next", add=(SEED.commands["migrate"],))


def test_one_name_cannot_be_two_kinds_of_type() -> None:
    again = Struct(name="RunState", doc="Not an enumeration.", since=None, members=())
    with pytest.raises(SchemaError, match="RunState is defined twice"):
        SEED.with_changes("next", add=(again,))


@pytest.mark.parametrize(
    "entity",
    [
        Struct(name="S", doc="S.", since=None, members=(Member("m", Array(Array(Ref("Gone"))), "M."),)),
        Event(name="E", doc="E.", since=None, data=(Member("m", Ref("Gone"), "M."),)),
        Command(name="c", doc="C.", since=None, arguments=Ref("Gone")),
        Command(name="c", doc="C.", since=None, returns=Array(Ref("Gone"))),
        Union(name="U", doc="U.", since=None, discriminator=Member("m", STRING, "M."), branches=(("a", "Gone"),)),
    ],
    ids=lambda entity: type(entity).__name__,
)
def test_a_reference_to_nothing_is_refused(entity: Entity) -> None:
    with pytest.raises(SchemaError, match="refers to unknown Gone"):
        Schema("broken", (entity,))
