"""Cutting a stream into texts: the same texts however the stream arrives, and no byte lost."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.spec.wire.near_json import NEAR_JSON

from migspec.spec.wire.stream import JsonStream
from migspec.traces.framing import Framer, is_json, to_json

WHITE = b" \t\r\n"

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
containers = st.lists(values) | st.dictionaries(st.text(), values)
texts = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(),
    containers | st.text(),
    st.sampled_from([None, 2]),
    st.booleans(),
)
gaps = st.text(" \t\r\n", max_size=3).map(str.encode)
noise = st.lists(
    st.sampled_from(
        [bytes([byte]) for byte in range(256)] + [b'"', b"'", b"{", b"}", b"[", b"]", b"\\", b"12", b"1.", b"e+", b"\n"]
    )
).map(b"".join)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def framed(pieces: list[bytes], limit: int = 1 << 20) -> list[bytes]:
    framer = Framer(limit)
    found = [text for piece in pieces for text in framer.feed(piece)]
    return found + framer.finish()


@given(st.lists(st.tuples(texts, gaps)), st.lists(st.integers(0, 2000)))
def test_any_values_come_out_as_they_went_in(parts: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(text + gap for text, gap in parts)
    assert framed(cut(stream, cuts)) == [text for text, _ in parts]


@given(st.lists(values), st.lists(st.integers(0, 2000)))
def test_scalars_end_at_white_space(scalars: list[Any], cuts: list[int]) -> None:
    lines = [json.dumps(value).encode() for value in scalars]
    assert framed(cut(b"\n".join(lines), cuts)) == lines


@given(NEAR_JSON)
def test_there_are_as_many_texts_as_qemu_answers(stream: bytes) -> None:
    stream += b"\xff\n{}"
    framer = Framer()
    texts = framer.feed(stream)
    assert len(texts) - framer.skipped == len(JsonStream().feed(stream))


def test_a_zero_has_no_exponent() -> None:
    framer = Framer()
    assert framer.feed(b"0e") == [b"0"]
    assert framer.feed(b"10.5 1.e") == [b"e", b"10.5", b"1.e"]


@given(st.lists(noise | texts).map(b"".join), st.lists(st.integers(0, 500)))
@example(b"[1e+300]", [5])
def test_how_the_stream_was_cut_makes_no_difference(stream: bytes, cuts: list[int]) -> None:
    assert framed(cut(stream, cuts)) == framed([stream])


@given(st.lists(noise | texts).map(b"".join))
def test_no_byte_is_lost(stream: bytes) -> None:
    assert b"".join(framed([stream])).translate(None, WHITE) == stream.translate(None, WHITE)


@given(noise, texts)
def test_a_line_break_and_closing_brackets_bring_any_stream_back(rubbish: bytes, text: bytes) -> None:
    framer = Framer()
    framer.feed(rubbish + b"\n" + b"\xff" + b"\n")
    assert framer.feed(text)[-1:] == [text]


@pytest.mark.parametrize(
    ("stream", "texts"),
    [
        (b'{"a":1}{"b":[]}\r\n[1]2 ', [b'{"a":1}', b'{"b":[]}', b"[1]", b"2"]),
        (b"{'a': \"it's\"} '}'", [b"{'a': \"it's\"}", b"'}'"]),
        (b'"\\"}" {}', [b'"\\"}"', b"{}"]),
        (b'{"a":1.} {"b":1}', [b'{"a":1.}', b'{"b":1}']),
        (b'{"a":01} {}', [b'{"a":01', b"}", b"{}"]),
        (b'{"a":-x}', [b'{"a":-x', b"}"]),
        (b"1.5.2 3e+x", [b"1.5", b".", b"2 3e+x"]),
        (b'{"a":"b\n{}', [b'{"a":"b\n', b"{}"]),
        (b'"\\\n[]', [b'"\\\n', b"[]"]),
        (b"\xff{}", [b"\xff", b"{}"]),
        (b"hello; {}", [b"hello", b";", b"{}"]),
        (b"[} {] }", [b"[}", b"{]", b"}"]),
        (b'{"a":', [b'{"a":']),
        (b"", []),
    ],
)
def test_where_the_server_sees_an_end(stream: bytes, texts: list[bytes]) -> None:
    assert framed([stream]) == texts


def test_a_text_beyond_the_limit_is_given_up() -> None:
    assert framed([b'{"a":"', b"x" * 100, b'"}'], limit=50) == [b'{"a":"' + b"x" * 100, b'"}']


@given(texts)
def test_json_stays_as_it_is_but_for_line_breaks(text: bytes) -> None:
    kept = to_json(text)
    assert kept is not None
    assert kept == text.replace(b"\n", b" ")
    assert json.loads(kept) == json.loads(text)


@given(st.dictionaries(st.text("ab'\"\\\n\u00e9x"), st.text("ab'\"\\\n\u00e9x")))
def test_single_quotes_are_rewritten_with_the_same_meaning(value: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        return "'" + json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"

    foreign = "{" + ",".join(f"{quoted(name)}:{quoted(text)}" for name, text in value.items()) + "}"
    rewritten = to_json(foreign.encode())
    assert rewritten is not None
    assert json.loads(rewritten) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{'a': 01}",
        b'"\\ud800"',
        b'"\xff"',
        b"NaN",
        b"1e999",
        b"[" * 100_000 + b"]" * 100_000,
        b"{a:1}",
    ],
)
def test_what_is_no_json(text: bytes) -> None:
    assert not is_json(text)
    assert to_json(text) is None
