"""Named conditions on states: what guards rows and what refusals of commands depend on.

A condition is data: a disjunction of conjunctions of *literals*, each of which limits one variable to some of
its values.  From that one form everything is derived: whether a known state satisfies it (`holds`), what a
half-known state must be for it to be satisfied (`assume`), its negation, which literal stands in the way
(`blockers`), and its text in the documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product

from migspec.spec.state import ANYTHING, VARIABLES, Variable


@dataclass(frozen=True, slots=True)
class Literal:
    """One variable limited to some of its values."""

    variable: Variable
    values: tuple[str, ...]

    @property
    def bits(self) -> int:
        """The bits that the literal allows its variable."""
        return self.variable.bits(self.values)

    def negated(self) -> Literal:
        """The same variable limited to all its other values."""
        return Literal(self.variable, tuple(v for v in self.variable.values if v not in self.values))

    def __str__(self) -> str:
        missing = self.negated().values
        if len(missing) < len(self.values):
            return f"{self.variable.name} ∉ {{{', '.join(missing)}}}" if len(missing) > 1 else f"{self.variable.name} ≠ {missing[0]}"
        if len(self.values) == 1:
            return f"{self.variable.name} = {self.values[0]}"
        return f"{self.variable.name} ∈ {{{', '.join(self.values)}}}"


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Literals that hold together, with their bit masks made once."""

    literals: tuple[Literal, ...]
    allow: int = field(init=False, repr=False, compare=False)
    fields: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        allow = ANYTHING
        for literal in self.literals:
            allow &= ~literal.variable.field | literal.bits
        object.__setattr__(self, "allow", allow)
        object.__setattr__(self, "fields", tuple(literal.variable.field for literal in self.literals))

    def assume(self, state: int) -> int | None:
        """`state` with what must be true for the literals to hold; None if they cannot."""
        state &= self.allow
        for variable in self.fields:
            if not state & variable:
                return None
        return state

    def blockers(self, state: int) -> tuple[Literal, ...]:
        """The literals that `state` contradicts."""
        return tuple(literal for literal in self.literals if not state & literal.bits)

    def forced(self, state: int) -> int:
        """`state` with the contradicted variables set to what the literals want, the others narrowed."""
        for literal in self.literals:
            bits = literal.bits
            narrowed = state & bits
            state = state & ~literal.variable.field | (narrowed or bits)
        return state


@dataclass(frozen=True, slots=True)
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
        """The fewest literals that stand in the way; empty if none does."""
        return min((case.blockers(state) for case in self.cases), key=len, default=())

    def __and__(self, other: Condition) -> Condition:
        cases = tuple(
            Conjunction(tuple(dict.fromkeys(a.literals + b.literals))) for a, b in product(self.cases, other.cases)
        )
        return Condition(" and ".join(part for part in (self.name, other.name) if part), cases)

    def __or__(self, other: Condition) -> Condition:
        return Condition(f"{self.name} or {other.name}", self.cases + other.cases)

    def __invert__(self) -> Condition:
        cases = tuple(
            Conjunction(tuple(dict.fromkeys(literal.negated() for literal in choice)))
            for choice in product(*(case.literals for case in self.cases))
        )
        return Condition(f"not ({self.name})", cases)

    def named(self, name: str) -> Condition:
        """The same condition under another name."""
        return Condition(name, self.cases)

    def __str__(self) -> str:
        return " or ".join(" and ".join(map(str, case.literals)) or "always" for case in self.cases) or "never"


def where(limits: Mapping[str, str | Iterable[str]], name: str = "") -> Condition:
    """The condition that each named variable has (one of) the given value(s).

    Raises `KeyError` for an unknown variable and `ValueError` for a value that it cannot have.
    """
    literals = []
    for variable_name, wanted in limits.items():
        values = (wanted,) if isinstance(wanted, str) else tuple(wanted)
        literal = Literal(VARIABLES[variable_name], tuple(str(value) for value in values))
        _ = literal.bits
        literals.append(literal)
    condition = Condition(name, (Conjunction(tuple(literals)),))
    return condition if name else condition.named(str(condition))


ALWAYS: Condition = Condition("always", (Conjunction(()),))
"""Holds in every state."""

NEVER: Condition = Condition("never", ())
"""Holds in no state."""
