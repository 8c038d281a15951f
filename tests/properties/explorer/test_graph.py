"""The composition: what it finds quickly is what a plain search finds, and every way in it can be gone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from migspec.properties.explorer.environment import LOSS, RESTART, Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition
from migspec.properties.explorer.local import check_bounds
from migspec.spec.composition import Side
from migspec.spec.state import VARIABLES

SMALL = ENVIRONMENTS["failover"]
FULL = Environment(
    "full",
    "A little of everything.",
    asks={Side.SOURCE: {"migrate": 1}, Side.DESTINATION: {"stop": 1}},
    capabilities=(("return-path",),),
    befalls={LOSS: 1, RESTART: 1},
    troubles={Side.SOURCE: {"RESET": 1}},
    without=SMALL.without,
)


def plainly(composition: Composition) -> tuple[dict[int, int], int]:
    """The distance of every state, and the number of steps, by the steps with their names."""
    distance = dict.fromkeys(composition.beginnings(), 0)
    frontier = list(distance)
    while frontier:
        reached = []
        for state in frontier:
            for edge in composition.edges(state):
                if edge.after not in distance:
                    distance[edge.after] = distance[state] + 1
                    reached.append(edge.after)
        frontier = reached
    return distance, max(distance.values())


@pytest.mark.parametrize("environment", [SMALL, FULL], ids=lambda environment: environment.name)
def test_the_quick_search_finds_what_a_plain_one_finds(environment: Environment) -> None:
    composition = Composition(environment)
    explored = composition.explore()
    distance, depth = plainly(composition)
    assert set(explored.found) == set(distance)
    assert (explored.depth, explored.is_complete) == (depth, True)
    assert sum(explored.layers) == explored.distinct == len(distance)
    for state in random.Random(1).sample(sorted(distance), 200):
        way = composition.states_to(explored, state)
        assert way[0] in composition.beginnings()
        assert way[-1] == state
        assert len(way) - 1 == distance[state]
        assert [edge.after for edge in composition.steps_along(way)] == way[1:]


def test_a_step_with_fewer_words_is_the_same_step() -> None:
    composition = Composition(FULL)
    for state in list(composition.explore().found)[::97]:
        edges = list(composition.edges(state))
        assert [(edge.move, edge.after) for edge in edges] == list(composition.successors(state))
        assert composition.degree(state) <= len(edges)
        assert {edge.after for edge in edges} == set(naively(composition, state))


def naively(composition: Composition, state: int) -> Iterator[int]:
    """Where the steps of a state lead, by asking each tie itself."""
    place = composition.place(state)
    for side, vm in composition.vms.items():
        number = composition.numbers(state)[0 if side is Side.SOURCE else 1]
        peer = composition.configuration(state, side.peer)
        for move in vm.moves(number):
            if move.counter and not place.left[move.counter]:
                continue
            if move.tie is not None:
                tie = move.tie
                connected = peer.monitors[0].connected or str(tie.peer) == "always"
                if not (tie.link.holds(place.link) and connected and tie.peer.holds(peer.state)):
                    continue
            yield next(edge.after for edge in composition.edges(state) if edge.move is move)
    yield from (edge.after for edge in composition.edges(state) if edge.side is None)


def test_what_is_bounded_happens_no_more_often() -> None:
    composition = Composition(FULL)
    bounds = FULL.counters()
    explored = composition.explore()
    for state in list(explored.found)[::53]:
        left = composition.place(state).left
        assert set(left) == set(bounds)
        assert all(0 <= left[name] <= times for name, times in bounds.items())
        for edge in composition.edges(state):
            after = composition.place(edge.after).left
            used = {name for name in left if after[name] != left[name]}
            expected = {edge.move.counter} - {""} if edge.move else {edge.name}
            assert used == expected


def test_it_stops_when_it_is_told_to() -> None:
    composition = Composition(SMALL)
    assert not composition.explore(at_most=10).is_complete


def test_a_counter_has_two_bits() -> None:
    with pytest.raises(ValueError, match="source:migrate may happen 3 times at most, not 4"):
        check_bounds(Environment("x", "", asks={Side.SOURCE: {"migrate": 4}}))


def test_both_begin_with_the_same_capabilities() -> None:
    environment = replace(FULL, capabilities=((), ("postcopy-ram",)), runs=("running", "paused"))
    assert len(environment.beginnings()) == 4
    for source, destination in environment.beginnings():
        for name, variable in VARIABLES.items():
            if name.startswith("cap."):
                assert variable.of(source) == variable.of(destination)
