"""The checker names the right line and rule for every sample fault, and what it says is kept as text.

`MIGSPEC_UPDATE_GOLDEN=1 pytest tests/traces/test_faults.py` writes the texts and the sample of the demonstration
anew; read the difference before it is committed.  A fault with a gap fails as long as the gap is there, and makes
the test fail once it is closed: then it loses its `gap`.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from tests.faults.fault import Fault
from tests.faults.faults import FAULTS, demo
from tests.faults.judged import Judgement

from migspec.traces.findings import Finding, Grade

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "faults" / "golden"
DEMO = ROOT / "tests" / "faults" / "demo.jsonl"

FOUND = [fault for fault in FAULTS if not fault.gap]
WITH_GAPS = [
    pytest.param(fault, id=fault.name, marks=[pytest.mark.xfail(strict=True, reason=fault.gap)] if fault.gap else [])
    for fault in FAULTS
]


@pytest.fixture(scope="module")
def judgements() -> Mapping[str, Judgement]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.faults.judged"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=dict[str, Judgement])


def violations(judgement: Judgement) -> list[Finding]:
    return [finding for finding in judgement.findings if finding.grade is Grade.VIOLATION]


def told(judgement: Judgement) -> str:
    """Everything that is said about a trace."""
    parts = []
    for finding in judgement.findings:
        head = f"line {finding.line}, {finding.vm}: {finding.grade.value} of {finding.rule}"
        parts.append("\n".join(part for part in (head, finding.message, finding.explanation) if part))
    return "\n\n".join(parts) + "\n"


def agreed(path: Path, text: str) -> str:
    """The text that was agreed on; `text` itself if the agreement is to be renewed."""
    if os.environ.get("MIGSPEC_UPDATE_GOLDEN"):
        path.write_text(text)
    return path.read_text()


def test_there_are_enough_and_each_has_its_name() -> None:
    assert len(FOUND) >= 30
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("base", sorted({fault.base for fault in FAULTS}))
def test_the_traces_are_sound_before_the_fault(base: str, judgements: Mapping[str, Judgement]) -> None:
    assert not violations(judgements[base]), told(judgements[base])
    assert not judgements[base].raised


@pytest.mark.parametrize("fault", WITH_GAPS)
def test_the_line_and_the_rule_are_named(fault: Fault, judgements: Mapping[str, Judgement]) -> None:
    judgement = judgements[fault.name]
    assert not judgement.raised
    found = violations(judgement)
    assert found, "nothing was found"
    first = found[0]
    assert (first.line, first.vm, first.rule) == (fault.faulty().at + 1, fault.side.name, fault.rule)
    assert len(found) <= fault.most, told(judgement)


@pytest.mark.parametrize("fault", FOUND, ids=lambda fault: fault.name)
def test_what_is_said_is_as_agreed(fault: Fault, judgements: Mapping[str, Judgement]) -> None:
    text = told(judgements[fault.name])
    assert text == agreed(GOLDEN / f"{fault.name}.txt", text)


def test_the_nearest_step_is_the_one_that_the_explanation_names(judgements: Mapping[str, Judgement]) -> None:
    named = 0
    for finding in (finding for judgement in judgements.values() for finding in judgement.findings):
        step, obstacle = finding.nearest.partition(": ")[::2]
        assert bool(finding.nearest) == ("\nNearest step: " in finding.explanation)
        assert not finding.nearest or f"\nNearest step: {step}\n  {obstacle}\n" in finding.explanation
        named += bool(finding.nearest)
    assert named


def test_no_text_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {fault.name for fault in FOUND}


def test_the_demonstration_is_current() -> None:
    text = demo()
    assert text == agreed(DEMO, text)
    assert text.count("\n") <= 60
