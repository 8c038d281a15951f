"""The mutants of the tables: stable ids, one change each, and nothing left of it afterwards."""

import pytest
from tests.mutants.mutant import in_force
from tests.mutants.operators import RELEASE_ROWS, emissions, negations, of_tables, places
from tests.mutants.results import every, groups

from migspec.reference_impl import contents, contracts, process
from migspec.reference_impl.answering import Answering
from migspec.spec.commands import CONTRACTS, envelope, machine
from migspec.spec.conditions import ALWAYS, Condition, where
from migspec.spec.state import ANYTHING, assign


def tables() -> tuple[object, ...]:
    return (
        vars(process)["relation_of"],
        dict(CONTRACTS),
        envelope.CONTRACT,
        machine.OPEN,
        Answering.refusal,
        dict(contents._TOLD),
    )


def test_ids_are_unique() -> None:
    made = list(of_tables())
    assert len({mutant.id for mutant in made}) == len(made)


def test_everything_is_mutated() -> None:
    rules = {mutant.rule for mutant in every().values()}
    assert {row.id for row in RELEASE_ROWS} <= rules
    assert {case.id for _, case in places()} <= rules
    operators = {mutant.operator for mutant in every().values()}
    assert len(operators) == 11
    assert len(every()) > 2000


def test_a_mutant_changes_one_thing() -> None:
    for mutant in every().values():
        assert bool(mutant.rows) + bool(mutant.place) + bool(mutant.wording) + bool(mutant.told) == 1, mutant.id


def test_nothing_is_left_of_a_mutant() -> None:
    before = tables()
    for mutant in list(every().values())[::50]:
        with in_force(mutant):
            assert tables() != before, mutant.id
        assert tables() == before, mutant.id
    contracts.possible.cache_clear()


def test_a_group_is_of_one_rule() -> None:
    every_group = groups(every())
    assert sum(map(len, every_group)) == len(every())
    assert all(len({every()[identity].rule for identity in group}) == 1 for group in every_group)


def test_a_guard_is_negated_as_a_whole_and_in_each_literal() -> None:
    guard = where({"stage": "held", "outgoing": "active"})
    held = assign(ANYTHING, {"stage": "held", "outgoing": "active"})
    idle = assign(held, {"stage": "idle"})
    found = dict(negations(guard))
    assert list(found) == ["", "stage", "outgoing"]
    assert not found[""].assume(held)
    assert not found["stage"].assume(held)
    assert found["stage"].assume(idle)
    assert found[""].assume(idle)


@pytest.mark.parametrize("guard", [ALWAYS, where({"stage": "held"})])
def test_a_guard_that_is_one_thing_is_negated_once(guard: Condition) -> None:
    assert len(list(negations(guard))) == (guard is not ALWAYS)


def test_what_is_emitted_is_omitted_doubled_and_swapped() -> None:
    found = list(emissions(("STOP", "MIGRATION:colo", "=stage:idle")))
    assert found == [
        ("event.omitted", "STOP", ("MIGRATION:colo", "=stage:idle")),
        ("event.doubled", "STOP", ("STOP", "STOP", "MIGRATION:colo", "=stage:idle")),
        ("event.omitted", "MIGRATION:colo", ("STOP", "=stage:idle")),
        ("event.doubled", "MIGRATION:colo", ("STOP", "MIGRATION:colo", "MIGRATION:colo", "=stage:idle")),
        ("change.dropped", "=stage:idle", ("STOP", "MIGRATION:colo")),
        ("event.reordered", "STOP<->MIGRATION:colo", ("MIGRATION:colo", "STOP", "=stage:idle")),
        ("event.reordered", "MIGRATION:colo<->=stage:idle", ("STOP", "=stage:idle", "MIGRATION:colo")),
    ]
