"""The checker names the right line and rule for every sample fault, and what it says is kept as text.

`MIGSPEC_UPDATE_GOLDEN=1 pytest tests/traces/test_faults.py` writes the texts and the sample of the demonstration
anew; read the difference before it is committed.  A fault with a gap fails as long as the gap is there, and makes
the test fail once it is closed: then it loses its `gap`.
"""

import os
from pathlib import Path

import pytest

from migspec.traces.findings import Finding, Grade, Report, Verdict
from migspec.traces.judge import judge_file
from tests.faults.faults import FAULTS, Fault, demo
from tests.faults.mutations import as_text, recorded

FOLDER = Path(__file__).parents[1] / "faults"
GOLDEN = FOLDER / "golden"
DEMO = FOLDER / "demo.jsonl"

FOUND = [fault for fault in FAULTS if not fault.gap]
WITH_GAPS = [
    pytest.param(fault, id=fault.name, marks=[pytest.mark.xfail(strict=True, reason=fault.gap)] if fault.gap else [])
    for fault in FAULTS
]


def judged(fault: Fault, folder: Path) -> Report:
    path = folder / f"{fault.name}.jsonl"
    path.write_text(as_text(fault.faulty().lines))
    return judge_file(str(path))


def violations(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.grade is Grade.VIOLATION]


def told(report: Report) -> str:
    """Everything that is said about a trace."""
    parts = []
    for finding in report.findings:
        parts.append(f"line {finding.line}, {finding.vm}: {finding.grade.value} of {finding.rule}\n{finding.message}\n")
        parts.append(f"{finding.explanation}\n" if finding.explanation else "")
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def agreed(path: Path, text: str) -> str:
    """The text that was agreed on; `text` itself if the agreement is to be renewed."""
    if os.environ.get("MIGSPEC_UPDATE_GOLDEN"):
        path.write_text(text)
    return path.read_text()


def test_there_are_enough_and_each_has_its_name() -> None:
    assert len(FOUND) >= 30
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("base", sorted({fault.base for fault in FAULTS}))
def test_the_traces_are_sound_before_the_fault(base: str, tmp_path: Path) -> None:
    path = tmp_path / "sound.jsonl"
    path.write_text(as_text(recorded(base)))
    report = judge_file(str(path))
    assert report.verdict is Verdict.CONFORMS, told(report)


@pytest.mark.parametrize("fault", WITH_GAPS)
def test_the_line_and_the_rule_are_named(fault: Fault, tmp_path: Path) -> None:
    report = judged(fault, tmp_path)
    found = violations(report)
    assert found, "nothing was found"
    first = found[0]
    assert (first.line, first.vm, first.rule) == (fault.faulty().at + 1, fault.side.name, fault.rule)
    assert len(found) <= fault.most, told(report)


@pytest.mark.parametrize("fault", FOUND, ids=lambda fault: fault.name)
def test_what_is_said_is_as_agreed(fault: Fault, tmp_path: Path) -> None:
    text = told(judged(fault, tmp_path))
    assert text == agreed(GOLDEN / f"{fault.name}.txt", text)


def test_no_text_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {fault.name for fault in FOUND}


def test_the_demonstration_is_current() -> None:
    text = demo()
    assert text == agreed(DEMO, text)
    assert text.count("\n") <= 60
    assert judge_file(str(DEMO)).verdict is Verdict.VIOLATES
