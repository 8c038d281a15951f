"""Block migration: the disks go first, and what the guest writes to them meanwhile goes again.

A disk is read from its beginning to its end; then what was written to it is sent, until the guest stops. As long as a
disk is not through, memory waits and the migration does not converge. The statistics know only the first reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from migspec.reference_impl.options import Disk

BLOCK = 1 << 20
"""Bytes that are sent at a time; a block of zeroes can be named instead."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a stretch of time leaves to the memory: it waits for `delay` seconds, then has that `share` of the link."""

    delay: float = 0.0
    share: float = 1.0


@dataclass(slots=True)
class DiskWork:
    """The disks of one attempt; `zero_blocks` tells that blocks of zeroes are named."""

    disks: Sequence[Disk]
    zero_blocks: bool
    wire: float = 0.0
    """Bytes that the disks have put on the link."""
    _read: float = 0.0
    _again: float = field(default=0.0)

    @property
    def total(self) -> int:
        """Bytes of all disks."""
        return sum(disk.size for disk in self.disks)

    @property
    def transferred(self) -> int:
        """Bytes that were read and sent, or named."""
        return min(self.total, int(self._read))

    @property
    def left(self) -> float:
        """Bytes of the link that the disks still need."""
        return (self.total - self._read) * self._weight + self._again

    @property
    def read(self) -> bool:
        """Whether all disks were read once."""
        return self._read >= self.total

    @property
    def _weight(self) -> float:
        """Bytes of the link for a byte of a disk."""
        if not self.zero_blocks or not self.total:
            return 1.0
        return 1 - sum(disk.size * disk.zero for disk in self.disks) / self.total

    def _written(self, speed: float) -> float:
        return speed * sum(disk.written for disk in self.disks)

    def turn(self, bandwidth: float, speed: float) -> Turn:
        """What is left to the memory from now on, with the guest at a speed from 0 to 1."""
        written = self._written(speed)
        if not self.disks or bandwidth <= 0:
            return Turn()
        if written >= bandwidth:
            return Turn(inf, 0.0)
        reading = (self.total - self._read) * self._weight / bandwidth
        return Turn(reading + (self._again + reading * written) / (bandwidth - written), 1 - written / bandwidth)

    def advance(self, seconds: float, bandwidth: float, speed: float) -> None:
        """Send for so long."""
        if not self.disks:
            return
        written = self._written(speed)
        budget = bandwidth * seconds
        need = (self.total - self._read) * self._weight
        reads = min(need, budget)
        self._read = self.total if reads >= need else self._read + reads / self._weight
        again = min(self._again + written * seconds, float(self.total))
        sends = min(again, budget - reads)
        self._again = again - sends
        self.wire += reads + sends

    def finish(self) -> None:
        """Send the rest at once."""
        self.wire += self.left
        self._read, self._again = self.total, 0.0
