"""The migrations of a served machine: where it listens, what it dials, and the channels that come of it.

What happens on them is told to the machine in a turn of its own, so nothing here waits for anybody.
"""

import asyncio
import itertools
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from migspec.reference_impl.host import PIPE_LASTS, Exit
from migspec.reference_impl.link.messages import LinkMessage
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.serving import endpoints
from migspec.reference_impl.serving.addresses import Address, Listener
from migspec.reference_impl.serving.channels import Channel
from migspec.reference_impl.serving.dialling import Dial
from migspec.reference_impl.serving.endpoints import EndpointError
from migspec.reference_impl.serving.pipes import CommandEnds, Ends, SocketEnds, open_descriptor
from migspec.spec.uri import Command, Descriptor, Inet, Unix, Vsock


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


class Links(ABC):
    """The migrations of one machine."""

    machine: Machine

    def __init__(self, permissions: Permissions) -> None:
        self._loop = asyncio.get_running_loop()
        self._permissions = permissions
        self._numbers = itertools.count(1)
        self._dials: dict[int, Dial] = {}
        self._channels: dict[int, Channel] = {}
        self._closing: dict[int, Channel] = {}
        self._pending: set[int] = set()
        self._hung_up: set[int] = set()
        self._listeners: list[Listener] = []
        self._bound: dict[str, tuple[tuple[str, int], ...]] = {}
        self._exit: Exit | None = None

    @abstractmethod
    def _turn(self, tell: Callable[[], None] | None) -> None:
        """Tell the machine something, unless it has ended, and let it go on."""

    @abstractmethod
    def _finish_when_read(self) -> None:
        """Be done if the process has ended and nobody has anything left to read."""

    # --- for whoever serves it

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

    def cut(self) -> None:
        """Lose every connection of a migration at once, as if the network failed; either end finds out."""
        for number, channel in tuple(self._channels.items()):
            channel.close()
            self.lost(number)

    def _leave_links(self) -> None:
        """Let nothing new come."""
        for dial in self._dials.values():
            dial.abandon()
        self._dials.clear()
        self.unlisten()

    def _abandon_channels(self) -> None:
        """Close every channel now."""
        for channel in (*self._channels.values(), *self._closing.values()):
            channel.abandon()
        self._channels.clear()
        self._closing.clear()

    # --- the machine's outside

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
            case Inet() | Unix() | Vsock():
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
                case Inet() | Unix() | Vsock():
                    if isinstance(target, Unix):
                        self._stop_listening(lambda listener: listener.path == target.path)
                    sockets = endpoints.listen(target)
                    for sock in sockets:
                        self._attend(sock)
                    if isinstance(target, Inet):
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
        self._loop.call_later(PIPE_LASTS, self.lost, number)

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
