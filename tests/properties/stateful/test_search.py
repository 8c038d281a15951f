"""The search: how many runs it makes, that a seed repeats them, and what it counts."""

from collections.abc import Callable

import pytest
from tests.properties.stateful.puppets import puppet_arena

from migspec.cli.fuzzing.judging import LineJudge
from migspec.cli.fuzzing.virtual import VirtualSubject
from migspec.properties.stateful import Arena, Grade, Outcome, Run, search
from migspec.spec.composition import Side


def test_so_many_runs_are_whole() -> None:
    outcome = search(puppet_arena(), seed=1, runs=25, steps=10)
    assert outcome.whole == 25
    assert outcome.steps >= 250
    assert not outcome.found


def test_a_seed_repeats_its_runs() -> None:
    programs = [found_programs(seed) for seed in (5, 5, 6)]
    assert programs[0] == programs[1] != programs[2]


def found_programs(seed: int) -> list[str]:
    outcome = search(puppet_arena(word="stop"), seed=seed, runs=12, steps=10)
    return [str(run.program) for _, run in outcome.found]


def test_the_same_seed_shows_a_known_defect_again() -> None:
    first = search(puppet_arena(defect="migrate-pause"), seed=3, runs=60, steps=10)
    known = first.known["disliked.migrate-pause"]
    again = search(puppet_arena(defect="migrate-pause"), seed=known.seed, runs=9, steps=10)
    assert again.known["disliked.migrate-pause"].run.program == known.run.program or again.known


@pytest.mark.parametrize("stops", [lambda outcome: outcome.begun < 4, lambda outcome: False])
def test_it_ends_when_told(stops: Callable[[Outcome], bool]) -> None:
    assert search(puppet_arena(), seed=1, runs=100, steps=5, goes_on=stops).begun <= 4


def test_the_model_is_explored() -> None:
    outcome = search(Arena(VirtualSubject, LineJudge), seed=20, runs=2, steps=20)
    assert not outcome.found
    assert outcome.messages > 0
    assert outcome.statuses[Side.SOURCE, "active"]
    assert outcome.exercised["outgoing.setup-to-active"]


def test_violations_are_kept_with_their_seed() -> None:
    outcome = search(puppet_arena(word="query-migrate"), seed=40, runs=3, steps=5)
    for seed, run in outcome.found:
        assert seed >= 40
        assert isinstance(run, Run)
        assert run.objections(Grade.VIOLATION)
