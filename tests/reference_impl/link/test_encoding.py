"""The link's messages as bytes: nothing is lost, however they are cut, and no bytes do harm."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.reference_impl.link.encoding import LONGEST_LINE, Decoder, encode
from migspec.reference_impl.link.messages import (
    Accepts,
    Checkpoint,
    Complete,
    Header,
    Kill,
    LinkMessage,
    Listen,
    Progress,
    Requested,
    Resume,
    Resumed,
    Run,
    Sent,
    Shut,
)
from migspec.spec.vocabulary import COLOMessage, RunState

counts = st.integers(0, 2**63 - 1)
headers = st.builds(
    Header,
    memory=counts,
    shared=counts,
    vcpus=st.integers(1, 255),
    capabilities=st.lists(st.text(max_size=30), max_size=5).map(tuple),
    uuid=st.uuids().map(str),
    bitmaps=st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=3).map(tuple),
    version=counts,
)
messages: st.SearchStrategy[LinkMessage] = st.one_of(
    headers,
    st.builds(Progress, counts, counts),
    st.builds(Complete, st.sampled_from(RunState)),
    st.builds(Requested, counts),
    st.builds(Accepts, st.floats(0, exclude_min=True, allow_infinity=False)),
    st.builds(Shut, st.booleans()),
    st.builds(Checkpoint, st.sampled_from(COLOMessage), counts),
    st.sampled_from((Listen(), Run(), Sent(), Resume(), Resumed(), Kill())),
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces, some perhaps empty."""
    at = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(at)]


def decoded(pieces: list[bytes]) -> tuple[list[LinkMessage], bool]:
    decoder = Decoder()
    found = [message for piece in pieces for message in decoder.feed(piece)]
    return found, decoder.garbled


@given(st.lists(messages, max_size=6), st.lists(st.integers(0, 10**6), max_size=8))
def test_every_message_arrives_as_it_was_sent(sent: list[LinkMessage], places: list[int]) -> None:
    data = b"".join(map(encode, sent))
    assert decoded(cut(data, places)) == (sent, False)


@given(messages)
def test_a_message_is_one_line(message: LinkMessage) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert "type" in msgspec.json.decode(line)


whole: tuple[LinkMessage, ...] = (Listen(), Shut(True), Progress(1, 2))
pieces_of_lines = st.sampled_from([*map(encode, whole), b"{", b"[" * 9, b"\n", b'"', b"\xff", b'{"type":"run"', b"}"])


@given(st.one_of(st.binary(max_size=300), st.lists(pieces_of_lines, max_size=12).map(b"".join)), st.lists(counts))
def test_how_bytes_are_cut_does_not_matter_and_none_raise(data: bytes, places: list[int]) -> None:
    assert decoded(cut(data, places)) == decoded([data])


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"GET / HTTP/1.0\r\n",
        b"QEVM\0\0\0\3\n",
        b"null\n",
        b"{}\n",
        b'{"type":"unheard"}\n',
        b'{"type":"requested"}\n',
        b'{"type":"requested","pages":"1"}\n',
        b'{"type":"requested","pages":-1}\n',
        b'{"type":"requested","pages":9223372036854775808}\n',
        b'{"type":"requested","pages":1e999}\n',
        b'{"type":"accepts","pages":0}\n',
        b'{"type":"accepts","pages":-1.5}\n',
        b'{"type":"accepts","pages":1e-999}\n',
        b'{"type":"accepts","pages":1e999}\n',
        b'{"type":"accepts","pages":NaN}\n',
        b'{"type":"complete","run":"flying"}\n',
        b'{"type":"run","more":' + b"[" * 60_000 + b"}\n",
    ],
)
def test_garbage_is_reported_once_and_ends_everything(line: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(encode(Sent()) + line + encode(Run())) == [Sent()]
    assert decoder.garbled
    assert decoder.feed(encode(Run())) == []


def test_the_longest_line_is_taken_and_a_longer_one_is_garbage() -> None:
    line = encode(Requested(1))[:-1]
    for longer, messages in ((0, [Requested(1)]), (1, [])):
        padded = line.ljust(LONGEST_LINE + longer)
        assert decoded([padded + b"\n"]) == (messages, bool(longer))
        assert decoded([padded, b"\n"]) == (messages, bool(longer))


def test_a_line_without_end_is_given_up_without_being_kept() -> None:
    decoder = Decoder()
    for _ in range(1024):
        assert decoder.feed(b"[" * LONGEST_LINE) == []
    assert decoder.garbled


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert decoded([b'{"type":"shut","failed":true,"why":"who knows"}\n']) == ([Shut(True)], False)
