"""Mutants of recorded traces: one change each, and what is accepted has its reason."""

import pytest
from tests.faults.corruptions import lines_of
from tests.mutants import traces
from tests.mutants.traces import OPERATORS, all_samples, mutated, outcomes

FEW = 4


def test_a_sample_is_always_the_same() -> None:
    assert all_samples(FEW) == all_samples(FEW)


def test_a_mutant_is_another_trace() -> None:
    for changed in all_samples(FEW):
        lines, what = mutated(changed.operator, changed.trace, changed.line)
        assert lines != list(lines_of(changed.trace))
        assert what == changed.what


def test_a_few_come_out_as_before() -> None:
    stored = {(each.operator, each.trace, each.line): each.came for each in traces.stored()}
    for changed in outcomes(all_samples(FEW)):
        assert changed.came is stored[changed.operator, changed.trace, changed.line], changed


def test_every_operator_is_sampled() -> None:
    assert {changed.operator for changed in traces.stored()} == set(OPERATORS)
    assert len(traces.stored()) == traces.SAMPLES * len(OPERATORS)


def test_all_that_is_accepted_has_a_reason() -> None:
    assert traces.unexplained(traces.stored()) == []
    assert traces.stale(traces.stored()) == []


@pytest.mark.soak
def test_all_of_them_come_out_as_before() -> None:
    assert outcomes(all_samples(), jobs=2) == traces.stored()
