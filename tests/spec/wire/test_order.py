"""Members come in the order of a hash table, which every recorded message of QEMU 5.2 shows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.spec.wire.order import in_order, slot

CORPUS = Path(__file__).parents[3] / "traces/corpus/qemu-5.2.0"


def objects(value: Any) -> list[dict[str, Any]]:
    """All the objects in a value."""
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [*([value] if isinstance(value, dict) else []), *(inner for part in parts for inner in objects(part))]


@pytest.mark.parametrize("name", ["capabilities-that-exclude-each-other", "xen-commands", "multifd", "xbzrle"])
def test_recorded_objects_are_in_order(name: str) -> None:
    (path,) = CORPUS.glob(f"{name}.jsonl*")
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        message = json.loads(line)
        for found in objects(message.get("msg")) if message.get("dir") == "<-" else ():
            slots = list(map(slot, found))
            assert slots == sorted(slots)


@given(st.lists(st.text(), unique=True))
def test_each_name_has_its_place(names: list[str]) -> None:
    ordered = in_order(names)
    assert sorted(ordered) == sorted(names)
    assert sorted(map(slot, names)) == list(map(slot, ordered))
    apart = len({slot(name) for name in names}) == len(names)
    assert not apart or in_order(reversed(names)) == ordered


def test_members_that_share_a_slot_are_met_last_first() -> None:
    assert in_order(["status", "running", "singlestep"]) == ["singlestep", "status", "running"]


def long_hash(name: bytes) -> int:
    """The same function, byte by byte."""
    mixed = 0x238F13AF * len(name)
    for place, byte in enumerate(name):
        mixed += byte << place * 5 % 24
    return (1103515243 * (mixed & 0xFFFFFFFF) + 12345 & 0xFFFFFFFF) % 512


@given(st.text(min_size=20, max_size=90))
def test_long_names_have_the_slot_of_all_their_bytes(name: str) -> None:
    assert slot(name) == long_hash(name.encode().replace(b"\0", b"\xc0\x80"))
