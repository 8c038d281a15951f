"""The outlook of a command: every status has a row, and what any VM may do in it is in that row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.states import value, walks

from migspec.spec.commands import CONTRACTS, answers
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.state import VARIABLES
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.outlook import STATUSES, WAYS, Row, Side, outlook, request_of, states_of, ways_of

TRIED = ("migrate_cancel", "migrate", "migrate-pause", "migrate-continue", "cont")


def row_of(command: str, side: Side, status: str, profile: str = QEMU_5_2_0, place: int = 0) -> Row:
    return next(row for row in outlook(command, profile, place) if row.side is side and row.status == status)


def rules(row: Row) -> list[str]:
    return [outcome.rule for outcome in row.outcomes]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_status_of_both_sides_has_a_row_with_outcomes(profile: str) -> None:
    for command in ("migrate_cancel", "query-migrate"):
        rows = outlook(command, profile)
        assert [(row.side, row.status) for row in rows] == [(side, s) for side in Side for s in STATUSES[side]]
        assert all(row.outcomes for row in rows)
        assert all(profile in CATALOGUE[outcome.rule].profiles for row in rows for outcome in row.outcomes)


@settings(max_examples=40)
@given(walks(), st.sampled_from([(command, place) for command in TRIED for place in range(len(ways_of(command)))]))
def test_what_a_vm_does_is_in_the_row_of_its_status(walk: list[int], asked: tuple[str, int]) -> None:
    """For each state of a random walk through the relation that has used one side only."""
    command, place = asked
    request = request_of(command, ways_of(command)[place], QEMU_5_2_0)
    for state in walk:
        side = Side.INCOMING if value(state, "load") != "none" else Side.OUTGOING
        if value(state, "life") != "alive" or (side is Side.INCOMING and value(state, "stage") != "idle"):
            continue
        if side is Side.INCOMING and value(state, "outgoing") != "none":
            continue
        row = row_of(command, side, value(state, side.value), place=place)
        for answer in answers(request, state, QEMU_5_2_0):
            assert answer.case.id in rules(row)
            outcome = next(o for o in row.outcomes if o.rule == answer.case.id)
            assert value(answer.state, side.value) in dict(outcome.after).get(side, (row.status,))


@given(st.sampled_from(Side), st.data())
def test_the_states_of_a_row_have_its_status(side: Side, data: st.DataObject) -> None:
    status = data.draw(st.sampled_from(STATUSES[side]))
    for state in states_of(side, status, QEMU_5_2_0):
        assert VARIABLES[side.value].known(state) == status
        assert all(state & variable.field for variable in VARIABLES.values())


def test_migrate_cancel() -> None:
    assert rules(row_of("migrate_cancel", Side.OUTGOING, "none")) == ["migrate_cancel.idle"]
    (accepted,) = row_of("migrate_cancel", Side.OUTGOING, "active").outcomes
    assert accepted.answer == ("success",)
    assert accepted.after == ((Side.OUTGOING, ("cancelling",)),)
    assert accepted.events == ("MIGRATION cancelling",)
    held = row_of("migrate_cancel", Side.OUTGOING, "pre-switchover")
    assert [outcome.when for outcome in held.outcomes] == [
        "",
        "the migration waits in pre-switchover",
        "postcopy waits in pre-switchover",
    ]
    ahead = "MIGRATION device, from the migration thread, whenever it comes to that"
    assert held.outcomes[1].events == ("MIGRATION cancelling", ahead)
    assert rules(row_of("migrate_cancel", Side.OUTGOING, "active", SEED)) == ["written.migrate_cancel"]


def test_a_refusal_has_its_texts_and_changes_nothing() -> None:
    (refused,) = row_of("migrate", Side.OUTGOING, "active").outcomes
    assert refused.refuses
    assert refused.certain
    assert refused.answer == ("GenericError “There's a migration process in progress”",)
    assert refused.after == ()
    assert not refused.ends


def test_what_depends_on_more_than_the_status_says_on_what() -> None:
    early = next(o for o in row_of("migrate", Side.OUTGOING, "failed").outcomes if o.ends)
    assert (early.rule, early.when) == ("migrate.too-early", "the last migration is not cleaned up")
    assert early.answer == ("no reply",)
    assert "migrate.too-early" not in rules(row_of("migrate", Side.OUTGOING, "none"))


def test_what_no_vm_can_be_in_is_no_outcome() -> None:
    """Postcopy and memory that is not sent are never on together, so nothing is refused for it."""
    row = row_of("migrate-set-capabilities", Side.OUTGOING, "none")
    assert rules(row) == ["migrate-set-capabilities.accepted"]


def test_every_way_of_asking_is_one_that_the_command_understands() -> None:
    commands = PROFILES[QEMU_5_2_0].schema.commands
    for command, ways in WAYS.items():
        assert command in CONTRACTS
        for way in ways:
            request = request_of(command, way, QEMU_5_2_0)
            assert request.may_pass
            assert request.monitor_command is (command not in commands)
