"""The control socket of a served machine: `migspec.reference_impl.faults.control` on a unix socket.

Any number of clients may be connected.  One that does not read is not read from, so what waits for it is bounded.
"""

import asyncio
from typing import Final

from migspec.reference_impl.faults import Control, Faults
from migspec.reference_impl.serving.addresses import Address, Listener
from migspec.reference_impl.serving.served import Served

BACKLOG: Final = 16
"""Clients that may wait to be accepted."""


class ControlDoor:
    """Where clients of the control socket come in, until it is closed."""

    def __init__(self, served: Served, faults: Faults, address: str) -> None:
        """Listen on `address`, for its owner alone if it is a unix socket.

        Must be called in a running event loop.  Raises `AddressError` if the address cannot be listened on.
        """
        self._served = served
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        parsed = Address.parse(address)
        sock = parsed.listen(BACKLOG)
        self._listener = Listener(sock)
        self.address = str(parsed.real(sock))
        """Where clients find it."""
        self._talks: set[_Talk] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._loop.add_reader(sock, self._knock)

    def _knock(self) -> None:
        try:
            sock, _ = self._listener.sock.accept()
        except OSError:
            return
        sock.setblocking(False)
        coming = self._loop.connect_accepted_socket(lambda: _Talk(self._served, self._faults, self._talks), sock)
        task = self._loop.create_task(coming)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Listen no more, and let the clients go once they have what was sent."""
        self._loop.remove_reader(self._listener.sock)
        self._listener.close()
        for talk in tuple(self._talks):
            talk.dismiss()


class _Talk(asyncio.Protocol):
    """One client."""

    def __init__(self, served: Served, faults: Faults, talks: set["_Talk"]) -> None:
        self._served = served
        self._faults = faults
        self._talks = talks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there."""
        assert isinstance(transport, asyncio.Transport), "a stream socket has a transport that reads and writes"
        self._transport = transport
        self._control = Control(self._served.machine, self._faults, transport.write)
        self._talks.add(self)

    def data_received(self, data: bytes) -> None:
        """The client asks for something."""
        # before, for the machine has to know the time; after, for it has to do what is asked for
        self._served.poke()
        self._control.receive(data)
        self._served.poke()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._control.close()
        self._talks.discard(self)

    def dismiss(self) -> None:
        """Close, once everything is sent."""
        self._transport.close()
