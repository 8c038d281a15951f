"""Pairs of machines in virtual time, each with a client and with faults."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from migspec.reference_impl.faults import Faults
from migspec.reference_impl.options import Options
from migspec.reference_impl.virtual import Client, VirtualHost, World

URI = "tcp:127.0.0.1:4444"
PLAIN = Options()


@dataclass
class Side:
    """One machine of a pair."""

    host: VirtualHost
    client: Client
    faults: Faults

    @property
    def statuses(self) -> list[str]:
        """What MIGRATION said, and the names of the other events, but for the passes."""
        return [str(data.get("status", name)) for name, data in self.client.events if name != "MIGRATION_PASS"]

    def value(self, variable: str) -> str:
        return self.host.machine.value(variable)


@dataclass
class Pair:
    """A source and a destination that waits for `migrate-incoming`."""

    world: World
    source: Side
    destination: Side

    def migrate(self) -> None:
        """Begin to migrate."""
        self.destination.client.value("migrate-incoming", {"uri": URI})
        self.source.client.value("migrate", {"uri": URI})

    def settle(self) -> None:
        """Let everything happen that is going to."""
        self.world.settle(longest=60)

    def run(self, seconds: float) -> None:
        """Let time go on."""
        self.world.run(self.world.now + seconds)


MakePair = Callable[..., Pair]


@pytest.fixture
def make_pair() -> MakePair:
    """A pair with the given capabilities on, made with the same options."""

    def make(capabilities: Sequence[str] = (), options: Options = PLAIN) -> Pair:
        world = World()
        sides = []
        for name, incoming in (("source", ""), ("destination", "defer")):
            host = world.start(name, replace(options, incoming=incoming))
            client = host.client()
            switched = [{"capability": each, "state": True} for each in ("events", *capabilities)]
            client.value("migrate-set-capabilities", {"capabilities": switched})
            sides.append(Side(host, client, Faults(host.machine)))
        return Pair(world, *sides)

    return make


@pytest.fixture
def make_postcopy(make_pair: MakePair) -> Callable[[], Pair]:
    """A pair in postcopy whose guest keeps it there for some seconds."""

    def make() -> Pair:
        pair = make_pair(["postcopy-ram"], Options(workload="uniform:100M", bandwidth=20 << 20))
        pair.migrate()
        pair.run(2)
        pair.source.client.value("migrate-start-postcopy")
        pair.run(1)
        assert pair.source.value("outgoing") == pair.destination.value("incoming") == "postcopy-active"
        return pair

    return make


def recover(pair: Pair) -> None:
    """Try to recover a paused postcopy over another address."""
    other = {"uri": "tcp:127.0.0.1:4445"}
    pair.destination.client.value("migrate-recover", other)
    pair.source.client.value("migrate", {**other, "resume": True})
