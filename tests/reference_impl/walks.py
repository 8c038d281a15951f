"""Random conversations with a pair of machines, from one seed each.

Run as a program, `python -m tests.reference_impl.walks FIRST LAST [RARE]` plays the walks of these seeds, has each
judged, and prints what the judge objects to.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.reference_impl.recording import judged

from migspec.reference_impl.calls import Reply
from migspec.reference_impl.options import MIB, Disk, Options
from migspec.reference_impl.scheduling import Scheduler, Shuffled, Steady
from migspec.reference_impl.virtual import Client, NoReplyError, World
from migspec.spec.vocabulary import MigrationCapability
from migspec.traces.findings import Verdict

STEPS: Final = 60
"""Steps of a walk."""

_GUESTS: Final = ("idle", "uniform:300M", "hot:32M:200M", "uniform:5M", "zero:0.99")
_PAUSES: Final = (0.0001, 0.001, 0.01, 0.1, 1.0, 5.0)
_BAD_ADDRESSES: Final = ("unix:/nobody", "exec:cat", "foo:", "tcp:127.0.0.1:1", "tcp:x", "fd:none")


@dataclass(slots=True)
class Walk:
    """One walk: two machines, a client of each, and the number of addresses that were used."""

    random: Random
    world: World
    source: Client
    destination: Client
    addresses: int = 0
    clients: tuple[Client, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.clients = (self.source, self.destination)

    @property
    def address(self) -> str:
        """The address on which the destination was told to listen last."""
        return f"unix:/walk.{self.addresses}"

    def ask(self, client: Client, command: str, arguments: Mapping[str, Any] | None = None) -> Reply | None:
        """Ask, unless the process has ended; None where it ends instead of answering."""
        if client.host.machine.exit is not None:
            return None
        try:
            return client.ask(command, arguments)
        except NoReplyError:
            return None

    def anybody(self, command: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Ask either of them."""
        self.ask(self.random.choice(self.clients), command, arguments)

    def migrate(self) -> None:
        """Migrate, now and then to where nobody is, or with disks."""
        address = self.address if self.random.random() < 0.9 else self.random.choice(_BAD_ADDRESSES)
        disks = {"blk": True} if self.random.random() < 0.05 else {}
        self.ask(self.source, "migrate", {"uri": address, **disks})

    def recover(self) -> None:
        """Have the destination listen anew."""
        self.addresses += 1
        self.ask(self.destination, "migrate-recover", {"uri": self.address})

    def set_parameters(self) -> None:
        """Set one of several parameters."""
        values = {
            "max-bandwidth": (0, MIB, 50 * MIB),
            "downtime-limit": (0, 10, 300, 2000),
            "multifd-channels": (1, 4),
            "x-checkpoint-delay": (50, 2000),
            "max-postcopy-bandwidth": (0, MIB),
        }
        name = self.random.choice(sorted(values))
        self.anybody("migrate-set-parameters", {name: self.random.choice(values[name])})

    def switch(self, number: int) -> None:
        """Switch so many capabilities on or off, on both sides."""
        names = self.random.sample(sorted(MigrationCapability), number)
        states = [{"capability": name, "state": self.random.random() < 0.8} for name in names]
        for client in self.clients:
            self.ask(client, "migrate-set-capabilities", {"capabilities": states})

    def cut(self) -> None:
        """Lose the link."""
        self.world.cut("src", "dst")

    def end(self) -> None:
        """End one of them, by a command or a signal."""
        client = self.random.choice(self.clients)
        if self.random.random() < 0.5:
            self.ask(client, "quit")
        elif client.host.machine.exit is None:
            client.host.machine.terminate()

    def wait(self) -> None:
        """Let time pass."""
        self.world.run(self.world.now + self.random.choice(_PAUSES))


_ACTS: Final[Mapping[Callable[[Walk], object], int]] = {
    Walk.migrate: 12,
    Walk.recover: 6,
    Walk.set_parameters: 4,
    Walk.cut: 4,
    Walk.end: 1,
    Walk.wait: 10,
    lambda walk: walk.switch(1): 1,
    lambda walk: walk.ask(walk.source, "migrate", {"uri": walk.address, "resume": True}): 6,
    lambda walk: walk.ask(walk.source, "migrate-continue", {"state": "pre-switchover"}): 5,
    lambda walk: walk.anybody("migrate_cancel"): 4,
    lambda walk: walk.anybody("migrate-start-postcopy"): 8,
    lambda walk: walk.anybody("migrate-pause"): 4,
    lambda walk: walk.anybody("stop"): 2,
    lambda walk: walk.anybody("cont"): 2,
    lambda walk: walk.anybody("system_reset"): 1,
    lambda walk: walk.anybody("x-colo-lost-heartbeat"): 2,
    lambda walk: walk.anybody("query-colo-status"): 2,
    lambda walk: walk.anybody("calc-dirty-rate", {"calc-time": walk.random.choice((0, 1, 2))}): 2,
    lambda walk: walk.anybody("query-dirty-rate"): 2,
    lambda walk: walk.anybody("query-migrate-parameters"): 1,
    lambda walk: walk.anybody("query-migrate-capabilities"): 1,
    lambda walk: walk.anybody("query-status"): 8,
    lambda walk: walk.anybody("query-migrate"): 14,
}
"""What may be done, and how often compared with the others."""


def _nothing(_walk: Walk) -> None:
    """Do nothing."""


def play(
    seed: int, *, rare: float = 0.0, world: World | None = None, before: Callable[[Walk], None] = _nothing
) -> World:
    """Play the walk of a seed; `rare` is the probability with which a race that is open is taken.

    The walk is played in `world`, which is new unless it is given; `before` is called before each step.
    """
    random = Random(seed)
    world = world or World()
    options = Options(
        memory=random.choice((64, 128, 512)) * MIB,
        workload=random.choice(_GUESTS),
        bandwidth=random.choice((20, 100, 1250)) * MIB,
        disks=(Disk("d0", 64 * MIB, ("b0",)),) if random.random() < 0.3 else (),
        seed=seed,
    )

    def scheduler() -> Scheduler:
        return Shuffled(random.getrandbits(32), rare=rare) if random.random() < 0.7 else Steady()

    source = world.start("src", options, scheduler()).client()
    waiting = replace(options, incoming="defer", stopped=random.random() < 0.1)
    walk = Walk(random, world, source, world.start("dst", waiting, scheduler()).client())
    if random.random() < 0.95:
        for client in walk.clients:
            walk.ask(client, "migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True}]})
    walk.switch(random.choice((0, 1, 2, 3)))
    walk.ask(walk.destination, "migrate-incoming", {"uri": walk.address})
    for act in random.choices(tuple(_ACTS), tuple(_ACTS.values()), k=STEPS):
        before(walk)
        act(walk)
        if random.random() < 0.5:
            world.run(world.now + random.choice((0.0, *_PAUSES[:4])))
    world.run(world.now + 2)
    for client in walk.clients:
        walk.ask(client, "query-migrate")
        walk.ask(client, "query-status")
    return world


def objections(seed: int, folder: Path, *, rare: float = 0.0) -> list[str]:
    """What the judge objects to in the walk of a seed."""
    report = judged(play(seed, rare=rare), folder)
    if report.verdict is Verdict.CONFORMS:
        return []
    return [report.error] if report.error else [str(finding) for finding in report.findings]


def main() -> None:
    """Play the walks of some seeds."""
    first, last = int(sys.argv[1]), int(sys.argv[2])
    rare = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    faulty = 0
    with tempfile.TemporaryDirectory(prefix="migspec-walks-") as folder:
        for seed in range(first, last):
            found = objections(seed, Path(folder), rare=rare)
            faulty += bool(found)
            for objection in found:
                print(f"seed {seed}: {objection}", flush=True)
    print(f"{last - first} walks, {faulty} with objections")


if __name__ == "__main__":
    main()
