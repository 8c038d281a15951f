"""Whatever the graph, its boxes are clear of each other, and its lines lead from box to box past all others' labels."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migspec_docs.diagrams.layers import Box, Line, crossings, layered, levels_of
from migspec_docs.diagrams.placing import Plan, plan, settled

NAMES = "abcdefgh"
SIZES = st.floats(5, 80)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], list[Line]]:
    boxes = [Box(name, draw(SIZES), draw(SIZES)) for name in NAMES[: draw(st.integers(1, len(NAMES)))]]
    names = st.sampled_from([box.name for box in boxes])
    pairs = draw(st.lists(st.tuples(names, names), unique=True, max_size=12))
    return boxes, [Line(one, other, draw(SIZES), draw(SIZES)) for one, other in pairs]


def clear(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Whether two rectangles, by middle and size, do not lie on each other."""
    (x1, y1, w1, h1), (x2, y2, w2, h2) = one, other
    return abs(x1 - x2) >= (w1 + w2) / 2 - 1e-6 or abs(y1 - y2) >= (h1 + h2) / 2 - 1e-6


def rooms(made: Plan, boxes: list[Box], lines: list[Line]) -> list[tuple[float, float, float, float]]:
    """The room of every box and every label."""
    of_boxes = [(*made.boxes[box.name], box.width, box.height) for box in boxes]
    labelled = [(line, made.routes[line].label) for line in lines if line in made.routes]
    return of_boxes + [(*middle, line.width, line.height) for line, middle in labelled if middle is not None]


@settings(max_examples=40)
@given(graphs(), st.booleans())
def test_boxes_and_labels_are_clear_of_each_other_and_inside(graph: tuple[list[Box], list[Line]], across: bool) -> None:
    boxes, lines = graph
    made = plan(boxes, lines, across=across)
    found = rooms(made, boxes, lines)
    assert all(clear(one, other) for one, other in combinations(found, 2))
    for x, y, width, height in found:
        assert x - width / 2 >= -1e-6
        assert x + width / 2 <= made.width + 1e-6
        assert y - height / 2 >= -1e-6
        assert y + height / 2 <= made.height + 1e-6


@settings(max_examples=40)
@given(graphs())
def test_a_line_leads_from_the_edge_of_one_box_to_that_of_the_other(graph: tuple[list[Box], list[Line]]) -> None:
    boxes, lines = graph
    sizes = {box.name: box for box in boxes}
    made = plan(boxes, lines)
    assert made.routes.keys() == {line for line in lines if not line.is_loop}
    for line, route in made.routes.items():
        for name, (x, y) in ((line.source, route.points[0]), (line.target, route.points[-1])):
            middle_x, middle_y = made.boxes[name]
            assert abs(abs(y - middle_y) - sizes[name].height / 2) < 1e-6
            assert abs(x - middle_x) <= sizes[name].width / 2
        heights = [y for _, y in route.points]
        assert heights in (sorted(heights), sorted(heights, reverse=True))


@settings(max_examples=40)
@given(graphs())
def test_a_line_goes_from_layer_to_layer(graph: tuple[list[Box], list[Line]]) -> None:
    boxes, lines = graph
    made = layered(boxes, lines)
    levels = {box.name: level for level, row in enumerate(made.rows) for box in row}
    for line, chain in made.chains.items():
        assert {chain[0], chain[-1]} == {line.source, line.target}
        assert all(levels[other] == levels[one] + 1 for one, other in pairwise(chain))
    assert sorted(name for name in levels if name in NAMES) == sorted(box.name for box in boxes)


@given(st.lists(st.tuples(SIZES, st.floats(-100, 100)), min_size=1, max_size=6), st.floats(0, 20))
def test_settled_boxes_keep_their_order_and_stay_where_they_can(row: list[tuple[float, float]], gap: float) -> None:
    boxes = [Box(str(place), width, 1) for place, (width, _) in enumerate(row)]
    wished = [wish for _, wish in row]
    found = settled(boxes, wished, gap)
    for (one, x1), (other, x2) in pairwise(zip(boxes, found, strict=True)):
        assert x2 - x1 >= (one.width + other.width) / 2 + gap - 1e-6
    apart = all(
        wished[n + 1] - wished[n] >= (boxes[n].width + boxes[n + 1].width) / 2 + gap for n in range(len(boxes) - 1)
    )
    if apart:
        assert found == pytest.approx(wished)


def test_what_comes_later_is_lower_and_what_is_last_is_lowest() -> None:
    lines = [Line("a", "b"), Line("b", "c"), Line("c", "a"), Line("a", "d")]
    assert levels_of("abcd", lines) == {"a": 0, "b": 2, "c": 4, "d": 2}
    made = plan([Box(name, 10, 10, last=name == "d") for name in "abcd"], lines)
    assert made.boxes["d"][1] == made.boxes["c"][1] > made.boxes["b"][1]


def test_lines_that_need_not_cross_do_not() -> None:
    lines = [Line("a", "y"), Line("b", "x"), Line("c", "z")]
    assert crossings(layered([Box(name, 10, 10) for name in "abcxyz"], lines)) == 0


def test_an_empty_graph_has_a_plan() -> None:
    assert plan([], []).boxes == {}
