"""What a client's bytes come to does not depend on white space that the trace has lost, or it is not certain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.wire.near_json import NEAR_JSON

from migspec.properties.strategies import JSON
from migspec.spec.wire.shape import NO_COMMAND, unexpected
from migspec.spec.wire.stream import Fault, JsonStream, Outcome, Value
from migspec.traces.client_input import ClientInput, raw_bytes, refused_text, refused_value
from migspec.traces.framing import Framer
from migspec.traces.messages import ErrorBody


def lines_of(stream: bytes) -> list[bytes]:
    """The texts into which the recorder cuts a stream; the last bytes make sure that none is left over."""
    return Framer().feed(stream + b"\xff\n{}")


def is_possible(outcomes: list[Outcome], read: list[tuple[Outcome, bool]]) -> bool:
    """Whether the true outcomes are among those read, in their order, and none that is certain is missing."""
    if not read:
        return not outcomes
    (outcome, certain), *others = read
    if outcomes and repr(outcomes[0]) == repr(outcome) and is_possible(outcomes[1:], others):
        return True
    return not certain and is_possible(outcomes, others)


@given(NEAR_JSON)
def test_the_recorder_s_lines_come_to_what_the_stream_came_to(stream: bytes) -> None:
    reading = ClientInput()
    read = [(r.outcome, r.certain) for line in lines_of(stream) for r in reading.feed(line)]
    assert is_possible(JsonStream().feed(stream + b"\xff\n{}"), read), read
    assert reading.is_at_rest


@pytest.mark.parametrize(
    ("lines", "certain"),
    [
        ([b"garbage"], [True]),
        ([b"12", b"tru"], [True, True]),
        ([b"01", b"}"], [True, True]),
        ([b"01", b"tru"], [True, False]),
        ([b"01", b"tru", b"12", b"}"], [True, False, False, True]),
        ([b"-\n", b'"a', b"\x00"], [True, True]),
        ([b"{", b'"a"', b":", b"}"], [True]),
    ],
)
def test_what_is_certain(lines: list[bytes], certain: list[bool]) -> None:
    reading = ClientInput()
    assert [r.certain for line in lines for r in reading.feed(line)] == certain


def test_a_line_that_is_not_whole_goes_on_in_the_next() -> None:
    reading = ClientInput()
    assert reading.feed(b"tr", whole=False) == []
    (read,) = reading.feed(b"ue")
    assert read.outcome == Value(True)
    assert reading.is_at_rest


def test_what_is_open_is_not_at_rest() -> None:
    reading = ClientInput()
    at_rest = [reading.is_at_rest]
    for line in (b'{"a":', b"1}"):
        read = reading.feed(line)
        at_rest.append(reading.is_at_rest)
    assert at_rest == [True, False, True]
    assert [r.outcome for r in read] == [Value({"a": 1})]


# ---- how it is refused ----


@given(JSON)
def test_the_refusal_of_a_value_is_right_in_its_own_words_only(value: Any) -> None:
    refused = refused_value(value)
    assert refused is not None
    for oob in (True, False, None):
        for text in refused.on(oob=oob):
            assert not refused.wrong(ErrorBody(text, "GenericError"), oob=oob)
            assert refused.wrong(ErrorBody(text, "CommandNotFound"), oob=oob)
            assert refused.wrong(ErrorBody(f"{text} ", "GenericError"), oob=oob)
        assert refused.wrong(None, oob=oob)
    assert not refused.is_text


def test_a_request_is_not_refused() -> None:
    assert refused_value({"execute": "query-status", "id": 1}) is None
    assert refused_value({"exec-oob": "migrate-pause"}) is None


def test_the_words_may_depend_on_what_was_negotiated() -> None:
    refused = refused_value({"exec-oob": 1})
    assert refused is not None
    assert refused.on(oob=False) == {unexpected("exec-oob")}
    assert refused.on(oob=None) == refused.on(oob=True) | refused.on(oob=False)
    nothing = refused_value({})
    assert nothing is not None
    assert nothing.on(oob=None) == {NO_COMMAND}


def test_the_refusal_of_a_text_has_one_wording() -> None:
    refused = refused_text(Fault("JSON parse error, expecting value"))
    assert refused.is_text
    assert refused.on(oob=True) == refused.on(oob=False) == {"JSON parse error, expecting value"}


@given(st.binary())
def test_raw_lines_give_their_bytes_back(data: bytes) -> None:
    assert raw_bytes(json.loads(json.dumps(data.decode("latin-1")))) == data


def test_a_wide_character_in_a_raw_line_is_some_byte() -> None:
    assert raw_bytes("a€") == b"a?"
