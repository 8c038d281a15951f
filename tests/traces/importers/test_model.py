"""What all importers say and read alike."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.traces.findings import Grade
from migspec.traces.importers.model import Remarks, beginning, event_of


def event(seconds: object, microseconds: object = 1) -> bytes:
    return json.dumps(
        {"event": "STOP", "timestamp": {"seconds": seconds, "microseconds": microseconds}, "data": {}}
    ).encode()


def test_an_event_tells_when_it_was_made() -> None:
    made = event_of(event(1_795_426_629, 857_452))
    assert made is not None
    assert (made.event, made.timestamp.seconds, made.timestamp.microseconds) == ("STOP", 1_795_426_629, 857_452)


@pytest.mark.parametrize(
    "text", [event(0), event(-1, -1), event("SECS", "USECS"), b'{"event":"STOP"}', b'{"return":{}}']
)
def test_what_stands_for_a_time_is_none(text: bytes) -> None:
    assert event_of(text) is None


@given(st.binary(max_size=40))
def test_no_text_makes_it_fail(text: bytes) -> None:
    assert event_of(text) is None


def test_what_is_noted_once_is_noted_once_of_each_vm() -> None:
    remarks = Remarks()
    for line, vm in enumerate(("a", "b", "a"), 1):
        remarks.note_once(line, vm, "events", "They are left out.")
    assert [(each.line, each.vm, each.rule) for each in remarks.findings] == [
        (1, "a", "import.events"),
        (2, "b", "import.events"),
    ]


def test_what_cannot_be_read_is_a_gap_and_a_doubt() -> None:
    remarks = Remarks()
    number, text = remarks.unreadable(7, "a", "The reply", t=1.5, mon="m")
    assert (number, json.loads(text)) == (7, {"t": 1.5, "vm": "a", "mon": "m", "gap": "a message cannot be read"})
    (found,) = remarks.findings
    assert (found.grade, found.message.partition(",")[0]) == (Grade.DOUBT, "The reply cannot be read")


@given(st.lists(st.binary(max_size=9)), st.integers(1, 9), st.integers(0, 20))
def test_a_beginning_is_bounded_but_for_its_last_item(items: list[bytes], count: int, size: int) -> None:
    first = list(beginning(items, count, size, len))
    assert first == items[: len(first)]
    assert len(first) <= count
    assert sum(map(len, first[:-1])) <= size
    if len(first) < min(count, len(items)):
        assert sum(map(len, first)) > size
