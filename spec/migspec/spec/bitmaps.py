"""The mapping of dirty bitmaps to the names under which they travel, and what makes one invalid.

A mapping is scanned twice, first from names to aliases and then back, each time from the first node to the last. The
first fault of the first scan is the answer, so a name that is mapped twice in the last node comes before an alias that
is used twice in the first. Source: observed on QEMU 5.2.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_ALIAS = 255
"""Bytes of a node's or a bitmap's alias."""
LONGEST_NODE_NAME = 31
"""Bytes of a node's name."""
LONGEST_BITMAP_NAME = 1023
"""Bytes of a bitmap's name."""

INVALID = "Invalid mapping given for block-bitmap-mapping: "
"""How every refusal of a mapping begins."""

_WELL_FORMED = re.compile(r"[A-Za-z][A-Za-z0-9._-]*", re.ASCII)
"""An id as QEMU wants it; the alias of a bitmap need not be one."""


@dataclass(frozen=True, slots=True)
class BitmapAlias:
    """A bitmap and its alias."""

    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class NodeAlias:
    """A node, its alias and its bitmaps."""

    node_name: str
    alias: str
    bitmaps: tuple[BitmapAlias, ...] = ()


BitmapMapping = tuple[NodeAlias, ...]
"""A value of the parameter block-bitmap-mapping; an empty one lets no bitmap travel."""


def mapping_of(nodes: Sequence[Mapping[str, Any]]) -> BitmapMapping:
    """The mapping that a list of BitmapMigrationNodeAlias says, which must fit the schema."""
    return tuple(
        NodeAlias(
            node["node-name"],
            node["alias"],
            tuple(BitmapAlias(bitmap["name"], bitmap["alias"]) for bitmap in node["bitmaps"]),
        )
        for node in nodes
    )


def mapping_fault(mapping: BitmapMapping) -> str | None:
    """The text with which a mapping is refused; None if it is accepted."""
    fault = next(_to_aliases(mapping), None) or next(_from_aliases(mapping), None)
    return None if fault is None else INVALID + fault


def _to_aliases(mapping: BitmapMapping) -> Iterator[str]:
    nodes: set[str] = set()
    for node in mapping:
        if not _WELL_FORMED.fullmatch(node.alias):
            yield f"The node alias '{node.alias}' is not well-formed"
        if _bytes(node.alias) > LONGEST_ALIAS:
            yield f"The node alias '{node.alias}' is longer than {LONGEST_ALIAS} bytes"
        if _bytes(node.node_name) > LONGEST_NODE_NAME:
            yield f"The node name '{node.node_name}' is longer than {LONGEST_NODE_NAME} bytes"
        if node.node_name in nodes:
            yield f"The node name '{node.node_name}' is mapped twice"
        nodes.add(node.node_name)
        bitmaps: set[str] = set()
        for bitmap in node.bitmaps:
            if _bytes(bitmap.alias) > LONGEST_ALIAS:
                yield f"The bitmap alias '{bitmap.alias}' is longer than {LONGEST_ALIAS} bytes"
            if _bytes(bitmap.name) > LONGEST_BITMAP_NAME:
                yield f"The bitmap name '{bitmap.name}' is longer than {LONGEST_BITMAP_NAME} bytes"
            if bitmap.name in bitmaps:
                yield f"The bitmap '{node.node_name}'/'{bitmap.name}' is mapped twice"
            bitmaps.add(bitmap.name)


def _from_aliases(mapping: BitmapMapping) -> Iterator[str]:
    """What is left for the second scan once the first has found nothing."""
    nodes: set[str] = set()
    for node in mapping:
        if node.alias in nodes:
            yield f"The node alias '{node.alias}' is used twice"
        nodes.add(node.alias)
        bitmaps: set[str] = set()
        for bitmap in node.bitmaps:
            if bitmap.alias in bitmaps:
                yield f"The bitmap alias '{node.alias}'/'{bitmap.alias}' is used twice"
            bitmaps.add(bitmap.alias)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
