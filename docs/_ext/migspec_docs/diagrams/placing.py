"""The second half of the layout of a graph: where exactly each box stands, and which way each line takes.

Layer by layer, boxes and bends are moved to where their neighbours are, as near as the others in the layer allow.  What
is nearest for all of them at once is found by pooling those that are in each other's way.  Bends count for more than
boxes, so that long lines are straight.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from migspec_docs.diagrams.layers import BEND, Box, Layers, Line, layered

GAP: Final = 18.0
"""Room between two boxes of a layer, and between two layers."""
ROUNDS: Final = 240
"""How often all layers are gone over."""
_WEIGHT_OF_BEND: Final = 3.0
_PULL: Final = 6.0
PORTS: Final = 0.8
"""The share of a box's side over which its lines are spread."""
WIDEST_STEP: Final = 16.0
"""Most room between two lines that meet a box on one side."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Route:
    """The way of a line from its source to its target, and the middle of its label."""

    points: tuple[Point, ...]
    label: Point | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A graph that is laid out: the middles of its boxes, the ways of its lines, and the room that it needs."""

    boxes: Mapping[str, Point]
    routes: Mapping[Line, Route]
    width: float
    height: float


def plan(boxes: Sequence[Box], lines: Sequence[Line], *, across: bool = False, gap: float = GAP) -> Plan:
    """Lay a graph out from top to bottom, or `across` from left to right."""
    if across:
        turned = {line: Line(line.source, line.target, line.height, line.width) for line in lines}
        made = plan(
            [Box(box.name, box.height, box.width, last=box.last) for box in boxes], list(turned.values()), gap=gap
        )
        routes = {line: _turned(made.routes[other]) for line, other in turned.items() if other in made.routes}
        return Plan({name: (y, x) for name, (x, y) in made.boxes.items()}, routes, made.height, made.width)
    layers = layered(boxes, lines)
    across_of = _across(layers, gap)
    down_of, height = _down(layers, gap)
    least = min((across_of[box.name] - box.width / 2 for row in layers.rows for box in row), default=0.0)
    most = max((across_of[box.name] + box.width / 2 for row in layers.rows for box in row), default=0.0)
    at = {name: (x - least, down_of[name]) for name, x in across_of.items()}
    return Plan({box.name: at[box.name] for box in boxes}, _routes(layers, at, boxes), most - least, height)


def _turned(route: Route) -> Route:
    label = None if route.label is None else (route.label[1], route.label[0])
    return Route(tuple((y, x) for x, y in route.points), label)


def _across(layers: Layers, gap: float) -> dict[str, float]:
    at: dict[str, float] = {}
    for row in layers.rows:
        reach = 0.0
        for box in row:
            at[box.name] = reach + box.width / 2
            reach += box.width + gap
    for turn in range(ROUNDS):
        downwards = turn % 2 == 0
        for row in layers.rows if downwards else reversed(layers.rows):
            # at last both neighbours count, so that nothing hangs to one side
            sides = (layers.above,) if downwards else (layers.below,)
            near = (layers.above, layers.below) if turn >= ROUNDS // 2 else sides
            wished = [_wished(box, near, at) for box in row]
            for box, x in zip(row, settled(row, wished, gap), strict=True):
                at[box.name] = x
    return at


def _wished(box: Box, near: Iterable[Mapping[str, Sequence[str]]], at: Mapping[str, float]) -> float:
    """The mean of the neighbours' places, in which the next bend of the same line counts for more."""
    own = _is_bend(box.name)
    found = [
        (at[name], _PULL if own and _is_bend(name) else 1.0) for neighbours in near for name in neighbours[box.name]
    ]
    total = sum(weight for _, weight in found)
    return sum(place * weight for place, weight in found) / total if found else at[box.name]


def settled(row: Sequence[Box], wished: Sequence[float], gap: float) -> list[float]:
    """The places of the boxes of a layer that are nearest to what is wished, in their order and clear of each other."""
    offsets = [0.0]
    for one, other in itertools.pairwise(row):
        offsets.append(offsets[-1] + (one.width + other.width) / 2 + gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for box, wish, offset in zip(row, wished, offsets, strict=False):
        pool = (wish - offset, _weight(box), 1)
        while pools and pools[-1][0] > pool[0]:
            mean, weight, count = pools.pop()
            total = weight + pool[1]
            pool = ((mean * weight + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


def _weight(box: Box) -> float:
    return _WEIGHT_OF_BEND if _is_bend(box.name) else 1.0


def _is_bend(name: str) -> bool:
    return BEND in name


def _down(layers: Layers, gap: float) -> tuple[dict[str, float], float]:
    at: dict[str, float] = {}
    reach = 0.0
    for row in layers.rows:
        tallest = max((box.height for box in row), default=0.0)
        for box in row:
            at[box.name] = reach + tallest / 2
        reach += tallest + gap
    return at, max(0.0, reach - gap)


def _routes(layers: Layers, at: Mapping[str, Point], boxes: Iterable[Box]) -> dict[Line, Route]:
    sizes = {box.name: box for box in boxes}
    ports = _ports(layers, at, sizes)
    return {line: _route(layers, line, at, ports) for line in layers.chains}


def _ports(layers: Layers, at: Mapping[str, Point], sizes: Mapping[str, Box]) -> dict[tuple[str, Line], Point]:
    """Where each line meets its boxes: spread over the side, in the order in which the lines go on."""
    sides: dict[tuple[str, int], list[tuple[float, Line]]] = {}
    for line, chain in layers.chains.items():
        sides.setdefault((chain[0], 1), []).append((at[chain[1]][0], line))
        sides.setdefault((chain[-1], -1), []).append((at[chain[-2]][0], line))
    found: dict[tuple[str, Line], Point] = {}
    for (name, side), ends in sides.items():
        (x, y), box = at[name], sizes[name]
        room = min((box.side or box.width) * PORTS, WIDEST_STEP * (len(ends) - 1))
        for place, (_, line) in enumerate(sorted(ends, key=lambda end: end[0])):
            share = place / (len(ends) - 1) - 0.5 if len(ends) > 1 else 0.0
            found[name, line] = (x + share * room, y + side * box.height / 2)
    return found


def _route(layers: Layers, line: Line, at: Mapping[str, Point], ports: Mapping[tuple[str, Line], Point]) -> Route:
    chain, label = layers.chains[line], layers.labels.get(line)
    points = [ports[chain[0], line]]
    for name in chain[1:-1]:
        x, y = at[name]
        points += [(x, y - line.height / 2), (x, y + line.height / 2)] if name == label else [(x, y)]
    points.append(ports[chain[-1], line])
    if chain[0] != line.source:
        points.reverse()
    return Route(tuple(points), at[label] if label is not None else None)
