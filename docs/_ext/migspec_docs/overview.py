"""The first page of the specification: which command does what in which status, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from migspec.spec.commands import CONTRACTS
from migspec.spec.rows import Standing
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.outlook import Outcome, Side, outlook
from migspec_docs.document import Block, Cell, Chip, Document, Items, Link, Para, Section, Table
from migspec_docs.homes import (
    ANSWERS,
    CAPABILITIES,
    COMMANDS,
    DIFFERENCES,
    EVENTS,
    MESSAGES,
    PAIRS,
    PARAMETER_PAGES,
    PROFILE,
    ROOT,
    RULES,
    SCHEMA,
    TRANSITIONS,
    TYPES,
    name_of_command,
    statuses_of,
)
from migspec_docs.homes import STATUSES as STATUS_PAGES
from migspec_docs.telling import para

_TITLES: Final = {
    Side.OUTGOING: "On a source, by outgoing status",
    Side.INCOMING: "On a destination, by incoming status",
}
_SIGNS: Final = {"success": "✓", "refused": "✗", "mixed": "±", "ends": "†"}


def overview() -> Iterator[Document]:
    """The page, with all others below it."""
    counts = {standing: sum(rule.standing is standing for rule in CATALOGUE.values()) for standing in Standing}
    told = ", ".join(f"{count} {standing.value}" for standing, count in counts.items())
    body: list[Block] = [
        para(
            f"{len(CATALOGUE)} rules ({told}), {len(SCHEMA.commands)} commands, {len(SCHEMA.events)} events. "
            "Everything below is made of the tables of the specification when the documentation is built; nothing is "
            "typed twice. `migspec show` prints the same on a terminal.",
            "lead",
        ),
        Section(["Every command in every status"], [_key(), *_matrices()]),
    ]
    kinds = (COMMANDS, STATUS_PAGES, CAPABILITIES, PARAMETER_PAGES, EVENTS, ANSWERS, TRANSITIONS, TYPES)
    children = [*(f"{kind}/index" for kind in kinds), MESSAGES, PAIRS, DIFFERENCES, RULES]
    yield Document(f"{ROOT}/index", ["The specification"], body, children=children)


def _key() -> Items:
    said = {
        "success": "it succeeds",
        "refused": "it is refused",
        "mixed": "either, which the command's page tells apart",
        "ends": "it may end the process (a known defect, or what was asked for)",
    }
    return Items([[Para([Chip(_SIGNS[kind], kind), f" {words}"])] for kind, words in said.items()])


def _matrices() -> Iterator[Block]:
    for side in Side:
        rows = [
            [Cell([Para([Link(name_of_command(command), command)])]), *map(_cell, _row(command, side))]
            for command in CONTRACTS
        ]
        yield Para([Chip(_TITLES[side], "side")], "side")
        yield Table(("Command", *statuses_of(side)), rows, "matrix")


def _row(command: str, side: Side) -> list[Sequence[Outcome]]:
    found = {row.status: row.outcomes for row in outlook(command, PROFILE) if row.side is side}
    return [found[status] for status in statuses_of(side)]


def _cell(outcomes: Sequence[Outcome]) -> Cell:
    # a device, a disk or the host may refuse anything; what counts is what the status decides
    decided = [outcome for outcome in outcomes if outcome.certain or not outcome.refuses or outcome.when] or outcomes
    kinds = {"refused" if outcome.refuses else "success" for outcome in decided if not outcome.ends}
    signs = [Chip(_SIGNS[kind], kind) for kind in ([*kinds] if len(kinds) == 1 else ["mixed"] if kinds else [])]
    ends = [Chip(_SIGNS["ends"], "ends")] if any(outcome.ends for outcome in outcomes) else []
    return Cell([Para([*signs, *ends])], kind="sign")
