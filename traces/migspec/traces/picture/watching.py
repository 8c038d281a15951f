"""The judge once more, watched: what is certain of a VM after each message, and which steps it must have taken.

Every edge that a VM takes through the automaton carries the rules that all surviving hypotheses need, so the steps
that no message shows come for nothing. Where a later message refutes the beginning that they were inferred from, they
are inferred anew from the one that explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, reduce
from itertools import chain, repeat
from operator import or_
from typing import Final, NamedTuple

from migspec.spec.lifecycle import ROWS
from migspec.spec.state import describe
from migspec.traces.automaton import Automaton, Edge, Node
from migspec.traces.cursor import Cursor, Try
from migspec.traces.findings import Report
from migspec.traces.format import Header
from migspec.traces.judge import Options, TraceJudge
from migspec.traces.observations import Observation, Replied
from migspec.traces.way import Appeared, Changed, Repeated

MOST_VALUES: Final = 3
"""A variable that may have more values than these counts as unknown."""

MOST_MENDED: Final = 50_000
"""Messages of one VM whose inferences are mended if its beginning turns out to be another one: the first ones."""

_ROWS: Final = frozenset(row.id for row in ROWS)
_OF_EVERY_MESSAGE: Final = ("envelope.", "schema.")


class State(NamedTuple):
    """What a VM may be: the values of each variable, joined by bars; `?` where anything is possible."""

    outgoing: str = "?"
    incoming: str = "?"
    run: str = "?"


class Seen:
    """What a message tells of its VM: the state after it, and the steps and other rules that it needs.

    It changes if a later message refutes what it was inferred from.
    """

    __slots__ = ("rules", "state", "steps")

    def __init__(self, node: Node, edge: Edge | None = None) -> None:
        self.state = State()
        self.steps: tuple[str, ...] = ()
        self.rules: tuple[str, ...] = ()
        self.infer(node, edge)

    def infer(self, node: Node, edge: Edge | None) -> None:
        """Take what follows from being at a node, by way of an edge if that is known."""
        self.state = _state(node)
        self.steps, self.rules = _needed(edge.rules) if edge is not None else ((), ())


@lru_cache(maxsize=4096)
def _state(node: Node) -> State:
    """What all hypotheses of a node leave open."""
    values = describe(reduce(or_, (h.state for h in node.hypotheses), 0), State._fields)
    return State(**{name: value if value.count("|") < MOST_VALUES else "?" for name, value in values.items()})


@lru_cache(maxsize=4096)
def _needed(rules: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The steps among these rules, and the rest, less what is asked of every message."""
    rest = (rule for rule in rules - _ROWS if not rule.startswith(_OF_EVERY_MESSAGE))
    return tuple(sorted(rules & _ROWS)), tuple(sorted(rest))


class _WatchedCursor(Cursor):
    """A cursor that tells what each message told, and mends what it told if the beginning was another one.

    `_trail` has what was told since the beginning, for as long as that may happen.
    """

    __slots__ = ("_attempt", "_tell", "_trail")

    def __init__(self, automaton: Automaton, tell: Callable[[Seen], None], *, late: bool, at_rest: bool) -> None:
        self._tell = tell
        self._trail: list[Seen] = []
        self._attempt: Try | None = None
        super().__init__(automaton, late=late, at_rest=at_rest)

    def begin(self, *, late: bool) -> None:
        """Forget everything about the VM."""
        self._trail = []
        super().begin(late=late)

    def advance(self, edge: Edge, observation: Observation) -> None:
        """Move along an edge, and tell what it means."""
        super().advance(edge, observation)
        if edge.notes:
            self._take(edge)

    def repeats(self, observation: Observation) -> bool:
        """Move along an edge that was taken before, and tell what it means."""
        edge = self.node.edges.get(observation)
        if edge is None or not super().repeats(observation):
            return False
        self._take(edge)
        return True

    def jump(self, node: Node) -> None:
        """Go on at a node, and tell what that means."""
        super().jump(node)
        self._tell(Seen(node))

    def pass_over(self, replied: Replied) -> bool:
        """Go on after a wrong reply, and tell what that means."""
        passed = super().pass_over(replied)
        if passed:
            self._tell(Seen(self.node))
        return passed

    def after_gap(self) -> Cursor:
        """A cursor for what follows a gap; it tells in place of this one."""
        cursor = _WatchedCursor(self.automaton, self._tell, late=True, at_rest=False)
        cursor.monitors = super().after_gap().monitors
        cursor.begin(late=True)
        self._tell = _say_nothing
        return cursor

    def _take(self, edge: Edge) -> None:
        seen = Seen(edge.node or self.node, edge)
        if self._recent is not None and self._tries and len(self._trail) < MOST_MENDED:
            self._trail.append(seen)
        self._tell(seen)

    def _forget_way(self) -> None:
        super()._forget_way()
        self._trail = []

    def _retrace(self, attempt: Try) -> Node | None:
        self._attempt = attempt
        return super()._retrace(attempt)

    def _begin_otherwise(self, rejected: Observation) -> bool:
        found = super()._begin_otherwise(rejected)
        if found and self._attempt is not None:
            for seen, edge in zip(self._trail, self._edges_of(self._attempt), strict=False):
                seen.infer(edge.node or self.node, edge)
        return found

    def _edges_of(self, attempt: Try) -> Iterator[Edge]:
        """The edges of the way so far from another beginning, one for each observation."""
        node = self._beginning(attempt, ())
        for step in chain(self._way.steps, self._way.recent):
            match step:
                case Repeated(stretch, times):
                    observations: Iterable[Observation] = chain.from_iterable(repeat(stretch, times))
                case Appeared(monitors):
                    node, observations = self._with_monitors(node, monitors, unseen=attempt.unseen), ()
                case Changed(change):
                    node, observations = change(node), ()
                case _:
                    observations = (step,)
            for observation in observations:
                edge = self.automaton.follow(node, observation)
                node = edge.node or node
                yield edge


class WatchingJudge(TraceJudge):
    """A judge that remembers what the line fed last has told of its VM."""

    def __init__(self, report: Report, header: Header, options: Options) -> None:
        super().__init__(report, header, options)
        self.seen: list[Seen] = []

    def feed(self, number: int, text: bytes) -> None:
        """Judge one line; `seen` is then what it has told, in the order of the observations in it."""
        self.seen = []
        super().feed(number, text)

    def cursor(self, automaton: Automaton, *, late: bool) -> Cursor:
        """A cursor that tells what it infers."""
        return _WatchedCursor(automaton, self._tell, late=late, at_rest=self._options.at_rest)

    def _tell(self, seen: Seen) -> None:
        self.seen.append(seen)


def _say_nothing(_: Seen) -> None:
    """Tell nobody."""
