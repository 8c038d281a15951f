"""The page of known defects agrees with the traces beside it, and each of these shows what it is called by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.live import defects
from tests.properties import page as states

from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Grade, Verdict
from migspec.traces.judge import judge_file

TRACES = sorted(defects.TRACES.glob("*.jsonl.gz"))


def test_the_page_is_made_of_what_was_found() -> None:
    found = json.loads(defects.FOUND.read_text())
    assert [path.name.removesuffix(".jsonl.gz") for path in TRACES] == list(found)
    assert defects.PAGE.read_text() == defects.page(found, states.counted())


@pytest.mark.parametrize("trace", TRACES, ids=lambda path: path.name)
def test_a_trace_shows_the_defect_that_it_is_called_by(trace: Path) -> None:
    report = judge_file(str(trace))
    assert report.verdict is Verdict.CONFORMS, report.findings
    rule = trace.name.removesuffix(".jsonl.gz")
    if rule in CATALOGUE:  # what only the run's own properties saw, no single trace is asked for
        assert rule in {finding.rule for finding in report.findings if finding.grade is Grade.DEFECT}
