"""Whatever clients do to modelled machines, in whatever order their threads take turns: the judge has no objection."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference_impl.recording import judged
from tests.reference_impl.walks import objections, play

from migspec.reference_impl.options import MIB, Options
from migspec.reference_impl.scheduling import Choice, Take
from migspec.reference_impl.virtual import World
from migspec.traces.findings import Verdict

SEEDS = range(24)
MANY = 4_000


@pytest.mark.parametrize("seed", SEEDS)
def test_walks_conform(seed: int, tmp_path: Path) -> None:
    assert objections(seed, tmp_path, rare=0.02 * (seed % 2)) == []


def test_a_seed_gives_the_same_walk() -> None:
    assert play(7, rare=0.05).record == play(7, rare=0.05).record


@pytest.mark.soak
@pytest.mark.parametrize("rare", [0.0, 0.05])
def test_many_walks_conform(rare: float) -> None:
    # in a process of its own, which has none of the tests' type checks to slow it
    line = [sys.executable, "-m", "tests.reference_impl.walks", "1000", str(1000 + MANY), str(rare)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    print(done.stdout[-2000:])
    assert done.stdout.endswith(f"{MANY} walks, 0 with objections\n"), done.stdout + done.stderr


class Drawn:
    """A scheduler whose picks Hypothesis makes."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def admits(self, choice: Choice) -> bool:
        return not (isinstance(choice, Take) and choice.rare)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        return self._data.draw(st.sampled_from(choices)) if len(choices) > 1 else choices[0]


@settings(max_examples=15)
@given(st.data(), st.floats(0, 0.3), st.sampled_from(["migrate_cancel", "migrate-start-postcopy", "stop"]))
def test_hypothesis_may_choose(data: st.DataObject, pause: float, command: str) -> None:
    world = World()
    options = Options(memory=64 * MIB, workload="uniform:50M", bandwidth=200 * MIB)
    source = world.start("src", options, Drawn(data)).client()
    destination = world.start("dst", Options(memory=64 * MIB, incoming="defer"), Drawn(data)).client()
    on = [{"capability": name, "state": True} for name in ("events", "postcopy-ram")]
    for client in (source, destination):
        client.value("migrate-set-capabilities", {"capabilities": on})
    destination.value("migrate-incoming", {"uri": "unix:/drawn"})
    source.value("migrate", {"uri": "unix:/drawn"})
    world.run(pause)
    source.value(command)
    world.run(pause + 10)
    source.value("query-migrate")
    with TemporaryDirectory() as folder:
        report = judged(world, Path(folder))
    assert report.verdict is Verdict.CONFORMS, [str(finding) for finding in report.findings]
