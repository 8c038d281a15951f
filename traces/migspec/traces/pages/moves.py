"""Changes of a status: which rule leads from one to another, as the rows say it and the contracts of the commands.

A *move* is a step that changes a status of a VM.  Those of the rows are read off their conditions and effects, those of
the commands off their outlook.  The written contract leaves open where a status comes from, so there a move comes from
anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from migspec.spec.commands import CONTRACTS, contract_of
from migspec.spec.commands.machine import ONLY_HUMAN
from migspec.spec.conditions import ALWAYS
from migspec.spec.lifecycle import ROWS
from migspec.spec.requests import Request
from migspec.spec.rows import SEED, Row, Standing, Thread
from migspec.spec.state import VARIABLES
from migspec.traces.pages.outlook import PROGRESS, STATUSES, Side, outlook, request_of, states_of, ways_of

ANYWHERE: Final = "any status"
"""Where a move comes from that any status allows."""


@dataclass(frozen=True, slots=True)
class Move:
    """A rule that changes a status of a side, from one to another.

    `by` is the command whose case the rule is, empty for a row; `usual` tells that the rule is one of asking for it as
    clients usually do, and of success.  `needs` is the condition that a move from anywhere has.
    """

    side: Side
    before: str
    after: str
    rule: str
    sentence: str
    standing: Standing
    by: str = ""
    usual: bool = True
    needs: str = ""


@cache
def moves(profile: str) -> tuple[Move, ...]:
    """All changes of a status that a profile knows, each once for each pair of statuses, those of rows first."""
    if profile == SEED:
        return tuple(_written())
    found: dict[tuple[Side, str, str, str], Move] = {}
    for move in (*_of_rows(profile), *_of_commands(profile)):
        found.setdefault((move.side, move.before, move.after, move.rule), move)
    return tuple(found.values())


def followers(side: Side, status: str, profile: str) -> Mapping[str, bool]:
    """The statuses that a VM may come to from one by itself, and for each whether only a known defect leads there."""
    found: dict[str, bool] = {}
    for move in moves(profile):
        if move.side is side and move.before == status != move.after and not move.by:
            found[move.after] = found.get(move.after, True) and move.standing is Standing.DEFECT
    return found


def rows_in(side: Side, status: str, profile: str) -> tuple[Row, ...]:
    """The rows that may be taken in a status, and that are about its side: they look at it or at its progress."""
    own = {side.value, PROGRESS[side]}
    return tuple(
        row
        for row in ROWS
        if profile in row.profiles and own.intersection(_looked_at(row)) and _may_be_taken(row, side, status, profile)
    )


def _looked_at(row: Row) -> set[str]:
    return {literal.variable.name for case in row.when.cases for literal in case.literals}


def _may_be_taken(row: Row, side: Side, status: str, profile: str) -> bool:
    """Whether some VM may take a row while a side has a status, a process that is about to end included."""
    return any(row.when.assume(state | VARIABLES["life"].field) for state in states_of(side, status, profile))


def _of_rows(profile: str) -> Iterator[Move]:
    for row in ROWS:
        if profile not in row.profiles:
            continue
        for name, after in row.then:
            if name in tuple(Side) and isinstance(after, str):
                side = Side(name)
                for before in STATUSES[side]:
                    if _may_be_taken(row, side, before, profile):
                        yield Move(side, before, after, row.id, row.sentence, row.standing)


def _of_commands(profile: str) -> Iterator[Move]:
    asked = [
        (command, place)
        for command in CONTRACTS
        for place, way in enumerate(ways_of(command))
        if _changes_a_status(request_of(command, way, profile), profile)
    ]
    for command, place in asked:
        for row in outlook(command, profile, place):
            for outcome in row.outcomes:
                # the other side of the row is at rest there, and has a row of its own
                for after in dict(outcome.after).get(row.side, ()) if not outcome.ends else ():
                    usual = place == 0 and not outcome.refuses and command not in ONLY_HUMAN
                    said = (outcome.rule, outcome.sentence, outcome.standing)
                    yield Move(row.side, row.status, after, *said, command, usual)


def _changes_a_status(request: Request, profile: str) -> bool:
    """Whether some case for a request does; most commands need not be evaluated status by status to know that."""
    cases = contract_of(request.command, profile).cases
    return any(not {*Side}.isdisjoint(case.effect(request)) for case in cases if case.asks(request))


_SIDES: Final = {Thread.MIGRATION: Side.OUTGOING, Thread.LISTEN: Side.INCOMING}
"""Whose status a thread of the written relation announces."""


def _written() -> Iterator[Move]:
    for row in ROWS:
        if SEED in row.profiles and row.change is not None:
            needs = "" if row.when is ALWAYS else row.when.name
            side = _SIDES[row.thread]
            yield Move(side, ANYWHERE, row.change, row.id, row.sentence, row.standing, needs=needs)
