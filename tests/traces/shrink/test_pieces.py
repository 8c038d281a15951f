"""What is left out together: every line is in exactly one piece, and a reply in that of its request."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.traces.shrink import pieces
from migspec.traces.shrink.log import Entry

REQUEST = {"execute": "query-status"}
MESSAGES: list[tuple[str, dict[str, Any]]] = [
    ("->", REQUEST),
    ("->", {"exec-oob": "migrate-pause"}),
    ("<-", {"return": {}}),
    ("<-", {"error": {"class": "GenericError", "desc": "no"}}),
    ("<-", {"event": "STOP"}),
    ("<-", {"QMP": {}}),
]


def entries_of(lines: list[dict[str, Any]]) -> list[Entry]:
    return [Entry(place, place + 2, json.dumps(line).encode()) for place, line in enumerate(lines)]


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    direction, message = draw(st.sampled_from(MESSAGES))
    identity: dict[str, Any] = draw(st.sampled_from([{}, {"id": 1}, {"id": "a"}]))
    origin: dict[str, Any] = {"vm": draw(st.sampled_from("ab"))} | draw(st.sampled_from([{}, {"mon": "m"}]))
    return draw(
        st.sampled_from(
            [
                {**origin, "dir": direction, "msg": {**message, **identity}},
                {**origin, "dir": direction, "msg": []},
                {**origin, "dir": "->", "raw": "x"},
                {**origin, "end": "eof"},
                {**origin, "gap": "lost"},
            ]
        )
    )


@settings(max_examples=40)
@given(st.lists(lines(), max_size=12))
def test_every_line_is_in_one_piece(told: list[dict[str, Any]]) -> None:
    entries = entries_of(told)
    for made_of in (pieces.vms, pieces.monitors, pieces.exchanges, pieces.lines):
        places = [place for piece in made_of(entries) for place in piece]
        assert sorted(places) == list(range(len(told)))


@settings(max_examples=40)
@given(st.lists(lines(), max_size=12))
def test_a_piece_is_of_one_vm_and_one_monitor(told: list[dict[str, Any]]) -> None:
    entries = entries_of(told)
    monitor = ("vm", "mon")
    for made_of, members in ((pieces.vms, ("vm",)), (pieces.monitors, monitor), (pieces.exchanges, monitor)):
        for piece in made_of(entries):
            assert len({tuple(told[place].get(member) for member in members) for place in piece}) == 1


def test_replies_go_with_the_requests_whose_id_they_have() -> None:
    told = [
        {"vm": "a", "dir": "->", "msg": {**REQUEST, "id": 1}},
        {"vm": "a", "dir": "->", "msg": {**REQUEST, "id": 2}},
        {"vm": "a", "dir": "->", "msg": REQUEST},
        {"vm": "a", "dir": "<-", "msg": {"return": {}, "id": 2}},
        {"vm": "a", "dir": "<-", "msg": {"event": "STOP"}},
        {"vm": "a", "dir": "<-", "msg": {"return": {}, "id": 1}},
        {"vm": "a", "dir": "<-", "msg": {"return": {}}},
        {"vm": "a", "dir": "<-", "msg": {"return": {}}},
    ]
    assert pieces.exchanges(entries_of(told)) == [(0, 5), (1, 3), (2, 6), (4,), (7,)]


def test_a_reply_without_a_known_id_goes_with_the_oldest_request() -> None:
    told = [
        {"vm": "a", "dir": "->", "msg": {**REQUEST, "id": 1}},
        {"vm": "a", "dir": "->", "msg": {**REQUEST, "id": 2}},
        {"vm": "a", "dir": "<-", "msg": {"return": {}, "id": 9}},
        {"vm": "a", "dir": "<-", "msg": {"return": {}, "id": 2}},
    ]
    assert pieces.exchanges(entries_of(told)) == [(0, 2), (1, 3)]


def test_what_is_nested_too_deeply_is_a_piece_of_its_own() -> None:
    entries = [Entry(0, 2, b'{"vm":"a","dir":"->","msg":%b}' % (b"[" * 5_000 + b"]" * 5_000))]
    assert pieces.vms(entries) == pieces.exchanges(entries) == [(0,)]


def test_what_is_there_by_vm_and_by_monitor() -> None:
    told = [{"vm": vm, "mon": mon, "end": "eof"} for vm, mon in (("a", "x"), ("b", "x"), ("a", "y"), ("a", "x"))]
    entries = entries_of(told)
    assert pieces.vms(entries) == [(0, 2, 3), (1,)]
    assert pieces.monitors(entries) == [(0, 3), (1,), (2,)]
