"""Until when a search goes on."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SOON = 1e-3
"""Seconds: a timer of none would never go off."""


class OutOfTimeError(Exception):
    """What was being done takes longer than there is time."""


class Deadline:
    """A moment, so many `seconds` from now; without a number it never comes."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._end = time.monotonic() + seconds

    @property
    def has_passed(self) -> bool:
        """Whether it has come."""
        return time.monotonic() >= self._end

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let what is done meanwhile end with `OutOfTimeError` when the moment comes.

        That needs the timer of the process, and its main thread: in another one nothing is interrupted.
        """
        if self._end == math.inf or threading.current_thread() is not threading.main_thread():
            yield
            return

        def ring(number: int, frame: FrameType | None) -> None:
            raise OutOfTimeError

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, max(self._end - time.monotonic(), _SOON))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
