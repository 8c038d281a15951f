"""Graphs as SVG: boxes, curves and labels, in colours that the page decides.

Everything has a class and no colour of its own, so that a drawing follows the page from light to dark.  Text is set in
faces of known widths: monospaced where a width must be right, and with room to spare elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Final

from migspec_docs.diagrams.layers import Box, Line
from migspec_docs.diagrams.placing import GAP, Plan, Point, plan
from migspec_docs.document import LINK

MARGIN: Final = 14.0
GAP_ACROSS: Final = 24.0
"""Room between the boxes of a drawing from left to right, for the curves between them."""
HEIGHT: Final = 28.0
"""The height of a box of one line."""
_STATUS: Final = 18.0
"""The height of each further line of a box."""
LOOP: Final = 26.0
"""Room beside a box for a line that leads back to it."""
_CHARACTER: Final = 7.3
"""The width of a character in the name of a box."""
_SMALL: Final = 5.8
"""The width of a character in a label, on average and rounded up."""
_LINE: Final = 14.0
"""The height of a line of a label."""
_STEEPEST: Final = 1.5
"""How far aside a curve may lead at one of its bends, for each step along."""
_BADGE: Final = 19.0
"""The width of a badge."""


@dataclass(frozen=True, slots=True)
class Label:
    """A line of a label: its text, where it leads, what is told of it on demand, and whether it is set as a badge."""

    text: str
    to: str = ""
    title: str = ""
    badge: bool = False
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A box: its name, unique in the drawing, its lines, its kind, and whether it comes last."""

    name: str
    lines: tuple[Label, ...]
    kind: str = ""
    last: bool = False

    @property
    def width(self) -> float:
        """How wide it is."""
        return max(len(line.text) for line in self.lines) * _CHARACTER + 22

    @property
    def height(self) -> float:
        """How high it is."""
        return HEIGHT + (len(self.lines) - 1) * _STATUS


@dataclass(frozen=True, slots=True)
class Arrow:
    """What joins two boxes: its labels, its kind, and how thick it is."""

    source: str
    target: str
    labels: tuple[Label, ...] = field(default=())
    kind: str = ""
    thickness: float = 1.4
    room: float = 0.0
    """The least width of the room for its label."""

    @property
    def line(self) -> Line:
        """Its way and the room of its label."""
        if not self.labels:
            return Line(self.source, self.target)
        if self.labels[0].badge:
            rows = list(_badge_rows(self.labels))
            width = max(sum(map(_badge_width, row)) for row in rows)
            return Line(self.source, self.target, width + 4, len(rows) * _BADGE)
        width = max(len(label.text) for label in self.labels) * _SMALL
        return Line(self.source, self.target, max(self.room, width + 14), len(self.labels) * _LINE + 6)


_IN_A_ROW: Final = 3


def _badge_rows(labels: Sequence[Label]) -> Iterator[Sequence[Label]]:
    for start in range(0, len(labels), _IN_A_ROW):
        yield labels[start : start + _IN_A_ROW]


def _badge_width(label: Label) -> float:
    return max(_BADGE, len(label.text) * 6.6 + 8) + 2


def draw(nodes: Sequence[Node], arrows: Sequence[Arrow], *, across: bool = False, title: str = "") -> str:
    """The drawing of a graph, from top to bottom or `across`."""
    loops = {arrow.source: LOOP + arrow.line.width for arrow in arrows if arrow.line.is_loop}
    boxes = [
        Box(node.name, node.width + 2 * loops.get(node.name, 0.0), node.height, node.width, node.last) for node in nodes
    ]
    made = plan(boxes, [arrow.line for arrow in arrows], across=across, gap=GAP_ACROSS if across else GAP)
    width, height = made.width + 2 * MARGIN, made.height + 2 * MARGIN
    body = [
        *(piece for arrow in arrows for piece in _curve(arrow, made, nodes, across=across)),
        *(piece for node in nodes for piece in _box(node, made.boxes[node.name])),
        *(piece for arrow in arrows for piece in _label(arrow, made, nodes)),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="statechart" viewBox="{-MARGIN:g} {-MARGIN:g} {width:.0f} '
        f'{height:.0f}" style="--w:{width:.0f}px" role="img"><title>{escape(title)}</title>{"".join(body)}</svg>'
    )


def _curve(arrow: Arrow, made: Plan, nodes: Sequence[Node], *, across: bool) -> Iterator[str]:
    if arrow.line.is_loop:
        y, right = made.boxes[arrow.source][1], _right(arrow, made, nodes)
        far = right + LOOP
        d = f"M{right:.1f} {y - 6:.1f}C{far:.1f} {y - 16:.1f} {far:.1f} {y + 16:.1f} {right + 7:.1f} {y + 6:.1f}"
        end = ((right, y + 6), (right + 7, y + 6))
    else:
        points = made.routes[arrow.line].points
        tip = _short_of(points[-1], points[-2], 8.0, across=across)
        d = _path([*points[:-1], tip], across=across)
        end = (points[-1], tip)
    yield f'<path class="edge {arrow.kind}" stroke-width="{arrow.thickness:.1f}" d="{d}"/>'
    yield f'<path class="head {arrow.kind}" d="{_head(*end)}"/>'


def _right(arrow: Arrow, made: Plan, nodes: Sequence[Node]) -> float:
    width = next(node.width for node in nodes if node.name == arrow.source)
    return made.boxes[arrow.source][0] + width / 2


def _short_of(end: Point, before: Point, by: float, *, across: bool) -> Point:
    """The point before the end of a line from which on there is its head."""
    x, y = end
    if across:
        return (x - by if before[0] < x else x + by, y)
    return (x, y - by if before[1] < y else y + by)


def _path(points: Sequence[Point], *, across: bool) -> str:
    """A smooth curve through the points, which leaves and arrives along the direction of the layers."""
    told = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    slopes = [_slope(points, place, across=across) for place in range(len(points))]
    for (one, other), (leaving, arriving) in zip(pairwise(points), pairwise(slopes), strict=True):
        reach = abs(other[0] - one[0] if across else other[1] - one[1]) / 3
        a = (one[0] + leaving[0] * reach, one[1] + leaving[1] * reach)
        b = (other[0] - arriving[0] * reach, other[1] - arriving[1] * reach)
        told.append(f"C{a[0]:.1f} {a[1]:.1f} {b[0]:.1f} {b[1]:.1f} {other[0]:.1f} {other[1]:.1f}")
    return "".join(told)


def _slope(points: Sequence[Point], place: int, *, across: bool) -> Point:
    """How far a curve moves at one of its points, for each step along the direction of the layers."""
    before, after = points[max(0, place - 1)], points[min(len(points) - 1, place + 1)]
    (x, y) = (after[0] - before[0], after[1] - before[1])
    along, aside = (x, y) if across else (y, x)
    sign = 1.0 if along >= 0 else -1.0
    own = points[place]
    # a piece that is straight, as behind a label, stays so
    straight = any(abs(own[across] - other[across]) < 0.5 for other in (before, after))
    lean = 0.0 if straight or not along else max(-_STEEPEST, min(_STEEPEST, aside / along))
    return (sign, lean * sign) if across else (lean * sign, sign)


def _head(tip: Point, base: Point) -> str:
    (x, y), (bx, by) = tip, base
    wide_x, wide_y = (by - y) * 0.5, (x - bx) * 0.5
    return f"M{x:.1f} {y:.1f}L{bx + wide_x:.1f} {by + wide_y:.1f}L{bx - wide_x:.1f} {by - wide_y:.1f}Z"


def _box(node: Node, middle: Point) -> Iterator[str]:
    x, y = middle
    top = y - node.height / 2
    yield (
        f'<g class="node {node.kind}"><rect x="{x - node.width / 2:.1f}" y="{top:.1f}" width="{node.width:.1f}" '
        f'height="{node.height:.1f}" rx="8"/>'
    )
    for place, line in enumerate(node.lines):
        text = f'<text x="{x:.1f}" y="{top + HEIGHT / 2 + 4.5 + place * _STATUS:.1f}">{escape(line.text)}</text>'
        yield _linked(text, line.to)
    yield "</g>"


def _label(arrow: Arrow, made: Plan, nodes: Sequence[Node]) -> Iterator[str]:
    if arrow.line.is_loop:
        width = arrow.line.width
        middle: Point | None = (_right(arrow, made, nodes) + LOOP - 6 + width / 2, made.boxes[arrow.source][1])
    else:
        middle = made.routes[arrow.line].label
    if middle is None or not arrow.labels:
        return
    if arrow.labels[0].badge:
        yield from _badges(arrow.labels, middle, arrow.line.height)
        return
    x, y = middle
    line = arrow.line
    # in a wider room, the line is seen on both sides of the words
    own = max(len(label.text) for label in arrow.labels) * _SMALL + 10
    yield (
        f'<g class="label {arrow.kind}"><rect x="{x - own / 2:.1f}" y="{y - line.height / 2:.1f}" '
        f'width="{own:.1f}" height="{line.height:.1f}" rx="4"/>'
    )
    for place, label in enumerate(arrow.labels):
        at = y - line.height / 2 + 3 + _LINE * (place + 0.78)
        text = f'<text class="{label.kind}" x="{x:.1f}" y="{at:.1f}">{escape(label.text)}{_title(label)}</text>'
        yield _linked(text, label.to)
    yield "</g>"


def _badges(labels: Sequence[Label], middle: Point, height: float) -> Iterator[str]:
    y = middle[1] - height / 2 + _BADGE / 2
    for row in _badge_rows(labels):
        x = middle[0] - sum(map(_badge_width, row)) / 2
        for label in row:
            width = _badge_width(label) - 2
            drawn = (
                f'<rect x="{x + 1:.1f}" y="{y - 8.5:.1f}" width="{width:.1f}" height="17" rx="8.5"/>'
                f'<text x="{x + 1 + width / 2:.1f}" y="{y + 3.8:.1f}">{escape(label.text)}</text>{_title(label)}'
            )
            yield f'<g class="badge {label.kind}">{_linked(drawn, label.to)}</g>'
            x += width + 2
        y += _BADGE


def _title(label: Label) -> str:
    return f"<title>{escape(label.title)}</title>" if label.title else ""


def _linked(drawn: str, to: str) -> str:
    return f'<a href="{LINK}{escape(to, quote=True)}">{drawn}</a>' if to else drawn
