"""What is printed is what QEMU prints: the recorded messages come out byte for byte, and anything comes back."""

from __future__ import annotations

import gzip
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.qmp.long_way import long_way

from migspec.properties.strategies import JSON
from migspec.reference_impl.qmp.printing import UnprintableError, as_read, printed
from migspec.spec.wire.numbers import printed_number
from migspec.spec.wire.order import slot

CORPUS = Path(__file__).parents[3] / "traces/corpus/qemu-5.2.0"
SESSIONS = (
    "odd-ids.jsonl.gz",
    "ids-that-change.jsonl",
    "bad-json.jsonl",
    "bad-json-with-several-errors.jsonl",
    "human-monitor.jsonl.gz",
    "numbers-of-xbzrle.jsonl.gz",
    "walk-1.jsonl.gz",
    "xen-commands.jsonl",
    "out-of-band-and-the-queue.jsonl.gz",
)
_RECEIVED = re.compile(rb'"dir":"<-","msg":(\{.*\})\}$')


def received(name: str) -> list[bytes]:
    """The messages of the servers in a recorded session, as they were sent."""
    data = (CORPUS / name).read_bytes()
    lines = (gzip.decompress(data) if name.endswith(".gz") else data).splitlines()
    return [found[1] for line in lines if (found := _RECEIVED.search(line))]


def number(text: str) -> int | float:
    """An integer, or the double that QEMU prints like one."""
    return -0.0 if text == "-0" else int(text)


@pytest.mark.parametrize("name", SESSIONS)
def test_a_recorded_message_is_printed_as_it_was(name: str) -> None:
    messages = received(name)
    assert messages
    for text in dict.fromkeys(messages):
        assert printed(json.loads(text, parse_int=number)) == text


def as_qemu_sends(value: Any) -> Any:
    """A value as a client reads it after QEMU has printed it."""
    if isinstance(value, dict):
        return {name: as_qemu_sends(member) for name, member in value.items()}
    if isinstance(value, list):
        return [as_qemu_sends(part) for part in value]
    return printed_number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@given(JSON, st.booleans())
def test_what_is_printed_is_what_was_given(value: Any, pretty: bool) -> None:
    text = printed(value, pretty=pretty)
    assert json.loads(text) == as_qemu_sends(value)
    assert re.fullmatch(rb"[\n -~]*", text)
    assert pretty or b"\n" not in text


@given(JSON)
def test_the_short_way_prints_what_the_long_way_prints(value: Any) -> None:
    assert printed(value) == long_way(value)


@given(st.dictionaries(st.text(), st.integers(0, 9)))
def test_members_are_in_the_order_of_their_slots(value: dict[str, int]) -> None:
    slots = [slot(name) for name in json.loads(printed(value))]
    assert slots == sorted(slots)


@given(JSON)
def test_what_was_read_is_the_same_in_another_order(value: Any) -> None:
    before = json.dumps(value)
    assert as_read(value) == value
    assert json.dumps(value) == before


def test_members_that_share_a_slot_are_read_last_first() -> None:
    assert slot("status") == slot("singlestep")
    assert printed(as_read([{"status": 1, "singlestep": 2}])) == b'[{"singlestep": 2, "status": 1}]'
    assert printed([{"status": 1, "singlestep": 2}]) == b'[{"status": 1, "singlestep": 2}]'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.23456789, b"1.234568"),
        (-0.0, b"-0"),
        (10.0, b"10"),
        (1e22, b"10000000000000000000000"),
        (2**64 - 1, b"18446744073709551615"),
        (float(2**64), b"18446744073709551616"),
        ([math.inf, -math.inf], b"[inf, -inf]"),
        (True, b"true"),
        (None, b"null"),
        ({}, b"{}"),
        ([], b"[]"),
        ([1, {"a": []}], b'[1, {"a": []}]'),
        ("\x7f\u00e4\u20ac\U0001f600", rb'"\u007F\u00E4\u20AC\uD83D\uDE00"'),
        ("\0\x1f\b\f\n\r\t\"\\/'", rb'"\u0000\u001F\b\f\n\r\t\"\\/' + b"'\""),
    ],
)
def test_as_qemu_prints_it(value: object, text: bytes) -> None:
    assert printed(value) == text


def test_the_indented_form() -> None:
    lines = ("{", '    "return": {', "    },", '    "id": [', "        1,", "        [", "        ]", "    ]", "}")
    assert printed({"id": [1, []], "return": {}}, pretty=True).decode() == "\n".join(lines)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=66, max_size=99))
def test_long_texts_are_escaped_alike(text: str) -> None:
    assert printed(text * 3) == b'"' + printed(text)[1:-1] * 3 + b'"'


def test_a_value_may_be_deep() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    assert printed(value) == b"[" * 5001 + b"]" * 5001
    assert printed(as_read(value)) == b"[" * 5001 + b"]" * 5001


@pytest.mark.parametrize("value", [{1}, {"a": object()}, [b""]])
def test_what_is_no_json_is_not_printed(value: object) -> None:
    with pytest.raises(UnprintableError):
        long_way(value)
