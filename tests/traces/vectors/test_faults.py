"""Faulty traces: each fault is put somewhere, and each makes the judge object, or is no trace any more."""

from __future__ import annotations

import json
from functools import cache
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.vectors.made import DOCUMENTED

from migspec.cli.scenes import recordings
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.traces.findings import Grade, Verdict
from migspec.traces.vectors.faults import FAULTS, SPOILT, NoPlaceError, faulty
from migspec.traces.vectors.verdicts import Recorded, as_object, report_on


@cache
def played() -> dict[str, Recorded]:
    return {trace.name: trace for trace in recordings()}


@cache
def spoilt() -> dict[str, Recorded]:
    return {trace.name: trace for trace in faulty(played().values())}


QUICK = (
    *("precopy.greeting-lacks-version", "precopy.event-lost", "precopy.pass-left-out", "settings.reply-lost"),
    *("settings.refusal-accepted", "precopy.answer-lacks-member", "precopy.numbers-apart", "precopy.run-state-wrong"),
)
"""Faults that the judge sees at once."""


@pytest.mark.parametrize("name", ["held", "cancelled", "settings", "two-monitors"])
def test_what_the_model_plays_conforms(name: str) -> None:
    for profile in (QEMU_5_2_0, SEED):
        assert report_on(played()[name], profile).verdict is Verdict.CONFORMS


@pytest.mark.soak
def test_everything_that_the_model_plays_conforms_and_every_fault_is_none_that_does() -> None:
    for trace in played().values():
        assert report_on(trace, QEMU_5_2_0).verdict is Verdict.CONFORMS, trace.name
        # the text of the schema says that there is a rate before anything was measured, and there is none
        is_unlike = trace.name == "dirty-rate"
        assert (report_on(trace, SEED).verdict is Verdict.VIOLATES) is is_unlike, trace.name
    for trace in spoilt().values():
        assert report_on(trace, QEMU_5_2_0).verdict is not Verdict.CONFORMS, trace.name


def test_every_fault_changes_its_trace_and_nothing_else() -> None:
    assert len(spoilt()) == len(FAULTS) + len(SPOILT)
    for trace in spoilt().values():
        base = played()[trace.base]
        assert trace.fault
        changed = [line for line in trace.lines if line not in base.lines]
        assert len(changed) <= 1
        assert abs(len(trace.lines) - len(base.lines)) <= 1
        assert trace.lines != base.lines


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_is_a_violation(name: str) -> None:
    report = report_on(spoilt()[name], QEMU_5_2_0)
    assert report.verdict is Verdict.VIOLATES
    shown = as_object(spoilt()[name], [QEMU_5_2_0])["verdicts"][0]
    assert shown["verdict"] == "violates"
    lines = [f["line"] for f in shown["findings"] if f["grade"] == "violation"]
    assert lines == [f.line for f in report.findings if f.grade is Grade.VIOLATION]
    assert all(1 < line <= len(spoilt()[name].lines) for line in lines)


def test_the_documentation_shows_what_the_judge_says() -> None:
    shown = as_object(spoilt()["precopy.event-lost"], [SEED, QEMU_5_2_0])
    (finding,) = shown["verdicts"][1]["findings"]
    finding["message"] = "..."
    assert all(json.dumps(verdict) in DOCUMENTED for verdict in shown["verdicts"])


def test_a_gap_is_no_violation() -> None:
    assert report_on(spoilt()["precopy.gap"], QEMU_5_2_0).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("name", [name for name, *_ in SPOILT])
def test_what_is_no_trace_is_unreadable(name: str) -> None:
    shown = as_object(spoilt()[f"nobody-listens.{name}"], [QEMU_5_2_0])
    (verdict,) = shown["verdicts"]
    assert verdict["verdict"] == "unreadable"
    assert verdict["error"].startswith(f"traces/nobody-listens.{name}.jsonl, line ")
    assert shown["base"] == "nobody-listens"


def test_a_trace_without_messages_is_inconclusive_as_when_it_is_checked() -> None:
    report = report_on(Recorded("silent", "", played()["precopy"].lines[:1]), QEMU_5_2_0)
    assert report.verdict is Verdict.INCONCLUSIVE


def test_a_trace_without_a_place_for_a_fault_is_told() -> None:
    short = Recorded("precopy", "", played()["precopy"].lines[:1])
    with pytest.raises(NoPlaceError, match="precopy has no place for greeting-lacks-version"):
        list(faulty([short]))


@given(st.binary(max_size=60), st.lists(st.binary(max_size=60), max_size=3))
def test_no_bytes_at_all_raise(first: bytes, rest: list[bytes]) -> None:
    report = report_on(Recorded("x", "", (first, *rest)), QEMU_5_2_0)
    assert report.verdict is Verdict.UNREADABLE


def test_the_model_plays_the_same_every_time() -> None:
    for trace in islice(recordings(), 5):
        assert trace == played()[trace.name]
