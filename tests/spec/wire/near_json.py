"""Hypothesis strategies: bytes that are nearly JSON, as QEMU's parser sees it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

PIECES: tuple[bytes, ...] = (
    *(b"{", b"}", b"[", b"]", b":", b",", b" ", b"\t", b"\r", b"\n", b"\\", b"#"),
    *(b"true", b"false", b"null", b"tru", b"e+", b"E", b"Infinity", b"z" * 1100),
    *(b"0", b"-0", b"-", b"01", b"0e1", b"1", b"1.", b"1.5", b"1e", b"1e+", b"-2.5e3", b"1e400", b"9" * 25),
    *(b'"', b"'", b'"a"', b"'b'", b'"a":', b"'a':", b'"\\""', b"'\\''", b'"\'"', b"'\"'", b'"x\n"'),
    *(b'"\\n\\t\\/\\b\\f\\r\\\\"', b'"\\x"', b'"\\u12"', b'"\\u00e4"', b'"\\u0000"', b'"\\uffff"', b'"\\ufdd0"'),
    *(b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\udc00"', b'"\\ud800\\u12"', b'"\\ud83f\\udfff"', b'"\\ud800\\ud800"'),
    *(b'"\xc3\xa4"', b'"\xe2\x82\xac"', b'"\xf0\x9f\x98\x80"', b'"\xc0\x80"', b'"\xc1\x81"', b'"\xed\xa0\x80"'),
    *(b'"\xef\xbf\xbf"', b'"\xf4\x90\x80\x80"', b'"\xf8\x88\x80\x80\x80"', b'"\xe2\x82"', b'"\x80"', b"\xc3\xa4"),
    *(b"\x00", b"\x1b", b"\x7f", b"\x80", b"\xe2\x82", b"\xfd", b"\xfe", b"\xff"),
    *(b'{"a":1}', b'{"a":1,"a":2}', b"{1:2}", b"{{}:1}", b'{"a" 1}', b'{"a":1 "b"}', b"[1 2]", b"[[1}", b"[,]"),
    *(b'{"execute":"query-name"}', b"{'execute':'query-name','id':'\\''}", b'{"id":[1.23456789,-0.0,1e10]}'),
)
"""Tokens, halves of tokens, and what is made of a few."""

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)

SPELLED: st.SearchStrategy[bytes] = st.builds(
    lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"),
    _JSON,
    st.booleans(),
)
"""JSON texts of any value."""


@st.composite
def with_a_fault(draw: st.DrawFn) -> bytes:
    """A JSON text in which some bytes are lost, doubled or replaced."""
    text = draw(SPELLED)
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 3)))
    return text[:start] + draw(st.sampled_from((b"", text[start:end] * 2, *PIECES))) + text[end:]


NEAR_JSON: st.SearchStrategy[bytes] = st.lists(
    st.sampled_from(PIECES) | SPELLED | with_a_fault() | st.binary(max_size=3), max_size=8
).map(b"".join)
"""Streams of all that."""
