"""One direction of a connection that is passed on: bytes, file descriptors, and the end of the stream.

Descriptors travel with bytes (SCM_RIGHTS), and a receiver may depend on which: they are sent on with the very
byte they came with.  The sockets are non-blocking; what the sink does not take waits here.
"""

import array
import os
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from migspec.traces.format import Direction
from migspec.traces.framing import Framer

PIECE: Final = 64 << 10
"""Bytes that are read at once."""

_DESCRIPTORS: Final = 253  # the most that the kernel passes with one message
_DESCRIPTOR_SPACE: Final = socket.CMSG_SPACE(_DESCRIPTORS * array.array("i").itemsize)


@dataclass(slots=True)
class Lane:
    """One direction of one connection."""

    direction: Direction
    """Who speaks on it."""
    source: socket.socket
    """Where bytes come from."""
    sink: socket.socket
    """Where they go."""
    framer: Framer = field(default_factory=Framer)
    """What cuts them into texts for the trace."""
    waiting: deque[tuple[memoryview, list[int]]] = field(default_factory=deque)
    """What the sink has not taken yet, with the descriptors that belong to its first byte."""
    size: int = 0
    """How many bytes wait."""
    ended: bool = False
    """The source has said its last."""
    shut: bool = False
    """The sink has been told so."""
    gone: bool = False
    """The sink takes no more."""

    def add(self, data: bytes, descriptors: list[int]) -> None:
        """Queue bytes for the sink, with the descriptors that came with them."""
        if self.gone:
            _close_all(descriptors)
        else:
            self.waiting.append((memoryview(data), descriptors))
            self.size += len(data)

    def send(self) -> None:
        """Send on what waits, as far as the sink takes it, and then the end of the stream if it has come."""
        try:
            while self.waiting and not self.gone:
                data, descriptors = self.waiting[0]
                sent = _send(self.sink, data, descriptors)
                _close_all(descriptors)
                self.size -= sent
                if sent == len(data):
                    self.waiting.popleft()
                else:
                    self.waiting[0] = (data[sent:], [])
            if self.ended and not self.shut:
                self.shut = True
                self.sink.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self.gone = True
        if self.gone:
            self.discard()

    def discard(self) -> None:
        """Forget what waits."""
        for _, descriptors in self.waiting:
            _close_all(descriptors)
        self.waiting.clear()
        self.size = 0


def receive(source: socket.socket) -> list[tuple[bytes, list[int]]]:
    """Read what is there, each piece with the descriptors that were sent with its first byte; end: nothing.

    The kernel hands over descriptors together with bytes that were sent before them, if both are waiting.
    Where descriptors are ahead, reading byte by byte finds the one that they belong to.
    """
    if source.family != socket.AF_UNIX:
        data = source.recv(PIECE)
        return [(data, [])] if data else []
    ahead, descriptors = _receive_with_descriptors(source, PIECE, socket.MSG_PEEK)
    if not descriptors:
        return [(source.recv(len(ahead)), [])] if ahead else []
    _close_all(descriptors)
    for before in range(len(ahead)):
        _, descriptors = _receive_with_descriptors(source, 1)
        if descriptors:
            if rest := len(ahead) - before - 1:
                source.recv(rest)
            pieces: list[tuple[bytes, list[int]]] = [(ahead[:before], []), (ahead[before:], descriptors)]
            return pieces if before else pieces[1:]
    return [(ahead, [])]


def _receive_with_descriptors(source: socket.socket, size: int, flags: int = 0) -> tuple[bytes, list[int]]:
    data, control, _, _ = source.recvmsg(size, _DESCRIPTOR_SPACE, flags | socket.MSG_CMSG_CLOEXEC)
    numbers = array.array("i")
    for level, kind, content in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
    return data, list(numbers)


def _send(sink: socket.socket, data: memoryview, descriptors: list[int]) -> int:
    if descriptors and sink.family == socket.AF_UNIX:
        rights = array.array("i", descriptors)
        return sink.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_NOSIGNAL)
    return sink.send(data, socket.MSG_NOSIGNAL)


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    descriptors.clear()
