"""The graphs of the statuses: all of a side with the rules between them, and the neighbourhood of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log10
from textwrap import wrap
from typing import Final

from migspec.spec.lifecycle.guards import ENDED_STATUSES
from migspec.spec.rows import SEED, Standing
from migspec.spec.vocabulary import MigrationStatus
from migspec.traces.pages.examples import times_exercised
from migspec.traces.pages.moves import ANYWHERE, Move, moves
from migspec.traces.pages.outlook import Side
from migspec_docs.diagrams.drawing import Arrow, Label, Node, draw
from migspec_docs.homes import ORDER as STATUSES

ORDER: Final = (ANYWHERE, *STATUSES)
"""The boxes in the order in which a migration is told."""

_KINDS: Final[Mapping[str, str]] = {
    MigrationStatus.COMPLETED: "good",
    MigrationStatus.FAILED: "bad",
    MigrationStatus.CANCELLED: "over",
    MigrationStatus.CANCELLING: "over",
    MigrationStatus.NONE: "begin",
    ANYWHERE: "begin",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the moves on it by the number that stands for each rule."""

    svg: str
    legend: tuple[tuple[int, tuple[Move, ...]], ...]


def chart(side: Side, profile: str) -> Chart:
    """All statuses of a side, with what leads from one to another in a profile."""
    shown = _usual(side, profile)
    numbers = {rule: number for number, rule in enumerate(dict.fromkeys(move.rule for move in shown), 1)}
    nodes = [_node(status) for status in ORDER if any(status in (m.before, m.after) for m in shown)]
    arrows = [
        Arrow(before, after, tuple(_badge(move, numbers[move.rule], profile) for move in group), *_look(group))
        for (before, after), group in _joined(shown).items()
    ]
    title = f"The statuses of the {side.value} side in the profile {profile}"
    legend = tuple((number, tuple(m for m in shown if m.rule == rule)) for rule, number in numbers.items())
    return Chart(draw(nodes, arrows, across=profile == SEED, title=title), legend)


def neighbourhood(side: Side, status: str, profile: str) -> str:
    """A status with what leads to it and from it, in words; empty where nothing does."""
    near = [move for move in _usual(side, profile) if status in (move.before, move.after)]
    if not near:
        return ""
    into = _joined([move for move in near if move.after == status and move.before != status])
    out = _joined([move for move in near if move.before == status])
    here = Node(status, (_name(status),), f"here {_KINDS.get(status, '')}")
    before, after = _alike(into, "before", 0), _alike(out, "after", 1)
    nodes = [node for node, _ in before] + [here] + [node for node, _ in after]
    arrows = _as_wide([Arrow(node.name, status, tuple(_words(group)), *_look(group)) for node, group in before])
    arrows += _as_wide([Arrow(status, node.name, tuple(_words(group)), *_look(group)) for node, group in after])
    return draw(nodes, arrows, across=True, title=f"What leads to the {side.value} status {status} and from it")


def _as_wide(arrows: Sequence[Arrow]) -> list[Arrow]:
    """The arrows with labels as wide as the widest of them, so that no curve comes under another's label."""
    widest = max((arrow.line.width for arrow in arrows), default=0.0)
    return [replace(arrow, room=widest) for arrow in arrows]


def _node(status: str) -> Node:
    return Node(status, (_name(status),), _KINDS.get(status, ""), status in ENDED_STATUSES)


def _name(status: str) -> Label:
    return Label(status, "" if status == ANYWHERE else f"MigrationStatus.{status}")


def _alike(found: Mapping[tuple[str, str], Sequence[Move]], where: str, end: int) -> list[tuple[Node, Sequence[Move]]]:
    """The neighbours at one end, those that the same rules join to the status in one box."""
    alike: dict[tuple[str, ...], list[str]] = {}
    groups: dict[tuple[str, ...], Sequence[Move]] = {}
    for ends, group in found.items():
        rules = tuple(move.rule for move in group)
        alike.setdefault(rules, []).append(ends[end])
        groups.setdefault(rules, group)
    return [
        (
            Node(
                f"{where} {statuses[0]}",
                tuple(_name(status) for status in statuses),
                _KINDS.get(statuses[0], "") if len(statuses) == 1 else "",
            ),
            groups[rules],
        )
        for rules, statuses in alike.items()
    ]


def _usual(side: Side, profile: str) -> list[Move]:
    """The moves of a side that are drawn, in the order of what they join."""
    usual = [move for move in moves(profile) if move.side is side and move.usual]
    return sorted(usual, key=lambda move: (ORDER.index(move.before), ORDER.index(move.after)))


def _joined(found: Sequence[Move]) -> dict[tuple[str, str], list[Move]]:
    joined: dict[tuple[str, str], list[Move]] = {}
    for move in found:
        joined.setdefault((move.before, move.after), []).append(move)
    return joined


def _look(group: Sequence[Move]) -> tuple[str, float]:
    """The kind of an arrow, and its thickness: the more messages exercise its rules, the thicker."""
    return _kind(group), 1.2 + 0.7 * log10(1 + sum(times_exercised(move.rule) for move in group))


def _kind(group: Sequence[Move]) -> str:
    if all(move.standing is Standing.DEFECT for move in group):
        return "defect"
    return "asked" if all(move.by for move in group) else ""


def _badge(move: Move, number: int, profile: str) -> Label:
    needs = f" if {move.needs}" if profile == SEED and move.needs else ""
    return Label(str(number), move.rule, f"{move.rule}{needs}: {move.sentence}", badge=True, kind=_kind([move]))


_COLUMNS: Final = 38
_MOST_LINES: Final = 3


def _words(group: Sequence[Move]) -> Iterator[Label]:
    """The rules of an arrow in words: one as its sentence, several by one line each."""
    for move in group:
        said = f"{move.by}: {move.sentence}" if move.by else move.sentence
        most = _MOST_LINES if len(group) < 3 else 1
        lines = wrap(said.removesuffix(".").replace("`", ""), _COLUMNS, max_lines=most, placeholder=" …")
        for line in lines:
            yield Label(line, move.rule, f"{move.rule}: {move.sentence}", kind=_kind([move]))
