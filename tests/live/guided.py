"""Whether the model can produce a recorded sequence of status events: its threads are led there in virtual time.

The recorded script is given to modelled machines: each client says what it said, once it has been sent the status
events that it had been sent by then.  A guide picks among `Machine.choices`: it holds back whatever would make another
status event than the one that was recorded next, and lets a race happen that makes that one.  It adds no choice of its
own, so a sequence that is reached is one that a scheduler of the model can produce.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.live.likeness import statuses
from tests.live.session import Vm
from tests.live.stand_in import translated

from migspec.cli.serve import COMMAND
from migspec.cli.serving import options_of
from migspec.reference_impl.faults import Faults
from migspec.reference_impl.host import Exit
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.options import Options
from migspec.reference_impl.scheduling import Choice, Deliver, End, Execute, Scheduler, Take
from migspec.reference_impl.virtual import Client, VirtualHost, World
from migspec.spec.commands import CONTRACTS
from migspec.spec.state import Life
from migspec.spec.steps import THREADS
from migspec.spec.vocabulary import MigrationStatus
from migspec.traces.format import open_trace

TICK: Final = 0.004
"""Virtual seconds that pass where everything that is due is held back."""
PATIENCE: Final = 4.0
"""Virtual seconds that a client waits for what it was sent in the recording."""

_EXITING: Final = (Life.DOWN, Life.GONE)
_EVENT: Final = "MIGRATION:"
_EVENTS: Final = "events"


class PacedWorld(World):
    """A world whose clock goes on though machines hold back what is due."""

    def pass_time(self, until: float) -> None:
        """Go on to the next thing that is due, or a tick if that is overdue, but no further than `until`."""
        due = self._next()
        self._step(min(until, due if due is not None and due > self.now else self.now + TICK))

    def start(self, name: str, options: Options, scheduler: Scheduler | None = None) -> VirtualHost:
        """Start a machine of that name."""
        host = self.hosts[name] = PipedHost(self, name)
        host.machine = Machine(options, host, scheduler=scheduler, now=self.now)
        return host


class PipedHost(VirtualHost):
    """A host whose commands and files take whatever is written to them."""

    def dial(self, address: str, descriptor: int | None) -> int:
        """Connect; a command, or a descriptor whose other end nobody was given, is there at once."""
        shared = any("fd:" in known for host in self.world.hosts.values() for known in host.addresses)
        if not address.startswith("exec:") and (descriptor is None or shared):
            return super().dial(address, descriptor)
        channel = self.world.new_channel()
        self.world.at(self.world.now, lambda: self.machine.dialled(channel))
        return channel


@dataclass(slots=True)
class Guide:
    """Leads one machine to a sequence of status events."""

    wanted: Sequence[str]
    machine: Machine | None = None
    client: Client | None = None

    @property
    def sent(self) -> tuple[str, ...]:
        """The status events that were sent."""
        events = self.client.events if self.client is not None else []
        return tuple(str(data["status"]) for name, data in events if name == "MIGRATION")

    @property
    def _owed(self) -> int:
        owed = self.machine.c.owed if self.machine is not None else ()
        return sum(isinstance(item, str) and item.startswith(_EVENT) for items in owed for item in items)

    def _next(self, place: int) -> str:
        return self.wanted[place] if place < len(self.wanted) else ""

    def admits(self, choice: Choice) -> bool:
        """Whether a choice leads on, or at least not away."""
        machine = self.machine
        if machine is None or not machine.capability(_EVENTS):
            return not (isinstance(choice, Take) and choice.rare)
        match choice:
            case End():
                return len(self.sent) >= len(self.wanted)
            case Deliver(_, thread):
                item = machine.c.owed[thread][0]
                is_status = isinstance(item, str) and item.startswith(_EVENT)
                return not is_status or item == _EVENT + self._next(len(self.sent))
            case Take(_, thread, row):
                life = dict(row.then).get("life")
                if life is not None and len(self.sent) < len(self.wanted):
                    # an exit tells that it cancels once the main loop has ended
                    leads_on = life in _EXITING and self._next(len(self.sent)) == MigrationStatus.CANCELLING
                    if not leads_on:
                        return False
                told = [event for event in row.emits if event.startswith(_EVENT)]
                if not told or thread >= len(THREADS):
                    return not choice.rare
                return _EVENT + self._next(len(self.sent) + self._owed) in (*row.leaves, told[0])
        return True

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """What makes the next status event, or else the usual."""
        return min(choices, key=lambda choice: (_rank(choice), choice.at))


def _rank(choice: Choice) -> int:
    match choice:
        case Take(row=row) if any(event.startswith(_EVENT) for event in row.emits):
            return 0
        case Deliver():
            return 1
        case Execute():
            return 2
    return 3


@dataclass(slots=True)
class Replay:
    """One recorded script, given to machines in virtual time."""

    trace: Path
    vms: Mapping[str, Vm]
    folder: Path
    guides: dict[str, Guide] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    world: PacedWorld = field(default_factory=PacedWorld)
    _clients: dict[tuple[str, str], Client] = field(default_factory=dict)
    _began: float | None = None

    def run(self) -> dict[str, tuple[str, ...]]:
        """Replay it; by VM the status events that the machine sent."""
        with open_trace(str(self.trace)) as lines:
            self.entries = [json.loads(text) for number, text in lines if number > 1 and text]
        wanted = statuses(self.trace)
        for name, vm in self.vms.items():
            guide = self.guides[name] = Guide(wanted.get(name, ()))
            chosen = asked_for(vm, self.folder)
            guide.machine = self.world.start(name, options_of(chosen), guide).machine
            faults = Faults(guide.machine)
            for script in chosen.fault:
                faults.add(script)
        heard = dict.fromkeys(self.vms, 0)
        for place, entry in enumerate(self.entries):
            vm = entry["vm"]
            message = entry.get("msg")
            if isinstance(message, dict) and message.get("event") == "MIGRATION":
                heard[vm] += entry.get("mon", vm) in (vm, "main")
            elif not isinstance(message, dict) or "return" not in message:
                self._wait(heard, entry["t"])
                if entry.get("dir") == "->" and isinstance(message, dict):
                    self._wait({vm: self._before_reply(place, entry)}, None)
                self._act(entry)
        self._wait({name: len(guide.wanted) for name, guide in self.guides.items()}, None)
        return {name: guide.sent for name, guide in self.guides.items()}

    def _before_reply(self, place: int, request: Mapping[str, Any]) -> int:
        """How many status events came before a request had its reply, and not of it: the main loop was late for it."""
        vm, message = request["vm"], request["msg"]
        sent = [entry for entry in self.entries[:place] if _status_of(entry, vm)]
        between: list[str] = []
        for entry in self.entries[place + 1 :]:
            said = entry.get("msg") or {}
            if entry["vm"] == vm and ("return" in said or "error" in said) and said.get("id") == message.get("id"):
                break
            between += [status] if (status := _status_of(entry, vm)) else []
        while between and between[-1] in _CAUSED.get(str(message.get("execute")), ()):
            between.pop()
        return len(sent) + len(between)

    def _wait(self, heard: Mapping[str, int], t: float | None) -> None:
        if t is not None:
            self._began = t if self._began is None else self._began
            while self.world.now < t - self._began:
                self.world.pass_time(t - self._began)
        limit = self.world.now + PATIENCE
        while self.world.now < limit and any(len(self.guides[vm].sent) < count for vm, count in heard.items()):
            self.world.pass_time(limit)

    def _act(self, entry: Mapping[str, Any]) -> None:
        vm, message = entry["vm"], entry.get("msg")
        key = (vm, entry.get("mon", vm))
        host = self.world.hosts[vm]
        if entry.get("end"):
            self._end(vm, key, entry)
        elif not isinstance(message, dict) or host.machine.exit is not None:
            return
        elif "QMP" in message:
            client = self._clients[key] = host.connect()
            if self.guides[vm].client is None:
                self.guides[vm].client = client
        elif message.get("event") == "SHUTDOWN" and message["data"].get("reason") == "host-signal":
            host.machine.terminate()
        elif entry["dir"] == "->" and key in self._clients:
            self._say(self._clients[key], message)

    def _end(self, vm: str, key: tuple[str, str], entry: Mapping[str, Any]) -> None:
        machine = self.world.hosts[vm].machine
        if entry.get("exit") == Exit.KILLED.value and machine.exit is None:
            machine.kill()
        elif key in self._clients and machine.exit is None:
            machine.close_monitor(self._clients.pop(key).monitor)

    def _say(self, client: Client, message: Mapping[str, Any]) -> None:
        command = message.get("execute", message.get("exec-oob"))
        arguments = message.get("arguments")
        if not isinstance(command, str) or not (arguments is None or isinstance(arguments, dict)):
            return
        descriptors = (_DESCRIPTOR,) if command == "getfd" else ()
        client.send(command, self._bound(arguments), oob="exec-oob" in message, descriptors=descriptors)

    def _bound(self, arguments: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Arguments with the port that the host had chosen for 0."""
        uri = arguments.get("uri") if arguments else None
        if isinstance(uri, str) and uri.startswith("tcp:") and uri.endswith(":0"):
            return {**(arguments or {}), "uri": next(self._chosen(uri[:-1]), uri)}
        return arguments

    def _chosen(self, start: str) -> Iterator[str]:
        for entry in self.entries:
            message = entry.get("msg")
            given = message.get("arguments") if isinstance(message, dict) else None
            uri = given.get("uri") if isinstance(given, dict) else None
            if isinstance(uri, str) and uri.startswith(start) and not uri.endswith(":0"):
                yield uri


_CAUSED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        command: frozenset(event.removeprefix(_EVENT) for case in contract.cases for event in case.events)
        for command, contract in CONTRACTS.items()
    }
)
"""By command: the status events that are a part of executing it."""


def _status_of(entry: Mapping[str, Any], vm: str) -> str:
    """The status that a line tells a VM's first client; empty if it tells none."""
    message = entry.get("msg")
    first = entry["vm"] == vm and entry.get("mon", vm) in (vm, "main")
    if first and isinstance(message, dict) and message.get("event") == "MIGRATION":
        return str(message["data"]["status"])
    return ""


_DESCRIPTOR: Final = 7  # one for all: whoever was given one end is connected to whoever was given the other


def asked_for(vm: Vm, folder: Path) -> Namespace:
    """What a modelled VM is started with in place of QEMU."""
    words = ["-m", "64", *vm.arguments]
    if vm.incoming is not None:
        words += ["-incoming", vm.incoming]
    parser = ArgumentParser()
    COMMAND.add_arguments(parser)
    return parser.parse_args(translated([word.replace("{dir}", str(folder)) for word in words]))


def unreached(trace: Path, vms: Mapping[str, Vm], folder: Path) -> dict[str, tuple[Sequence[str], Sequence[str]]]:
    """By VM, the recorded sequence that the model was not led to, and how far it came."""
    replay = Replay(trace, vms, folder)
    sent = replay.run()
    return {
        name: (guide.wanted, sent[name]) for name, guide in replay.guides.items() if tuple(guide.wanted) != sent[name]
    }
