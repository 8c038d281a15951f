"""What a mutant of the specification is, and how the model is made to go by it.

A mutant changes one thing in the tables from which the model takes its steps: a row, a case of a contract, the words
of a refusal, or the numbers that it tells. The judge reads the same modules, so a mutant is in force only for as long
as the model runs; the relation of the judge is made before, and what the model remembers is forgotten afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from unittest.mock import patch

from migspec.reference_impl import contents, contracts, process
from migspec.reference_impl.answering import Answering
from migspec.reference_impl.calls import Call, Failure
from migspec.spec import steps
from migspec.spec.commands import CONTRACTS, envelope, machine
from migspec.spec.contracts import Answer, Case, Contract
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0, Row
from migspec.spec.steps import Relation

Told = Callable[[Any, Call], object]
"""What query-migrate is answered: a function of the machine that is asked, and of the call."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case stands: the command of its contract, and its index among the cases."""

    command: str
    index: int


ENVELOPE = ":envelope"
"""In place of a command: the contract that every command meets first."""
OPEN = ":open"
"""In place of a command: the contract of every command that has none of its own."""


@dataclass(frozen=True)
class Mutant:
    """One change of the specification.

    `operator` is the kind of change, `rule` the row, case or relation that is changed, `detail` which part of it. The
    rest is the change itself: `rows` by their ids, None for one that is dropped; `case` at a place, None if it is
    dropped; `wording` of the refusals of the rule; `told`, what query-migrate tells, given what it would tell.
    """

    operator: str
    rule: str
    detail: str = ""
    rows: Mapping[str, Row | None] = field(default_factory=dict, repr=False)
    place: Place | None = None
    case: Case | None = field(default=None, repr=False)
    wording: Callable[[Failure], Failure] | None = field(default=None, repr=False)
    told: Callable[[Told], Told] | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """The stable id."""
        return f"{self.operator}:{self.rule}" + (f":{self.detail}" if self.detail else "")

    @property
    def change(self) -> str:
        """The variable whose change is dropped; empty for any other mutant, and for a change that waits its turn."""
        return self.detail if self.operator == "change.dropped" and self.detail[0] != "=" else ""

    @cached_property
    def relation(self) -> Relation:
        """The relation by which the model moves."""
        if not self.rows:
            return Relation(QEMU_5_2_0)
        changed = (self.rows.get(row.id, row) for row in ROWS)
        with patch.object(steps, "ROWS", tuple(row for row in changed if row is not None)):
            return Relation(QEMU_5_2_0)


def contract_at(command: str) -> Contract:
    """The contract of a command, or one of the two that several share."""
    return {ENVELOPE: envelope.CONTRACT, OPEN: machine.OPEN}.get(command) or CONTRACTS[command]


def _with_case(contract: Contract, index: int, case: Case | None) -> Contract:
    cases = [*contract.cases]
    cases[index : index + 1] = [] if case is None else [case]
    return Contract(contract.command, tuple(cases), contract.query, contract.aside)


@contextmanager
def in_force(mutant: Mutant | None) -> Iterator[None]:
    """Let machines that are made now go by a mutant, or by the specification as it is."""
    with ExitStack() as stack:
        if mutant is not None:
            _put_in_force(stack, mutant)
        yield


def _put_in_force(stack: ExitStack, mutant: Mutant) -> None:
    relation = mutant.relation
    stack.enter_context(patch.object(process, "relation_of", lambda _profile: relation))
    place = mutant.place
    if place is not None:
        changed = _with_case(contract_at(place.command), place.index, mutant.case)
        if place.command == ENVELOPE:
            stack.enter_context(patch.object(envelope, "CONTRACT", changed))
        elif place.command == OPEN:
            stack.enter_context(patch.object(machine, "OPEN", changed))
        else:
            stack.enter_context(patch.dict(CONTRACTS, {place.command: changed}))
        # which answers are possible is remembered
        contracts.possible.cache_clear()
        stack.callback(contracts.possible.cache_clear)
    if mutant.wording is not None:
        stack.enter_context(patch.object(Answering, "refusal", _reworded(mutant.rule, mutant.wording)))
    if mutant.told is not None:
        told = mutant.told(contents._TOLD["query-migrate"])
        stack.enter_context(patch.dict(contents._TOLD, {"query-migrate": told}))


def _reworded(rule: str, wording: Callable[[Failure], Failure]) -> Callable[[Answering, Answer, Call], Failure]:
    original = Answering.refusal

    def refusal(self: Answering, answer: Answer, call: Call) -> Failure:
        failure = original(self, answer, call)
        return wording(failure) if answer.case.id == rule else failure

    return refusal


def changed_row(operator: str, row: Row, detail: str = "", **changes: Any) -> Mutant:
    """The mutant that has a row with these fields otherwise."""
    return Mutant(operator, row.id, detail, rows={row.id: replace(row, **changes)})
