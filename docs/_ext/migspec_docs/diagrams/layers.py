"""The first half of the layout of a graph: which layer each box is in, and the order within each.

The way is Sugiyama's.  The boxes come in the order in which a reader would tell of them, and a line that leads back in
that order is turned round while the layers are made, so cycles need no further thought.  A line over several layers is
cut into pieces by *bends*, one in each layer between; one of these has the room for the line's label.  Then the orders
of the layers are changed for as long as fewer lines cross.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Box:
    """What is placed: its name and the room that it takes.

    Lines meet it over the width of its `side`; that of all its room if there is none.  What is `last` is in the last
    layer.
    """

    name: str
    width: float
    height: float
    side: float = 0.0
    last: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """What joins two boxes, with the size of its label; no two lines join the same boxes in the same direction."""

    source: str
    target: str
    width: float = 0.0
    height: float = 0.0

    @property
    def is_loop(self) -> bool:
        """Whether it leads back to where it comes from."""
        return self.source == self.target


@dataclass(slots=True)
class Layers:
    """The layers from the top, each from the left; the neighbours of everything in the layer above and below.

    `chains` has for each line what it passes, from the upper end to the lower.
    """

    rows: list[list[Box]]
    above: dict[str, list[str]]
    below: dict[str, list[str]]
    chains: dict[Line, list[str]] = field(default_factory=dict)
    labels: dict[Line, str] = field(default_factory=dict)


BEND: Final = "\N{DOWNWARDS ARROW}"
"""What the names of bends have in them, and those of boxes have not."""
SWEEPS: Final = 24
"""How often the orders are gone over, down and up in turn."""


def layered(boxes: Sequence[Box], lines: Sequence[Line]) -> Layers:
    """The layers of a graph, in the order in which few lines cross."""
    made = _cut(boxes, [line for line in lines if not line.is_loop])
    best, fewest = [list(row) for row in made.rows], crossings(made)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        _sweep(made, downwards=sweep % 2 == 0)
        _exchange(made)
        found = crossings(made)
        if found < fewest:
            best, fewest = [list(row) for row in made.rows], found
    made.rows = best
    return made


def _cut(boxes: Sequence[Box], lines: Sequence[Line]) -> Layers:
    """The layers with the bends of every line, each in the order in which it was met."""
    levels = levels_of([box.name for box in boxes], lines)
    levels |= dict.fromkeys([box.name for box in boxes if box.last], max(levels.values(), default=0))
    rows: list[list[Box]] = [[] for _ in range(max(levels.values(), default=0) + 1)]
    for box in boxes:
        rows[levels[box.name]].append(box)
    made = Layers(rows, {box.name: [] for box in boxes}, {box.name: [] for box in boxes})
    for number, line in enumerate(lines):
        upper, lower = sorted((line.source, line.target), key=levels.__getitem__)
        chain = [upper]
        for level in range(levels[upper] + 1, levels[lower]):
            bend = f"{number}{BEND}{level}"
            # the label is next to where the line comes from, where a reader looks for it
            has_label = level == (levels[upper] + 1 if upper == line.source else levels[lower] - 1)
            made.rows[level].append(Box(bend, line.width if has_label else 0, line.height if has_label else 0))
            made.above[bend], made.below[bend] = [], []
            chain.append(bend)
            if has_label:
                made.labels[line] = bend
        chain.append(lower)
        made.chains[line] = chain
        for one, other in itertools.pairwise(chain):
            made.below[one].append(other)
            made.above[other].append(one)
    return made


def levels_of(names: Sequence[str], lines: Iterable[Line]) -> dict[str, int]:
    """The layer of each box: an even one, so that between any two there is one for labels."""
    places = {name: place for place, name in enumerate(names)}
    before: dict[str, set[str]] = {name: set() for name in names}
    for line in lines:
        first, last = sorted((line.source, line.target), key=places.__getitem__)
        before[last].add(first)
    levels: dict[str, int] = {}
    for name in names:
        levels[name] = max((levels[other] + 2 for other in before[name]), default=0)
    return levels


def _sweep(made: Layers, *, downwards: bool) -> None:
    """Sort each layer by where its neighbours stand in the one before it."""
    rows = made.rows if downwards else made.rows[::-1]
    neighbours = made.above if downwards else made.below
    for before, row in itertools.pairwise(rows):
        places = {box.name: place for place, box in enumerate(before)}
        own = {box.name: place for place, box in enumerate(row)}

        def middle(box: Box, places: dict[str, int] = places, own: dict[str, int] = own) -> float:
            found = [places[other] for other in neighbours[box.name] if other in places]
            return sum(found) / len(found) if found else own[box.name]

        row.sort(key=middle)


def _exchange(made: Layers) -> None:
    """Exchange neighbours for as long as fewer lines cross."""
    better = True
    while better:
        better = False
        for level, row in enumerate(made.rows):
            for place in range(len(row) - 1):
                one, other = row[place], row[place + 1]
                if _crossed(made, level, one, other) > _crossed(made, level, other, one):
                    row[place], row[place + 1] = other, one
                    better = True


def _crossed(made: Layers, level: int, left: Box, right: Box) -> int:
    """How many lines of two neighbours cross, if they stand so."""
    total = 0
    for next_level, neighbours in ((level - 1, made.above), (level + 1, made.below)):
        if 0 <= next_level < len(made.rows):
            places = {box.name: place for place, box in enumerate(made.rows[next_level])}
            ours = [places[name] for name in neighbours[left.name]]
            theirs = [places[name] for name in neighbours[right.name]]
            total += sum(one > other for one in ours for other in theirs)
    return total


def crossings(made: Layers) -> int:
    """How often lines cross."""
    total = 0
    for row, following in zip(made.rows, made.rows[1:], strict=False):
        places = {box.name: place for place, box in enumerate(following)}
        ends = [places[name] for box in row for name in sorted(made.below[box.name], key=places.__getitem__)]
        total += sum(one > other for place, one in enumerate(ends) for other in ends[place + 1 :])
    return total
