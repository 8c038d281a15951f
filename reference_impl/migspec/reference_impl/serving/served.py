"""One machine in wall-clock time, with sockets: the asyncio counterpart of `migspec.reference_impl.virtual`.

Many machines may be served in one event loop.  A machine is advanced when something comes for it and at the time that
it names, so one in which nothing happens costs nothing.  What it sends within one turn of the loop leaves in one piece.
"""

import asyncio
import itertools
import os
import socket
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from migspec.reference_impl.calls import Call, Reply
from migspec.reference_impl.host import Exit
from migspec.reference_impl.link.messages import LinkMessage
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.options import Options
from migspec.reference_impl.qmp import Complaint, Connection, Item
from migspec.reference_impl.scheduling import Scheduler
from migspec.reference_impl.serving import endpoints
from migspec.reference_impl.serving.addresses import Address, Listener
from migspec.reference_impl.serving.channels import Channel
from migspec.reference_impl.serving.descriptors import Descriptors
from migspec.reference_impl.serving.dialling import Dial
from migspec.reference_impl.serving.endpoints import Command, Descriptor, EndpointError
from migspec.reference_impl.serving.monitors import Client, Door
from migspec.reference_impl.serving.pipes import CommandEnds, Ends, SocketEnds, open_descriptor
from migspec.spec.profiles import PROFILES

FAREWELL: Final = 2.0
"""Seconds that clients and peers have, after the end of a process, to read what it said last."""

_SOONEST: Final = 0.0005  # seconds to the next turn of a machine that wants it at once
_PIPE_LASTS: Final = 0.01  # seconds that a command runs which nobody allowed to be run


@dataclass(frozen=True, slots=True)
class Permissions:
    """What clients may make the serving process do.

    `exec` is whether ``exec:`` runs its command; without it the URI behaves as if the command ended at once.
    `inherited` are the file descriptors of the process that ``fd:NUMBER`` may name.
    """

    exec: bool = False
    inherited: frozenset[int] = frozenset()


def _name_of(listener: socket.socket) -> tuple[str, int]:
    host, port = listener.getsockname()[:2]
    return str(host), int(port)


def _to_nobody(_text: str) -> None:
    """Tell nobody."""


class Served:
    """A machine that is served in the running event loop, from its construction until it ends or is closed."""

    machine: Machine

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
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time()
        self._permissions = permissions or Permissions()
        self._report = report
        self._schema = PROFILES[options.profile].schema
        self._doors: list[Door] = []
        self._clients: dict[int, Client] = {}
        self._told: list[Client] = []
        self._numbers = itertools.count(1)
        self._dials: dict[int, Dial] = {}
        self._channels: dict[int, Channel] = {}
        self._closing: dict[int, Channel] = {}
        self._pending: set[int] = set()
        self._hung_up: set[int] = set()
        self._listeners: list[Listener] = []
        self._bound: dict[str, tuple[tuple[str, int], ...]] = {}
        self._descriptors = Descriptors()
        self._timer: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[Exit] = self._loop.create_future()
        self._exit: Exit | None = None
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

    @property
    def listens_on(self) -> tuple[str, ...]:
        """The addresses at which a migration may arrive, with real ports."""
        names = []
        for listener in self._listeners:
            if listener.path:
                names.append(f"unix:{listener.path}")
            else:
                names.append(str(Address(socket.AddressFamily(listener.sock.family), _name_of(listener.sock))))
        return tuple(names)

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
        for channel in (*self._channels.values(), *self._closing.values()):
            channel.abandon()
        self._channels.clear()
        self._closing.clear()
        self._finish()

    def cut(self) -> None:
        """Lose every connection of a migration at once, as if the network failed; either end finds out."""
        for number, channel in tuple(self._channels.items()):
            channel.close()
            self.lost(number)

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

    def reply(self, monitor: int, item: object, reply: Reply) -> None:
        """Answer a client."""
        client = self._address(monitor)
        if client is not None and isinstance(item, (Call, Complaint)):
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

    def dial(self, address: str, descriptor: int | None) -> int:
        """Connect, to be told in a later turn of the loop."""
        number = next(self._numbers)
        self._pending.add(number)
        try:
            target = endpoints.endpoint(address)
        except EndpointError as error:
            self._loop.call_soon(self._not_dialled, number, error.text)
            return number
        match target:
            case Command(line):
                self._loop.call_soon(self._run_command, number, line)
            case Descriptor(name):
                ends = self._ends_of(name, descriptor)
                if ends is None:
                    self._loop.call_soon(self._dial_nothing, number)
                else:
                    self._loop.call_soon(self._dialled, number, ends)
            case _:
                self._dials[number] = Dial(
                    self._loop,
                    target,
                    lambda sock: self._dialled(number, SocketEnds(sock)),
                    lambda text: self._not_dialled(number, text),
                )
        return number

    def listen(self, address: str, descriptor: int | None) -> str:
        """Listen; a unix socket of this machine's own on the same path is replaced."""
        try:
            target = endpoints.endpoint(address)
            match target:
                case Command(line):
                    if self._permissions.exec:
                        self._loop.call_soon(self._expect, CommandEnds(line))
                case Descriptor(name):
                    self._listen_on_descriptor(name, descriptor)
                case _:
                    if isinstance(target, endpoints.Unix):
                        self._stop_listening(lambda listener: listener.path == target.path)
                    sockets = endpoints.listen(target)
                    for sock in sockets:
                        self._attend(sock)
                    if isinstance(target, endpoints.Inet):
                        self._bound[address] = tuple(map(_name_of, sockets))
        except EndpointError as error:
            return error.text
        except OSError as error:
            return f"Unable to fork: {error.strerror}"
        return ""

    def bound(self, address: str) -> tuple[tuple[str, int], ...]:
        """The numeric hosts and ports on which a TCP address is listened on, or was last."""
        return self._bound.get(address, ())

    def unlisten(self) -> None:
        """Listen no more."""
        self._stop_listening(lambda _listener: True)

    def send(self, channel: int, message: LinkMessage) -> None:
        """Send a message."""
        found = self._channels.get(channel)
        if found is not None:
            found.send(message)

    def hang_up(self, channel: int) -> None:
        """Close a channel when everything is sent."""
        found = self._channels.pop(channel, None)
        if found is not None:
            self._closing[channel] = found
            found.hang_up()
        elif channel in self._pending:
            self._hung_up.add(channel)  # the attempt goes on, and its end is told, as in QEMU

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
        for dial in self._dials.values():
            dial.abandon()
        self._dials.clear()
        self.unlisten()

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

    # --- channels

    def _dialled(self, number: int, ends: Ends) -> None:
        self._decided(number)
        if self._exit is not None:
            ends.close()
            return
        if number in self._hung_up:
            self._hung_up.discard(number)
            ends.close()
        else:
            self._channels[number] = Channel(self._loop, number, ends, self, outgoing=True)
        self._turn(partial(self.machine.dialled, number))

    def _decided(self, number: int) -> None:
        self._dials.pop(number, None)
        self._pending.discard(number)

    def _not_dialled(self, number: int, text: str) -> None:
        self._decided(number)
        self._hung_up.discard(number)
        self._turn(partial(self.machine.not_dialled, number, text))

    def _dial_nothing(self, number: int) -> None:
        self._decided(number)
        self._turn(partial(self.machine.dialled, number))
        self._loop.call_later(_PIPE_LASTS, self.lost, number)

    def _run_command(self, number: int, line: str) -> None:
        if not self._permissions.exec:
            self._dial_nothing(number)
            return
        try:
            ends = CommandEnds(line)
        except OSError as error:
            self._not_dialled(number, f"Unable to fork: {error.strerror}")
        else:
            self._dialled(number, ends)

    def _ends_of(self, name: str, descriptor: int | None) -> Ends | None:
        if descriptor is not None:
            return open_descriptor(descriptor)
        if name.isascii() and name.isdecimal() and int(name) in self._permissions.inherited:
            return open_descriptor(int(name))
        return None

    def _listen_on_descriptor(self, name: str, descriptor: int | None) -> None:
        ends = self._ends_of(name, descriptor)
        if ends is not None:
            self._loop.call_soon(self._expect, ends)

    def _expect(self, ends: Ends) -> None:
        """Take a channel on which a source may speak up."""
        number = next(self._numbers)
        self._channels[number] = Channel(self._loop, number, ends, self, outgoing=False, waits=True)

    def _attend(self, sock: socket.socket) -> None:
        listener = Listener(sock)
        self._listeners.append(listener)
        self._loop.add_reader(sock, self._accept, listener)

    def _accept(self, listener: Listener) -> None:
        try:
            sock, _ = listener.sock.accept()
        except OSError:
            return
        if self._exit is not None:
            sock.close()
            return
        number = next(self._numbers)
        self._channels[number] = Channel(self._loop, number, SocketEnds(sock), self, outgoing=False)
        self._turn(partial(self.machine.accepted, number))
        if number in self._channels:
            # as in QEMU one connection is all that it was for
            self.unlisten()

    def _stop_listening(self, which: Callable[[Listener], bool]) -> None:
        for listener in [listener for listener in self._listeners if which(listener)]:
            self._listeners.remove(listener)
            self._loop.remove_reader(listener.sock)
            listener.close()

    def opened(self, channel: int) -> None:
        """The first byte has come on a channel that waited for it."""
        self._turn(partial(self.machine.accepted, channel))

    def received(self, channel: int, messages: Iterable[LinkMessage], *, garbled: bool) -> None:
        """Messages have come."""

        def tell() -> None:
            for message in messages:
                self.machine.received(channel, message)
            if garbled:
                self.machine.garbled(channel)

        self._turn(tell)

    def lost(self, channel: int) -> None:
        """A channel is gone."""
        self._channels.pop(channel, None)
        self._turn(partial(self.machine.lost, channel))

    def closed(self, channel: int) -> None:
        """A channel that was hung up is closed."""
        self._closing.pop(channel, None)
        if self._exit is not None:
            self._loop.call_soon(self._finish_when_read)
