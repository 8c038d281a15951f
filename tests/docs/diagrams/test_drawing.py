"""Drawings are well-formed, show all that they are given, and say nothing of colours."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.traces.pages.moves import moves
from migspec.traces.pages.outlook import STATUSES, Side
from migspec_docs.diagrams.charts import chart, neighbourhood
from migspec_docs.diagrams.drawing import Arrow, Label, Node, draw
from migspec_docs.document import targets_in

SVG = "{http://www.w3.org/2000/svg}"
TEXT = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)


@settings(max_examples=40)
@given(st.lists(TEXT, min_size=2, max_size=4, unique=True), TEXT, st.booleans(), st.booleans())
def test_any_text_is_drawn_as_it_is(names: list[str], text: str, badge: bool, across: bool) -> None:
    nodes = [Node(name, (Label(name, name),)) for name in names]
    arrows = [Arrow(names[0], name, (Label(text, "to", "told", badge=badge),)) for name in names]
    drawn = draw(nodes, arrows, across=across, title=text)
    tree = ElementTree.fromstring(drawn)
    shown = [element.text or "" for element in tree.iter(f"{SVG}text")]
    assert sorted(shown) == sorted([*names, *[text] * len(arrows)])
    assert len([path for path in tree.iter(f"{SVG}path") if "edge" in path.attrib["class"]]) == len(arrows)


@pytest.mark.parametrize("side", Side)
def test_the_drawing_of_a_side_has_its_statuses_and_the_rules_between_them(side: Side) -> None:
    made = chart(side, QEMU_5_2_0)
    shown = [move for move in moves(QEMU_5_2_0) if move.side is side and move.usual]
    assert {move.rule for move in shown} <= set(targets_in(made.svg))
    assert {f"MigrationStatus.{move.after}" for move in shown} <= set(targets_in(made.svg))
    assert [number for number, _ in made.legend] == list(range(1, len({move.rule for move in shown}) + 1))
    assert {move for _, group in made.legend for move in group} == set(shown)


def test_the_drawing_of_the_written_contract_comes_from_anywhere() -> None:
    made = chart(Side.OUTGOING, SEED)
    assert ">any status</text>" in made.svg
    assert all(f">{status}</text>" in made.svg for status in STATUSES[Side.OUTGOING])


def test_a_neighbourhood_has_both_ends() -> None:
    drawn = neighbourhood(Side.OUTGOING, "cancelling", QEMU_5_2_0)
    ElementTree.fromstring(drawn)
    for status in ("setup", "postcopy-recover", "cancelled", "cancelling"):
        assert f">{status}</text>" in drawn
    assert neighbourhood(Side.INCOMING, "setup", QEMU_5_2_0) == ""


def test_a_drawing_names_no_colour() -> None:
    """The page decides on them, so that they are legible in the dark, too."""
    drawn = chart(Side.OUTGOING, QEMU_5_2_0).svg
    assert not re.search(r"#[0-9a-f]{3,6}\b|rgb|fill=|stroke=", drawn)
