"""Judges every sample fault and writes what is said about each as JSON, by the fault's name.

The tests run this as a process of its own: what the checker says must not depend on what else a process has
judged before, and the run-time type checks of the test suite would multiply the time that it takes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from tests.faults.faults import FAULTS
from tests.faults.mutations import Line, as_text, recorded

from migspec.traces.findings import Finding
from migspec.traces.judge import judge_file


class Judgement(msgspec.Struct, frozen=True):
    """What came out for one trace: the findings, or the exception that the checker must not raise."""

    findings: tuple[Finding, ...] = ()
    raised: str = ""


def judge(lines: list[Line], folder: Path) -> Judgement:
    """Judge a trace, given as its lines."""
    path = folder / "trace.jsonl"
    path.write_text(as_text(lines))
    try:
        report = judge_file(str(path))
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        return Judgement(raised=repr(error))
    return Judgement(tuple(report.findings), report.error)


def main() -> None:
    """Write the judgements of all faults, and of the traces that they start from, to standard output."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        judged = {base: judge(recorded(base), folder) for base in sorted({fault.base for fault in FAULTS})}
        judged |= {fault.name: judge(fault.faulty().lines, folder) for fault in FAULTS}
    print(msgspec.json.encode(judged).decode())


if __name__ == "__main__":
    main()
