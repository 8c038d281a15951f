"""TLC and the checker judge recorded traces, and traces with a fault in them, alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.tla import edits, traces
from tests.tla.modules import ROOT
from tests.traces.corpus import ATTACHED

CORPUS = ROOT / "traces" / "corpus" / "qemu-5.2.0"

FEW = (
    ("cancel-in-active.jsonl", "dst"),
    ("destination-killed-in-active.jsonl", "dst"),
    ("bitmaps-in-precopy.jsonl", "dst"),
    ("bitmaps-in-precopy.jsonl", "src"),
)
"""The traces that every run of the tests judges."""

FAULTY = ("bitmaps-in-precopy.jsonl", "dst")
"""The one that every run puts faults into."""

SLOW = "MIGRATION setup"
"""The event for whose faults the checker takes long to find the nearest explanation."""

MORE_FAULTY = (
    ("cancel-in-active.jsonl", "dst"),
    ("cancel-in-active.jsonl", "src"),
    ("bitmaps-in-precopy.jsonl", "src"),
    ("bitmaps-in-precopy.jsonl", "dst"),
)
"""Those that the long run puts faults into."""

BATCH = 24
"""How many traces one run of TLC judges."""

LONGEST = 300
"""How many observations of a monitor TLC judges, from the first: with their number, the time grows faster than it."""


def _within_reach() -> Iterator[tuple[str, str, traces.Reading]]:
    for path in sorted(CORPUS.glob("*.jsonl*")):
        if path.name in ATTACHED:
            continue  # the module begins at rest
        for vm, reading in traces.read(path).items():
            if isinstance(reading, traces.Reading):
                yield path.name, vm, reading


def _reading(name: str, vm: str) -> traces.Reading:
    reading = traces.read(CORPUS / name)[vm]
    assert isinstance(reading, traces.Reading), reading
    return reading


def _agree_on_faults(name: str, vm: str, *, but: str | None = None) -> None:
    lines = edits.part(CORPUS / name, vm)
    faulty = [trace for trace in edits.faults(lines) if but is None or not trace.what.startswith(but)]
    edited = (edits.Edited("nothing is changed", lines), *faulty)
    judged = [
        (trace, reading) for trace in edited if isinstance(reading := traces.observed(trace.lines)[vm], traces.Reading)
    ]
    verdicts = traces.judge([reading for _, reading in judged])
    assert verdicts[0]
    assert not all(verdicts)
    found = edits.violations([trace for trace, _ in judged])
    differ = {
        trace.what: (allowed, found[trace.what])
        for (trace, _), allowed in zip(judged, verdicts, strict=True)
        if allowed == bool(found[trace.what])
    }
    assert not differ


def test_some_recorded_traces_are_allowed() -> None:
    assert all(traces.judge([_reading(name, vm) for name, vm in FEW]))


def test_both_find_the_same_faults() -> None:
    _agree_on_faults(*FAULTY, but=SLOW)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "vm"), MORE_FAULTY)
def test_both_find_the_same_faults_in_more(name: str, vm: str) -> None:
    _agree_on_faults(name, vm)


@pytest.mark.soak
def test_every_recorded_trace_within_reach_is_allowed() -> None:
    """The checker finds them to conform, as the tests of the corpus say."""
    within = sorted(_within_reach(), key=lambda one: len(one[2].observations))
    every = sum(len(traces.read(path)) for path in CORPUS.glob("*.jsonl*"))
    print(f"{len(within)} of {every} monitors of the corpus are within reach of the module")
    for name, vm, reading in within:
        if len(reading.observations) > LONGEST:
            print(f"of {name}, {vm}, the first {LONGEST} of {len(reading.observations)} observations are judged")
            del reading.observations[LONGEST:]
    refused = []
    for begin in range(0, len(within), BATCH):
        batch = within[begin : begin + BATCH]
        verdicts = traces.judge([reading for _, _, reading in batch])
        refused += [f"{name} {vm}" for (name, vm, _), allowed in zip(batch, verdicts, strict=True) if not allowed]
    assert not refused
