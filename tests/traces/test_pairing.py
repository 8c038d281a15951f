"""Replies meet their requests, whatever the ids; what was lost or invented is told."""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import UNSET
from tests.spec.schema_strategies import JSON

from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.traces.numbers import Series
from migspec.traces.observations import Sent
from migspec.traces.pairing import Pending, Track, same_id

IN_BAND = understand("query-migrate", ABSENT, QEMU_5_2_0)
OUT_OF_BAND = understand("migrate-pause", ABSENT, QEMU_5_2_0, oob=True)
REFUSED = understand("migrate", {"uri": 1}, QEMU_5_2_0)

NO_ID: Any = UNSET
PLAIN_IDS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=5)
    | st.dictionaries(st.text(max_size=2), st.integers(0, 3), max_size=2)
    | st.lists(st.integers(0, 3), max_size=2)
)
IDS: st.SearchStrategy[Any] = st.just(NO_ID) | PLAIN_IDS
FLOATS = st.floats(-1e6, 1e6, allow_nan=False)


def as_qemu_prints(value: Any) -> str:
    """An id as QEMU sends it back: no blanks, its own escapes, floats with six decimals and no trailing zeros."""
    if isinstance(value, float):
        return f"{value:f}".rstrip("0").rstrip(".")
    if isinstance(value, dict):
        # its dictionaries are hash tables, so the members come in any order
        return "{" + ", ".join(f"{json.dumps(k)}: {as_qemu_prints(v)}" for k, v in reversed(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_qemu_prints, value)) + "]"
    return json.dumps(value)


def track_of(*asked: tuple[Any, Request]) -> Track:
    """A greeted monitor with these requests open, in the lines from 1 on."""
    track = Track(0, Series())
    track.begin(greeted=True)
    for line, (identity, request) in enumerate(asked, 1):
        track.pending.append(Pending(identity, Sent(0, request), line))
    return track


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[str, int, Any, bool]]:
    """Requests and legal replies, each with the request's line, its id and whether it is out of band."""
    said: list[tuple[str, int, Any, bool]] = []
    in_band: deque[tuple[int, Any]] = deque()
    out: list[tuple[int, Any]] = []
    line = 0
    for step in draw(st.lists(st.sampled_from(["ask", "ask", "answer", "ask oob", "answer oob"]), max_size=20)):
        if step == "ask":
            line += 1
            in_band.append((line, draw(IDS)))
            said.append(("->", *in_band[-1], False))
        elif step == "ask oob":
            line += 1
            # out of band, the id is the only way to tell the replies apart
            out.append((line, f"oob {line}"))
            said.append(("->", *out[-1], True))
        elif step == "answer" and in_band:
            said.append(("<-", *in_band.popleft(), False))
        elif step == "answer oob" and out:
            said.append(("<-", *out.pop(draw(st.integers(0, len(out) - 1))), True))
    return said


@given(conversations())
def test_every_legal_reply_finds_its_request(said: list[tuple[str, int, Any, bool]]) -> None:
    track = track_of()
    for direction, line, identity, oob in said:
        if direction == "->":
            track.pending.append(Pending(identity, Sent(0, OUT_OF_BAND if oob else IN_BAND), line))
            continue
        pairing = track.pair(identity)
        assert pairing.asked is not None
        assert (pairing.asked.line, pairing.lost, pairing.rule) == (line, (), "")


@given(st.lists(PLAIN_IDS, min_size=2, max_size=6), st.data())
def test_a_missing_reply_is_told_of_its_request(ids: list[Any], data: st.DataObject) -> None:
    assume(all(not same_id(a, b) for i, a in enumerate(ids) for b in ids[:i]))
    missing = data.draw(st.integers(0, len(ids) - 2))
    track = track_of(*((identity, IN_BAND) for identity in ids))
    told = []
    for place, identity in enumerate(ids):
        if place != missing:
            pairing = track.pair(identity)
            assert pairing.asked is not None
            assert pairing.asked.line == place + 1
            told += [(pairing.rule, lost.line) for lost in pairing.lost]
            assert (str(missing + 1) in pairing.fault) == bool(pairing.lost)
    assert told == [("envelope.reply.order", missing + 1)]
    assert not track.pending


@given(IDS)
def test_a_stray_reply_answers_nothing(identity: Any) -> None:
    pairing = track_of().pair(identity)
    assert (pairing.asked, pairing.rule) == (None, "envelope.reply.unrequested")


@given(st.lists(IDS, min_size=2, max_size=4), PLAIN_IDS)
def test_a_reply_with_an_id_of_its_own_leaves_the_open_requests_alone(ids: list[Any], strange: Any) -> None:
    assume(not any(same_id(identity, strange) for identity in ids))
    track = track_of(*((identity, IN_BAND) for identity in ids))
    pairing = track.pair(strange)
    assert (pairing.asked, pairing.rule) == (None, "envelope.reply.unrequested")
    assert len(track.pending) == len(ids)


@given(IDS, IDS)
def test_the_only_open_request_is_answered_with_a_wrong_id(right: Any, wrong: Any) -> None:
    assume(not same_id(right, wrong))
    track = track_of((right, IN_BAND))
    pairing = track.pair(wrong)
    assert pairing.asked is not None
    assert (pairing.rule, len(track.pending)) == ("envelope.id", 0)


def test_before_the_first_match_a_late_trace_may_answer_what_it_has_not_seen() -> None:
    track = Track(0, Series())
    track.begin(greeted=False)
    assert track.pair(7).rule == ""
    track.matched = True
    assert track.pair(8).rule == "envelope.reply.unrequested"


def test_an_out_of_band_reply_overtakes_and_is_overtaken() -> None:
    asked = ((1, IN_BAND), ("x", OUT_OF_BAND), (2, IN_BAND))
    for order in ((1, "x", 2), ("x", 1, 2), (1, 2, "x")):
        track = track_of(*asked)
        assert [track.pair(identity).rule for identity in order] == ["", "", ""]


def test_an_out_of_band_request_is_not_lost_when_a_later_reply_is_out_of_order() -> None:
    track = track_of((1, IN_BAND), ("x", OUT_OF_BAND), (2, IN_BAND))
    pairing = track.pair(2)
    assert [lost.line for lost in pairing.lost] == [1]
    assert track.pair("x").rule == ""


# ---- ids ----


@given(PLAIN_IDS | FLOATS | st.lists(FLOATS, max_size=2) | st.dictionaries(st.text(max_size=2), FLOATS, max_size=2))
def test_an_id_is_the_same_as_qemu_prints_it(value: Any) -> None:
    assert same_id(value, json.loads(as_qemu_prints(value)))


@given(JSON, JSON)
def test_ids_are_the_same_if_their_values_are(one: Any, other: Any) -> None:
    assert same_id(one, json.loads(json.dumps(one)))
    assert same_id(one, other) == same_id(other, one)
    if type(one) is not type(other) and not (isinstance(one, int | float) and isinstance(other, int | float)):
        assert not same_id(one, other)


@pytest.mark.parametrize(
    ("asked", "given_back", "same"),
    [
        (1, 1.0, True),
        (0.1234567, 0.123457, True),
        (0.1234567, 0.12346, False),
        (1, "1", False),
        (1, True, False),
        (0, False, False),
        ({"a": 1}, {"a": True}, False),
        (None, 0, False),
        (None, NO_ID, False),
        (NO_ID, None, False),
        (NO_ID, NO_ID, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        (2**64 - 1, 2**64 - 2, False),
    ],
)
def test_the_same_id(asked: Any, given_back: Any, same: bool) -> None:
    assert same_id(asked, given_back) is same


# ---- input that was no request ----


def test_json_that_is_no_request_is_answered_once_with_its_id() -> None:
    track = track_of()
    track.not_a_request(7)
    text = "QMP input member 'frobnicate' is unexpected"
    assert not track.answers_bad_input(text, 8)
    assert track.answers_bad_input(text, 7)
    assert not track.answers_bad_input(text, 7)


def test_bytes_without_an_id_are_answered_without_one() -> None:
    track = track_of()
    track.not_a_request(NO_ID)
    assert track.answers_bad_input("JSON parse error, stray 'x'", NO_ID)
    assert not track.answers_bad_input("JSON parse error, stray 'x'", NO_ID)


def test_an_error_of_another_kind_answers_a_request() -> None:
    track = track_of()
    track.not_a_request(NO_ID)
    assert not track.answers_bad_input("There's a migration process in progress", NO_ID)


def test_a_refusal_of_arguments_is_not_taken_for_one_of_bad_input() -> None:
    text = sorted(REFUSED.argument_errors)[0]
    track = track_of((1, REFUSED))
    track.not_a_request(NO_ID)
    assert not track.answers_bad_input(text, NO_ID)


def test_the_parser_refuses_the_oldest_request_with_a_duplicate_key() -> None:
    track = track_of((1, IN_BAND), (2, IN_BAND))
    refused = track.refused_by_parser("JSON parse error, duplicate key", NO_ID)
    assert refused is not None
    assert (refused.line, [asked.line for asked in track.pending]) == (1, [2])
    assert track.refused_by_parser("JSON parse error, duplicate key", 2) is None
    assert track.refused_by_parser("JSON parse error, stray 'x'", NO_ID) is None
    assert track_of().refused_by_parser("JSON parse error, duplicate key", NO_ID) is None


@pytest.mark.parametrize("change", [lambda t: t.begin(greeted=True), lambda t: t.begin(greeted=False)])
def test_a_new_connection_owes_nothing_of_the_old_one(change: Callable[[Track], None]) -> None:
    track = track_of((1, IN_BAND))
    track.not_a_request(3)
    track.not_a_request(NO_ID)
    track.last_pass = 4
    change(track)
    assert not track.pending
    assert not track.malformed
    assert track.wild == 0
    assert track.last_pass is None


def test_many_open_requests_are_answered_in_order() -> None:
    chance = random.Random(5)
    ids = [chance.choice([number, f"{number}", {"n": number}]) for number in range(500)]
    track = track_of(*((identity, IN_BAND) for identity in ids))
    assert [p.asked.line for identity in ids if (p := track.pair(identity)).asked] == list(range(1, 501))
