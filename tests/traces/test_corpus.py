"""The corpus of traces that were recorded on a real QEMU: what it really did is never judged a violation."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from migspec.spec.profiles import profile_for
from migspec.traces.findings import Grade, Report, Verdict
from migspec.traces.judge import Options, judge_file

CORPUS = Path(__file__).resolve().parents[2] / "traces/corpus"
RECORDED = sorted((CORPUS / "qemu-5.2.0").glob("*.jsonl*"))
OTHER_CLIENTS = sorted((CORPUS / "other-clients").glob("*.jsonl*"))

FEWEST = 60
"""Sessions that the corpus has at least."""

LARGEST = 6 << 20
"""Bytes that the corpus has at most."""

OBSERVED = Options()
WRITTEN = Options(profile="seed")
ADMITTED = Options(other_clients=True)


def judge_all(paths: Iterable[Path], options: Options = OBSERVED) -> dict[str, Report]:
    """Judge files side by side, in new processes, which have none of the tests' type checks to slow them."""
    names = [str(path) for path in paths]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return dict(zip(names, pool.map(partial(judge_file, options=options), names), strict=True))


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


@pytest.fixture(scope="module")
def judged() -> dict[str, Report]:
    return judge_all(RECORDED)


def test_corpus_is_large_enough_and_no_larger() -> None:
    assert len(RECORDED) >= FEWEST
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) <= LARGEST


def test_real_qemu_conforms(judged: dict[str, Report]) -> None:
    assert not faults(judged)
    assert {report.verdict for report in judged.values()} == {Verdict.CONFORMS}


def test_every_trace_is_judged_by_the_release_that_its_greeting_tells(judged: dict[str, Report]) -> None:
    expected = profile_for("5.2.0")
    assert expected == "qemu-5.2.0"
    assert {profile for report in judged.values() for profile in report.profiles.values()} == {expected}


def test_every_trace_has_messages_that_need_rules(judged: dict[str, Report]) -> None:
    assert all(report.messages and report.exercised for report in judged.values())


def test_real_qemu_differs_from_the_written_contract_in_two_places() -> None:
    found = faults(judge_all(RECORDED, WRITTEN))
    # the schema promises the member dirty-rate always, and -1 where there is none yet; the release leaves it out until
    # there is one, and says -1 where it could measure none
    assert {fault.rpartition(" ")[2] for fault in found} == {"schema.query-dirty-rate", "query-dirty-rate.unmeasured"}


@pytest.mark.parametrize("path", OTHER_CLIENTS, ids=lambda path: path.name)
def test_client_that_is_not_in_the_trace_must_be_admitted(path: Path) -> None:
    assert judge_file(str(path)).verdict is Verdict.VIOLATES
    assert judge_file(str(path), ADMITTED).verdict is Verdict.CONFORMS


def test_there_are_traces_of_unseen_clients() -> None:
    assert OTHER_CLIENTS
