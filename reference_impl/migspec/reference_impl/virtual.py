"""Several machines in virtual time: links between them, clients, and a clock that jumps from one event to the next.

A migration of many gigabytes takes milliseconds here, and the same seeds give the same run.  Everything that crosses a
monitor is kept in the order in which it crossed, so a run can be written down as a trace.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from migspec.reference_impl.answers.general import greeting
from migspec.reference_impl.answers.words import REASON, no_connection
from migspec.reference_impl.calls import Call, Item, Reply, Return
from migspec.reference_impl.host import PIPE_LASTS, Exit
from migspec.reference_impl.link.messages import LinkMessage
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.options import Options
from migspec.reference_impl.scheduling import Scheduler
from migspec.spec.requests import understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0

PATIENCE = 3600.0
"""Virtual seconds that a client waits for a reply, and `World.settle` for the end of what goes on."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A message that crossed a monitor: when, of which machine, on which monitor, and whether the client sent it."""

    at: float
    vm: str
    monitor: int
    sent: bool
    message: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ended:
    """A machine has ended: when, which one, and how."""

    at: float
    vm: str
    how: Exit


@dataclass(slots=True)
class Cable:
    """One connection between two machines; `last` is when the last message that was sent on it will arrive."""

    ends: tuple[tuple["VirtualHost", int], tuple["VirtualHost", int]]
    latency: float
    last: float = 0.0
    open: bool = True

    def other(self, host: "VirtualHost", channel: int) -> tuple["VirtualHost", int]:
        """The other end."""
        return self.ends[1] if self.ends[0] == (host, channel) else self.ends[0]


class World:
    """Machines, what connects them, and their common time in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.hosts: dict[str, VirtualHost] = {}
        self.record: list[Crossing | Ended] = []
        """Everything that crossed a monitor, in order."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._channels = itertools.count(1)

    def start(self, name: str, options: Options, scheduler: Scheduler | None = None) -> "VirtualHost":
        """Start a machine of that name."""
        host = self.hosts[name] = VirtualHost(self, name)
        host.machine = Machine(options, host, scheduler=scheduler, now=self.now)
        return host

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._events, (max(time, self.now), next(self._order), event))

    def new_channel(self) -> int:
        """The number of a channel that nobody has had."""
        return next(self._channels)

    def run(self, until: float) -> None:
        """Let everything happen that is due until a time, which it is then."""
        while (due := self._next()) is not None and due <= until:
            self._step(due)
        self.now = max(self.now, until)

    def settle(self, *, longest: float = PATIENCE, until: Callable[[], bool] = lambda: False) -> bool:
        """Go on until a condition holds or nothing is left to happen; whether the condition holds.

        Machines that wait for something in more than `longest` seconds are left waiting.
        """
        end = self.now + longest
        while not until():
            due = self._next()
            if due is None or due > end:
                return until()
            self._step(due)
        return True

    def _next(self) -> float | None:
        times = [self._events[0][0]] if self._events else []
        times += [due for host in self.hosts.values() if (due := host.machine.due()) is not None]
        return min(times, default=None)

    def _step(self, due: float) -> None:
        self.now = max(self.now, due)
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()
        for host in tuple(self.hosts.values()):
            host.machine.advance(self.now)

    def cut(self, first: str, second: str) -> None:
        """Lose every connection between two machines."""
        ends = {self.hosts[first], self.hosts[second]}
        for host in ends:
            for channel, cable in tuple(host.cables.items()):
                if {end for end, _ in cable.ends} == ends and cable.open:
                    cable.open = False
                    for end, number in cable.ends:
                        end.machine.lost(number)
                if not cable.open:
                    host.cables.pop(channel, None)


class VirtualHost:
    """The outside of one machine in virtual time."""

    machine: Machine

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.cables: dict[int, Cable] = {}
        self.addresses: set[str] = set()
        self.reports: list[str] = []
        """What was told to standard error."""
        self.clients: dict[int, Client] = {}

    # --- monitors

    def connect(self) -> "Client":
        """A client connects to a monitor of its own; it has to negotiate."""
        client = Client(self, self.machine.open_monitor())
        self.clients[client.monitor] = client
        client.crossed(sent=False, message=greeting())
        return client

    def client(self) -> "Client":
        """A client that has negotiated."""
        client = self.connect()
        client.ask("qmp_capabilities")
        return client

    def reply(self, monitor: int, item: Item, reply: Reply) -> None:
        """Hand a reply to the client."""
        if isinstance(item, Call):
            self.clients[monitor].take(item, reply)

    def event(self, monitor: int, name: str, data: Mapping[str, object] | None) -> None:
        """Hand an event to the client."""
        seconds, rest = divmod(self.world.now, 1)
        message: dict[str, object] = {
            "timestamp": {"seconds": int(seconds), "microseconds": int(rest * 1_000_000)},
            "event": name,
        }
        client = self.clients[monitor]
        client.events.append((name, data or {}))
        client.crossed(sent=False, message=message | ({} if data is None else {"data": data}))

    # --- channels

    def dial(self, address: str, descriptor: int | None) -> int:
        """Connect to the machine that listens on an address after a round trip."""
        channel = self.world.new_channel()
        latency = self.machine.options.latency
        self.world.at(self.world.now + 2 * latency, lambda: self._connect(channel, _key(address, descriptor)))
        return channel

    def _connect(self, channel: int, address: str) -> None:
        if address.startswith("exec:"):
            self.machine.dialled(channel)
            self.world.at(self.world.now + PIPE_LASTS, lambda: self.machine.lost(channel))
            return
        peer = next((host for host in self.world.hosts.values() if address in host.addresses), None)
        if peer is None or peer.machine.exit is not None:
            self.machine.not_dialled(channel, _not_connected(address))
            return
        other = self.world.new_channel()
        cable = Cable(((self, channel), (peer, other)), self.machine.options.latency, self.world.now)
        self.cables[channel] = peer.cables[other] = cable
        # one connection is all that is waited for
        peer.addresses.discard(address)
        self.machine.dialled(channel)
        peer.machine.accepted(other)

    def listen(self, address: str, descriptor: int | None) -> str:
        """Listen on an address, which nobody else may do."""
        key = _key(address, descriptor)
        others = (host for host in self.world.hosts.values() if host is not self)
        if any(key in host.addresses for host in others if host.machine.exit is None):
            return "Failed to bind socket: Address already in use"
        self.addresses.add(key)
        return ""

    def bound(self, address: str) -> tuple[tuple[str, int], ...]:
        """Nothing is really bound in virtual time: the address stands for itself."""
        return ()

    def unlisten(self) -> None:
        """Listen no more."""
        self.addresses.clear()

    def send(self, channel: int, message: LinkMessage) -> None:
        """Let a message arrive after the latency, in its order."""
        cable = self.cables.get(channel)
        if cable is not None and cable.open:
            peer, other = cable.other(self, channel)
            self._after(cable, lambda: peer.machine.received(other, message))

    def hang_up(self, channel: int) -> None:
        """Let the other end find the channel lost, after everything that was sent."""
        cable = self.cables.pop(channel, None)
        if cable is not None and cable.open:
            peer, other = cable.other(self, channel)
            self._after(cable, lambda: peer.machine.lost(other))
            cable.open = False

    def _after(self, cable: Cable, event: Callable[[], None]) -> None:
        cable.last = max(cable.last, self.world.now + cable.latency)
        self.world.at(cable.last, event)

    def cannot_write(self, path: str) -> str:
        """No file can be written outside of ``/tmp``: there is no file system in virtual time."""
        return "" if path.startswith("/tmp/") else "No such file or directory"

    def report(self, text: str) -> None:
        """Keep what was told."""
        self.reports.append(text)

    def ended(self, how: Exit) -> None:
        """Let the process's connections go."""
        self.world.record.append(Ended(self.world.now, self.name, how))
        self.addresses.clear()
        for channel in tuple(self.cables):
            self.hang_up(channel)


@dataclass(slots=True)
class Client:
    """A client of one monitor."""

    host: VirtualHost
    monitor: int
    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    replies: deque[tuple[object, Reply]] = field(default_factory=deque)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def send(
        self,
        command: str,
        arguments: Mapping[str, object] | None = None,
        *,
        oob: bool = False,
        descriptors: tuple[int, ...] = (),
    ) -> int:
        """Send a request; its id."""
        number = next(self._ids)
        given = ABSENT if arguments is None else dict(arguments)
        request = understand(command, given, QEMU_5_2_0, oob=oob)
        message: dict[str, object] = {"exec-oob" if oob else "execute": command, "id": number}
        self.crossed(sent=True, message=message if arguments is None else message | {"arguments": given})
        self.host.machine.submit(self.monitor, Call(command, given, request, number, descriptors))
        return number

    def ask(
        self,
        command: str,
        arguments: Mapping[str, object] | None = None,
        *,
        oob: bool = False,
        descriptors: tuple[int, ...] = (),
    ) -> Reply:
        """Send a request and let time go on until its reply is there.

        Raises `NoReplyError` if the process ends instead, or does not answer in `PATIENCE` seconds.
        """
        number = self.send(command, arguments, oob=oob, descriptors=descriptors)

        def answered() -> bool:
            return any(asked == number for asked, _ in self.replies)

        if not self.host.world.settle(until=answered):
            raise NoReplyError(self.host.name, command)
        found = next(entry for entry in self.replies if entry[0] == number)
        self.replies.remove(found)
        return found[1]

    def value(self, command: str, arguments: Mapping[str, object] | None = None) -> Any:
        """What a command returns.

        Raises `RefusalError` if it is refused.
        """
        reply = self.ask(command, arguments)
        if not isinstance(reply, Return):
            raise RefusalError(command, reply)
        return reply.value

    def take(self, call: Call, reply: Reply) -> None:
        """A reply has come."""
        self.replies.append((call.id, reply))
        if isinstance(reply, Return):
            message: dict[str, object] = {"return": reply.value}
        else:
            message = {"error": {"class": reply.error_class.value, "desc": reply.text}}
        self.crossed(sent=False, message=message if call.id is ABSENT else message | {"id": call.id})

    def crossed(self, *, sent: bool, message: Mapping[str, object]) -> None:
        """Keep what has crossed."""
        self.host.world.record.append(Crossing(self.host.world.now, self.host.name, self.monitor, sent, message))


class NoReplyError(Exception):
    """A machine ended, or stood still, instead of answering a command."""

    def __init__(self, vm: str, command: str) -> None:
        # what is given is what makes it again, for it may cross from one process to another
        super().__init__(vm, command)
        self.vm = vm
        self.command = command

    def __str__(self) -> str:
        return f"{self.vm} did not answer {self.command}"


class RefusalError(Exception):
    """A command was refused that was to succeed."""

    def __init__(self, command: str, reply: Reply) -> None:
        super().__init__(f"{command}: {reply}")
        self.command = command
        self.reply = reply


def _key(address: str, descriptor: int | None) -> str:
    """What two machines must agree on to meet: the address, less what only says that it is TCP, or the descriptor."""
    if descriptor is not None:
        return f"fd:{descriptor}"
    return address.removeprefix("tcp:") if address.startswith("tcp:unix:") else address


def _not_connected(address: str) -> str:
    kind, _, rest = address.partition(":")
    return no_connection(rest, REASON if kind == "unix" else "Connection refused")
