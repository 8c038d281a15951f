"""What a deadline interrupts, and that it leaves no trace of itself."""

from __future__ import annotations

import math
import signal
import threading

import pytest

from migspec.traces.shrink.deadline import Deadline, OutOfTimeError


def forever() -> None:
    while True:
        pass


def test_it_passes() -> None:
    assert Deadline(0.0).has_passed
    assert not Deadline().has_passed
    assert not Deadline(math.inf).has_passed


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.01])
def test_what_takes_too_long_is_interrupted(seconds: float) -> None:
    before = signal.getsignal(signal.SIGALRM)
    deadline = Deadline(seconds)
    with pytest.raises(OutOfTimeError), deadline.kept():
        forever()
    assert deadline.has_passed
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_ends_in_time_is_not() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with Deadline(1_000.0).kept():
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_without_a_number_there_is_no_timer() -> None:
    with Deadline().kept():
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_in_another_thread_nothing_is_interrupted() -> None:
    done: list[bool] = []

    def work() -> None:
        deadline = Deadline(0.0)
        with deadline.kept():
            done.append(deadline.has_passed)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
