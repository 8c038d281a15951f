"""Ways as traces: whatever the explorer can do, the judge accepts, on both monitors and with all that was told."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from migspec.properties.explorer.environment import Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition
from migspec.properties.explorer.written import UnspokenError, trace_of
from migspec.spec.composition import Side
from migspec.traces.findings import Verdict
from migspec.traces.judge import Options, judge_file

LONGEST = 300


def wander(composition: Composition, rng: random.Random) -> list[int]:
    """A random way, of steps that change something."""
    way = [rng.choice(composition.beginnings())]
    while len(way) < LONGEST:
        steps = [after for _, after in composition.successors(way[-1]) if after != way[-1]]
        if not steps:
            break
        way.append(rng.choice(steps))
    return way


def objections(composition: Composition, way: list[int], folder: Path) -> list[str]:
    path = folder / "way.jsonl"
    path.write_text("\n".join(trace_of(composition, way)) + "\n")
    report = judge_file(str(path), Options())
    if report.verdict is Verdict.CONFORMS:
        return []
    return [f"line {finding.line}: {finding.message}" for finding in report.findings] or [str(report.verdict)]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_judge_accepts_whatever_the_explorer_does(name: str, tmp_path: Path) -> None:
    composition = Composition(ENVIRONMENTS[name])
    rng = random.Random(name)
    for _ in range(8):
        assert objections(composition, wander(composition, rng), tmp_path) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_judge_accepts_whatever_the_explorer_does_at_length(name: str, tmp_path: Path) -> None:
    composition = Composition(ENVIRONMENTS[name])
    rng = random.Random()
    objected = [found for _ in range(300) if (found := objections(composition, wander(composition, rng), tmp_path))]
    print(f"{name}: 300 random ways, {len(objected)} with objections")
    assert objected == []


def test_the_header_names_both_vms_and_the_scenario() -> None:
    composition = Composition(ENVIRONMENTS["failover"])
    first, *_ = trace_of(composition, composition.beginnings()[:1], "nothing")
    assert '"scenario": "nothing"' in first
    assert '"src"' in first
    assert '"dst"' in first


def test_an_answer_that_no_state_decides_is_not_invented() -> None:
    environment = Environment("asked", "", asks={Side.SOURCE: {"query-status": 1}})
    composition = Composition(environment)
    found = composition.explore()
    answered = next(
        edge.after for state in found.found for edge in composition.edges(state) if edge.name.startswith("reply:")
    )
    with pytest.raises(UnspokenError, match="query-status"):
        trace_of(composition, composition.states_to(found, answered))
