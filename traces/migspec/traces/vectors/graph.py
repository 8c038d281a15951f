"""What may come of a sequence of requests, as a small graph: at each place what the client does, or what it may read.

A set of allowed event sequences need not be finite, as passes over memory are not, and what is allowed after a message
depends on those before it.  So the sets are written down as an automaton, which is the judge's own, cut down to one
sequence: deterministic, so that a reader keeps one number; minimal, so that it stays small enough to be read by people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from migspec.properties.explorer.environment import Ask
from migspec.spec.parameters import (
    DEFAULTS,
    SET,
    SHORTHANDS,
    Value,
    changes_of,
    judge_changes,
)
from migspec.spec.profiles import PROFILES
from migspec.spec.requests import Request, understand
from migspec.spec.rows import SEED, Row
from migspec.spec.schema import ABSENT
from migspec.spec.state import ANYTHING, VARIABLES, assign
from migspec.spec.steps import NEGOTIATING, SESSION, Monitor
from migspec.traces.automaton import Automaton, Node
from migspec.traces.hypotheses import Hypothesis, Relation
from migspec.traces.observations import Emitted, Sent
from migspec.traces.vectors.patterns import Pattern, Possible, ends, events, replies

MOST_PLACES: Final = 20_000
"""Places of a graph before it is made small; a sequence that has more says too little."""


@dataclass(frozen=True, slots=True)
class Await:
    """The client reads until one of these events has come since its last request; they are named as in rows.

    With one of `otherwise` the sequence ends there: it was not about that.
    """

    events: tuple[str, ...]
    otherwise: tuple[str, ...] = ()


UNTIL_END: Final = Await(())
"""The client reads until the process ends."""


@dataclass(frozen=True, slots=True)
class Rest:
    """The client does nothing for so many seconds, for what nothing tells of."""

    seconds: float


Step = Ask | Await | Rest
"""What a client does next."""


class TooLargeError(Exception):
    """A sequence has a graph that is not worth writing down: `name` is the sequence."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: there are more than {MOST_PLACES} places")
        self.name = name


@dataclass(frozen=True, slots=True)
class Move:
    """Something that may be read at a place: its pattern, the rules that say so, the defects that it needs."""

    pattern: Pattern
    rules: frozenset[str]
    defects: tuple[str, ...]
    to: int


class End(StrEnum):
    """How a sequence ends."""

    WHOLE = "whole"
    """Everything was asked, and answered as is allowed."""
    SHORT = "short"
    """Something allowed has come after which the rest of the sequence says nothing."""


@dataclass(slots=True)
class Place:
    """A place: which step the client does there, or what it may read, or that it is an end."""

    does: int | None = None
    moves: list[Move] = field(default_factory=list)
    end: End | None = None


class _Where(NamedTuple):
    """What a place is: where the VM may be, and how far the client is.

    `values` are the parameters in force, `asked` tells that a reply is due, and `came` which of the events that are
    awaited next have come since the last request.
    """

    node: Node
    step: int
    values: tuple[tuple[str, Value], ...]
    asked: bool = False
    came: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[object, ...]:
        return self.node.hypotheses, *self[1:]


class Alone(Relation):
    """The steps of a VM that is left alone: nobody connects to it, and its guest has no failover pair."""

    def __init__(self, profile: str) -> None:
        super().__init__(profile)
        self.rows = tuple(row for row in self.rows if not _is_connected_by(row) and _UNPLUGS not in row.events)


_UNPLUGS: Final = "UNPLUG_PRIMARY"


def _is_connected_by(row: Row) -> bool:
    waits = assign(ANYTHING, {"load": "listening", "incoming": "none"})
    return any(VARIABLES["load"].of(row.after(state)) != ("listening",) for state in row.when.assume(waits))


class Growing:
    """A graph while it grows."""

    def __init__(self, automaton: Automaton, name: str, steps: Sequence[Step]) -> None:
        self.places: list[Place] = []
        self.finals: dict[object, Node] = {}
        """Where the VM may be when everything was asked."""
        self._automaton = automaton
        self._name = name
        self._steps = steps
        profile = automaton.relation.profile
        self._exact = profile != SEED
        self._requests = [request_of(step, profile) if isinstance(step, Ask) else None for step in steps]
        self._numbers: dict[object, int] = {}
        self._waiting: list[tuple[int, _Where]] = []

    def grow(self, state: int) -> list[Place]:
        """Every place that can be reached from a VM in this state, the beginning first.

        Raises `TooLargeError`.
        """
        monitors = (Monitor(session=NEGOTIATING),)
        node = self._automaton.node([Hypothesis(state | SESSION.field, monitors=monitors)])
        values = tuple(DEFAULTS.items()) if self._exact else ()
        self._number(_Where(node, 0, values))
        for number, where in self._waiting:
            if len(self.places) > MOST_PLACES:
                raise TooLargeError(self._name)
            self._look(self.places[number], where)
        return self.places

    def _number(self, where: _Where | None) -> int:
        """The number of a place; None is where the sequence is left, unless it is over already."""
        while where is not None and where.step < len(self._steps) and not where.asked:
            step = self._steps[where.step]
            if not isinstance(step, Await) or where.came.isdisjoint((*step.events, *step.otherwise)):
                break
            where = where._replace(step=where.step + 1, came=frozenset()) if where.came & {*step.events} else None
        if where is None:
            return self._place(End.SHORT, Place(end=End.SHORT))
        if where.step == len(self._steps):
            self.finals.setdefault(where.node.hypotheses, where.node)
            return self._place(End.WHOLE, Place(end=End.WHOLE))
        new = where.key not in self._numbers
        number = self._place(where.key, Place())
        if new:
            self._waiting.append((number, where))
        return number

    def _place(self, key: object, place: Place) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.places)
            self.places.append(place)
        return self._numbers[key]

    def _look(self, place: Place, where: _Where) -> None:
        if not where.asked and not isinstance(self._steps[where.step], Await):
            place.does = where.step
            place.moves.append(Move({}, frozenset(), (), self._number(self._done(where))))
            return
        place.moves += self._moves(where)
        if not place.moves:
            # what is awaited will not come: what should have brought it about was refused
            place.end = End.SHORT

    def _done(self, where: _Where) -> _Where:
        """Where the client is when it has done what it does there."""
        request = self._requests[where.step]
        if request is None:
            return where._replace(step=where.step + 1)
        node = self._automaton.follow(where.node, Sent(0, request)).node
        assert node is not None
        return where._replace(node=node, asked=True)

    def _moves(self, where: _Where) -> Iterator[Move]:
        automaton, node = self._automaton, where.node
        for event in events(automaton, node):
            yield from self._move(where, event, self._after_event(where, event))
        if where.asked:
            for reply in replies(automaton, node, dict(where.values)):
                if self._is_in_range(where, reply):
                    yield from self._move(where, reply, self._after_reply(where, reply))
        for end in ends(automaton, node):
            yield from self._move(where, end, None)

    def _move(self, where: _Where, possible: Possible, after: _Where | None) -> Iterator[Move]:
        edges = [self._automaton.follow(where.node, observation) for observation in possible.observations]
        nodes = [edge.node for edge in edges if edge.node is not None]
        if nodes:
            to = self._end(where) if after is None else self._number(after._replace(node=self._any_of(nodes)))
            notes = set.intersection(*(set(edge.notes) for edge in edges if edge.node is not None))
            yield Move(possible.pattern, possible.rules, tuple(sorted(notes)), to)

    def _any_of(self, nodes: Sequence[Node]) -> Node:
        """Where the VM may be if it is in one of these nodes."""
        if len(nodes) == 1:
            return nodes[0]
        return self._automaton.node(h for node in nodes for h in node.hypotheses)

    def _end(self, where: _Where) -> int:
        """The number of the end to which the end of the process leads."""
        end = End.WHOLE if self._steps[where.step] == UNTIL_END else End.SHORT
        return self._place(end, Place(end=end))

    def _after_event(self, where: _Where, possible: Possible) -> _Where:
        (emitted,) = possible.observations
        assert isinstance(emitted, Emitted)
        name = emitted.event
        following = where.step + where.asked
        step = self._steps[following] if following < len(self._steps) else None
        awaited = isinstance(step, Await) and name in (*step.events, *step.otherwise)
        return where._replace(came=where.came | {name}) if awaited else where

    def _after_reply(self, where: _Where, possible: Possible) -> _Where:
        ask = self._steps[where.step]
        assert isinstance(ask, Ask)
        values = dict(where.values)
        if "return" in possible.pattern and self._exact:
            values |= changes_by(ask)
        return where._replace(step=where.step + 1, asked=False, values=tuple(values.items()))

    def _is_in_range(self, where: _Where, possible: Possible) -> bool:
        """Whether the parameters in force let a reply be, where it depends on them whether a value is refused."""
        ask, request = self._steps[where.step], self._requests[where.step]
        assert isinstance(ask, Ask)
        assert request is not None
        doubtful = {refusal.text for refusal in request.perhaps_out_of_range}
        if not doubtful or not self._exact:
            return True
        verdict = judge_changes(changes_by(ask), dict(where.values))
        if "return" in possible.pattern:
            return verdict.certain is None
        certain = {verdict.certain.text} if verdict.certain is not None else set()
        texts = set(possible.pattern.get("error", {}).get("desc", {}).get("is", ()))
        return not texts <= doubtful or texts <= certain


def request_of(ask: Ask, profile: str) -> Request:
    """A request as the contracts of a profile see it."""
    given = ABSENT if ask.arguments is None else dict(ask.arguments)
    return understand(ask.command, given, PROFILES[profile].schema, oob=ask.oob)


def changes_by(ask: Ask) -> Mapping[str, Value]:
    """The parameters that a request changes if it succeeds."""
    given = dict(ask.arguments or {})
    if ask.command not in (SET, *SHORTHANDS) or not ask.request.may_pass:
        return {}
    return changes_of(ask.command, given)
