"""Replies meet their requests, whatever the ids; what was lost or invented is told."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import UNSET
from tests.spec.wire.near_json import NEAR_JSON

from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.wire.numbers import same_id
from migspec.spec.wire.shape import QUEUE, faults
from migspec.spec.wire.stream import Fault, JsonStream
from migspec.traces.framing import Framer
from migspec.traces.messages import ErrorBody
from migspec.traces.numbers import Series
from migspec.traces.observations import Sent
from migspec.traces.pairing import Pending, Track

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


def track_of(*asked: tuple[Any, Request], exact: bool = True) -> Track:
    """A greeted monitor with these requests open, in the lines from 1 on."""
    track = Track(0, Series(), exact=exact)
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
        elif step == "answer oob" and out and len(in_band) <= QUEUE:
            said.append(("<-", *out.pop(draw(st.integers(0, len(out) - 1))), True))
    return said


@given(conversations())
def test_every_legal_reply_finds_its_request(said: list[tuple[str, int, Any, bool]]) -> None:
    track = track_of()
    track.oob = True
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
        track.oob = True
        assert [track.pair(identity).rule for identity in order] == ["", "", ""]


def test_an_out_of_band_request_is_not_lost_when_a_later_reply_is_out_of_order() -> None:
    track = track_of((1, IN_BAND), ("x", OUT_OF_BAND), (2, IN_BAND))
    pairing = track.pair(2)
    assert [lost.line for lost in pairing.lost] == [1]
    assert track.pair("x").rule == ""


@pytest.mark.parametrize(("oob", "waiting", "rule"), [(True, QUEUE, ""), (True, QUEUE + 1, "envelope.oob.queue")])
@pytest.mark.parametrize("exact", [True, False])
def test_how_many_requests_are_overtaken(oob: bool, waiting: int, rule: str, exact: bool) -> None:
    track = track_of(*((number, IN_BAND) for number in range(waiting)), ("x", OUT_OF_BAND), exact=exact)
    track.oob = oob
    pairing = track.pair("x")
    assert pairing.asked is not None
    assert pairing.rule == (rule if exact else "")
    assert [track.pair(number).rule for number in range(waiting)] == [""] * waiting


def test_nothing_is_overtaken_where_out_of_band_execution_is_off() -> None:
    track = track_of((1, IN_BAND), ("x", OUT_OF_BAND))
    assert track.oob is False
    assert track.pair("x").rule == "envelope.reply.order"
    track = track_of((1, IN_BAND), ("x", OUT_OF_BAND))
    track.oob = None
    assert track.pair("x").rule == ""


def test_a_line_of_the_server_that_is_no_json_may_have_been_a_reply() -> None:
    track = track_of((1, IN_BAND), (2, IN_BAND), (3, IN_BAND), (4, IN_BAND))
    track.garbled = 1
    pairing = track.pair(2)
    assert (pairing.rule, [lost.line for lost in pairing.lost]) == ("", [1])
    assert track.pair(4).rule == "envelope.reply.order"


# ---- input that was no request, exactly ----

NO_VALUE = "JSON parse error, expecting value"
UNKNOWN = "QMP input member 'frobnicate' is unexpected"


def test_bad_input_takes_its_turn() -> None:
    track = track_of((1, IN_BAND))
    assert track.read(2, b"}", whole=True) == []
    assert track.no_request(3, {"frobnicate": 1, "id": 7})
    track.pending.append(Pending(4, Sent(0, IN_BAND), 4))
    for identity, text, line in ((1, "", 1), (NO_ID, NO_VALUE, 2), (7, UNKNOWN, 3), (4, "", 4)):
        pairing = track.pair(identity, text)
        assert pairing.asked is not None
        assert (pairing.asked.line, pairing.rule) == (line, "")
        assert (pairing.asked.refused is not None) == (line in (2, 3))


def test_an_error_about_json_before_its_turn_is_one_too_many() -> None:
    track = track_of((1, IN_BAND))
    track.read(2, b"}", whole=True)
    assert (early := track.pair(NO_ID, NO_VALUE)).asked is None or early.rule
    assert early.rule == "envelope.reply.order"


@pytest.mark.parametrize(
    ("data", "value", "rule"), [(b"}", None, "envelope.json"), (b"", {"frobnicate": 1, "id": 7}, "envelope.request")]
)
def test_an_answer_to_bad_input_that_is_missing(data: bytes, value: Any, rule: str) -> None:
    track = track_of()
    track.read(1, data, whole=True)
    assert value is None or track.no_request(1, value)
    track.pending.append(Pending(2, Sent(0, IN_BAND), 2))
    pairing = track.pair(2)
    assert (pairing.rule, [lost.line for lost in pairing.lost]) == (rule, [1])


def test_an_error_about_json_has_no_id() -> None:
    track = track_of()
    track.read(1, b"}", whole=True)
    assert track.pair(7, NO_VALUE).rule == "envelope.json.id"


def test_a_refused_value_has_its_id() -> None:
    track = track_of()
    track.no_request(1, {"frobnicate": 1, "id": 7})
    assert track.pair(NO_ID, UNKNOWN).rule == "envelope.id"


def test_an_error_about_json_to_nobody() -> None:
    assert track_of().pair(NO_ID, NO_VALUE).rule == "envelope.json"
    track = track_of((1, IN_BAND))
    assert track.pair(NO_ID, NO_VALUE).rule == "envelope.json"
    assert track.pair(1).rule == ""


def test_what_the_trace_does_not_decide_may_be_answered_or_not() -> None:
    for answered in (True, False):
        track = track_of()
        track.read(1, b"01", whole=True)
        track.read(2, b"tru", whole=True)
        track.pending.append(Pending(3, Sent(0, IN_BAND), 3))
        told = [track.pair(NO_ID, "JSON parse error, stray '01'")]
        told += [track.pair(NO_ID, "JSON parse error, invalid keyword 'tru'")] * answered
        told += [track.pair(3)]
        assert [pairing.rule for pairing in told] == [""] * len(told)


@given(NEAR_JSON)
def test_every_true_answer_to_what_a_recorder_writes_down_is_accepted(stream: bytes) -> None:
    stream += b"\xff\n{}"
    track = track_of()
    for line, text in enumerate(Framer().feed(stream)):
        for asked in track.read(line, text, whole=True):
            assert isinstance(asked, dict)
            track.pending.append(Pending(asked.get("id", NO_ID), Sent(0, IN_BAND), line))
    for outcome in JsonStream().feed(stream):
        if isinstance(outcome, Fault):
            pairing = track.pair(NO_ID, outcome.text)
            assert pairing.asked is not None
            assert pairing.asked.refused is not None
            assert not pairing.asked.refused.wrong(ErrorBody(outcome.text, "GenericError"), oob=False)
        else:
            value = outcome.value
            identity = value.get("id", NO_ID) if isinstance(value, dict) else NO_ID
            pairing = track.pair(identity, *sorted(faults(value, oob=False))[-1:])
        assert (pairing.rule, pairing.fault) == ("", "")
    assert not [asked for asked in track.pending if asked.is_certain]


def test_a_request_inside_bytes_is_given_back() -> None:
    track = track_of()
    track.plain["query-status"] = Sent(0, IN_BAND)
    assert track.read(1, b'{"execute":"query-status",', whole=True) == []
    assert (track.input is not None, track.plain) == (True, {})
    assert track.read(2, b'"id":1}', whole=True) == [{"execute": "query-status", "id": 1}]
    assert track.input is None


def test_a_monitor_that_is_found_late_may_be_in_the_middle_of_something() -> None:
    track = Track(0, Series())
    track.read(1, b"}", whole=True)
    assert not track.pending[0].is_certain
    track.matched = True
    track.read(2, b"}", whole=True)
    assert track.pending[1].is_certain


# ---- input that was no request, for a profile that is silent about it ----


def test_json_that_is_no_request_is_answered_once_with_its_id() -> None:
    track = track_of(exact=False)
    track.not_a_request(7)
    text = "QMP input member 'frobnicate' is unexpected"
    assert not track.answers_bad_input(text, 8)
    assert track.answers_bad_input(text, 7)
    assert not track.answers_bad_input(text, 7)


def test_bytes_without_an_id_are_answered_without_one() -> None:
    track = track_of(exact=False)
    track.not_a_request(NO_ID)
    assert track.answers_bad_input("JSON parse error, stray 'x'", NO_ID)
    assert not track.answers_bad_input("JSON parse error, stray 'x'", NO_ID)


def test_an_error_of_another_kind_answers_a_request_without_an_id_if_there_is_one() -> None:
    track = track_of((NO_ID, IN_BAND), exact=False)
    track.not_a_request(NO_ID)
    assert not track.answers_bad_input("There's a migration process in progress", NO_ID)
    assert track.answers_bad_input("JSON parse error, stray 'x'", NO_ID)


def test_other_servers_have_other_words_for_bad_input() -> None:
    track = track_of((1, IN_BAND), exact=False)
    track.read(2, b"}", whole=True)
    track.no_request(3, {"frobnicate": 1, "id": 7})
    assert track.answers_bad_input("Cannot parse this", NO_ID)
    assert track.answers_bad_input("Cannot parse that", 7)
    assert not track.answers_bad_input("Cannot parse that", 7)


def test_a_refusal_of_arguments_is_not_taken_for_one_of_bad_input() -> None:
    text = sorted(REFUSED.argument_errors)[0]
    track = track_of((1, REFUSED), exact=False)
    track.not_a_request(NO_ID)
    assert not track.answers_bad_input(text, NO_ID)


def test_the_parser_refuses_the_oldest_request_with_a_duplicate_key() -> None:
    track = track_of((1, IN_BAND), (2, IN_BAND))
    refused = track.refused_unread("JSON parse error, duplicate key", NO_ID)
    assert refused is not None
    assert (refused.line, [asked.line for asked in track.pending]) == (1, [2])
    assert track.refused_unread("JSON parse error, duplicate key", 2) is None
    assert track.refused_unread("JSON parse error, stray 'x'", NO_ID) is None
    assert track_of().refused_unread("JSON parse error, duplicate key", NO_ID) is None


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
