"""What a sample fault is: one wrong thing in a recorded trace, and as what it must be found."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.faults.mutations import Faulty, Mutation, Side, recorded

src = Side("src")
dst = Side("dst")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its name, the rule that must be named, and how it is put into which trace, at which VM.

    `most` is the number of findings that it may cause; `gap` says why the checker does not find it, where it
    does not.
    """

    name: str
    rule: str
    mutation: Mutation
    most: int = 1
    gap: str = ""
    base: str = ""
    side: Side = src

    def faulty(self) -> Faulty:
        """The trace with the fault in it."""
        return self.mutation(recorded(self.base))


def in_trace(base: str, side: Side, *faults: Fault) -> tuple[Fault, ...]:
    """Faults that start from the same trace, at the same VM."""
    return tuple(replace(fault, base=base, side=side) for fault in faults)
