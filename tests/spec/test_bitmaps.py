"""Mappings of dirty bitmaps: which are accepted, and the order in which faults are found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.spec.bitmaps import INVALID, BitmapAlias, BitmapMapping, NodeAlias, mapping_fault, mapping_of

NAMES = st.sampled_from(["a", "b", "c", "1", "", "a b", "n" * 31, "n" * 32, "ä" * 16, "x" * 255, "x" * 256])
BITMAPS = st.lists(st.builds(BitmapAlias, NAMES | st.just("y" * 1024), NAMES), max_size=3).map(tuple)
MAPPINGS = st.lists(st.builds(NodeAlias, NAMES, NAMES, BITMAPS), max_size=3).map(tuple)


def as_json(mapping: BitmapMapping) -> list[dict[str, Any]]:
    return [
        {
            "node-name": node.node_name,
            "alias": node.alias,
            "bitmaps": [{"name": bitmap.name, "alias": bitmap.alias} for bitmap in node.bitmaps],
        }
        for node in mapping
    ]


def is_one_to_one(pairs: list[tuple[str, str]]) -> bool:
    return len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


@given(MAPPINGS)
def test_the_json_of_a_mapping_says_it_again(mapping: BitmapMapping) -> None:
    assert mapping_of(as_json(mapping)) == mapping


@given(MAPPINGS)
def test_exactly_the_one_to_one_mappings_of_short_names_and_well_formed_aliases_are_accepted(
    mapping: BitmapMapping,
) -> None:
    one_to_one = is_one_to_one([(node.node_name, node.alias) for node in mapping]) and all(
        is_one_to_one([(bitmap.name, bitmap.alias) for bitmap in node.bitmaps]) for node in mapping
    )
    formed = all(node.alias[:1].isalpha() and node.alias.isascii() and " " not in node.alias for node in mapping)
    short = all(
        len(node.node_name.encode()) <= 31
        and len(node.alias.encode()) <= 255
        and all(len(b.alias.encode()) <= 255 and len(b.name.encode()) <= 1023 for b in node.bitmaps)
        for node in mapping
    )
    assert (mapping_fault(mapping) is None) == (one_to_one and formed and short)


@given(MAPPINGS, MAPPINGS)
def test_what_is_wrong_from_the_names_on_comes_before_an_alias_used_twice(
    first: BitmapMapping, second: BitmapMapping
) -> None:
    fault = mapping_fault(first + second)
    if fault is not None and "used twice" in fault:
        names = [node.node_name for node in first + second]
        assert len(set(names)) == len(names)


NODE = NodeAlias("n", "a")


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        ((), None),
        ((NodeAlias("", "a", (BitmapAlias("", ""),)),), None),
        ((NodeAlias("n", "a", (BitmapAlias("b", "not well-formed"),)),), None),
        ((NodeAlias("n", "1a"),), "The node alias '1a' is not well-formed"),
        ((NodeAlias("n" * 31, "a" * 255),), None),
        ((NodeAlias("n" * 32, "a"),), f"The node name '{'n' * 32}' is longer than 31 bytes"),
        ((NodeAlias("n", "a" * 256),), f"The node alias '{'a' * 256}' is longer than 255 bytes"),
        ((NODE, NodeAlias("n", "b")), "The node name 'n' is mapped twice"),
        ((NODE, NodeAlias("m", "a")), "The node alias 'a' is used twice"),
        ((NODE, NodeAlias("m", "a"), NodeAlias("m", "b")), "The node name 'm' is mapped twice"),
        ((NodeAlias("n", "a", (BitmapAlias("b", "x"), BitmapAlias("b", "y"))),), "The bitmap 'n'/'b' is mapped twice"),
        (
            (NodeAlias("n", "a", (BitmapAlias("b", "x"), BitmapAlias("c", "x"))),),
            "The bitmap alias 'a'/'x' is used twice",
        ),
    ],
)
def test_a_fault_has_its_text(mapping: BitmapMapping, fault: str | None) -> None:
    assert mapping_fault(mapping) == (None if fault is None else INVALID + fault)
