"""Bytes and descriptors arrive as they were sent, each descriptor with its byte."""

import os
import socket
from array import array
from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.traces.format import Direction
from migspec.traces.relay import Lane, receive

segments = st.lists(st.tuples(st.binary(min_size=1, max_size=3000), st.integers(0, 3)), max_size=12)


def offer(sender: socket.socket, data: bytes, count: int) -> list[int]:
    """Send bytes with so many descriptors; return the inodes of what these stand for."""
    spare = [os.memfd_create("x") for _ in range(count)]
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", spare))] if count else []
    sender.sendmsg([data], rights)
    inodes = [os.fstat(descriptor).st_ino for descriptor in spare]
    for descriptor in spare:
        os.close(descriptor)
    return inodes


def collect(pieces: list[tuple[bytes, list[int]]], data: bytearray, places: dict[int, list[int]]) -> None:
    for piece, descriptors in pieces:
        if descriptors:
            places[len(data)] = [os.fstat(descriptor).st_ino for descriptor in descriptors]
        data += piece
        for descriptor in descriptors:
            os.close(descriptor)


@settings(deadline=None)
@given(segments, st.lists(st.booleans(), min_size=12, max_size=12))
def test_each_descriptor_stays_with_its_byte(parts: list[tuple[bytes, int]], reads: list[bool]) -> None:
    sender, receiver = socket.socketpair()
    receiver.setblocking(False)
    expected: dict[int, list[int]] = {}
    found: dict[int, list[int]] = {}
    sent, data = bytearray(), bytearray()
    for (text, count), read_now in zip(parts, reads, strict=False):
        if count:
            expected[len(sent)] = offer(sender, text, count)
        else:
            sender.sendall(text)
        sent += text
        if read_now:
            collect(receive(receiver), data, found)
    sender.close()
    while pieces := receive(receiver):
        collect(pieces, data, found)
    receiver.close()
    assert data == sent
    assert found == expected


def test_a_lane_whose_sink_is_gone_keeps_nothing() -> None:
    source, _ = socket.socketpair()
    sink, reader = socket.socketpair()
    lane = Lane(Direction.TO_SERVER, source, sink)
    reader.close()
    kept, handed_over = os.pipe()
    lane.add(b"x", [handed_over])
    lane.send()
    assert lane.gone
    assert (lane.waiting, lane.size) == (deque(), 0)
    lane.add(b"y", [])
    assert lane.size == 0
    assert os.read(kept, 1) == b"", "the descriptor is closed"
    os.close(kept)
    source.close()
    sink.close()
