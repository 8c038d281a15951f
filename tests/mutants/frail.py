"""Machines that may be wrong, in worlds that bear it: one that breaks down ends, one that never rests is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Final, TypeVar

from tests.live.guided import PacedWorld, PipedHost

from migspec.reference_impl.calls import Call
from migspec.reference_impl.gates.gate import A_MOMENT
from migspec.reference_impl.host import Exit
from migspec.reference_impl.link.messages import LinkMessage
from migspec.reference_impl.machine import Machine
from migspec.reference_impl.options import Options
from migspec.reference_impl.scheduling import Choice, Scheduler, Steady, Take
from migspec.reference_impl.virtual import VirtualHost
from migspec.spec.conditions import Condition
from migspec.spec.contracts import Answer
from migspec.spec.rows import Row

MOST_STEPS: Final = 6_000
"""Steps of a machine after which a run is stopped."""
MOST_TURNS: Final = 20_000
"""Times that a world moves on after which it is."""

T = TypeVar("T")


class RestlessError(Exception):
    """A machine has taken more steps than any run needs."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """A client has closed its monitor: after so many entries of the record, and when."""

    place: int
    at: float
    vm: str
    monitor: int


@dataclass(frozen=True, slots=True)
class Misled:
    """What a machine does of its own accord wherever that is wrong: a row, with the guard that it should have.

    It takes the row at once where the guard does not hold, with some chance, and never where it does.
    """

    row: str
    guard: Condition
    chance: Random
    often: float = 0.6


class Frail(Machine, contracts=False):
    """A machine without contracts: where its own doings are too much for it, it aborts, as a process would."""

    misled: ClassVar[Misled | None] = None
    """How every such machine is misled, if it is."""

    def __init__(self, options: Options, host: VirtualHost, *, scheduler: Scheduler | None, now: float) -> None:
        self.taken: set[str] = set()
        """The rows that it took and the cases that happened."""
        self.open: set[str] = set()
        """The rows that it might have taken, had the modelled world let it."""
        self.steps = 0
        self.broke_down = ""
        """What was too much for it."""
        super().__init__(options, host, scheduler=scheduler, now=now)

    def go_on_by_itself(self) -> None:
        """Be led no more, and held nowhere."""
        self._scheduler = Steady()
        self.wishes = {wish for wish in self.wishes if not wish.startswith("hold:")}
        self.turn += 1

    def close_monitor(self, monitor: int) -> None:
        """The client is gone."""
        host = self.host
        if isinstance(host, VirtualHost) and isinstance(host.world, FrailWorld):
            host.world.farewells.append(Farewell(len(host.world.record), self.now, host.name, monitor))
        super().close_monitor(monitor)

    def take_row(self, thread: int, row: Row) -> None:
        """Let a thread take a row that is open."""
        self.taken.add(row.id)
        super().take_row(thread, row)

    def answer_with(self, call: Call, answer: Answer) -> None:
        """Take the step that an answer to a call is."""
        self.taken.add(answer.case.id)
        super().answer_with(call, answer)

    def take(self, choice: Choice) -> None:
        """Do one of the choices."""
        self.open.update(row.id for _, row, _ in self.rows_open())
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise RestlessError
        super().take(choice)

    def advance(self, now: float) -> None:
        """The time is `now`: take every step that is due."""
        self._bear(lambda: super(Frail, self).advance(now), None)

    def due(self) -> float | None:
        """When the machine wants to be advanced next."""
        return self._bear(lambda: super(Frail, self).due(), None)

    def dialled(self, channel: int) -> None:
        """A channel that was dialled is connected."""
        self._bear(lambda: super(Frail, self).dialled(channel), None)

    def not_dialled(self, channel: int, text: str) -> None:
        """A channel that was dialled could not be connected."""
        self._bear(lambda: super(Frail, self).not_dialled(channel, text), None)

    def accepted(self, channel: int) -> None:
        """Somebody has connected to the address on which the machine listens."""
        self._bear(lambda: super(Frail, self).accepted(channel), None)

    def received(self, channel: int, message: LinkMessage) -> None:
        """A message has come over a channel."""
        self._bear(lambda: super(Frail, self).received(channel, message), None)

    def lost(self, channel: int) -> None:
        """A channel is gone."""
        self._bear(lambda: super(Frail, self).lost(channel), None)

    def _ask_gates(self) -> Iterator[Take]:
        misled = self.misled
        if misled is None:
            yield from super()._ask_gates()
            return
        yield from (take for take in super()._ask_gates() if take.row.id != misled.row)
        if not misled.guard.holds(self.c.state) and misled.chance.random() < misled.often:
            for thread, row, _ in self.rows_open():
                if row.id == misled.row:
                    yield Take(self.rested(thread) - A_MOMENT, thread, row)

    def _is_held(self, row: Row) -> bool:
        # only fault scripts hold anything
        return any(wish.startswith("hold:") for wish in self.wishes) and super()._is_held(row)

    def _bear(self, do: Callable[[], T], otherwise: T) -> T:
        if self.exit is not None:
            return otherwise
        try:
            return do()
        except RestlessError:
            raise
        except Exception as error:
            self.broke_down = repr(error)
            if self.exit is None:
                self._die(Exit.ABORTED)
            return otherwise


class FrailWorld(PacedWorld):
    """A world of such machines."""

    def __init__(self) -> None:
        super().__init__()
        self.farewells: list[Farewell] = []
        self.rests: list[tuple[int, bool]] = []
        """After so many entries of the record all should be at rest, and whether a migration may be under way."""
        self._steps = 0

    def start(self, name: str, options: Options, scheduler: Scheduler | None = None) -> VirtualHost:
        """Start a machine of that name."""
        host = self.hosts[name] = PipedHost(self, name)
        host.machine = Frail(options, host, scheduler=scheduler, now=self.now)
        return host

    def pass_time(self, until: float) -> None:
        """Go on to the next thing that is due; where there is none, to the end."""
        if self._next() is None:
            self._step(until)
        else:
            super().pass_time(until)

    def _step(self, due: float) -> None:
        self._steps += 1
        if self._steps > MOST_TURNS:
            raise RestlessError
        super()._step(due)

    @property
    def machines(self) -> list[Frail]:
        """The machines."""
        return [machine for host in self.hosts.values() if isinstance(machine := host.machine, Frail)]

    @property
    def taken(self) -> frozenset[str]:
        """What any of them took."""
        return frozenset().union(*(machine.taken for machine in self.machines))

    @property
    def open(self) -> frozenset[str]:
        """What any of them might have taken."""
        return frozenset().union(*(machine.open for machine in self.machines))
