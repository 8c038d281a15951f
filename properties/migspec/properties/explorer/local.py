"""One VM of a composition: its configurations as small numbers, and the steps of each, made when they are first needed.

Everything that a VM can do is found here by walking the one transition relation (`migspec.spec.steps`); how often the
two VMs and their link meet the same configuration again is what makes an exploration fast.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import product
from typing import NamedTuple

from migspec.properties.explorer.environment import ASKS, KILLS, MOST, RESTART, Environment
from migspec.spec.composition import END, SENDING, TIES, UNUSED, Side
from migspec.spec.composition.link import described
from migspec.spec.composition.tie import Tie
from migspec.spec.conditions import where
from migspec.spec.lifecycle.crashes import ASKED_TOO_LATE
from migspec.spec.requests import Request
from migspec.spec.state import ENDINGS, VARIABLES, Life, assign
from migspec.spec.steps import (
    LIVING,
    MAIN,
    NEGOTIATED,
    SESSION,
    THREADS,
    Configuration,
    Due,
    Monitor,
    Owed,
    Relation,
    deliver_event,
)

ENDING: Mapping[str, int] = {
    life: code
    for code, lives in reversed(tuple(ENDINGS.items()))
    for life in lives  # of several codes the first
}
"""The lives in which a process may end, each with its exit code; what it still owes to its monitors then is lost."""

KILLED = -9
"""The exit code of a process that was killed."""

_LIFE = VARIABLES["life"]
_ENDING = _LIFE.bits(ENDING)
_NOTHING_OWED: tuple[tuple[Owed, ...], ...] = ((),) * len(THREADS)
_OPEN = tuple(variable for name, variable in VARIABLES.items() if name != "session")
_CAPABILITIES = sum(variable.field for name, variable in VARIABLES.items() if name.startswith("cap."))
_ANEW = Tie(
    RESTART,
    Side.DESTINATION,
    "A client starts it when the source is done with the one before; nobody has connected to it.",
    peer=where({"stage": ("idle", "connecting")}),
    then=described(UNUSED),
)
_NO_NOTES: frozenset[str] = frozenset()


class Kind(StrEnum):
    """What an observer of the monitor sees of a step."""

    HIDDEN = "hidden"
    """Nothing: a thread takes a row, or the main loop executes a request."""
    ASKED = "asked"
    """The client sends a request."""
    EVENT = "event"
    """An event is delivered."""
    REPLY = "reply"
    """A reply is delivered."""
    ENDED = "ended"
    """The process ends, and its monitor closes."""
    STARTED = "started"
    """A new process takes its place."""


class Move(NamedTuple):
    """A step of one VM.

    `name` is the id of the row or case, empty for a change that had waited its turn; with `asked:`, `event:` or
    `reply:` before it what a client asks, what is told, and the case whose reply it is; or what befalls the process.
    `after` is the configuration that it leads to, `tie` what binds it to the link, if anything, and `counter` what it
    uses up.  `shown` is what an observer sees: the event, or the reply that was due.
    """

    kind: Kind
    name: str
    after: int
    tie: Tie | None = None
    counter: str = ""
    shown: str | Due | int | None = None


class Vm:
    """One side: the configurations that were met so far, and their steps."""

    def __init__(self, side: Side, environment: Environment, relation: Relation) -> None:
        self.side = side
        self.configurations: list[Configuration] = []
        self._ids: dict[Configuration, int] = {}
        self._moves: dict[int, tuple[Move, ...]] = {}
        self._environment = environment
        self._relation = relation
        self.asks: tuple[tuple[str, Request], ...] = tuple(
            (name, ASKS[name].request) for name in environment.asks.get(side, {})
        )
        self._troubles = tuple(environment.troubles.get(side, {}))
        self._sending = tuple((THREADS.index(row.thread), row) for row in SENDING)
        self._beginnings = {state & _CAPABILITIES: self.beginning(state) for state in environment.states(side)}

    def number(self, configuration: Configuration) -> int:
        """The number of a configuration."""
        found = self._ids.get(configuration)
        if found is None:
            found = self._ids[configuration] = len(self.configurations)
            self.configurations.append(configuration)
        return found

    def beginning(self, state: int) -> int:
        """The number of the configuration in which a process of that state has just been started."""
        return self.number(_started(state))

    def moves(self, number: int) -> tuple[Move, ...]:
        """Every step from a configuration, those included that the link, the peer or a counter may forbid."""
        found = self._moves.get(number)
        if found is None:
            found = self._moves[number] = tuple(self._found(self.configurations[number]))
        return found

    def configurations_met(self) -> Iterator[tuple[Configuration, tuple[Move, ...]]]:
        """Every configuration of which the steps were asked for, and those steps."""
        return ((self.configurations[number], moves) for number, moves in self._moves.items())

    def _found(self, c: Configuration) -> Iterator[Move]:
        if not c.monitors[0].connected:
            yield from self._restarts(c)
            return
        without = self._environment.without
        for rule, after in self._relation.hidden(c):
            case = _executed(after) if rule == ASKED_TOO_LATE.id else rule
            if rule not in without and case not in without:
                yield from self._bound(c, rule, after, case)
        for thread, row in self._sending:
            if self.side is Side.SOURCE and not c.owed[thread] and row.when.holds(c.state) and c.state & LIVING:
                yield from self._bound(c, row.id, c, row.id)
        yield from self._befallen(c)
        yield from self._shown(c)
        yield from self._asked(c)
        yield from self._ends(c)

    def _befallen(self, c: Configuration) -> Iterator[Move]:
        """What a guest or a host does of itself: it happens when it is told."""
        for event in self._troubles:
            for rule, taken in self._relation.take_instant(c, event):
                for after in deliver_event(taken, 0, event):
                    for decided in _decided(after):
                        number = self.number(decided)
                        yield Move(Kind.EVENT, rule, number, counter=f"{self.side}:{event}", shown=event)

    def _bound(self, c: Configuration, rule: str, after: Configuration, case: str) -> Iterator[Move]:
        """A hidden step in each way in which it is bound to the link, as `case` is, and with what is open decided."""
        ties = TIES.get((self.side, case))
        if ties is None:
            yield from self._free(rule, after)
            return
        for tie in ties:
            if tie.own.holds(c.state):
                settled = after.moved(assign(after.state, dict(tie.settles)))
                for decided in _decided(settled):
                    yield Move(Kind.HIDDEN, rule, self.number(decided), tie)

    def _free(self, rule: str, after: Configuration) -> Iterator[Move]:
        """A hidden step that nothing binds, with what is open decided."""
        for decided in _decided(after):
            yield Move(Kind.HIDDEN, rule, self.number(decided))

    def _shown(self, c: Configuration) -> Iterator[Move]:
        for thread, items in enumerate(c.owed):
            if items:
                item, left = items[0], c.owing(thread, items[1:])
                if isinstance(item, Due):
                    yield Move(Kind.REPLY, f"reply:{item.expect.rule}", self.number(left), shown=item)
                elif item[0] != "=":
                    yield Move(Kind.EVENT, f"event:{item}", self.number(left), shown=item)

    def _asked(self, c: Configuration) -> Iterator[Move]:
        monitor = c.monitors[0]
        if len(monitor.queue) + len(monitor.oob) + sum(_dues(c)) < self._environment.pipelined:
            for name, request in self.asks:
                asked = c.with_monitor(0, monitor.asked(request))
                yield Move(Kind.ASKED, f"asked:{name}", self.number(asked), counter=f"{self.side}:{name}")

    def _ends(self, c: Configuration) -> Iterator[Move]:
        ways = []
        if c.state & _ENDING:
            ways.append((END, "", c.state, ENDING[_LIFE.of(c.state)[0]]))
        kill = KILLS[self.side]
        if kill in self._environment.befalls:
            # there is no life of a process that was killed: it is as good as crashed
            ways.append((kill, kill, assign(c.state, {"life": Life.CRASHED}), KILLED))
        for name, counter, state, code in ways:
            gone = self.number(Configuration(state, _NOTHING_OWED, (Monitor(connected=False),)))
            for tie in TIES[self.side, END]:
                yield Move(Kind.ENDED, name, gone, tie, counter, code)

    def _restarts(self, c: Configuration) -> Iterator[Move]:
        fresh = self._beginnings.get(c.state & _CAPABILITIES)
        if self.side is Side.DESTINATION and RESTART in self._environment.befalls and fresh is not None:
            yield Move(Kind.STARTED, RESTART, fresh, _ANEW, RESTART)


def _executed(after: Configuration) -> str:
    """The case by which the main loop has just executed a request; empty if it owes no reply for it."""
    owed = after.owed[MAIN]
    return owed[-1].expect.rule if owed and isinstance(owed[-1], Due) else ""


def _dues(c: Configuration) -> Iterator[int]:
    return (1 for items in c.owed for item in items if isinstance(item, Due))


def _started(state: int) -> Configuration:
    return Configuration(state | SESSION.field, _NOTHING_OWED, (Monitor(session=NEGOTIATED),))


def _decided(c: Configuration) -> Iterator[Configuration]:
    """The same for each choice of what its state leaves open, and without notes: they are told by the way there."""
    c = Configuration(c.state, c.owed, c.monitors, _NO_NOTES)
    open_ = [variable for variable in _OPEN if (c.state & variable.field).bit_count() > 1]
    if not open_:
        yield c
        return
    for values in product(*(variable.of(c.state) for variable in open_)):
        chosen = {variable.name: value for variable, value in zip(open_, values, strict=True)}
        yield c.moved(assign(c.state, chosen))


def check_bounds(environment: Environment) -> None:
    """Make sure that its counters fit.

    Raises `ValueError` for one that is too large.
    """
    for name, times in environment.counters().items():
        if times > MOST:
            raise ValueError(f"{environment.name}: {name} may happen {MOST} times at most, not {times}")
