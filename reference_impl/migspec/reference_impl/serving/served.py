"""One machine in wall-clock time, with sockets: the asyncio counterpart of `migspec.reference_impl.virtual`.

Many machines may be served in one event loop.  A machine is advanced when something comes for it and at the time that
it names, so one in which nothing happens costs nothing.  What it sends within one turn of the loop leaves in one piece.
"""

import asyncio
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from migspec.reference_impl.calls import Item, Reply
from migspec.reference_impl.host import Exit
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.options import Options
from migspec.reference_impl.qmp import Connection
from migspec.reference_impl.scheduling import Scheduler
from migspec.reference_impl.serving.addresses import Address
from migspec.reference_impl.serving.descriptors import Descriptors
from migspec.reference_impl.serving.links import Links, Permissions
from migspec.reference_impl.serving.monitors import Client, Door
from migspec.spec.profiles import PROFILES

FAREWELL: Final = 2.0
"""Seconds that clients and peers have, after the end of a process, to read what it said last."""

_SOONEST: Final = 0.0005  # seconds to the next turn of a machine that wants it at once


def _to_nobody(_text: str) -> None:
    """Tell nobody."""


class Served(Links):
    """A machine that is served in the running event loop, from its construction until it ends or is closed."""

    def __init__(
        self,
        options: Options,
        *,
        permissions: Permissions | None = None,
        scheduler: Scheduler | None = None,
        report: Callable[[str], None] = _to_nobody,
    ) -> None:
        """`report` is given what QEMU would print to its standard error.

        Must be called in a running event loop.
        """
        super().__init__(permissions or Permissions())
        self._origin = self._loop.time()
        self._report = report
        self._schema = PROFILES[options.profile].schema
        self._doors: list[Door] = []
        self._clients: dict[int, Client] = {}
        self._told: list[Client] = []
        self._descriptors = Descriptors()
        self._timer: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[Exit] = self._loop.create_future()
        self.machine = Machine(options, self, scheduler=scheduler)
        self.poke()

    # --- for whoever serves it

    def listen_for_clients(self, address: str) -> str:
        """Serve a monitor on ``unix:PATH`` or ``tcp:HOST:PORT``; return the address with the real port.

        Raises `AddressError` if that cannot be done.
        """
        door = Door(self._loop, Address.parse(address), self)
        self._doors.append(door)
        if self._exit is not None:
            door.shut()
        return str(door.address)

    def poke(self) -> None:
        """Let the machine go on to the present, and send what comes of it.

        To be called after anything was done to the machine from outside.
        """
        self._turn(None)

    def _turn(self, tell: Callable[[], None] | None) -> None:
        """Tell the machine something, unless it has ended, and let it go on."""
        if self._exit is not None:
            return
        try:
            if tell is not None:
                tell()
            self.machine.advance(self._loop.time() - self._origin)
        except Exception as error:
            self._break_down(error)
            return
        if self._told:
            told, self._told = self._told, []
            for client in told:
                client.flush()
        if self._descriptors:
            self._sweep()
        self._set_timer()

    async def wait(self) -> Exit:
        """Wait until the process has ended and its last words are read; how it ended.

        Raises whatever the machine raised if it broke down, which is a fault of the model.
        """
        return await asyncio.shield(self._over)

    def close(self) -> None:
        """Let the process be gone, as if killed; its files are removed."""
        self._exit = self._exit or Exit.QUIT
        self._leave()
        for client in tuple(self._clients.values()):
            client.close()
        self._abandon_channels()
        self._finish()

    # --- for the monitors

    def connection(self) -> Connection:
        """What a new client talks to."""
        return Connection(self._schema, oob=True)

    def enter(self, client: Client) -> int:
        """A client has come."""
        monitor = self.machine.open_monitor()
        self._clients[monitor] = client
        return monitor

    def submit(self, monitor: int, items: Sequence[Item]) -> None:
        """A client asks for something."""
        if self._exit is None:
            for item in items:
                self.machine.submit(monitor, item)
            self._address(monitor)
        self._turn(None)

    def leave(self, monitor: int) -> None:
        """A client is gone."""
        self._clients.pop(monitor, None)
        if self._exit is None:
            self.machine.close_monitor(monitor)
            self._loop.call_soon(self.poke)
        elif not self._clients:
            self._loop.call_soon(self._finish_when_read)

    def keep(self, descriptors: Sequence[int]) -> None:
        """File descriptors have come."""
        self._descriptors.keep(descriptors)

    def _sweep(self) -> None:
        waiting = (descriptor for client in self._clients.values() for descriptor in client.descriptors)
        self._descriptors.sweep({*waiting, *self.machine.descriptors.values()})

    # --- the machine's outside

    def reply(self, monitor: int, item: Item, reply: Reply) -> None:
        """Answer a client."""
        client = self._address(monitor)
        if client is not None:
            client.answer(item, reply)

    def event(self, monitor: int, name: str, data: Mapping[str, object] | None) -> None:
        """Tell a client of an event."""
        client = self._address(monitor)
        if client is not None:
            client.tell(name, data, time.time())

    def _address(self, monitor: int) -> Client | None:
        """The client of a monitor, who is looked after at the end of the turn."""
        client = self._clients.get(monitor)
        if client is not None and client not in self._told:
            self._told.append(client)
        return client

    def cannot_write(self, path: str) -> str:
        """Why a file cannot be written, without writing it."""
        file = Path(path)
        if not path:
            return "No such file or directory"
        try:
            if stat.S_ISDIR(file.stat().st_mode):
                return "Is a directory"
            return "" if os.access(file, os.W_OK) else "Permission denied"
        except FileNotFoundError:
            if not file.name or not file.parent.is_dir():
                return "No such file or directory"
            return "" if os.access(file.parent, os.W_OK) else "Permission denied"
        except (OSError, ValueError) as error:
            return getattr(error, "strerror", None) or "Invalid argument"

    def report(self, text: str) -> None:
        """Hand on what QEMU would print."""
        self._report(text)

    def ended(self, how: Exit) -> None:
        """Close everything, once it is read."""
        self._exit = how
        self._loop.call_soon(self._say_goodbye)

    # --- the end

    def _say_goodbye(self) -> None:
        if self._over.done():
            return
        self._leave()
        self._timer = self._loop.call_later(FAREWELL, self.close)
        for client in tuple(self._clients.values()):
            client.dismiss()
        for number in tuple(self._channels):
            self.hang_up(number)
        self._finish_when_read()

    def _leave(self) -> None:
        """Let nothing new happen."""
        if self._timer is not None:
            self._timer.cancel()
        for door in self._doors:
            door.shut()
        self._leave_links()

    def _finish_when_read(self) -> None:
        if not self._clients and not self._closing:
            self._finish()

    def _finish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._descriptors.sweep(())
        if not self._over.done():
            self._over.set_result(self._exit or Exit.QUIT)

    def _break_down(self, error: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(error)
        self.close()

    # --- time

    def _set_timer(self) -> None:
        if self._exit is not None:
            return
        due = self.machine.due()
        timer = self._timer
        if due is None:
            if timer is not None:
                timer.cancel()
                self._timer = None
            return
        at = max(due + self._origin, self._loop.time() + _SOONEST)
        if timer is not None and not timer.cancelled():
            if timer.when() == at:
                return
            timer.cancel()
        self._timer = self._loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.poke()
