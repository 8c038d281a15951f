"""The rows: their notation, what each must say, and which edges the tables have and have not."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from tests.spec.states import REQUESTS, value, walks

from migspec.spec.commands import answers
from migspec.spec.conditions import where
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0, SEED, Row, Thread, row
from migspec.spec.schema import SEED as SCHEMA
from migspec.spec.schema import Command, Enum, members_of
from migspec.spec.state import ANYTHING, VARIABLES, assign
from migspec.spec.vocabulary import MigrationStatus

QEMU_ROWS = tuple(row for row in ROWS if QEMU_5_2_0 in row.profiles)


def each_row(test: Callable[[Row], None]) -> Callable[[Row], None]:
    """Run a test for every row, under its id."""
    return pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)(test)


IN_PROGRESS = [
    "setup",
    "wait-unplug",
    "active",
    "pre-switchover",
    "device",
    "postcopy-active",
    "postcopy-paused",
    "postcopy-recover",
    "cancelling",
]
NEW_ATTEMPT = ["none", "completed", "failed", "cancelled", "colo"]


def edges_of(row: Row, variable: str) -> Iterator[tuple[str, str]]:
    """Every change that a row may make to a variable."""
    wanted = dict(row.then).get(variable, ())
    targets = (wanted,) if isinstance(wanted, str) else wanted
    for case in row.when.cases:
        limits = {literal.variable.name: literal.values for literal in case.literals}
        for source in limits.get(variable, VARIABLES[variable].values):
            yield from ((source, str(target)) for target in targets)


def edges(variable: str) -> set[tuple[str, str]]:
    return {edge for row in QEMU_ROWS for edge in edges_of(row, variable)}


def commanded_edges(variable: str) -> set[tuple[str, str]]:
    """Every change that a command may make to a variable at once."""
    found = set()
    for source in MigrationStatus:
        state = assign(ANYTHING, {variable: source, "life": "alive", "session": "ready"})
        for asked in REQUESTS:
            for answer in answers(asked, state, QEMU_5_2_0):
                for before in VARIABLES[variable].of(state):
                    found |= {(before, after) for after in VARIABLES[variable].of(answer.state)}
    return {(before, after) for before, after in found if before != after}


# -- the notation --


def test_notation_of_a_change() -> None:
    made = row("x", "X.", Thread.MAIN, stage="held|saving -> ending", outgoing="active -> failed", emits=("STOP",))
    assert str(made.when) == "stage ∈ {held, saving} and outgoing = active"
    assert dict(made.then) == {"stage": "ending", "outgoing": "failed"}
    assert made.emits == ("MIGRATION:failed", "STOP")
    assert made.change == "failed"


def test_notation_without_a_change() -> None:
    made = row("x", "X.", Thread.MAIN, incoming="active", when=where({"run": "paused"}, "paused"))
    assert str(made.when) == "incoming = active and run = paused"
    assert made.then == ()
    assert made.emits == ()
    assert made.change is None


def test_notation_with_its_own_place_for_the_announcement() -> None:
    made = row("x", "X.", Thread.MAIN, incoming="-> completed", emits=("RESUME", "MIGRATION:completed"))
    assert made.emits == ("RESUME", "MIGRATION:completed")
    assert row("x", "X.", Thread.MAIN, incoming="-> completed", announce=False).emits == ()


def test_a_row_without_limits_keeps_the_name_of_its_condition() -> None:
    assert row("x", "X.", Thread.MAIN, when=where({"run": "paused"}, "it is paused")).when.name == "it is paused"


@each_row
def test_masks_are_the_assignment(row: Row) -> None:
    for state in (ANYTHING, assign(ANYTHING, {"outgoing": "active", "run": "running"})):
        assert state & row.clear | row.put == assign(state, dict(row.then))


# -- what each row must say --


def test_ids_are_unique_and_dotted() -> None:
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids)
    assert [id_ for id_ in ids if not re.fullmatch(r"[a-z][a-z-]*(\.[a-z0-9-]+)+", id_)] == []


@each_row
def test_every_row_is_a_sentence_about_something_possible(row: Row) -> None:
    assert row.sentence[0].isupper()
    assert row.sentence.endswith(".")
    assert row.when.cases
    assert row.profiles
    assert row.profiles <= {SEED, QEMU_5_2_0}


@each_row
def test_every_change_of_status_announces_itself(row: Row) -> None:
    changed = {str(new) for name, new in row.then if name in ("outgoing", "incoming")}
    announced = [event.partition(":")[2] for event in row.emits if event.startswith("MIGRATION:")]
    assert set(announced[-1:]) == changed


def test_only_a_cancellation_announces_what_it_never_stores() -> None:
    assert {row.id: row.events for row in ROWS if sum("MIGRATION:" in event for event in row.events) > 1} == {
        "outgoing.cancelled-by-exit.device-first": ("MIGRATION:device", "MIGRATION:cancelling"),
        "outgoing.cancelled-by-exit.postcopy-first": ("MIGRATION:postcopy-active", "MIGRATION:cancelling"),
    }


@each_row
def test_what_is_owed_is_an_event_or_a_change(row: Row) -> None:
    assert row.events == tuple(item.removeprefix("!") for item in (*row.leaves, *row.emits) if item[0] != "=")
    assert not any(item.startswith("=") for item in row.leaves)
    for item in (*row.leaves, *row.emits):
        if item.startswith("="):
            name, _, new = item[1:].partition(":")
            assert new in VARIABLES[name].values
        else:
            assert re.fullmatch(r"!?[A-Z_]+(:[a-z0-9-]+)?", item)
            if item.startswith("MIGRATION:"):
                assert item.removeprefix("MIGRATION:") in set(MigrationStatus)


def clause_exists(clause: str) -> bool:
    """Whether a clause names an entity of the schema, or a member, argument or value of one."""
    entity_name, _, part = clause.partition(".")
    entity = next((entity for entity in SCHEMA.entities if entity.name == entity_name), None)
    if entity is None or not part:
        return entity is not None
    if isinstance(entity, Enum):
        return part in {value.name for value in entity.values}
    members = SCHEMA.arguments(entity) if isinstance(entity, Command) else members_of(entity)
    return part in {member.name for member in members}


@each_row
def test_clauses_exist(row: Row) -> None:
    assert not row.clause or clause_exists(row.clause)


@pytest.mark.parametrize("clause", ["MigrationStatus.walking", "migrate.speed", "Migration", "MIGRATION.state"])
def test_clauses_can_be_wrong(clause: str) -> None:
    assert not clause_exists(clause)


# -- the edges --

OUTGOING: Mapping[str, str] = {
    "S2b, S2c": "setup -> failed",
    "S3": "setup -> active",
    "S4": "setup -> wait-unplug",
    "S5": "wait-unplug -> active",
    "S7": "cancelling -> cancelled",
    "S7'": "cancelling -> failed",
    "S8": "active -> completed",
    "S9": "active -> pre-switchover",
    "S10": "pre-switchover -> device",
    "S11": "device -> completed",
    "S12": "pre-switchover -> postcopy-active",
    "S14": "active -> failed",
    "S14'": "failed -> failed",
    "S15": "device -> failed",
    "S16": "pre-switchover -> failed",
    "S17": "active -> postcopy-active",
    "S18": "postcopy-active -> completed",
    "S19": "postcopy-active -> postcopy-paused",
    "S20": "postcopy-active -> failed",
    "S21": "postcopy-paused -> postcopy-recover",
    "S22": "postcopy-recover -> postcopy-active",
    "S23": "postcopy-recover -> postcopy-paused",
    "S24": "active -> colo",
    "S25": "colo -> completed",
    "lost cancel in postcopy": "cancelling -> postcopy-paused",
    **{f"S6, exit from {status}": f"{status} -> cancelling" for status in IN_PROGRESS},
}
"""Every edge of the outgoing status that a VM takes by itself: observed on QEMU 5.2.0, or in its source."""

INCOMING: Mapping[str, str] = {
    "D1": "none -> active",
    "D2": "active -> completed",
    "D3": "active -> failed",
    "D4": "active -> postcopy-active",
    "D5": "postcopy-active -> completed",
    "D6": "postcopy-active -> postcopy-paused",
    "D7": "postcopy-active -> failed",
    "D8": "postcopy-paused -> postcopy-recover",
    "D9": "postcopy-recover -> postcopy-active",
    "D11": "active -> colo",
    "D12": "colo -> completed",
}
"""Every edge of the incoming status."""

COMMANDED: frozenset[str] = frozenset(
    {
        *(f"{status} -> setup" for status in NEW_ATTEMPT),
        *(f"{status} -> failed" for status in NEW_ATTEMPT if status != "failed"),
        *(f"{status} -> completed" for status in NEW_ATTEMPT if status != "completed"),
        *(f"{status} -> cancelling" for status in IN_PROGRESS if status != "cancelling"),
        "postcopy-paused -> postcopy-recover",
    }
)
"""What commands do to the outgoing status at once: migrate, bad addresses, savevm, cancellation, resume."""


def parsed(edge: str) -> tuple[str, str]:
    source, _, target = edge.partition(" -> ")
    return source, target


@pytest.mark.parametrize("name", OUTGOING)
def test_outgoing_edge_is_there(name: str) -> None:
    assert parsed(OUTGOING[name]) in edges("outgoing")


@pytest.mark.parametrize("name", INCOMING)
def test_incoming_edge_is_there(name: str) -> None:
    assert parsed(INCOMING[name]) in edges("incoming")


def test_there_are_no_other_edges() -> None:
    assert edges("outgoing") == {parsed(edge) for edge in OUTGOING.values()}
    assert edges("incoming") == {parsed(edge) for edge in INCOMING.values()}


def test_commands_change_no_other_status() -> None:
    assert commanded_edges("outgoing") == {parsed(edge) for edge in COMMANDED}
    assert commanded_edges("incoming") == set()


NEVER_OUTGOING = (
    *(f"{status} -> none" for status in MigrationStatus),
    *(
        f"setup -> {to}"
        for to in [
            "pre-switchover",
            "device",
            "postcopy-active",
            "postcopy-paused",
            "postcopy-recover",
            "colo",
        ]
    ),
    "wait-unplug -> failed",
    "wait-unplug -> completed",
    "active -> device",
    "active -> wait-unplug",
    "pre-switchover -> completed",
    *(f"device -> {to}" for to in ["postcopy-active", "colo", "pre-switchover"]),
    *(
        f"postcopy-{which} -> {to}"
        for which in ("active", "paused", "recover")
        for to in ("active", "pre-switchover", "device")
    ),
    "postcopy-paused -> postcopy-active",
    *(f"postcopy-{which} -> {to}" for which in ("paused", "recover") for to in ("completed", "failed")),
    "cancelling -> completed",
    *(
        f"{final} -> {to}"
        for final in ("completed", "failed", "cancelled")
        for to in MigrationStatus
        if to != "setup" and (final, to) != ("failed", "failed")
    ),
)
"""Edges of the outgoing status that never occurred on QEMU 5.2.0."""


@pytest.mark.parametrize("edge", NEVER_OUTGOING)
def test_outgoing_edge_is_absent(edge: str) -> None:
    assert parsed(edge) not in edges("outgoing")


@pytest.mark.parametrize("to", MigrationStatus)
def test_a_completed_incoming_migration_is_final(to: str) -> None:
    assert ("completed", to) not in edges("incoming")
    assert ("failed", to) not in edges("incoming")


NEVER_INCOMING = ("setup", "wait-unplug", "pre-switchover", "device", "cancelling", "cancelled")


@pytest.mark.parametrize("status", NEVER_INCOMING)
def test_incoming_status_that_is_never_taken(status: str) -> None:
    assert status not in {target for _, target in edges("incoming") | commanded_edges("incoming")}


@given(walks())
def test_walks_keep_to_the_edges(path: list[int]) -> None:
    outgoing = {parsed(edge) for edge in OUTGOING.values()} | {parsed(edge) for edge in COMMANDED}
    incoming = {parsed(edge) for edge in INCOMING.values()}
    for before, after in pairwise(path):
        for variable, allowed in (("outgoing", outgoing), ("incoming", incoming)):
            step = value(before, variable), value(after, variable)
            assert step[0] == step[1] or step in allowed


@given(walks())
def test_walks_agree_with_what_was_measured_of_the_two_sides(path: list[int]) -> None:
    for state in path:
        assert value(state, "incoming") not in NEVER_INCOMING
        if value(state, "outgoing") == "pre-switchover":
            assert value(state, "run") != "running"
        if value(state, "stage") in ("stopped", "held", "saving", "saved"):
            assert value(state, "run") != "postmigrate"
        if value(state, "load") in ("loading", "listening", "deferred"):
            assert value(state, "incoming") in ("none", "active", "failed")
