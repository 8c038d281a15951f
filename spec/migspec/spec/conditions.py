"""Named conditions on states: what guards rows and what refusals of commands depend on.

A condition is data: a disjunction of conjunctions of *literals*, each of which limits one variable to some of
its values. From that one form everything is derived: whether a known state satisfies it (`holds`), what a
half-known state must be for it to be satisfied (`assume`), its negation, which literal stands in the way
(`blockers`), and its text in the documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from migspec.spec.state import ANYTHING, VARIABLES, Variable


@dataclass(frozen=True, slots=True)
class Literal:
    """One variable limited to some of its values."""

    variable: Variable
    values: tuple[str, ...]

    @property
    def bits(self) -> int:
        """The bits that the literal allows its variable.

        Raises `ValueError` for a value that the variable cannot have.
        """
        return self.variable.bits(self.values)

    @property
    def is_void(self) -> bool:
        """Whether it says nothing, for it allows every value."""
        return self.bits == self.variable.field

    def negated(self) -> Literal:
        """The same variable limited to all its other values."""
        return Literal(self.variable, self._missing)

    def __and__(self, other: Literal) -> Literal:
        return Literal(self.variable, tuple(value for value in self.values if value in other.values))

    @property
    def _missing(self) -> tuple[str, ...]:
        return tuple(value for value in self.variable.values if value not in self.values)

    def __str__(self) -> str:
        excludes = len(self._missing) < len(self.values)
        shown = self._missing if excludes else self.values
        if len(shown) == 1:
            return f"{self.variable.name} {'≠' if excludes else '='} {shown[0]}"
        return f"{self.variable.name} {'∉' if excludes else '∈'} {{{', '.join(shown)}}}"


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Literals that hold together, at most one for each variable, with their bit masks made once."""

    literals: tuple[Literal, ...]
    allow: int = field(init=False, repr=False, compare=False)
    fields: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        allow = ANYTHING
        for literal in self.literals:
            allow &= ~literal.variable.field | literal.bits
        object.__setattr__(self, "allow", allow)
        object.__setattr__(self, "fields", tuple(literal.variable.field for literal in self.literals))

    @property
    def is_possible(self) -> bool:
        """Whether any state satisfies it."""
        return all(literal.values for literal in self.literals)

    def covers(self, other: Conjunction) -> bool:
        """Whether every state that satisfies `other` satisfies this one too."""
        return other.allow & ~self.allow == 0

    def assume(self, state: int) -> int | None:
        """`state` with what must be true for the literals to hold; None if they cannot."""
        state &= self.allow
        for variable in self.fields:
            if not state & variable:
                return None
        return state

    def blockers(self, state: int) -> tuple[Literal, ...]:
        """The literals that `state` contradicts; none exactly if the conjunction can be assumed."""
        return tuple(literal for literal in self.literals if not state & literal.bits)

    def forced(self, state: int) -> int:
        """`state` with the contradicted variables set to what the literals want, the others narrowed."""
        for literal in self.literals:
            bits = literal.bits
            narrowed = state & bits
            state = state & ~literal.variable.field | (narrowed or bits)
        return state


@dataclass(frozen=True)
class Condition:
    """A condition on a state, with the name that diagnoses and documentation call it by."""

    name: str
    cases: tuple[Conjunction, ...]

    def assume(self, state: int) -> list[int]:
        """What `state` may be if the condition holds: one state for each case, none if it cannot hold."""
        return [assumed for case in self.cases if (assumed := case.assume(state)) is not None]

    def holds(self, state: int) -> bool:
        """Whether a fully known `state` satisfies the condition."""
        return any(case.assume(state) is not None for case in self.cases)

    def blockers(self, state: int) -> tuple[Literal, ...]:
        """The fewest literals that stand in the way; empty if none does, or if there is no way at all."""
        return min((case.blockers(state) for case in self.cases), key=len, default=())

    def named(self, name: str) -> Condition:
        """The same condition under another name."""
        return Condition(name, self.cases)

    def __and__(self, other: Condition) -> Condition:
        names = " and ".join(part for part in (self.name, other.name) if part)
        return Condition(
            names, _simplest(_joined(a.literals + b.literals) for a, b in product(self.cases, other.cases))
        )

    def __or__(self, other: Condition) -> Condition:
        return Condition(f"{self.name} or {other.name}", _simplest(self.cases + other.cases))

    def __invert__(self) -> Condition:
        return self._negation

    @cached_property
    def _negation(self) -> Condition:
        # one case at a time, with what is superfluous dropped at once, or the choices would multiply
        cases = ALWAYS.cases
        for excluded in self.cases:
            negated = [literal.negated() for literal in excluded.literals]
            cases = _simplest(_joined((*case.literals, literal)) for case in cases for literal in negated)
        return Condition(f"not ({self.name})", cases)

    def __str__(self) -> str:
        return " or ".join(" and ".join(map(str, case.literals)) or "always" for case in self.cases) or "never"


def _simplest(cases: Iterable[Conjunction]) -> tuple[Conjunction, ...]:
    """The cases, without those that no state satisfies and those that another one covers."""
    kept: list[Conjunction] = []
    for case in cases:
        if case.is_possible and not any(other.covers(case) for other in kept):
            kept = [*(other for other in kept if not case.covers(other)), case]
    return tuple(kept)


def _joined(literals: Iterable[Literal]) -> Conjunction:
    """The conjunction of literals of which several may limit the same variable."""
    joined: dict[str, Literal] = {}
    for literal in literals:
        name = literal.variable.name
        joined[name] = joined[name] & literal if name in joined else literal
    return Conjunction(tuple(literal for literal in joined.values() if not literal.is_void))


def where(
    limits: Mapping[str, str | Iterable[str]], name: str = "", variables: Mapping[str, Variable] = VARIABLES
) -> Condition:
    """The condition that each named one of the `variables` has (one of) the given value(s).

    Without a `name` the condition is called by its text. Raises `KeyError` for an unknown variable and
    `ValueError` for a value that it cannot have.
    """
    literals = []
    for variable_name, wanted in limits.items():
        values = (wanted,) if isinstance(wanted, str) else tuple(wanted)
        literals.append(Literal(variables[variable_name], tuple(str(value) for value in values)))
    condition = Condition(name, _simplest([_joined(literals)]))
    return condition if name else condition.named(str(condition))


ALWAYS: Condition = Condition("always", (Conjunction(()),))
"""Holds in every state."""

NEVER: Condition = Condition("never", ())
"""Holds in no state."""
