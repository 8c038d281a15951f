"""The model in virtual time as something to explore: no sockets, no processes, and no waiting."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from migspec.properties.stateful import Arguments, Event, Reply, Setup
from migspec.reference_impl.calls import Return
from migspec.reference_impl.faults import Faults
from migspec.reference_impl.options import MIB, Options
from migspec.reference_impl.scheduling import Shuffled
from migspec.reference_impl.virtual import Client, Crossing, Ended, World
from migspec.spec.composition import Side
from migspec.spec.rows import QEMU_5_2_0
from migspec.traces.format import Direction, Header, VmInfo, end_fields, header_line, message_fields

PATIENCE: Final = 5.0
"""Virtual seconds that a reply may take."""

EXCHANGE: Final = 0.001
"""Virtual seconds that a client takes over a command."""

RARE: Final = 0.02
"""How many of the races that are open happen."""

NAMES: Final[Mapping[Side, str]] = {Side.SOURCE: "src", Side.DESTINATION: "dst"}
"""What traces call the first VM of each side; those that replace it have a number behind it."""

RELEASES: Final[Mapping[str, str]] = {QEMU_5_2_0: "5.2.0"}
"""What traces call the release that is modelled under a profile."""

_EPOCH: Final = 1_795_000_000.0  # traces begin then, for zero would look like a clock that is not set


class VirtualSubject:
    """A pair of modelled VMs; `faults` are scripts that happen to each side, `profile` says whose behaviour it is."""

    def __init__(self, profile: str = QEMU_5_2_0, faults: Mapping[Side, Sequence[str]] = {}) -> None:
        self._world = World()
        self._profile = profile
        self._faults = faults
        self._clients: dict[Side, Client] = {}
        self._oob: set[Side] = set()
        self._silent: set[Side] = set()
        self._count: dict[Side, int] = dict.fromkeys(Side, 0)
        self._read = 0
        info = VmInfo(None, "qemu", RELEASES.get(profile))
        names = {f"{name}{number or ''}": info for name in NAMES.values() for number in (0, *range(2, 9))}
        self._lines = [header_line(Header(names, "explored"))]
        self._closed = False

    # --- VMs

    is_fresh: bool = True
    """Every machine has just been made."""

    def start(self, side: Side, setup: Setup, listen: str | None) -> bool:
        """Start a machine."""
        self._count[side] += 1
        name = NAMES[side] + (str(self._count[side]) if self._count[side] > 1 else "")
        receives = side is Side.DESTINATION
        options = Options(
            incoming=(self.uri(side, listen) if listen else "defer") if receives else "",
            stopped=setup.stopped,
            memory=setup.megabytes * MIB,
            workload=f"zero:0.9+hot:{setup.busy}M:1G" if setup.busy else "zero:0.97",
            profile=self._profile,
            seed=setup.chance,
        )
        scheduler = Shuffled(setup.chance, rare=RARE) if setup.chance else None
        host = self._world.start(name, options, scheduler)
        if scripts := self._faults.get(side):
            watcher = Faults(host.machine)
            for script in scripts:
                watcher.add(script)
        self._silent.discard(side)
        self._oob.discard(side)
        self._clients[side] = host.connect()
        self.ask(side, "qmp_capabilities", {"enable": ["oob"]} if setup.oob else None)
        if setup.oob:
            self._oob.add(side)
        return True

    def is_alive(self, side: Side) -> bool:
        """Whether there is a machine whose process goes on."""
        return side in self._clients and self._clients[side].host.machine.exit is None

    def has_oob(self, side: Side) -> bool:
        """Whether the client has negotiated it."""
        return side in self._oob

    def kill(self, side: Side) -> bool:
        """Let the process be gone."""
        if self.is_alive(side):
            self._clients[side].host.machine.kill()
        return True

    # --- commands

    def ask(self, side: Side, command: str, arguments: Arguments | None = None, *, oob: bool = False) -> Reply | None:
        """Ask, and let time go on until the reply is there."""
        if not self.is_alive(side) or (side in self._silent and not oob):
            return None
        client = self._clients[side]
        number = client.send(command, arguments, oob=oob)

        def answered() -> bool:
            return client.host.machine.exit is not None or any(asked == number for asked, _ in client.replies)

        self._world.settle(longest=PATIENCE, until=answered)
        found = next((reply for asked, reply in client.replies if asked == number), None)
        client.replies.clear()
        self.rest(EXCHANGE)
        if found is None:
            self._silent.add(side)
            return None
        if isinstance(found, Return):
            return Reply(found.value)
        return Reply(error=found.text, error_class=found.error_class)

    def tell(self, side: Side, command: str, arguments: Arguments | None = None) -> None:
        """Send a command, which is executed when time goes on."""
        if self.is_alive(side) and side not in self._silent:
            self._clients[side].send(command, arguments)

    def events(self, side: Side) -> Sequence[Event]:
        """The events of the machine that is there now."""
        client = self._clients.get(side)
        return [Event(name, data) for name, data in client.events] if client else []

    # --- time and links

    def rest(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._world.run(self._world.now + seconds)

    def settle(self, longest: float) -> None:
        """Let virtual time pass until nothing is left to happen."""
        self._world.settle(longest=longest)

    def uri(self, side: Side, link: str) -> str:
        """The same on both sides."""
        return f"unix:/virtual/{link}"

    def cut(self, link: str) -> None:
        """Lose all connections between the two machines: each has one migration at most."""
        names = [client.host.name for client in self._clients.values()]
        if len(names) == len(Side):
            self._world.cut(*names)

    # --- the trace

    def lines(self) -> Sequence[bytes]:
        """The record of the world, so far as it was not written down yet, and what was."""
        record = self._world.record
        self._lines += map(line_of, record[self._read :])
        self._read = len(record)
        return self._lines

    def close(self) -> None:
        """Nothing is left over in virtual time."""


def line_of(entry: Crossing | Ended) -> bytes:
    """What a world has recorded, as a line of a trace; the first monitor of a machine has no name there."""
    at = _EPOCH + entry.at
    if isinstance(entry, Ended):
        return msgspec.json.encode(end_fields(entry.vm, exit_status=entry.how.value, t=at))
    direction = Direction.TO_SERVER if entry.sent else Direction.TO_CLIENT
    monitor = f"m{entry.monitor}" if entry.monitor else None
    return msgspec.json.encode(message_fields(entry.vm, direction, _text(entry.message), at, monitor))


def _text(message: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(message)
    except OverflowError:  # an integer of more than 64 bits
        return json.dumps(message).encode()
