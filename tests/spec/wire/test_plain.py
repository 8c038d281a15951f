"""What is read the plain way is read as the long way reads it, and what most clients send is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.wire.near_json import NEAR_JSON

from migspec.properties.strategies import JSON
from migspec.spec.schema import ABSENT
from migspec.spec.wire.plain import find_plain, read_plain
from migspec.spec.wire.stream import JsonStream, Outcome, Value

OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=3).map(lambda value: json.dumps(value).encode())
DOUBLED = st.lists(
    st.tuples(st.sampled_from(("a", "b", "é", "\\", "\x7f")), JSON | st.integers(-(2**65), 2**65)), max_size=3
).map(lambda pairs: b"{%s}" % b", ".join(f"{json.dumps(k)}: {json.dumps(v)}".encode() for k, v in pairs))
TEXTS = st.lists(
    NEAR_JSON | OBJECTS | DOUBLED | st.sampled_from((b"\n", b" ", b"{", b"}", b'"', b"0e1", b"-0")), max_size=5
).map(b"".join)


def one_by_one(data: bytes) -> list[Outcome]:
    """What the long way makes of a text."""
    stream = JsonStream()
    return [outcome for byte in data for outcome in stream.feed(bytes((byte,)))]


@given(TEXTS)
def test_the_plain_way_reads_what_the_long_way_reads(data: bytes) -> None:
    value, end = find_plain(data)
    if value is ABSENT:
        assert end == 0
    else:
        assert repr(one_by_one(data[:end])) == repr([Value(value)])
        assert JsonStream().feed(data) == [Value(value), *JsonStream().feed(data[end:])]


@given(TEXTS)
def test_a_whole_text_is_read_as_the_long_way_reads_it(data: bytes) -> None:
    value = read_plain(data)
    if value is not ABSENT:
        assert repr(one_by_one(data + b"\n")) == repr([Value(value)])


@pytest.mark.parametrize(
    "text",
    [
        b'{"execute":"query-status"}',
        b' {"execute": "migrate", "arguments": {"uri": "exec:cat > /tmp/it\'s"}, "id": 1}\r\n',
        b'{"a": {"b": {"c": [{}, -5, true, null, "}{"]}}}',
    ],
)
def test_what_clients_send_is_plain(text: bytes) -> None:
    # an apostrophe within a string is one like any other
    assert find_plain(text + b'{"a"') == (json.loads(text), len(text))


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": 1.0}',
        b'{"a": 0e1}',
        b'{"a": 18446744073709551616}',
        b'{"a": "\\u0041"}',
        b"{'a': 1}",
        b'{"\xc3\xa4": 1}',
        b'{"a": "\x01"}',
        b'{"a": 1',
        b"[]",
        b"",
        b"[" * 5000 + b"]" * 5000,
    ],
)
def test_what_needs_care_is_left_alone(text: bytes) -> None:
    assert find_plain(text) == (ABSENT, 0)


PARTS: st.SearchStrategy[Any] = st.sampled_from(
    (0, -7, 1.5, 2**64, "a", "é", "", None, True, [], {"b": [1]}, {"c": ""})
)


@settings(max_examples=20)
@given(st.lists(PARTS, min_size=110, max_size=120), st.booleans())
def test_long_values_are_read_alike(values: list[Any], doubled: bool) -> None:
    text = json.dumps([*values, {"a": 0}]).encode()
    if doubled:
        text = text.removesuffix(b"}]") + b', "a": 0}]'
    assert repr(JsonStream().feed(text)) == repr(one_by_one(text))
