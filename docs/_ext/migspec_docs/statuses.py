"""The page of each status: what leads to it and from it, what happens in it, and what each command does there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migspec.spec.commands import CONTRACTS
from migspec.spec.rows import SEED
from migspec.spec.schema.enums import MIGRATION_STATUS
from migspec.traces.pages import page_of
from migspec.traces.pages.moves import Move, moves, rows_in
from migspec.traces.pages.outlook import STATUSES, Outcome, Side, outlook
from migspec_docs.diagrams.charts import neighbourhood
from migspec_docs.document import Block, Cell, Chip, Document, Inline, Items, Link, Para, Picture, Section, Table
from migspec_docs.homes import ORDER, PROFILE, STATUS, name_of_command, rules_at
from migspec_docs.homes import STATUSES as PAGES
from migspec_docs.shown import section
from migspec_docs.telling import SIDES, card, count_cell, inline, para, rule_line, status_link


def statuses() -> Iterator[Document]:
    """A page for each status, and one that lists them."""
    rows = []
    words = sorted(MIGRATION_STATUS.values, key=lambda word: ORDER.index(word.name))
    for word in words:
        yield _page(word.name)
        sides = [side for side in Side if word.name in STATUSES[side]]
        rows.append(
            [
                Cell([Para([status_link(word.name)])], kind="status"),
                Cell([para(", ".join(side.value for side in sides))]),
                Cell([para(word.doc)]),
            ]
        )
    yield Document(
        f"{PAGES}/index",
        ["Statuses"],
        [
            para(
                "The values of MigrationStatus. A VM has two of them, the outgoing and the incoming one, which are "
                "independent; query-migrate shows the incoming one while the outgoing one is none."
            ),
            Table(("Status", "Of which side", "What it means"), rows),
        ],
        children=[f"{PAGES}/{word.name}" for word in words],
    )


def _page(status: str) -> Document:
    name = f"{STATUS}.{status}"
    page = page_of(name, PROFILE)
    content: list[Block] = [para(str(page["meaning"]), "lead")]
    if page["schema"]:
        content.append(para(f"In the schema: {page['schema']}.", "aside"))
    sides = [side for side in Side if status in STATUSES[side]]
    content += [Section([SIDES[side]], [*_of_side(side, status)]) for side in sides]
    content += _written(status)
    own = [card(rule) for rule in rules_at(f"{PAGES}/{status}")]
    if own:
        content.append(Section(["Rules about it"], own))
    content += section([name])
    return Document(f"{PAGES}/{status}", [status], content, [name])


def _of_side(side: Side, status: str) -> Iterator[Block]:
    drawing = neighbourhood(side, status, PROFILE)
    if drawing:
        yield Picture(drawing, f"What leads to {status} and from it, as the tables below say.")
    near = [move for move in moves(PROFILE) if move.side is side]
    into = [move for move in near if move.after == status]
    out = [move for move in near if move.before == status]
    if into:
        yield Section(["What leads here"], [_moves_table(into, "From")])
    if out:
        yield Section(["What leads on"], [_moves_table(out, "To")])
    changing = {move.rule for move in out}
    within = [row for row in rows_in(side, status, PROFILE) if row.id not in changing]
    if within:
        rows = [
            [
                Cell([para(row.sentence), rule_line(row.id)]),
                Cell([para(row.thread.value)]),
                count_cell(row.id),
            ]
            for row in within
        ]
        yield Section(["What may happen meanwhile"], [Table(("What happens", "Thread", "Recorded"), rows)])
    yield Section(["What commands do here"], [Table(("Command", "What it does"), [*_commands(side, status)])])


def _moves_table(found: Sequence[Move], where: str) -> Table:
    ends: dict[str, list[str]] = {}
    kept: dict[str, Move] = {}
    for move in sorted(found, key=lambda move: ORDER.index(move.before if where == "From" else move.after)):
        ends.setdefault(move.rule, []).append(move.before if where == "From" else move.after)
        kept.setdefault(move.rule, move)
    rows = [
        [
            Cell([Para([status_link(status)]) for status in dict.fromkeys(ends[rule])], kind="status"),
            Cell([para(move.sentence), rule_line(rule)]),
            Cell([Para([Link(name_of_command(move.by)) if move.by else "the VM by itself"])]),
            count_cell(rule),
        ]
        for rule, move in kept.items()
    ]
    return Table((where, "What happens", "Because of", "Recorded"), rows)


def _commands(side: Side, status: str) -> Iterator[Sequence[Cell]]:
    for command in CONTRACTS:
        row = next(row for row in outlook(command, PROFILE) if row.side is side and row.status == status)
        yield [Cell([Para([Link(name_of_command(command), command)])]), Cell([*_summary(row.outcomes)])]


def _summary(outcomes: Sequence[Outcome]) -> Iterator[Block]:
    for outcome in outcomes:
        kind = "ends" if outcome.ends else "refused" if outcome.refuses else "success"
        word = "the process ends" if outcome.ends else "refused" if outcome.refuses else "success"
        if len(outcomes) > 1 and outcome.refuses and not outcome.certain and not outcome.when:
            word = "may be refused"
        when: list[Inline] = [f" if {outcome.when}: "] if outcome.when else [" "]
        yield Para([Chip(word, kind), *when, outcome.sentence, " ", Link(outcome.rule)], "summary")


def _written(status: str) -> Iterator[Block]:
    found = [move for move in moves(SEED) if move.after == status]
    if found:
        said = [[Para([f"{move.side.value}: ", *inline(move.sentence), " ", Link(move.rule)])] for move in found]
        yield Section(["What the schema's text allows"], [Items(said)])
