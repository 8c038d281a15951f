"""What is true of every state that a process can reach: named predicates over the variables of one VM.

Nothing states these; they follow from the rows and contracts of QEMU 5.2.0, its known defects included, and a test
walks the relation to see that they do.  They are class invariants of a model, and what a reader may rely on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from migspec.spec.conditions import Condition, where
from migspec.spec.lifecycle.guards import IN_PROGRESS
from migspec.spec.state import VARIABLES


@dataclass(frozen=True)
class Invariant:
    """In every reachable state in which `when` holds, `then` holds too."""

    id: str
    sentence: str
    when: Condition
    then: Condition

    @property
    def condition(self) -> Condition:
        """What holds in every reachable state."""
        return (~self.when | self.then).named(self.sentence)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that it speaks of, in their order."""
        cases = (*self.when.cases, *self.then.cases)
        spoken_of = {literal.variable.name for case in cases for literal in case.literals}
        return tuple(name for name in VARIABLES if name in spoken_of)

    def holds(self, state: int) -> bool:
        """Whether a fully known state keeps it."""
        return not self.when.holds(state) or self.then.holds(state)


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "outgoing.none.idle",
        "Without an outgoing migration there is no work for one.",
        where({"outgoing": "none"}),
        where({"stage": "idle", "error-known": "no", "poisoned": "no"}),
    ),
    Invariant(
        "outgoing.in-progress.works",
        "An outgoing migration in progress is worked on.",
        IN_PROGRESS,
        ~where({"stage": "idle"}),
    ),
)
"""Every invariant of a VM, in no order that matters."""


@lru_cache(maxsize=4096)
def broken(state: int) -> tuple[Invariant, ...]:
    """The invariants that a fully known state does not keep."""
    return tuple(invariant for invariant in INVARIANTS if not invariant.holds(state))


def is_known(state: int) -> bool:
    """Whether every variable has exactly one value."""
    return state.bit_count() == len(VARIABLES) and all(state & variable.field for variable in VARIABLES.values())


def unknown(state: int) -> Iterator[str]:
    """The variables that have no value, or more than one."""
    return (name for name, variable in VARIABLES.items() if (state & variable.field).bit_count() != 1)
