"""Objects are found in whatever text they stand, whole or cut."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.traces.format import Direction
from migspec.traces.importers.values import (
    Found,
    Objects,
    json_of,
    literal,
    message_in,
    message_in_python,
    plain,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.builds(lambda name, value: {name: value}, st.sampled_from(["return", "execute", "event"]), VALUES)
QUICK = settings(max_examples=40)
PROSE = st.sampled_from(["", "qemu-system-x86_64: terminating on signal 15", "$ ls", "it's [done] (ok)", "\x1b[0m"])


def found(lines: list[bytes], limit: int = 1 << 20) -> list[Found]:
    """Everything that is found in lines."""
    objects = Objects(limit)
    every = [one for number, line in enumerate(lines, 1) for one in objects.feed(number, line)]
    return [*every, *objects.finish()]


def written(message: dict[str, Any], indent: int | None, before: str, after: str) -> list[str]:
    return [before, *json.dumps(message, indent=indent).split("\n"), after]


@QUICK
@given(st.lists(st.tuples(MESSAGES, st.sampled_from([None, 2, 4]), PROSE, PROSE), max_size=4), st.data())
def test_objects_are_found_between_other_text_however_they_are_written(
    parts: list[tuple[dict[str, Any], int | None, str, str]], data: st.DataObject
) -> None:
    lines = [line for part in parts for line in written(*part)]
    mark = data.draw(st.sampled_from(["", "> ", "> > "]))
    end = data.draw(st.sampled_from(["", "\r", "\r\r"]))
    objects = found([(mark + line + end).encode() for line in lines])
    assert [msgspec.json.decode(one.text) for one in objects] == [part[0] for part in parts]
    assert all(one.is_whole and b"\n" not in one.text for one in objects)


@QUICK
@given(st.lists(MESSAGES, min_size=1, max_size=4), st.sampled_from([None, 1]))
def test_several_objects_may_share_a_line_and_one_may_go_on_over_many(
    messages: list[dict[str, Any]], indent: int | None
) -> None:
    text = " ".join(json.dumps(message, indent=indent) for message in messages)
    assert [msgspec.json.decode(one.text) for one in found(text.encode().split(b"\n"))] == messages


@QUICK
@given(MESSAGES, MESSAGES, st.data())
def test_an_object_that_was_cut_does_not_swallow_the_next_one(
    cut: dict[str, Any], whole: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(cut).encode()
    text = text[: data.draw(st.integers(2, len(text) - 1))].rstrip(b" =")
    objects = found([text, json.dumps(whole).encode()])
    assert [msgspec.json.decode(one.text) for one in objects if one.is_whole] == [whole]
    assert [one.line for one in objects] == [1, 2]


def test_an_indented_object_that_was_cut_does_not_swallow_the_next_one() -> None:
    lines = json.dumps({"return": {"a": 1}}, indent=2).encode().split(b"\n")
    assert [one.is_whole for one in found([*lines[:2], *lines])] == [False, True]


def test_an_object_that_is_too_long_is_cut() -> None:
    objects = found([b'{"return": [', *[b'"abcdefgh",'] * 20], limit=100)
    assert (objects[0].line, objects[0].is_whole) == (1, False)


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ([b'{"execute": "x-', b'y"}'], None),
        ([b'{"execute": "x ', b'y"}'], "x y"),
        ([b'{"execute": "smstate=', b'en=3D1"}'], "smstateen=1"),
        ([b'{"execute":=', b'"x"}'], "x"),
        ([b'> {"execute":', b'> "x"}'], "x"),
    ],
)
def test_what_mail_does_to_long_lines_is_undone_where_that_is_certain(lines: list[bytes], value: str | None) -> None:
    objects = [msgspec.json.decode(one.text) for one in found(lines) if one.is_whole]
    assert objects == ([] if value is None else [{"execute": value}])


@pytest.mark.parametrize(
    ("text", "looks_like_message"),
    [(b'{"return": {}}', True), (b"{u'id': 1, ...}", True), (b'{"driver": "raw"}', False), (b'{"x', False)],
)
def test_what_begins_as_a_message_is_told(text: bytes, looks_like_message: bool) -> None:
    assert Found(1, text).looks_like_message is looks_like_message


def test_marks_of_terminals_and_of_mail_are_taken_away() -> None:
    assert plain(b'\x1b[?2004l\r{"a": 1}\x07\r\r\n') == b'\r{"a": 1}'
    assert plain(b"> > (QEMU) stop") == b"(QEMU) stop"


def test_single_quotes_are_for_clients() -> None:
    read = message_in(b"{'execute': 'it\\'s', 'arguments': {'a': \"b\"}}")
    assert read is not None
    assert read.direction is Direction.TO_SERVER
    assert msgspec.json.decode(read.text) == {"execute": "it's", "arguments": {"a": "b"}}
    assert message_in(b"{'return': {}}") is None
    assert message_in(b'{"other": 1}') is None


@given(MESSAGES)
def test_what_python_writes_of_a_message_is_read(message: dict[str, Any]) -> None:
    read = message_in_python(repr(message).encode())
    assert read is not None
    assert msgspec.json.decode(read.text) == msgspec.json.decode(json.dumps(message))


@pytest.mark.parametrize(
    "text", [b"[1]", b"{1, 2}", b"{'return': f()}", b"\xff", b"{" * 5000, b"{{1}: 2}", b"{'a': '\\d'}x"]
)
def test_what_is_no_dictionary_is_none(text: bytes) -> None:
    assert literal(text) is None


def test_what_is_no_json_is_none() -> None:
    assert json_of({"a": float("nan")}) is None
    assert json_of({"a": {1, 2}}) is None
    assert json_of({"a": "\ud800"}) is None
    assert json_of({"a": (1, 2)}) == b'{"a": [1, 2]}'


def test_a_greeting_is_told_by_its_member() -> None:
    told = {
        text: message.is_greeting
        for text in (b'{"QMP": {}}', b'{ "QMP" : {}}', b'{"return": {"QMP": 1}}')
        if (message := message_in(text)) is not None
    }
    assert list(told.values()) == [True, True, False]


@QUICK
@given(
    st.lists(st.binary(max_size=30) | st.sampled_from([b'{"', b"{", b"}", b'{"return": {"', b"'", b'"}}']), max_size=12)
)
def test_no_text_makes_the_search_fail(lines: list[bytes]) -> None:
    for one in found(lines, limit=200):
        assert b"\n" not in one.text
        assert b"\r" not in one.text
        assert 1 <= one.line <= len(lines)
        message_in(one.text)
        message_in_python(one.text)
