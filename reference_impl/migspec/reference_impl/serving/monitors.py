"""QMP monitors on sockets: where clients come in, and one client at a time.

As on QEMU's own socket, a second client waits in the backlog until the first has gone.  What a client does harms nobody
but itself:

- It is read from in pieces, one a turn of the event loop, and not at all while its output waits or requests of it do.
- Its output waits here without bound in time, but not in size: past `UNREAD` bytes, that is a client which has left
  thousands of events unread, it is dropped.  QEMU would go on buffering.
- What it sends is cut into texts by `migspec.reference_impl.qmp`, which raises for nothing.
"""

import array
import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from migspec.reference_impl.calls import Call, Item, Reply, Return
from migspec.reference_impl.qmp import Connection
from migspec.reference_impl.serving.addresses import Address, Listener

PIECE: Final = 8 << 10
"""Bytes that are read of a client in one turn, few enough to be understood in a millisecond or two."""
UNREAD: Final = 16 << 20
"""Bytes of output that may wait for a client before it is dropped."""
BACKLOG: Final = 16
"""Clients that may wait for the monitor to be free."""

_LAST_LOOK: Final = 64  # pieces that are thrown away before a close, so that the client sees an end and no reset
_DESCRIPTORS: Final = 253  # the most that the kernel passes with one message
_DESCRIPTOR_SPACE: Final = socket.CMSG_SPACE(_DESCRIPTORS * array.array("i").itemsize)


class Server(Protocol):
    """The machine behind monitors."""

    def enter(self, client: "Client") -> int:
        """A client has come; the number of its monitor."""

    def submit(self, monitor: int, items: Sequence[Item]) -> None:
        """A client asks for something."""

    def leave(self, monitor: int) -> None:
        """A client is gone."""

    def connection(self) -> Connection:
        """What a client talks to."""

    def keep(self, descriptors: Sequence[int]) -> None:
        """File descriptors have come, and are to be closed when nobody has a use for them any more."""


def _descriptors_in(control: Sequence[tuple[int, int, bytes]]) -> tuple[int, ...]:
    numbers = array.array("i")
    for level, kind, content in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
    return tuple(numbers)


class Door:
    """One monitor: where it listens, and the client that is served."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: Address, server: Server) -> None:
        """Raises `AddressError` if the address cannot be listened on."""
        self._loop = loop
        self._server = server
        sock = address.listen(BACKLOG)
        self._listener = Listener(sock)
        self.address = address.real(sock)
        """Where clients find it; the port is the real one."""
        self.client: Client | None = None
        self._open = True
        loop.add_reader(sock, self._knock)

    def _knock(self) -> None:
        try:
            sock, _ = self._listener.sock.accept()
        except OSError:
            return
        self._loop.remove_reader(self._listener.sock)
        self.client = Client(self._loop, sock, self._server, self)
        self.client.greet()

    def left(self) -> None:
        """The client is gone: the next may come in."""
        self.client = None
        if self._open:
            self._loop.add_reader(self._listener.sock, self._knock)

    def shut(self) -> None:
        """Let nobody in any more."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._listener.sock)
            self._listener.close()


class Client:
    """One client's connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, server: Server, door: Door) -> None:
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.door = door
        self.open = True
        self._passes_descriptors = sock.family == socket.AF_UNIX
        self._loop = loop
        self._sock = sock
        self._server = server
        self.connection = server.connection()
        self._pending: tuple[int, ...] = ()
        self._handed: set[int] = set()
        self._out = bytearray()
        self._reading = True
        self._writing = False
        self._leaving = False
        self.monitor = server.enter(self)
        loop.add_reader(sock, self._readable)

    def greet(self) -> None:
        """Send the greeting."""
        self._out += self.connection.greeting()
        self.flush()

    # --- from the client

    def _readable(self) -> None:
        try:
            data, descriptors = self._receive()
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", ()
        if descriptors:
            self._server.keep(descriptors)
            self._pending = descriptors
        if data:
            self._take(self.connection.receive(data, descriptors))
        else:
            self.close()

    def _receive(self) -> tuple[bytes, tuple[int, ...]]:
        if not self._passes_descriptors:
            return self._sock.recv(PIECE), ()
        data, control, _, _ = self._sock.recvmsg(PIECE, _DESCRIPTOR_SPACE, socket.MSG_CMSG_CLOEXEC)
        return data, _descriptors_in(control) if control else ()

    def _take(self, items: Sequence[Item]) -> None:
        if self._pending:
            for item in items:
                if isinstance(item, Call) and item.descriptors:
                    self._handed.update(item.descriptors)
                    self._pending = ()
        if items:
            self._server.submit(self.monitor, items)
        else:
            self._heed()

    def _go_on(self, items: Sequence[Item]) -> None:
        if self.open:
            self._take(items)

    @property
    def descriptors(self) -> set[int]:
        """The file descriptors that have come and that no command has made use of yet."""
        return {*self._pending, *self._handed}

    # --- to the client

    def answer(self, item: Item, reply: Reply) -> None:
        """Queue a reply for `flush`."""
        if isinstance(item, Call):
            if self._handed:
                self._handed.difference_update(item.descriptors)
            if self.connection.negotiating and isinstance(reply, Return):
                self.connection.negotiated(oob=item.request.enables_oob)
        self._out += self.connection.answer(item, reply)

    def tell(self, name: str, data: Mapping[str, object] | None, now: float) -> None:
        """Queue an event for `flush`."""
        self._out += self.connection.event(name, data, now)

    def flush(self) -> None:
        """Send what is queued, as far as the client reads it, and read on if it has."""
        if self.open and self._out and not self._writing:
            self._write()
        if len(self._out) > UNREAD:
            self.close()
        if self.open:
            self._heed()

    def _write(self) -> None:
        try:
            while self._out:
                sent = self._sock.send(self._out)
                if sent == len(self._out):
                    self._out.clear()
                else:
                    del self._out[:sent]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._sock, self._writable)
            return
        except OSError:
            self.close()
            return
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._sock)
        if self._leaving:
            self.close()

    def _writable(self) -> None:
        self._write()
        if self.open:
            self._heed()

    def _heed(self) -> None:
        """Read of the client if its output is read and its requests are taken."""
        wanted = not self._out and not self._leaving and self.connection.wants_input
        if wanted:
            items = self.connection.resume()
            if items:
                self._loop.call_soon(self._go_on, items)  # let others have their turn in between
                wanted = False
        if wanted and not self._reading:
            self._loop.add_reader(self._sock, self._readable)
        elif not wanted and self._reading:
            self._loop.remove_reader(self._sock)
        self._reading = wanted

    # --- the end

    def dismiss(self) -> None:
        """Close the connection when everything that is queued is read."""
        self._leaving = True
        self.flush()
        if self.open and not self._out:
            self.close()

    def close(self) -> None:
        """Close the connection now, and let the next client in."""
        if not self.open:
            return
        self.open = False
        self._loop.remove_reader(self._sock)
        if self._writing:
            self._loop.remove_writer(self._sock)
        try:
            self._sock.shutdown(socket.SHUT_WR)
            for _ in range(_LAST_LOOK):
                if not self._sock.recv(PIECE):
                    break
        except OSError:
            pass  # nothing is left to be read, or nobody to read
        self._sock.close()
        self._server.leave(self.monitor)
        self.door.left()
