"""A deadline: it comes when it is due, or never."""

from __future__ import annotations

import time

import pytest

from migspec.traces.shrink.deadline import Deadline, OutOfTimeError


@pytest.mark.parametrize("passed", [0.0, 4.9])
def test_before_the_moment_nothing_is_said(passed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    deadline = Deadline(5.0)
    monkeypatch.setattr(time, "monotonic", lambda: now + passed)
    deadline.check()


@pytest.mark.parametrize("passed", [5.1, 1e6])
def test_from_then_on_the_time_is_up(passed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    deadline = Deadline(5.0)
    monkeypatch.setattr(time, "monotonic", lambda: now + passed)
    with pytest.raises(OutOfTimeError):
        deadline.check()


def test_without_a_number_it_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    deadline = Deadline()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1e12)
    deadline.check()
