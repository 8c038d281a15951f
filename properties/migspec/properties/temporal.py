"""A small temporal logic: one formula, evaluated on the graph of an explorer and on a finite trace.

A *moment* is what is known of the two VMs of a migration at one time, each as a packed state of `migspec.spec.state`.
On the explorer's graph every variable is known, on a trace few are; a predicate is therefore true, false, or open
(None), and only what is false for certain breaks a property.  A *step* leads from one moment to the next.

The forms are those of TLA+: a predicate that always holds (``[]P``), an action that every step is (``[][A]_v``), a
predicate that sometimes holds, one that must hold in the end (``<>P``), and one that leads to another (``P ~> Q``).
On a finite trace the last two may still be open, which is `Outcome.PENDING` and no failure.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from migspec.spec.composition import Side as Side
from migspec.spec.conditions import Condition
from migspec.spec.state import ANYTHING, VARIABLES

Truth: TypeAlias = bool | None
"""Whether something holds; None where what is known leaves it open."""


class Moment(NamedTuple):
    """What is known of both VMs at one time; an unknown variable may have any of its values."""

    source: int = ANYTHING
    destination: int = ANYTHING

    def of(self, side: Side) -> int:
        """The state of a side."""
        return self.source if side is Side.SOURCE else self.destination


class Taken(NamedTuple):
    """A step: who took it, None for the surroundings, and its name, such as the id of a row or case."""

    side: Side | None
    name: str


# --- what may be said of one moment


class Predicate(ABC):
    """Something that holds of a moment or not."""

    @abstractmethod
    def truth(self, moment: Moment) -> Truth:
        """Whether it holds."""

    @abstractmethod
    def atoms(self) -> "Iterator[Atom]":
        """The conditions that it is made of."""

    def __and__(self, other: "Predicate") -> "Predicate":
        return And((self, other))

    def __or__(self, other: "Predicate") -> "Predicate":
        return Or((self, other))

    def __invert__(self) -> "Predicate":
        return Not(self)


@dataclass(frozen=True)
class Atom(Predicate):
    """A condition on the state of one side."""

    side: Side
    condition: Condition

    def truth(self, moment: Moment) -> Truth:
        """Whether it holds."""
        state = moment.of(self.side)
        if not self.condition.assume(state):
            return False
        return None if (~self.condition).assume(state) else True

    def atoms(self) -> "Iterator[Atom]":
        """Itself."""
        return iter((self,))

    def __str__(self) -> str:
        return f"{self.side}: {self.condition.name}"


@dataclass(frozen=True)
class Not(Predicate):
    """That another predicate does not hold."""

    of: Predicate

    def truth(self, moment: Moment) -> Truth:
        """Whether it holds."""
        truth = self.of.truth(moment)
        return None if truth is None else not truth

    def atoms(self) -> Iterator[Atom]:
        """The conditions that it is made of."""
        return self.of.atoms()

    def __str__(self) -> str:
        return f"not ({self.of})"


@dataclass(frozen=True)
class And(Predicate):
    """That several predicates hold."""

    of: tuple[Predicate, ...]

    def truth(self, moment: Moment) -> Truth:
        """Whether it holds."""
        return _all(part.truth(moment) for part in self.of)

    def atoms(self) -> Iterator[Atom]:
        """The conditions that it is made of."""
        return (atom for part in self.of for atom in part.atoms())

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.of)


@dataclass(frozen=True)
class Or(Predicate):
    """That one of several predicates holds."""

    of: tuple[Predicate, ...]

    def truth(self, moment: Moment) -> Truth:
        """Whether it holds."""
        truth = _all(_negated(part.truth(moment)) for part in self.of)
        return _negated(truth)

    def atoms(self) -> Iterator[Atom]:
        """The conditions that it is made of."""
        return (atom for part in self.of for atom in part.atoms())

    def __str__(self) -> str:
        return " or ".join(map(str, self.of))


def _negated(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _all(truths: Iterable[Truth]) -> Truth:
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            result = None
    return result


def source(condition: Condition) -> Predicate:
    """That a condition holds of the source."""
    return Atom(Side.SOURCE, condition)


def destination(condition: Condition) -> Predicate:
    """That a condition holds of the destination."""
    return Atom(Side.DESTINATION, condition)


# --- what may be said of one step


@dataclass(frozen=True)
class Action:
    """What every step that `concerns` picks must be: from a moment where `before` holds, to one where `after` holds.

    A step that it does not concern, or whose `before` does not hold, is as it may be.  `keeps` names variables of the
    side that takes the step which it must leave as they are.
    """

    concerns: Callable[[Taken], bool]
    before: Predicate | None = None
    after: Predicate | None = None
    keeps: tuple[str, ...] = ()

    def truth(self, before: Moment, taken: Taken, after: Moment) -> Truth:
        """Whether a step is as it must be."""
        if not self.concerns(taken):
            return True
        applies: Truth = True if self.before is None else self.before.truth(before)
        if applies is False:
            return True
        truth = _all(
            (
                True if self.after is None else self.after.truth(after),
                *(_kept(name, taken, before, after) for name in self.keeps),
            )
        )
        return truth if applies or truth else None


def _kept(name: str, taken: Taken, before: Moment, after: Moment) -> Truth:
    """Whether a variable of the side that takes a step may have, or must have, the same value afterwards."""
    if taken.side is None:
        return True
    field = VARIABLES[name].field
    was, becomes = before.of(taken.side) & field, after.of(taken.side) & field
    if not was & becomes:
        return False
    return True if was == becomes and was.bit_count() == 1 else None


# --- what may be said of a behaviour


@dataclass(frozen=True)
class Always:
    """``[]P``: the predicate holds at every moment."""

    predicate: Predicate


@dataclass(frozen=True)
class AlwaysStep:
    """``[][A]_v``: every step is as the action says."""

    action: Action


@dataclass(frozen=True)
class Sometimes:
    """Some behaviour comes to a moment at which the predicate holds: what must be possible is not ruled out."""

    predicate: Predicate


@dataclass(frozen=True)
class SometimesStep:
    """Some behaviour takes a step of one of these names."""

    names: frozenset[str]


@dataclass(frozen=True)
class LeadsTo:
    """``P ~> Q``: whenever `first` holds, `then` holds at that moment or later; ``<>Q`` where `first` is None."""

    first: Predicate | None
    then: Predicate


Formula: TypeAlias = Always | AlwaysStep | Sometimes | SometimesStep | LeadsTo
"""Something that is said of behaviours."""


class Outcome(StrEnum):
    """What a behaviour shows of a formula."""

    HOLDS = "holds"
    """It has held so far, and nothing is open."""
    PENDING = "pending"
    """Something must still happen; a trace that ends before is no failure."""
    VIOLATED = "violated"
    """It does not hold, whatever may follow."""


class Behaviour(NamedTuple):
    """A finite behaviour: its moments, and the steps between them, one fewer."""

    moments: Sequence[Moment]
    steps: Sequence[Taken]


class Found(NamedTuple):
    """What a behaviour shows of a formula, and at which moment: that of the fault, or that since which it is open."""

    outcome: Outcome
    at: int | None = None


def on_trace(formula: Formula, behaviour: Behaviour) -> Found:
    """What a finite behaviour shows of a formula.

    What must sometimes happen is pending until it has; that it never does is shown by no single behaviour.
    """
    moments, steps = behaviour
    match formula:
        case Always(predicate):
            return _first_false(predicate.truth(moment) for moment in moments)
        case AlwaysStep(action):
            truths = (action.truth(moments[i], taken, moments[i + 1]) for i, taken in enumerate(steps))
            return _first_false(truths, offset=1)
        case Sometimes(predicate):
            return _once(any(predicate.truth(moment) is True for moment in moments))
        case SometimesStep(names):
            return _once(any(taken.name in names for taken in steps))
        case LeadsTo(first, then):
            return _obligations(first, then, moments)


def _first_false(truths: Iterable[Truth], offset: int = 0) -> Found:
    for index, truth in enumerate(truths):
        if truth is False:
            return Found(Outcome.VIOLATED, index + offset)
    return Found(Outcome.HOLDS)


def _once(seen: bool) -> Found:
    return Found(Outcome.HOLDS) if seen else Found(Outcome.PENDING)


def _obligations(first: Predicate | None, then: Predicate, moments: Sequence[Moment]) -> Found:
    """Whether an obligation is open at the end: it may have been met where what is known does not exclude it."""
    since: int | None = 0 if first is None and moments else None
    for index, moment in enumerate(moments):
        if since is None and first is not None and first.truth(moment) is True:
            since = index
        if since is not None and then.truth(moment) is not False:
            since = None
            if first is None:
                return Found(Outcome.HOLDS)
    return Found(Outcome.HOLDS) if since is None else Found(Outcome.PENDING, since)
