"""Traps in small graphs, held against a search that tries every set of states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from migspec.properties.explorer.fair import Trap, gets_on, is_delivery, unfulfilled
from migspec.properties.explorer.local import Kind, Move

IDLE = Move(Kind.ASKED, "asked:migrate", 0, counter="source:migrate")
DELIVERS = Move(Kind.EVENT, "event:STOP", 0)
ADVANCES = Move(Kind.HIDDEN, "outgoing.commit", 0)
REPEATS = Move(Kind.HIDDEN, "outgoing.pass", 0)
UNFAIR = frozenset({"outgoing.pass"})
MOVES = (IDLE, DELIVERS, ADVANCES, REPEATS)

Steps = Mapping[int, list[tuple[Move, int]]]


@dataclass
class Drawn:
    """A graph that was drawn instead of composed."""

    steps: Steps

    def successors(self, state: int) -> Iterator[tuple[Move | None, int]]:
        """What was drawn."""
        yield from self.steps.get(state, ())


EDGES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(MOVES), st.integers(0, 4)),
    max_size=12,
)


def steps_of(edges: list[tuple[int, Move, int]]) -> Steps:
    steps: dict[int, list[tuple[Move, int]]] = {}
    for before, move, after in edges:
        if before != after:
            steps.setdefault(before, []).append((move, after))
    return steps


def reachable(steps: Steps, start: int, inside: set[int]) -> set[int]:
    found, waiting = {start}, [start]
    while waiting:
        for _, after in steps.get(waiting.pop(), ()):
            if after in inside and after not in found:
                found.add(after)
                waiting.append(after)
    return found


def is_fair(steps: Steps, states: frozenset[int]) -> bool:
    """Whether a run may stay in exactly these states for ever."""
    inner = [move for state in states for move, after in steps.get(state, ()) if after in states]
    if len(states) > 1 and any(reachable(steps, one, set(states)) != states for one in states):
        return False
    for test, strong in ((is_delivery, False), (lambda move: gets_on(move, UNFAIR), True)):
        able = [any(test(move) for move, _ in steps.get(state, ())) for state in states]
        must = any(able) if strong else all(able)
        if must and not any(test(move) for move in inner):
            return False
    return True


def expected(steps: Steps, avoiding: set[int]) -> bool:
    """Whether there is a run from 0 that stays among some states for ever and goes on as it must."""
    if 0 not in avoiding:
        return False
    found = sorted(reachable(steps, 0, avoiding))
    return any(
        is_fair(steps, frozenset(states)) for size in range(1, len(found) + 1) for states in combinations(found, size)
    )


@settings(max_examples=400)
@given(EDGES, st.sets(st.integers(0, 4)))
@example([(0, REPEATS, 1), (1, DELIVERS, 0), (0, ADVANCES, 2)], {0, 1})
@example([(0, REPEATS, 1), (1, DELIVERS, 0)], {0, 1})
@example([(0, IDLE, 1)], {0, 1})
def test_a_trap_is_found_exactly_where_there_is_one(edges: list[tuple[int, Move, int]], avoiding: set[int]) -> None:
    steps = steps_of(edges)
    starts = [0] if 0 in avoiding else []
    trap = unfulfilled(Drawn(steps), starts, avoiding.__contains__, UNFAIR)
    assert (trap is not None) is expected(steps, avoiding)


@given(EDGES, st.sets(st.integers(0, 4)))
def test_a_trap_is_a_way_that_can_be_gone(edges: list[tuple[int, Move, int]], avoiding: set[int]) -> None:
    steps = steps_of(edges)
    trap = unfulfilled(Drawn(steps), [0] if 0 in avoiding else [], avoiding.__contains__, UNFAIR)
    if trap is not None:
        assert trap.way[0] == 0
        for states in (trap.way, trap.cycle):
            assert set(states) <= avoiding
            for before, after in pairwise(states):
                assert after in [reached for _, reached in steps[before]]
        if trap.cycle:
            assert trap.cycle[0] == trap.cycle[-1] == trap.way[-1]


def test_a_pass_for_ever_is_no_way_to_avoid_the_end() -> None:
    steps = steps_of([(0, REPEATS, 1), (1, DELIVERS, 0), (0, ADVANCES, 2)])
    assert unfulfilled(Drawn(steps), [0], {0, 1}.__contains__, UNFAIR) is None


def test_what_waits_for_a_client_may_wait_for_good() -> None:
    steps = steps_of([(0, IDLE, 1)])
    assert unfulfilled(Drawn(steps), [0], {0}.__contains__, UNFAIR) == Trap((0,))
