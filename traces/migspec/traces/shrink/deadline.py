"""Until when a search goes on."""

from __future__ import annotations

import math
import time


class OutOfTimeError(Exception):
    """What was being done takes longer than there is time."""


class Deadline:
    """A moment, so many `seconds` from now; without a number it never comes."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raise `OutOfTimeError` if it has come.

        Whoever may take long asks now and then: an alarm of the process could go off where nobody hears it.
        """
        if time.monotonic() >= self._end:
            raise OutOfTimeError
