"""Traces of real QEMU, varied in ways that may cost knowledge but never make a conforming trace violate.

Each property takes a file of the corpus and a way to vary it.  What is cut off or declared missing can only be
learned less of; what has no meaning (the clock, how the lines of two VMs interleave) changes nothing.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.traces.findings import Grade, Report
from migspec.traces.format import open_trace
from migspec.traces.judge import judge_file

CORPUS = Path(__file__).resolve().parents[2] / "traces/corpus/qemu-5.2.0"
LARGEST = 20_000
"""Bytes of the longest traces that are varied."""

LATE_EXAMPLES = 10
"""Examples of traces that begin late: what may have been before takes a while to think of."""

GAP_EXAMPLES = 30
"""Examples of gaps that hide nothing: each is a late start too, though one that is soon over."""

Line = dict[str, Any]


def _small(path: Path) -> bool:
    with open_trace(str(path)) as lines:
        return sum(len(text) for _, text in lines) <= LARGEST


FILES = sorted(path for path in CORPUS.glob("*.jsonl*") if _small(path))


def _chosen(key: bytes) -> Path:
    """A recording for each key, any as likely as another; one that is added takes few from the others."""
    return max(FILES, key=lambda path: blake2b(key + path.name.encode()).digest())


# every run tries the same, and that must not hang on how many recordings there are
files = st.binary(min_size=8, max_size=8).map(_chosen)
shares = st.floats(0, 1)


@cache
def load(path: Path) -> tuple[Line, tuple[Line, ...]]:
    """The header and the other lines of a trace."""
    with open_trace(str(path)) as lines:
        header, *rest = [json.loads(text) for _, text in lines if text]
    return header, tuple(rest)


class Judge:
    """Judges varied traces in another process, which has none of the tests' type checks to slow it."""

    def __init__(self, pool: ProcessPoolExecutor, path: Path) -> None:
        self._pool = pool
        self._path = path

    def __call__(self, header: Line, lines: Sequence[Line]) -> Report:
        self._path.write_text("".join(json.dumps(line) + "\n" for line in (header, *lines)))
        report = self._pool.submit(judge_file, str(self._path)).result()
        assert not report.error
        return report

    def violations(self, header: Line, lines: Sequence[Line]) -> list[str]:
        """The violations found, a line each."""
        return [
            f"line {finding.line}, {finding.vm}: {finding.rule}: {finding.message}"
            for finding in self(header, lines).findings
            if finding.grade is Grade.VIOLATION
        ]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield Judge(pool, tmp_path_factory.mktemp("varied") / "varied.jsonl")


def findings(report: Report, lines: Sequence[Line]) -> list[tuple[str, str, Grade, str]]:
    """What was found and at which message, apart from where in the file that is."""
    return sorted(
        (finding.vm, finding.rule, finding.grade, json.dumps(lines[finding.line - 2], sort_keys=True))
        for finding in report.findings
    )


@given(files, st.data())
def test_each_vm_alone_conforms(judge: Judge, path: Path, data: st.DataObject) -> None:
    header, lines = load(path)
    vm = data.draw(st.sampled_from(sorted({line["vm"] for line in lines})))
    assert not judge.violations(header, [line for line in lines if line["vm"] == vm])


@given(files, shares)
def test_beginning_conforms(judge: Judge, path: Path, share: float) -> None:
    header, lines = load(path)
    assert not judge.violations(header, lines[: round(share * len(lines))])


@settings(max_examples=LATE_EXAMPLES)
@given(files, shares)
def test_end_conforms(judge: Judge, path: Path, share: float) -> None:
    header, lines = load(path)
    assert not judge.violations(header, lines[round(share * len(lines)) :])


@settings(max_examples=LATE_EXAMPLES)
@given(files, shares, shares)
def test_declared_gap_conforms(judge: Judge, path: Path, share: float, length: float) -> None:
    header, lines = load(path)
    begin = round(share * len(lines))
    end = begin + round(length * (len(lines) - begin))
    gaps = [{"vm": vm, "gap": "lost"} for vm in sorted({line["vm"] for line in lines})]
    assert not judge.violations(header, [*lines[:begin], *gaps, *lines[end:]])


@settings(max_examples=GAP_EXAMPLES)
@given(files, shares)
def test_gap_in_which_nothing_was_lost_hides_nothing(judge: Judge, path: Path, share: float) -> None:
    header, lines = load(path)
    place = round(share * len(lines))
    gaps = [{"vm": vm, "gap": "nothing"} for vm in sorted({line["vm"] for line in lines[:place]})]
    rules = {finding.rule for finding in judge(header, [*lines[:place], *gaps, *lines[place:]]).findings}
    assert "trace.gap" not in rules


@given(files, st.randoms(use_true_random=False))
def test_interleaving_of_vms_changes_nothing(judge: Judge, path: Path, random: Any) -> None:
    header, lines = load(path)
    queues = {vm: [line for line in lines if line["vm"] == vm] for vm in {line["vm"] for line in lines}}
    order = [line["vm"] for line in lines]
    random.shuffle(order)
    mixed = [queues[vm].pop(0) for vm in order]
    assert findings(judge(header, mixed), mixed) == findings(judge(header, lines), lines)


@given(files)
def test_clock_changes_nothing(judge: Judge, path: Path) -> None:
    header, lines = load(path)
    timeless = [{name: value for name, value in line.items() if name != "t"} for line in lines]
    assert judge(header, timeless).findings == judge(header, lines).findings
