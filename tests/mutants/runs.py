"""What a search plays: recorded scripts and random walks in virtual time, each with the same end.

A run is a value: the same run of the same machines gives the same trace. A *script* is what the clients of a recorded
scenario said, given to machines that go their own way (`plain`, `shuffled`), are asked how they are at every turn
(`polled`), or are led to the recorded sequence of statuses (`guided`). A *walk* is a random conversation, with a pair
of machines or, in the style `alone`, with one that migrates to a command again and again. Either may have a `target`:
a row or case that is ordered whenever it is possible, or a command that is given more often.

At the end of a run whatever kept a migration from ending is taken away, and a while later everybody is asked how they
are: who is not done by then stands still.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

import msgspec
from tests.live import exceptions, guided
from tests.live.conformance import recording
from tests.live.guided import Guide, Replay
from tests.live.model import lacks
from tests.live.scenarios import SCENARIOS
from tests.mutants.frail import FrailWorld, RestlessError
from tests.mutants.operators import ROW_OF, case_of
from tests.mutants.requests import Asked, fitting, recorded
from tests.reference_impl.walks import Walk, play

from migspec.reference_impl.options import MIB, Options
from migspec.reference_impl.scheduling import Choice, Shuffled, Steady
from migspec.reference_impl.virtual import Client, Ended, NoReplyError, World
from migspec.spec.state import Load

ALONE: Final = 60
"""Requests to a machine that is alone."""
PAUSE: Final = 40.0
"""Virtual seconds that machines have to come to rest."""

ROW_IDS: Final = tuple(ROW_OF)
"""The rows that may be ordered."""

_QUESTIONS: Final = (
    "query-migrate",
    "query-status",
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-colo-status",
    "query-dirty-rate",
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a run is after: a row, or a case of the contract of a command."""

    row: str = ""
    case: str = ""
    command: str = ""
    change: str = ""
    """The variable that the case is to change."""
    capabilities: tuple[str, ...] = ()
    """What has to be switched on for it."""
    stages: tuple[str, ...] = ()
    """Where it happens: a machine may be held there until something has come in between."""

    @property
    def wish(self) -> str:
        """How a machine is told."""
        return f"take:{self.row}" if self.row else f"case:{self.case}" if self.case else ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: a script by its name and style, or without a name a walk."""

    script: str = ""
    style: str = "plain"
    seed: int = 0
    rare: float = 0.0
    target: Target | None = None

    def __str__(self) -> str:
        walk = "walk alone" if self.style == "alone" else "walk"
        what = f"{self.script}, {self.style}" if self.script else f"{walk} {self.seed}, rare {self.rare:g}"
        return what + (", after it" if self.target else "")


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a run: the lines of its trace, what the machines took, and who broke down or never rested."""

    lines: tuple[bytes, ...]
    taken: frozenset[str]
    open: frozenset[str] = frozenset()
    broke_down: str = ""
    restless: bool = False
    rests: tuple[tuple[int, bool], ...] = ()
    """After how many lines everything should have come to rest, and whether a migration may still be under way."""


# ---- scripts ----


@cache
def scripts() -> tuple[str, ...]:
    """The recorded scenarios that machines can be given."""
    return tuple(
        name
        for name, scenario in SCENARIOS.items()
        if not lacks(scenario.vms.values()) and name not in exceptions.INAPPLICABLE and recording(name) is not None
    )


class Follower(Guide):
    """Lets a machine go its own way, and only counts what it sends."""

    inner: Shuffled | Steady = Steady()

    def admits(self, choice: Choice) -> bool:
        """Whether the scheduler that it follows admits it."""
        return self.inner.admits(choice)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """What that one picks."""
        return self.inner.pick(choices)


_COUNTS: dict[tuple[Path, int], int] = {}
"""By trace and line: how many statuses come before a reply, which takes long to count."""


class Script(Replay):
    """A recorded script."""

    polled: bool = False
    target: Target | None = None

    def _act(self, entry: Mapping[str, Any]) -> None:
        _order(self.world, self.target)
        super()._act(entry)
        client = self._clients.get((entry["vm"], entry.get("mon", entry["vm"])))
        if self.polled and client is not None and client.host.machine.exit is None and _has_negotiated(client):
            for question in _QUESTIONS[:2]:
                client.send(question)

    def _before_reply(self, place: int, request: Mapping[str, Any]) -> int:
        key = (self.trace, place)
        if key not in _COUNTS:
            _COUNTS[key] = super()._before_reply(place, request)
        return _COUNTS[key]

    def _end(self, vm: str, key: tuple[str, str], entry: Mapping[str, Any]) -> None:
        rest = self.entries[next(place for place, other in enumerate(self.entries) if other is entry) + 1 :]
        # a client that only leaves because the recording is over stays: there is more to ask
        if entry.get("exit") is not None or any(other["vm"] == vm and "msg" in other for other in rest):
            super()._end(vm, key, entry)


def _has_negotiated(client: Client) -> bool:
    return client.host.machine.c.monitors[client.monitor].listens


def _order(world: World, target: Target | None) -> None:
    if target is None or not target.wish:
        return
    for host in world.hosts.values():
        host.machine.wish(target.wish)


def _play_script(run: Run, world: FrailWorld) -> None:
    scenario = SCENARIOS[run.script]
    original = recording(run.script)
    assert original is not None

    def guide(wanted: Sequence[str]) -> Guide:
        if run.style == "guided":
            return Guide(wanted)
        follower = Follower(wanted)
        if run.style == "shuffled":
            follower.inner = Shuffled(run.seed, rare=run.rare)
        return follower

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="q-", dir="/tmp")))
        for vm in scenario.vms.values():
            if vm.prepare is not None:
                vm.prepare(folder)
        stack.enter_context(patch.object(guided, "Guide", guide))
        script = Script(original, scenario.vms, folder, world=world)
        script.polled, script.target = run.style == "polled", run.target
        script.run()


# ---- walks ----


def _switch_on(client: Client, names: Iterable[str]) -> None:
    states = [{"capability": name, "state": True} for name in names]
    _ask(client, "migrate-set-capabilities", {"capabilities": states})


_CORE: Final[tuple[tuple[str, Mapping[str, Any] | None], ...]] = (
    ("migrate", None),
    ("migrate", None),
    ("migrate_cancel", None),
    ("migrate-continue", {"state": "pre-switchover"}),
    ("migrate-start-postcopy", None),
    ("query-migrate", None),
)
"""What moves a source most."""


def _revive(walk: Walk, target: Target) -> None:
    """Start another destination, or another source, where one has ended or has got its guest."""
    world = walk.world
    destination = walk.destination.host.machine
    if destination.exit is not None or destination.value("load") == Load.DONE:
        options = Options(memory=destination.options.memory, incoming="defer", seed=destination.options.seed)
        walk.destination = world.start(f"dst{len(world.hosts)}", options, Shuffled(len(world.hosts))).client()
        walk.addresses += 1
        _switch_on(walk.destination, ("events", *target.capabilities))
        _ask(walk.destination, "migrate-incoming", {"uri": walk.address})
    if walk.source.host.machine.exit is not None:
        walk.source = world.start(f"src{len(world.hosts)}", walk.source.host.machine.options).client()
        _switch_on(walk.source, ("events", *target.capabilities))
    walk.clients = (walk.source, walk.destination)


def _hold(world: World, target: Target, chance: Random) -> None:
    """Hold every machine where a row happens, or let it go on for a moment."""
    held = {f"hold:{stage}" for stage in target.stages}
    if not held:
        return
    for host in world.hosts.values():
        host.machine.wishes -= held
        host.machine.turn += 1
    if chance.random() < 0.35:
        _order(world, target)
        world.run(world.now + 0.005)
    for host in world.hosts.values():
        host.machine.wishes |= held
        host.machine.turn += 1


@lru_cache(maxsize=64)
def _requests_for(target: Target | None) -> tuple[Sequence[Asked], Sequence[Asked]]:
    """The requests of the command that a run is after, and those of them that let its case change what it is to."""
    asks = recorded().get(target.command, ()) if target is not None else ()
    if target is None or not target.change:
        return asks, ()
    return asks, fitting(target.command, case_of()[target.case][1], target.change)


def _play_walk(run: Run, world: FrailWorld) -> None:
    chance = Random(run.seed)
    target = run.target
    asks, apt = _requests_for(target)

    switched = False

    def before(walk: Walk) -> None:
        nonlocal switched
        if target is not None and target.capabilities and not switched:
            switched = True
            for client in walk.clients:
                _switch_on(client, target.capabilities)
        if target is None:
            return
        _revive(walk, target)
        if run.seed % 2:
            _hold(world, target, chance)
        if chance.random() < 0.25:
            command, arguments = chance.choice(_CORE)
            _ask(walk.source, command, {"uri": walk.address} if command == "migrate" else arguments)
            world.run(world.now + chance.choice((0.0, 0.001, 0.01, 0.1)))
        if chance.random() < 0.4:
            return
        _order(world, target)
        if chance.random() < 0.3:
            _order(world, Target(row=chance.choice(ROW_IDS)))
        if asks and chance.random() < 0.5:
            command, arguments, oob = chance.choice(apt if apt and chance.random() < 0.7 else asks)
            _ask(chance.choice(walk.clients), command, arguments, oob=oob)

    play(run.seed, rare=run.rare, world=world, before=before)


_SWITCHED: Final = (
    "pause-before-switchover",
    "pause-before-switchover",
    "postcopy-ram",
    "block",
    "x-colo",
    "auto-converge",
    "release-ram",
)
_ALONE: Final[Mapping[tuple[str, str], int]] = {
    ("migrate", '{"uri": "exec:cat"}'): 10,
    ("migrate", '{"uri": "exec:cat", "blk": true}'): 2,
    ("migrate", '{"uri": "unix:/nobody"}'): 2,
    ("migrate", '{"uri": "foo:"}'): 1,
    ("migrate", '{"uri": "exec:cat", "resume": true}'): 3,
    ("migrate_cancel", ""): 6,
    ("migrate-continue", '{"state": "pre-switchover"}'): 4,
    ("migrate-start-postcopy", ""): 4,
    ("migrate-pause", ""): 2,
    ("stop", ""): 2,
    ("cont", ""): 4,
    ("query-migrate", ""): 8,
    ("query-status", ""): 6,
    ("query-migrate-capabilities", ""): 2,
}
"""What a machine that is alone is asked, and how often compared with the rest."""


def _play_alone(run: Run, world: FrailWorld) -> None:
    """One machine that migrates to a command, again and again."""
    chance = Random(run.seed)
    slow = chance.choice((20, 1250)) * MIB
    options = Options(memory=128 * MIB, workload=chance.choice(("idle", "uniform:5M")), bandwidth=slow, seed=run.seed)
    client = world.start("src", options, Shuffled(run.seed, rare=run.rare)).client()
    _, apt = _requests_for(run.target)
    wanted = run.target.capabilities if run.target is not None else ()
    _switch_on(client, ("events", *(wanted or (chance.choice(_SWITCHED),))))
    for command, arguments in chance.choices(tuple(_ALONE), tuple(_ALONE.values()), k=ALONE):
        if run.target is not None and run.seed % 2:
            _hold(world, run.target, chance)
        if chance.random() < 0.5:
            _order(world, run.target)
        if chance.random() < 0.25:
            on = [{"capability": chance.choice(_SWITCHED), "state": chance.random() < 0.7}]
            _ask(client, "migrate-set-capabilities", {"capabilities": on})
        _ask(client, command, msgspec.json.decode(arguments) if arguments else None)
        if apt and chance.random() < 0.3:
            command, more, oob = chance.choice(apt)
            _ask(client, command, more, oob=oob)
        world.run(world.now + chance.choice((0.0, 0.001, 0.01, 0.1, 1.0, 10.0)))


def _ask(client: Client, command: str, arguments: Mapping[str, Any] | None = None, *, oob: bool = False) -> None:
    machine = client.host.machine
    if machine.exit is None and machine.c.monitors[client.monitor].connected:
        descriptors = (7,) if command == "getfd" else ()
        try:
            client.ask(command, arguments, oob=oob, descriptors=descriptors)
        except NoReplyError:
            return


# ---- the end of every run ----


def _clients(world: World) -> Iterator[Client]:
    """A client of every machine that is left; a new one where none is connected."""
    for host in world.hosts.values():
        if host.machine.exit is None:
            found = next(filter(_has_negotiated, host.clients.values()), None)
            try:
                yield found if found is not None else host.client()
            except NoReplyError:
                continue


def _wind_down(world: FrailWorld) -> None:
    """Take away what keeps migrations from ending, wait, and ask everybody how they are."""
    settings = {"max-bandwidth": 1 << 40, "max-postcopy-bandwidth": 0, "downtime-limit": 2_000_000}
    for client in _clients(world):
        _ask(client, "migrate-set-parameters", settings)
    world.run(world.now + PAUSE)
    # a stopped guest may set free what waits for a running one
    world.rests.append((len(world.record), True))
    for client in _clients(world):
        _ask(client, "query-status")
        _ask(client, "stop")
    world.run(world.now + PAUSE)
    for client in _clients(world):
        _ask(client, "migrate-continue", {"state": "pre-switchover"})
        _ask(client, "migrate-continue", {"state": "device"})
    for _ in range(2):
        world.run(world.now + PAUSE)
        world.rests.append((len(world.record), False))
        for client in _clients(world):
            for question in _QUESTIONS:
                _ask(client, question)


def _try_on(world: World) -> None:
    """Ask for what shows what a VM remembers of its migrations."""
    for client in _clients(world):
        for command, arguments in _TRIES:
            _ask(client, command, arguments)
        world.run(world.now + 1)
        for question in _QUESTIONS:
            _ask(client, question)


_TRIES: Final[tuple[tuple[str, Mapping[str, Any] | None], ...]] = (
    ("migrate-pause", None),
    ("migrate", {"uri": "unix:/nobody", "resume": True}),
    ("migrate-recover", {"uri": "unix:/elsewhere"}),
    ("migrate-incoming", {"uri": "unix:/elsewhere"}),
    ("migrate-set-capabilities", {"capabilities": [{"capability": "auto-converge", "state": True}]}),
    ("cont", None),
    ("migrate", {"uri": "unix:/nobody"}),
)


def perform(run: Run) -> Played:
    """Play a run with the machines of now."""
    world = FrailWorld()
    restless = False
    try:
        play_it = _play_script if run.script else _play_alone if run.style == "alone" else _play_walk
        with suppress(NoReplyError):  # a machine may end before it has let its first client in
            play_it(run, world)
        for machine in world.machines:
            machine.go_on_by_itself()
        _wind_down(world)
        _try_on(world)
    except RestlessError:
        restless = True
    broke_down = next((machine.broke_down for machine in world.machines if machine.broke_down), "")
    lines = tuple(lines_of(world))
    rests = tuple((len(tuple(lines_of(world, place))), busy) for place, busy in world.rests)
    return Played(lines, world.taken, world.open, broke_down, restless, rests)


# ---- the trace ----


def lines_of(world: FrailWorld, until: int | None = None) -> Iterator[bytes]:
    """The lines of the trace of a world, as a recorder writes them; of its first so many entries."""
    encode = msgspec.json.encode
    vms = {name: {"implementation": "qemu", "release": "5.2.0"} for name in world.hosts}
    yield encode({"format": "qmp-trace", "version": 1, "vms": vms, "scenario": "model", "note": ""})
    gone: set[tuple[str, int]] = set()
    farewells = iter([*world.farewells, None])
    farewell = next(farewells)
    for place, entry in enumerate(world.record[:until]):
        while farewell is not None and farewell.place <= place:
            gone.add((farewell.vm, farewell.monitor))
            told = {"t": farewell.at, "vm": farewell.vm, **_mon(farewell.monitor), "end": "eof", "by": "client"}
            yield encode(told)
            farewell = next(farewells)
        if isinstance(entry, Ended):
            for number in world.hosts[entry.vm].clients:
                if (entry.vm, number) not in gone:
                    end = {"t": entry.at, "vm": entry.vm, **_mon(number), "end": "eof", "exit": entry.how.value}
                    yield encode(end)
            continue
        gone.discard((entry.vm, entry.monitor))
        direction = "->" if entry.sent else "<-"
        yield encode({"t": entry.at, "vm": entry.vm, **_mon(entry.monitor), "dir": direction, "msg": entry.message})


def _mon(number: int) -> dict[str, str]:
    return {"mon": f"m{number}"} if number else {}
