"""The page of the differences: what the schema's text says, beside what QEMU 5.2.0 does.

A rule of the release that the written contract does not have says more than the text, or something else.  Such rules
stand beside the clause that they belong to; where there is none, the text is silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from migspec.spec.commands import CONTRACTS
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import SEED, Standing
from migspec.spec.rules import Rule
from migspec.spec.schema import Command, Entity, Event
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.definitions import in_a_line, parts_of
from migspec.traces.pages.entities import entity_of
from migspec.traces.pages.moves import moves
from migspec.traces.pages.outlook import Side
from migspec_docs.document import Block, Cell, Chip, Document, Inline, Items, Link, Para, Section, Table
from migspec_docs.homes import DIFFERENCES, PROFILE, SCHEMA, has_home, statuses_of
from migspec_docs.telling import inline, joined, para, recorded, standing_chip, status_link

_ANSWERED: Final = frozenset(case.id for contract in CONTRACTS.values() if contract.query for case in contract.cases)
"""That a query is answered is no difference: what its answer must be is said by other rules."""
_PROMISED: Final = [rule for rule in CATALOGUE.values() if rule.profiles == {SEED}]
"""The rules of the written contract alone."""
_TEXT: Final = PROFILES[SEED].schema
_GROUPS: Final[Mapping[str, type[Entity]]] = {"Commands": Command, "Events": Event}
"""The parts of the page, by the kind of entity; the rest is types."""


def differences() -> Iterator[Document]:
    """The page."""
    beside = _beside()
    body: list[Block] = [
        Para(
            [
                "On the left what the schema's text says, in the words of the specification; on the right what ",
                Link(f"chart {PROFILE}", PROFILE),
                " adds to it or does instead. An implementation that nobody has measured is held to the left column.",
            ],
            "lead",
        ),
        _summary(beside),
    ]
    left = dict(beside)
    for title, kind in _GROUPS.items():
        own = {clause: left.pop(clause) for clause in list(left) if isinstance(_owner(clause), kind)}
        body.append(Section([title], [_table(own)]))
    body.append(Section(["Types and their members"], [_table({clause: left[clause] for clause in left if clause})]))
    body.append(Section(["Statuses"], [*_statuses()]))
    body.append(Section(["The schema itself"], [*_schemas()]))
    body.append(Section(["Where the text is silent"], [*_silent(left.get("", ()))]))
    yield Document(DIFFERENCES, ["What is written and what is done"], body, ["differences"])


def _beside() -> Mapping[str, Sequence[Rule]]:
    """The rules of the release that the text does not have, by clause, in the order of the schema."""
    found: dict[str, list[Rule]] = {}
    for rule in CATALOGUE.values():
        if PROFILE in rule.profiles and SEED not in rule.profiles and rule.id not in _ANSWERED:
            found.setdefault(rule.clause, []).append(rule)
    order = {name: place for place, name in enumerate(_clauses())}
    return {clause: found[clause] for clause in sorted(found, key=lambda clause: order.get(clause, len(order)))}


def _clauses() -> Iterator[str]:
    for entity in SCHEMA.entities:
        yield entity.name
        yield from (f"{entity.name}.{part}" for part in parts_of(entity, SCHEMA))


def _owner(clause: str) -> Entity | None:
    return entity_of(clause.partition(".")[0], SCHEMA)


def _summary(beside: Mapping[str, Sequence[Rule]]) -> Items:
    rules = [rule for group in beside.values() for rule in group]
    counts = {standing: sum(rule.standing is standing for rule in rules) for standing in Standing}
    clauses = sum(bool(clause) for clause in beside)
    said = (
        f"{len(rules)} rules are those of the release alone, at {clauses} clauses of the text.",
        f"{counts[Standing.DEFECT]} of them are known defects: the release does so and nobody should.",
        f"{counts[Standing.OBSERVED]} were observed; the text does not say so.",
        f"{counts[Standing.DOCUMENTED]} follow from the text, and it takes the release's own words to check them.",
    )
    return Items([[para(text)] for text in said])


def _table(beside: Mapping[str, Sequence[Rule]]) -> Table:
    return Table(
        ("The text", "QEMU 5.2.0"), [[_text(clause), _done(rules)] for clause, rules in beside.items()], "beside"
    )


def _text(clause: str) -> Cell:
    name: Inline = Link(clause) if has_home(clause) else clause
    said = in_a_line(clause, _TEXT).removeprefix(f"{clause}: ")
    if not said:
        return Cell([Para([name]), para("The text does not have it.", "aside")])
    facts, _, meaning = said.partition(". ")
    promised = [_rule(rule) for rule in _PROMISED if rule.clause == clause]
    return Cell([Para([name]), para(meaning), para(f"{facts}.", "aside"), *promised])


def _done(rules: Sequence[Rule]) -> Cell:
    return Cell([Items([[_rule(rule)] for rule in rules])])


def _rule(rule: Rule) -> Para:
    chip: list[Inline] = [] if rule.standing is Standing.OBSERVED else [standing_chip(rule.standing), " "]
    return Para([*chip, *inline(rule.sentence), " ", Link(rule.id), " ", recorded(rule.id)])


def _statuses() -> Iterator[Block]:
    yield para("By its text, a status may follow any other, if a capability allows it at all.")
    for side in Side:
        rows = []
        for status in statuses_of(side):
            allowed = [move for move in moves(SEED) if move.side is side and move.after == status]
            before = dict.fromkeys(m.before for m in moves(PROFILE) if m.side is side and m.after == status)
            text = f"at any time if {allowed[0].needs}" if allowed and allowed[0].needs else "at any time"
            rows.append(
                [
                    Cell([Para([status_link(status)])], kind="status"),
                    Cell([para(text if allowed else "not at all")]),
                    Cell([Para(joined(map(status_link, before), ", ") or ["never"])]),
                ]
            )
        yield Para([Chip(side.value, "side")], "side")
        yield Table(("Status", "The text allows it", "QEMU 5.2.0 comes to it from"), rows)


def _schemas() -> Iterator[Block]:
    """What the release's schema has and the text has not, or has otherwise."""
    written = {entity.name: entity for entity in _TEXT.entities}
    said: list[list[Block]] = []
    for entity in SCHEMA.entities:
        if entity.name not in written:
            said.append([Para([Link(entity.name), " is in the release only: ", *inline(entity.doc)])])
            continue
        before = parts_of(written[entity.name], _TEXT)
        for name, part in parts_of(entity, SCHEMA).items():
            if part != before.get(name):
                own = f"{entity.name}.{name}"
                how = "in the release only" if name not in before else "otherwise in the release"
                told = in_a_line(own, SCHEMA).removeprefix(f"{own}: ")
                said.append([Para([Link(own), f" is {how}: {told}"])])
    yield Items(said)


def _silent(rules: Sequence[Rule]) -> Iterator[Block]:
    yield para("Rules of the release that belong to no clause: the text says nothing of it.")
    yield Items([[_rule(rule)] for rule in rules])
