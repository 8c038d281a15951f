"""The table by status on the page of a command: what it does in each status of each side, and how often that was seen.

Statuses in which the same happens stand together.  Each has its row; where several things may happen there, each of
these has a row, and the statuses share a cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Final

from migspec.traces.pages.examples import times_exercised
from migspec.traces.pages.outlook import Outcome, Row, Side, Way, outlook, ways_of
from migspec.traces.report import counted
from migspec_docs.document import Block, Cell, Chip, Code, Fold, Inline, Para, Section, Table
from migspec_docs.homes import CORPUS, ORDER, PROFILE
from migspec_docs.recorded import Share, Shares, shares
from migspec_docs.telling import SIDES, inline, joined, para, rule_line, status_link

_OTHER: Final[Mapping[Side, str]] = {
    Side.OUTGOING: "Outgoing status; nothing has been received by this process.",
    Side.INCOMING: "Incoming status; nothing has been sent by this process.",
}
Followers = Mapping[tuple[Side, str], Mapping[str, bool]]
"""The statuses that may come next by themselves, each with whether only a known defect leads there."""

_HEAD: Final = ("Status", "What it does", "Answer", "Events, in order", "Status after", "Recorded")


@cache
def recorded_shares() -> Shares:
    """What the corpus shows of each rule in each status."""
    return shares(CORPUS / PROFILE)


def glance(command: str, followers: Followers) -> Section:
    """The section of a command; `followers` are the statuses that may come next by themselves."""
    ways = ways_of(command)
    body: list[Block] = [*_tables(command, 0, ways[0], followers)]
    shown = [_essence(command, 0)]
    for place, way in enumerate(ways[1:], 1):
        essence = _essence(command, place)
        if essence in shown:
            continue
        shown.append(essence)
        body.append(Fold(f"{way.words[0].upper()}{way.words[1:]}", [*_tables(command, place, way, followers)]))
    body.append(
        para(
            "Recorded: how many requests of the corpus, in how many sessions, were asked while this was the last "
            "status that the VM had shown, and were answered so. What several rows of a status explain equally well is "
            "counted below the status, as one of these.",
            "note",
        )
    )
    return Section(["At a glance"], body)


def _essence(command: str, place: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What tells one way of asking from another: which rules apply where."""
    return tuple(
        (row.side + row.status, tuple(o.rule for o in row.outcomes)) for row in outlook(command, PROFILE, place)
    )


def _tables(command: str, place: int, way: Way, followers: Followers) -> Iterator[Block]:
    request = {"execute": command, **({"arguments": dict(way.arguments)} if way.arguments else {})}
    yield Para(["Asked as ", Code(json.dumps(request)), ":"])
    rows = outlook(command, PROFILE, place)
    for side in Side:
        yield Para([Chip(SIDES[side], "side"), " ", _OTHER[side]], "side")
        yield Table(_HEAD, [*_rows(side, [row for row in rows if row.side is side], followers)], "glance")


def _rows(side: Side, rows: Sequence[Row], followers: Followers) -> Iterator[Sequence[Cell]]:
    told = sorted(rows, key=lambda row: ORDER.index(row.status))
    first = {row.outcomes: place for place, row in reversed([*enumerate(told)])}
    ordered = sorted(told, key=lambda row: first[row.outcomes])
    for outcomes, group in groupby(ordered, key=lambda row: row.outcomes):
        statuses = [row.status for row in group]
        if len(outcomes) == 1:
            yield from _one_outcome(side, statuses, outcomes[0], followers)
        else:
            yield from _several_outcomes(side, statuses, outcomes, followers)


def _one_outcome(
    side: Side, statuses: Sequence[str], outcome: Outcome, followers: Followers
) -> Iterator[Sequence[Cell]]:
    cells = _cells(side, outcome, None, followers, rows=len(statuses))
    for place, status in enumerate(statuses):
        share = _share(outcome, side, status)
        yield [
            Cell([Para([status_link(status)])], kind="status"),
            *(cells if place == 0 else ()),
            Cell([_count(share)], kind="count"),
        ]


def _several_outcomes(
    side: Side,
    statuses: Sequence[str],
    outcomes: Sequence[Outcome],
    followers: Followers,
) -> Iterator[Sequence[Cell]]:
    shared = Cell([*_with_either(side, statuses, outcomes)], len(outcomes), kind="status")
    conditional = False
    for place, outcome in enumerate(outcomes):
        when = _when(outcome, outcomes, after_a_condition=conditional)
        conditional |= outcome.certain and bool(outcome.when)
        found = [_share(outcome, side, status) for status in statuses]
        counts = [
            _count(share, status if len(statuses) > 1 else "")
            for share, status in zip(found, statuses, strict=True)
            if share is not None
        ]
        yield [
            *((shared,) if place == 0 else ()),
            *_cells(side, outcome, when, followers),
            Cell(counts or [_elsewhere(outcome.rule)], kind="count"),
        ]


def _share(outcome: Outcome, side: Side, status: str) -> Share | None:
    return recorded_shares().get((side, status), {}).get(frozenset({outcome.rule}))


def _with_either(side: Side, statuses: Sequence[str], outcomes: Sequence[Outcome]) -> Iterator[Block]:
    """Each status, with how often one of several outcomes was recorded in it, and nothing tells which."""
    rules = frozenset(outcome.rule for outcome in outcomes)
    for status in statuses:
        yield Para([status_link(status)])
        for either, share in recorded_shares().get((side, status), {}).items():
            if len(either) > 1 and either <= rules:
                yield _count(share)
                yield Para(["one of these"], "later")


def _when(outcome: Outcome, outcomes: Sequence[Outcome], *, after_a_condition: bool) -> str:
    """What decides for one of several outcomes."""
    if outcome.when:
        return f"{'if' if outcome.certain else 'perhaps, if'} {outcome.when}"
    if outcome.refuses and not outcome.certain:
        return "perhaps"
    alternatives = [other for other in outcomes if not other.refuses and not other.when]
    if len(alternatives) > 1:
        return "one of these"
    return "otherwise" if after_a_condition or outcome is outcomes[-1] else ""


def _cells(
    side: Side,
    outcome: Outcome,
    when: str | None,
    followers: Followers,
    rows: int = 1,
) -> list[Cell]:
    does: list[Block] = [Para([Chip(when, "when")])] if when else []
    does += [para(outcome.sentence), rule_line(outcome.rule)]
    events: list[Block] = [Para(inline(event)) for event in outcome.events] or [Para(["–"])]
    return [
        Cell(does, rows),
        Cell(_answer(outcome), rows),
        Cell(events, rows),
        Cell([*_after(side, outcome, followers)], rows),
    ]


_MOST_TEXTS: Final = 3
"""Texts of an error that are shown in the table; the rule has all of them."""


def _answer(outcome: Outcome) -> list[Block]:
    if outcome.ends:
        return [Para([Chip("the process ends", "ends")])]
    if not outcome.refuses:
        return [Para([Chip("success", "success")])]
    assert outcome.expect is not None
    name = str(outcome.expect.error_class)
    texts = [answer.removeprefix(name).strip() for answer in outcome.answer]
    more = [para(f"… and {len(texts) - _MOST_TEXTS} more")] if len(texts) > _MOST_TEXTS else []
    return [Para([Chip(name, "refused")]), *(Para(inline(text)) for text in texts[:_MOST_TEXTS]), *more]


def _after(side: Side, outcome: Outcome, followers: Followers) -> Iterator[Block]:
    if outcome.ends or not outcome.after:
        yield Para(["–" if outcome.ends else "the same"])
        return
    for changed, statuses in outcome.after:
        told: list[Inline] = [] if changed is side else [f"{changed.value}: "]
        yield Para([*told, *joined([status_link(status) for status in statuses], " or ")])
        later = {status: defect for known in statuses for status, defect in followers.get((changed, known), {}).items()}
        for words, by_defect in (("then ", False), ("by a defect ", True)):
            links = [status_link(status) for status, defect in later.items() if defect is by_defect]
            if links:
                yield Para([words, *joined(links, ", ")], "later")


def _elsewhere(rule: str) -> Para:
    """What is told of a rule that was in no status: the ledger may know it by more than the answer."""
    seen = any(rule in rules for found in recorded_shares().values() for rules in found if len(rules) == 1)
    count = 0 if seen else times_exercised(rule)
    return Para([f"{count} by the ledger" if count else "–"])


def _count(share: Share | None, status: str = "") -> Para:
    if share is None:
        return Para(["–"])
    sessions = counted(len(share.traces), "session", "sessions")
    told: list[Inline] = [f"{status}: "] if status else []
    return Para([*told, Chip(str(share.requests), "recorded"), f" in {sessions}"], "count")
