"""Moves are the changes of a status that the rows and contracts make, and no others."""

from __future__ import annotations

from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0, SEED, Standing
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.moves import ANYWHERE, followers, moves, rows_in
from migspec.traces.pages.outlook import STATUSES, Side


def ends(rule: str) -> set[tuple[str, str, str]]:
    return {(move.side.value, move.before, move.after) for move in moves(QEMU_5_2_0) if move.rule == rule}


def test_every_row_that_sets_a_status_is_a_move() -> None:
    rows = {row.id for row in ROWS if QEMU_5_2_0 in row.profiles and {name for name, _ in row.then} & {*Side}}
    assert {move.rule for move in moves(QEMU_5_2_0) if not move.by} == rows


def test_a_move_leads_from_where_the_row_may_be_taken() -> None:
    assert ends("outgoing.setup-to-active") == {("outgoing", "setup", "active")}
    assert ends("incoming.none-to-active") == {("incoming", "none", "active")}
    before = {move for _, move, _ in ends("outgoing.cancelled-by-exit.accepted")}
    assert before == {move for _, move, _ in ends("migrate_cancel.accepted")}


def test_no_move_is_there_twice() -> None:
    found = [(move.side, move.before, move.after, move.rule) for move in moves(QEMU_5_2_0)]
    assert len(found) == len(set(found))


def test_a_command_moves_as_usual_or_not() -> None:
    usual = {move.rule for move in moves(QEMU_5_2_0) if move.by and move.usual}
    assert {"migrate.accepted", "migrate_cancel.accepted"} <= usual
    assert not any(rule.startswith(("migrate.uri", "savevm")) for rule in usual)
    assert "migrate.uri.scheme" in {move.rule for move in moves(QEMU_5_2_0)}


def test_by_the_text_any_status_may_follow_any() -> None:
    found = moves(SEED)
    assert {move.before for move in found} == {ANYWHERE}
    assert {move.after for move in found if move.side is Side.OUTGOING} == {*STATUSES[Side.OUTGOING]}
    assert {move.after: move.needs for move in found if move.needs}["colo"] == "capability x-colo is on"


def test_what_follows_by_a_defect_alone_is_told_apart() -> None:
    assert followers(Side.OUTGOING, "cancelling", QEMU_5_2_0) == {
        "cancelled": False,
        "failed": True,
        "postcopy-paused": True,
    }
    assert CATALOGUE["outgoing.cancelling-to-failed"].standing is Standing.DEFECT
    assert followers(Side.INCOMING, "completed", QEMU_5_2_0) == {}


def test_the_rows_of_a_status_are_those_that_may_be_taken_in_it() -> None:
    device = {row.id for row in rows_in(Side.OUTGOING, "device", QEMU_5_2_0)}
    assert {"outgoing.last-pass", "outgoing.device-to-completed", "outgoing.cancelled-by-exit.accepted"} <= device
    assert not any(row.startswith(("incoming", "outgoing.active", "outgoing.setup")) for row in device)
    assert all(QEMU_5_2_0 in row.profiles for row in rows_in(Side.INCOMING, "active", QEMU_5_2_0))
