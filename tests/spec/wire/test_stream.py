"""The stream reads what is JSON as every parser does, and answers the rest in QEMU's words.

That the words are QEMU's is measured by `tests/live/test_wire_live.py`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.spec.wire.near_json import NEAR_JSON, PIECES

from migspec.properties.strategies import JSON
from migspec.spec.wire.stream import USUAL, Fault, JsonStream, Limits, Outcome, Value, is_about_json, may_refuse_json
from migspec.spec.wire.strings import printed

END = b"\xff\n"
"""What gets the server into a known state; it is a stray byte itself."""

STRAY = "JSON parse error, stray '{}'"
NO_VALUE = "JSON parse error, expecting value"


def read(data: bytes, limits: Limits = USUAL) -> list[Outcome]:
    return JsonStream(limits).feed(data)


def told(data: bytes) -> list[str]:
    """The errors that some bytes lead to; there is nothing else."""
    outcomes = read(data)
    assert all(isinstance(outcome, Fault) for outcome in outcomes), outcomes
    return [outcome.text for outcome in outcomes if isinstance(outcome, Fault)]


def is_plain(value: Any) -> bool:
    """Whether QEMU takes all the text in a value for text."""
    text = json.dumps(value, ensure_ascii=False)
    return not any(0xD800 <= ord(c) <= 0xDFFF or 0xFDD0 <= ord(c) <= 0xFDEF or ord(c) & 0xFFFE == 0xFFFE for c in text)


def as_doubles(value: Any) -> Any:
    """A value with the integers that do not fit into 64 bits as floating-point numbers."""
    if isinstance(value, dict):
        return {name: as_doubles(member) for name, member in value.items()}
    if isinstance(value, list):
        return [as_doubles(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    return value


@given(JSON.filter(is_plain), st.booleans())
def test_json_is_read_as_what_it_is(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    (outcome,) = read(text + b"\n")
    assert isinstance(outcome, Value)
    assert json.dumps(outcome.value) == json.dumps(as_doubles(value))


@given(JSON, st.sampled_from(("\ud800", "\udfff", "\ufdd0", "\ufffe", "\uffff", "\U0010fffe")))
def test_what_is_no_text_is_refused(value: Any, wrong: str) -> None:
    (outcome,) = read(json.dumps([wrong, value]).encode() + b"\n")
    assert isinstance(outcome, Fault)
    assert outcome.text.endswith("is not a valid Unicode character")


@given(NEAR_JSON, st.lists(st.integers(1, 9), max_size=40))
def test_how_the_stream_was_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    stream = JsonStream()
    outcomes: list[Outcome] = []
    rest = data + END
    for size in cuts:
        outcomes += stream.feed(rest[:size])
        rest = rest[size:]
    assert repr(outcomes + stream.feed(rest)) == repr(read(data + END))


@given(NEAR_JSON, NEAR_JSON)
def test_a_copy_reads_on_alike_and_by_itself(before: bytes, after: bytes) -> None:
    stream = JsonStream()
    stream.feed(before)
    copy = stream.copy()
    assert stream.reads_like(copy)
    first = copy.feed(after)
    assert repr(stream.feed(after)) == repr(first)
    assert stream.reads_like(copy)


@given(NEAR_JSON)
def test_after_the_end_marker_all_is_at_rest(data: bytes) -> None:
    stream = JsonStream()
    stream.feed(data + END)
    assert stream.is_at_rest
    assert not stream.recovering
    assert not stream.waits
    assert stream.feed(b'{"a": 1}') == [Value({"a": 1})]


@given(NEAR_JSON)
def test_every_fault_is_about_json(data: bytes) -> None:
    for outcome in read(data + END):
        assert isinstance(outcome, Value) or is_about_json(outcome.text)


@given(JSON)
def test_what_refuses_json_is_known_as_such(value: Any) -> None:
    for outcome in read(json.dumps(value).encode() + b"\n"):
        assert isinstance(outcome, Value) or may_refuse_json(outcome.text)


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b'{"a":01}', [STRAY.format("01"), NO_VALUE]),
        (b'{"a":1.}', [STRAY.format("1.}")]),
        (b'"a\n', [STRAY.format('"a\n')]),
        (b"\x00\x01", [STRAY.format(""), STRAY.format("\x01")]),
        (b"\xff\xff", [STRAY.format("\ufffd"), STRAY.format("\ufffd")]),
        (b"-x foo\tbar }", [STRAY.format("-x"), NO_VALUE]),
        (b"}", [NO_VALUE]),
        (b"[[1}", ["JSON parse error, expected separator in list"]),
        (b"[}", [NO_VALUE]),
        (b'{"a":1]', ["JSON parse error, expected separator in dict"]),
        (b'{"a":[1}', []),
        (b'{"a":[1}]', ["JSON parse error, expected separator in list"]),
        (b"{1:2}", ["JSON parse error, key is not a string in object"]),
        (b"{[]:2}", ["JSON parse error, key is not a string in object"]),
        (b"{[tru]:2}", ["JSON parse error, invalid keyword 'tru'"]),
        (b'{"a" 1}', ["JSON parse error, missing : in object pair"]),
        (b'{"a":1,}', [NO_VALUE]),
        (b'{"a":1 "b":2}', ["JSON parse error, expected separator in dict"]),
        (b"[1 2]", ["JSON parse error, expected separator in list"]),
        (b'{"a":1,"a":}', [NO_VALUE]),
        (b'{"a":1,"a":2}', ["JSON parse error, duplicate key"]),
        (b"tru ", ["JSON parse error, invalid keyword 'tru'"]),
        (b"tru", []),
        (b"{ bad", []),
        (b"{ bad ]", ["JSON parse error, invalid keyword 'bad'"]),
        (rb'"\x"', ["JSON parse error, invalid escape sequence in string"]),
        (b'"\x80"', ["JSON parse error, invalid UTF-8 sequence in string"]),
        (b'"\xef\xbf\xbf"', ["JSON parse error, invalid UTF-8 sequence in string"]),
        (rb'"\ud800"', [r"JSON parse error, \ud800 is not a valid Unicode character"]),
        (rb'"\u12"', [r'JSON parse error, \u12" is not a valid Unicode character']),
        (rb'"\ud83f\udfff"', [r"JSON parse error, \ud83f\udfff is not a valid Unicode character"]),
        (b"z" * 2000 + b" ", ["JSON parse error, invalid keyword '" + "z" * 1006]),
    ],
)
def test_in_which_words_bad_input_is_refused(data: bytes, texts: list[str]) -> None:
    assert told(data) == texts


@pytest.mark.parametrize(
    "text", [b"[0e1]", b'{"a":-0e5}', b'{"a":1,"a":1}', rb'["\uffff"]', b'"\xef\xbf\xbf"', b"[" * 1025]
)
def test_what_is_json_to_others_is_refused_in_known_words(text: bytes) -> None:
    outcome = read(text + b"\n")[0]
    assert isinstance(outcome, Fault)
    assert may_refuse_json(outcome.text)


@pytest.mark.parametrize("text", ["JSON parse error, stray 'x'", "JSON parse error, expecting value", "JSON", ""])
def test_what_refuses_no_json(text: str) -> None:
    assert not may_refuse_json(text)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"'it\\'s'", "it's"),
        (b"{'a':\"'\"}", {"a": "'"}),
        (b'"\xc0\x80"', "\0"),
        (rb'"\u0000\ud83d\ude00"', "\0\U0001f600"),
        (b"18446744073709551615 ", 2**64 - 1),
        (b"18446744073709551616 ", float(2**64)),
        (b"-9223372036854775809 ", float(-(2**63))),
        (b"-0 ", 0),
    ],
)
def test_what_is_accepted_beyond_json(data: bytes, value: object) -> None:
    assert read(data) == [Value(value)]


def test_values_need_nothing_between_them_but_what_ends_a_word() -> None:
    assert read(b'{}[]"a"1 2true null,') == [
        *(Value({}), Value([]), Value("a"), Value(1), Value(2), Value(True), Value(None)),
        Fault(NO_VALUE),
    ]


# ---- limits ----

LIMITS = st.builds(Limits, st.integers(1, 40), st.integers(1, 20), st.integers(0, 6))
RUNS = st.lists(
    st.tuples(st.sampled_from((*PIECES, b"[{", b"[,", b"1,")), st.integers(1, 30)).map(lambda run: run[0] * run[1])
    | NEAR_JSON,
    max_size=4,
).map(b"".join)


@given(RUNS, LIMITS)
def test_runs_are_taken_at_a_stroke_as_byte_by_byte(data: bytes, limits: Limits) -> None:
    whole, bytewise = JsonStream(limits), JsonStream(limits)
    outcomes = [outcome for byte in data for outcome in bytewise.feed(bytes((byte,)))]
    assert repr(whole.feed(data)) == repr(outcomes)
    assert whole.reads_like(bytewise)


@given(NEAR_JSON)
def test_step_by_step_is_as_at_once(data: bytes) -> None:
    stream = JsonStream()
    position = 0
    outcomes: list[Outcome] = []
    while position < len(data):
        outcome, end = stream.step(data, position)
        assert outcome is not None or end == len(data)
        outcomes += [] if outcome is None else [outcome]
        position = end
    assert repr(outcomes) == repr(read(data))


@pytest.mark.parametrize(
    ("part", "text", "times"),
    [
        (b"[", "JSON nesting depth limit exceeded", (1 << 20) // 1025),
        (b"[{", "JSON nesting depth limit exceeded", (1 << 21) // 1025),
    ],
)
def test_a_flood_is_refused_again_and_again(part: bytes, text: str, times: int) -> None:
    assert read(part * (1 << 20)) == [Fault(text)] * times


def test_a_flood_inside_of_something_is_refused_when_it_is_too_long() -> None:
    limit = USUAL.tokens
    assert read(b"[" + b"," * (limit - 1)) == []
    assert read(b"[" + b"," * limit + b":") == [Fault("JSON token count limit exceeded"), Fault(NO_VALUE)]


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_too_deep_nesting_is_an_error_at_once(depth: int) -> None:
    limits = Limits(depth=depth)
    fault = Fault("JSON nesting depth limit exceeded")
    assert read(b"[" * depth + b"]" * depth, limits)[0] != fault
    assert read(b"[" * (depth + 1) + b"]" * (depth + 1), limits) == [fault, *[Fault(NO_VALUE)] * (depth + 1)]


def test_nesting_as_deep_as_qemu_allows_is_read() -> None:
    depth = Limits().depth
    (outcome,) = read(b"[" * depth + b"]" * depth)
    assert isinstance(outcome, Value)
    assert read(b"[" * (depth + 1))[0] == Fault("JSON nesting depth limit exceeded")


def test_too_many_tokens_are_an_error_at_once() -> None:
    fault = Fault("JSON token count limit exceeded")
    assert read(b"[1,2]", Limits(tokens=5)) == [Value([1, 2])]
    assert read(b"[1,2,3]", Limits(tokens=5)) == [fault, Fault(NO_VALUE)]


def test_too_many_bytes_are_an_error_at_once() -> None:
    fault = Fault("JSON token size limit exceeded")
    assert read(b'["aa"]', Limits(size=7)) == [Value(["aa"])]
    assert read(b'["aaaa"]', Limits(size=7)) == [fault, Fault(NO_VALUE)]


def test_a_token_that_outgrows_the_limit_is_given_up() -> None:
    fault = Fault("JSON token size limit exceeded")
    assert read(b'"' + b"a" * 8, Limits(size=8)) == [fault]
    assert read(b'"' + b"a" * 8 + b"}", Limits(size=8)) == [fault, Fault(NO_VALUE)]


@given(st.binary(max_size=8))
@example(b"\xc3")
def test_what_is_printed_of_strange_bytes_is_text(data: bytes) -> None:
    text = printed(data)
    assert text.encode().decode() == text
    assert len(text) <= len(data)


def test_pieces_are_pieces() -> None:
    assert len(set(PIECES)) == len(PIECES)
