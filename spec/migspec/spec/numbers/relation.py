"""What a relation between numbers is, and to which answers it applies.

A relation is a formula with a scope. Some relate the numbers of one answer, others compare an answer with the one
before it. A *situation* is all that decides which relations apply; the numbers themselves are not in it, so there
are few of them, and the relations of each are translated once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from migspec.spec.commands.queries import REQUIRED
from migspec.spec.numbers.formula import BEFORE, PARAMETER, PASSES, Formula, Mention
from migspec.spec.rows import QEMU_5_2_0, Standing
from migspec.spec.vocabulary import MigrationStatus

WITH_RAM: frozenset[str] = frozenset(REQUIRED)
"""The statuses that come with statistics."""

UNFINISHED: frozenset[str] = WITH_RAM - {MigrationStatus.COMPLETED}
"""Those of an attempt that still has its capabilities: none can be changed."""

COMPLETED: frozenset[str] = frozenset({MigrationStatus.COMPLETED})
"""The one in which everything is final, once the times are there."""


class History(StrEnum):
    """What a trace may have shown of an attempt."""

    BEGUN = "begun"
    """Its beginning: an accepted `migrate`, not over RDMA, whose pages go uncounted past the stream."""
    FIRST = "first"
    """That it is the first of the process: counters of XBZRLE and of compression are never reset."""
    STEADY = "steady"
    """That no parameter was set since it began."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known beside the numbers when an answer is judged.

    `before` is the status of the answer before it, if both are of one attempt, and `members_before` its members;
    `recovered` tells that a recovery may lie between the two. `capabilities` are those of the attempt as far as they
    are certain, `history` what was seen of it, and `inputs` what has a value beside the answers: `passes`, and
    parameters by their name.
    """

    profile: str
    status: str | None
    members: frozenset[str]
    before: str | None = None
    members_before: frozenset[str] = frozenset()
    recovered: bool = False
    capabilities: frozenset[tuple[str, bool]] = frozenset()
    history: frozenset[History] = frozenset()
    inputs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation that holds between numbers.

    `statuses` are those of the answers that it is about; None for all that have its members. `before` are the
    statuses of the answer before, where it compares two: None where those are the same. It holds across a recovery
    only if `recovers`. `capabilities` must be known to be so in the attempt, and `history` to have been seen.
    `needs` is what else must be the case and no trace can show.
    """

    id: str
    sentence: str
    formula: Formula
    clause: str
    statuses: frozenset[str] | None = WITH_RAM
    before: frozenset[str] | None = None
    recovers: bool = True
    capabilities: tuple[tuple[str, bool], ...] = ()
    history: frozenset[History] = frozenset()
    needs: str = ""
    standing: Standing = Standing.OBSERVED
    profiles: frozenset[str] = frozenset({QEMU_5_2_0})
    evidence: str = ""
    compares: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compares", bool(self.formula.of(BEFORE)))

    @property
    def scope(self) -> str:
        """When it applies, in words."""
        parts = [] if self.statuses is None else [f"status {' or '.join(sorted(self.statuses))}"]
        if self.before is not None:
            parts.append(f"before {' or '.join(sorted(self.before))}")
        if self.compares:
            parts.append("two answers of one attempt on one monitor")
        if not self.recovers:
            parts.append("no recovery between them")
        parts += [f"{name} {'on' if on else 'off'} in the attempt" for name, on in self.capabilities]
        parts += sorted(self.history)
        if self.needs:
            parts.append(self.needs)
        return ", ".join(parts)

    def applies(self, situation: Situation) -> bool:
        """Whether the relation must hold in a situation."""
        if situation.profile not in self.profiles:
            return False
        if self.statuses is not None and situation.status not in self.statuses:
            return False
        if self.compares and not self._compares(situation):
            return False
        capabilities = dict(situation.capabilities)
        if any(capabilities.get(name) is not on for name, on in self.capabilities):
            return False
        if not self.history <= situation.history:
            return False
        return all(_is_there(mention, situation, capabilities) for mention in self.formula.mentions)

    def _compares(self, situation: Situation) -> bool:
        statuses = self.statuses if self.before is None else self.before
        if situation.before is None or (statuses is not None and situation.before not in statuses):
            return False
        return self.recovers or not situation.recovered


OPTIONAL: dict[str, str] = {"xbzrle-cache": "xbzrle", "compression": "compress"}
"""The members that a formula may do without, and the capabilities that make an attempt count in them.

The answer has them while the capability is on, whatever the attempt had.
"""


def _is_there(mention: Mention, situation: Situation, capabilities: dict[str, bool]) -> bool:
    """Whether what a formula reads has a value."""
    if mention.root == BEFORE:
        return mention.member in situation.members_before
    if mention.root == PASSES:
        return PASSES in situation.inputs
    if mention.root == PARAMETER:
        return mention.path in situation.inputs
    if mention.member in situation.members:
        return not mention.optional or capabilities.get(OPTIONAL[mention.member]) is not None
    return mention.optional and capabilities.get(OPTIONAL[mention.member]) is False


def applying(relations: Iterable[Relation], situation: Situation) -> tuple[Relation, ...]:
    """The relations that must hold in a situation."""
    return tuple(relation for relation in relations if relation.applies(situation))
