"""The pages of the tables of rows, with the drawings of both sides, and of the rules about messages and pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from migspec.spec.profiles import PROFILES
from migspec.spec.rows import SEED, Standing
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.moves import ANYWHERE, Move
from migspec.traces.pages.outlook import Side
from migspec_docs.diagrams.charts import Chart, chart
from migspec_docs.document import Block, Cell, Chip, Document, Inline, Link, Para, Picture, Section, Table
from migspec_docs.homes import MESSAGES, PAIRS, RULES, TABLES, TRANSITIONS, homes_of_rules, name_of_command, rules_at
from migspec_docs.telling import card, count_cell, joined, para, rule_line, status_link

_SIDES: Final = {Side.OUTGOING: "The outgoing side: a source", Side.INCOMING: "The incoming side: a destination"}


def transitions() -> Iterator[Document]:
    """A page for each table, one for the drawings of each profile, and one that lists them."""
    drawings = [_drawings(profile) for profile in PROFILES]
    yield from drawings
    listed = []
    for table, (title, rows) in TABLES.items():
        home = f"{TRANSITIONS}/{table}"
        words = f"{len(rows)} rows: what a VM may do by itself. What is in no table is not allowed."
        yield Document(home, [title], [para(words), *map(card, rules_at(home))], [f"rows {table}"])
        defects = sum(CATALOGUE[row.id].standing is Standing.DEFECT for row in rows)
        cells = (Para([Link(f"rows {table}", title, plain=True)]), para(str(len(rows))), para(str(defects or "–")))
        listed.append([Cell([content]) for content in cells])
    yield Document(
        f"{TRANSITIONS}/index",
        ["Transitions"],
        [
            para(
                "The steps that a VM takes by itself, as rows: who takes it, under which condition, what it changes, "
                "and which messages it owes afterwards. The change comes first and its messages follow, because that "
                "is how QEMU does it; until a thread has delivered what it owes it takes no other step, but other "
                "threads do."
            ),
            Para(
                ["Drawn: ", *joined([Link(f"chart {profile}", profile, plain=True) for profile in PROFILES], ", "), "."]
            ),
            Table(("Table", "Rows", "Known defects"), listed),
        ],
        children=[*(drawn.place for drawn in drawings), *(f"{TRANSITIONS}/{table}" for table in TABLES)],
    )


def _drawings(profile: str) -> Document:
    body: list[Block] = [para(PROFILES[profile].doc, "lead"), _key(profile)]
    for side, title in _SIDES.items():
        made = chart(side, profile)
        body.append(
            Section(
                [title],
                [
                    Picture(made.svg, f"The statuses of the {side.value} side; the table below says the same."),
                    _legend(made),
                ],
            )
        )
    return Document(f"{TRANSITIONS}/chart-{profile}", [f"Statuses in {profile}"], body, [f"chart {profile}"])


def _key(profile: str) -> Para:
    if profile == SEED:
        return para(
            "The schema's text names the statuses and says which capabilities some of them need. It says nothing of "
            "their order, so each may follow any other. A number stands for a rule of the table below."
        )
    return Para(
        [
            "A number stands for a rule of the table below. ",
            Chip("grey", "none"),
            " is what the VM does by itself, ",
            Chip("blue", "recorded"),
            " what a command does that succeeds as usual, ",
            Chip("red and dashed", "defect"),
            " a known defect. The more recorded messages show an arrow's rules, the thicker it is.",
        ]
    )


def _legend(made: Chart) -> Table:
    return Table(("No.", "From", "To", "What happens", "Recorded"), [*map(_legend_row, made.legend)], "legend")


def _legend_row(entry: tuple[int, Sequence[Move]]) -> Sequence[Cell]:
    number, group = entry
    first = group[0]
    befores = dict.fromkeys(move.before for move in group)
    by: list[Inline] = [Link(name_of_command(first.by)), ": "] if first.by else []
    return [
        Cell([Para([Chip(str(number), "number")])]),
        Cell([Para([before if before == ANYWHERE else status_link(before)]) for before in befores], kind="status"),
        Cell([Para([status_link(after)]) for after in dict.fromkeys(move.after for move in group)], kind="status"),
        Cell([Para([*by, first.sentence]), rule_line(first.rule)]),
        count_cell(first.rule),
    ]


def others() -> Iterator[Document]:
    """The pages of the rules about messages as such, about pairs of VMs, and of all rules by their ids."""
    yield Document(
        MESSAGES,
        ["Messages"],
        [
            para("What holds of any message and any request, whatever the command, and of a trace as such."),
            *map(card, rules_at(MESSAGES)),
        ],
    )
    yield Document(
        PAIRS,
        ["Two VMs of one migration"],
        [
            para(
                "What ties the source and the destination together. Nothing is ordered across two monitors, so these "
                "rules speak only of what is certain on both sides."
            ),
            *map(card, rules_at(PAIRS)),
        ],
    )
    rows = [
        [
            Cell([Para([Link(rule)])]),
            Cell([para(CATALOGUE[rule].sentence)]),
            Cell([para(CATALOGUE[rule].standing.value)]),
            count_cell(rule),
        ]
        for rule in sorted(homes_of_rules())
    ]
    words = f"All {len(rows)} rules, by their ids, which are stable: reports and scripts name them."
    yield Document(RULES, ["All rules"], [para(words), Table(("Rule", "What it says", "Standing", "Recorded"), rows)])
