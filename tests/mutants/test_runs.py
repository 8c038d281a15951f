"""What a search plays: the same run gives the same trace, and the unchanged machines break no rule and rest."""

from pathlib import Path

import msgspec
import pytest
from tests.mutants.frail import FrailWorld
from tests.mutants.runs import Run, Target, lines_of, perform, scripts
from tests.mutants.verdicts import verdict
from tests.reference_impl.recording import write
from tests.reference_impl.walks import play

RUNS = (
    Run("precopy-unix"),
    Run("precopy-unix", "polled"),
    Run("pause-before-switchover", "guided"),
    Run("cancel-in-active", "shuffled", 3, 0.05),
    Run(seed=5, rare=0.02),
    Run(seed=6, rare=0.02, target=Target(row="outgoing.active-to-failed")),
)


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_the_unchanged_machines_are_right(run: Run) -> None:
    played = perform(run)
    said = verdict(played)
    assert said.rule == ""
    assert said.stands == ()
    assert not played.broke_down
    assert played.taken


def test_a_run_is_a_value() -> None:
    run = Run(seed=5, rare=0.05, target=Target(row="guest.suspends"))
    assert perform(run).lines == perform(run).lines


def test_an_order_is_carried_out() -> None:
    run = Run(seed=5, target=Target(row="guest.suspends"))
    assert "guest.suspends" in perform(run).taken
    assert "guest.suspends" not in perform(Run(seed=5)).taken


def test_most_scenarios_are_scripts() -> None:
    assert len(scripts()) > 250


def test_a_trace_is_the_one_that_a_recorder_writes(tmp_path: Path) -> None:
    world = play(5, world=FrailWorld())
    assert isinstance(world, FrailWorld)
    path = tmp_path / "trace.jsonl"
    write(world, path)
    made = [msgspec.json.decode(line) for line in lines_of(world)][1:]
    written = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()][1:]
    # a recorder rounds
    assert [{**line, "t": 0} for line in made] == [{**line, "t": 0} for line in written]
