"""The corpus of traces that were recorded on a real QEMU: what it really did is never judged a violation."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.traces.corpus import ADMITTED, AT_REST, ATTACHED, CORPUS, OTHER_CLIENTS, RECORDED, judge_all

from migspec.spec.profiles import profile_for
from migspec.traces.findings import Grade, Report, Verdict
from migspec.traces.judge import judge_file

FEWEST = 60
"""Sessions that the corpus has at least."""

LARGEST = 6 << 20
"""Bytes that the corpus has at most."""


def faults(reports: Mapping[str, Report]) -> list[str]:
    """What must not be in the judgement of real QEMU, a line each."""
    errors = [report.error for report in reports.values() if report.error]
    violations = [
        f"{Path(name).name}, line {finding.line}, {finding.vm}: {finding.rule}"
        for name, report in reports.items()
        for finding in report.findings
        if finding.grade is Grade.VIOLATION
    ]
    return errors + violations


def test_corpus_is_large_enough_and_no_larger() -> None:
    assert len(RECORDED) >= FEWEST
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) <= LARGEST


def test_real_qemu_conforms(judged: dict[str, Report]) -> None:
    assert not faults(judged)
    assert {report.verdict for report in judged.values()} == {Verdict.CONFORMS}


@pytest.mark.soak
def test_all_that_begin_with_their_processes_conform_at_rest() -> None:
    judged = judge_all(RECORDED, AT_REST)
    assert {Path(name).name for name, report in judged.items() if report.verdict is not Verdict.CONFORMS} == ATTACHED


def test_every_trace_is_judged_by_the_release_that_its_greeting_tells(judged: dict[str, Report]) -> None:
    expected = profile_for("5.2.0")
    assert expected == "qemu-5.2.0"
    assert {profile for report in judged.values() for profile in report.profiles.values()} == {expected}


def test_every_trace_has_messages_that_need_rules(judged: dict[str, Report]) -> None:
    assert all(report.messages and report.exercised for report in judged.values())


def test_real_qemu_differs_from_the_written_contract_in_three_places(judged_as_written: dict[str, Report]) -> None:
    found = faults(judged_as_written)
    # the schema promises the member dirty-rate always, and -1 where there is none yet; the release leaves it out until
    # there is one, and says -1 where it could measure none; and it accepts levels of multifd's compression that it does
    # not store
    differences = {
        "schema.query-dirty-rate",
        "query-dirty-rate.unmeasured",
        "query-migrate-parameters.multifd-zlib-level",
    }
    assert {fault.rpartition(" ")[2] for fault in found} == differences


@pytest.mark.parametrize("path", OTHER_CLIENTS, ids=lambda path: path.name)
def test_client_that_is_not_in_the_trace_must_be_admitted(path: Path) -> None:
    assert judge_file(str(path)).verdict is Verdict.VIOLATES
    assert judge_file(str(path), ADMITTED).verdict is Verdict.CONFORMS


def test_there_are_traces_of_unseen_clients() -> None:
    assert OTHER_CLIENTS
