"""Rates that are computed now and then, as in QEMU: every 100 ms, and with each pass after a second at least."""

from dataclasses import dataclass
from math import floor

TICK = 0.1
"""Seconds between two estimates of the speed."""
ROUNDING = 1e-6
"""Seconds by which a clock of floats may be wrong."""


def milliseconds(began: float, ended: float) -> int:
    """The whole milliseconds between two moments."""
    return max(0, floor((ended - began + ROUNDING) * 1000))


@dataclass(frozen=True, slots=True)
class Flow:
    """Bytes of the stream and pages, between two moments: they flow evenly from `began` to `done`, and then stop."""

    began: float
    done: float
    ended: float
    bytes_before: float
    bytes_after: float
    pages_before: int
    pages_after: int

    def at(self, moment: float) -> tuple[float, float]:
        """Bytes and pages until a moment."""
        if moment <= self.began:
            return self.bytes_before, self.pages_before
        share = 1.0 if moment >= self.done else (moment - self.began) / (self.done - self.began)
        return (
            self.bytes_before + share * (self.bytes_after - self.bytes_before),
            self.pages_before + share * (self.pages_after - self.pages_before),
        )


@dataclass(slots=True)
class Meter:
    """The speed of the last 100 ms that are over, and what follows from it.

    `bandwidth` is in bytes a second, 0 before the first estimate; `mbps` in 10**6 bits a second. `ticked` tells
    whether the last flow ended a tick, `sent` what that tick sent.
    """

    mbps: float = 0.0
    pages_per_second: int = 0
    bandwidth: float = 0.0
    sent: float = 0.0
    next: float = 0.0
    _bytes: float = 0.0
    _pages: float = 0.0

    def start(self, now: float, sent: float, pages: int) -> None:
        """Begin a tick."""
        self.next = now + TICK
        self._bytes, self._pages = sent, pages

    def pass_by(self, flow: Flow) -> bool:
        """Take note of a flow that began in the present tick; whether it has ended that tick."""
        if flow.ended < self.next:
            return False
        more = floor((flow.ended - self.next) / TICK)
        end = self.next + more * TICK
        if more:
            self._bytes, self._pages = flow.at(end - TICK)
        sent, pages = flow.at(end)
        self.sent = sent - self._bytes
        self.bandwidth = self.sent / TICK
        self.mbps = round(self.bandwidth * 8 / 1e6, 6)
        self.pages_per_second = round((pages - self._pages) / TICK)
        self._bytes, self._pages = sent, pages
        self.next = end + TICK
        return True

    def expected(self, sent: float, speed: float, now: float) -> float:
        """The bandwidth that the present tick will show if it goes on at a speed."""
        return (sent - self._bytes + speed * max(0.0, self.next - now)) / TICK
