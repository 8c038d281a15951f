"""A deadline: it comes when it is due, or never."""

from __future__ import annotations

import time

import pytest

from migspec.traces.shrink.deadline import Deadline, OutOfTimeError


def later(passed: float, monkeypatch: pytest.MonkeyPatch, *given: float) -> Deadline:
    """A deadline, when so many seconds have passed."""
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    deadline = Deadline(*given)
    monkeypatch.setattr(time, "monotonic", lambda: now + passed)
    return deadline


@pytest.mark.parametrize("passed", [0.0, 4.9])
def test_before_the_moment_nothing_is_said(passed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    later(passed, monkeypatch, 5.0).check()


@pytest.mark.parametrize("passed", [5.1, 1e6])
def test_from_then_on_the_time_is_up(passed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    deadline = later(passed, monkeypatch, 5.0)
    with pytest.raises(OutOfTimeError):
        deadline.check()


def test_without_a_number_it_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    later(1e12, monkeypatch).check()
