"""What an exploration comes to: counts by status, verdicts on the properties, and the graph drawn by status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from migspec.properties.catalogue import PROPERTIES, UNFAIR, Exempt, Property
from migspec.properties.explorer.environment import Environment
from migspec.properties.explorer.graph import Composition, Explored
from migspec.properties.explorer.verdicts import Examiner, Verdict
from migspec.properties.temporal import Sometimes, SometimesStep
from migspec.spec.composition import Side
from migspec.spec.rows import Standing
from migspec.spec.state import VARIABLES

_STATUS: Mapping[Side, str] = {Side.SOURCE: "outgoing", Side.DESTINATION: "incoming"}


class Statuses(NamedTuple):
    """The statuses of a migration: what either side's client could be told."""

    outgoing: str
    incoming: str


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the graph is in some statuses: its states, and the steps from them."""

    statuses: Statuses
    states: int
    steps: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was found `of` a property: the verdict, and which of its exemptions show themselves, each with its way.

    `possible` tells of a property that says what must be possible: an environment that lacks it breaks nothing.
    """

    of: Property
    verdict: Verdict
    shown: tuple[tuple[Exempt, Verdict], ...] = ()

    @property
    def possible(self) -> bool:
        """Whether it says what must be possible, somewhere."""
        return isinstance(self.of.strict, Sometimes | SometimesStep)

    @property
    def is_broken(self) -> bool:
        """Whether the environment breaks it."""
        return not self.verdict.holds and not self.possible

    @property
    def defects(self) -> tuple[tuple[Exempt, Verdict], ...]:
        """The known defects that show themselves."""
        return tuple(shown for shown in self.shown if shown[0].standing is Standing.DEFECT)


def asked_for(name: str) -> Property:
    """The property of a name, or for that of an exemption the property that excuses all but that.

    Raises `KeyError` for an unknown name.
    """
    if name in PROPERTIES:
        return PROPERTIES[name]
    for prop in PROPERTIES.values():
        for exemption in prop.exempt:
            if exemption.id == name:
                return prop.without(exemption)
    raise KeyError(name)


def applicable(environment: Environment) -> tuple[Property, ...]:
    """Every property that is worth looking at in an environment."""
    return tuple(prop for prop in PROPERTIES.values() if not prop.environments or environment.name in prop.environments)


def rulings(
    composition: Composition, explored: Explored, properties: Iterable[Property], *, strict: bool = False
) -> Iterator[Ruling]:
    """What is found of each property; with `strict` nothing is excused."""
    examiner = Examiner(composition, explored, UNFAIR)
    for prop in properties:
        verdict = examiner.verdict(prop.strict if strict else prop.formula)
        shown = []
        if verdict.holds and not strict:  # of what is broken all the same, no exemption says anything
            for exemption in prop.exempt:
                without = examiner.verdict(prop.without(exemption).formula)
                if not without.holds:
                    shown.append((exemption, without))
        yield Ruling(prop, verdict, tuple(shown))


def shares(composition: Composition, explored: Explored) -> list[Share]:
    """How many states and steps there are in each pair of statuses, in the order in which they are first reached."""
    told = _Told(composition)
    states: Counter[Statuses] = Counter()
    steps: Counter[Statuses] = Counter()
    for state in explored.found:
        statuses = told(state)
        states[statuses] += 1
        steps[statuses] += composition.degree(state)
    return [Share(statuses, count, steps[statuses]) for statuses, count in states.items()]


def dot(composition: Composition, explored: Explored) -> Iterator[str]:
    """The graph by status, for Graphviz: a node a pair of statuses, an edge a way from one to another."""
    told = _Told(composition)
    nodes: dict[Statuses, int] = {}
    edges: dict[tuple[Statuses, Statuses], dict[str, None]] = {}
    for state in explored.found:
        before = told(state)
        nodes[before] = nodes.get(before, 0) + 1
        for edge in composition.edges(state):
            after = told(edge.after)
            if after != before:
                edges.setdefault((before, after), {})[edge.name] = None
    yield f'digraph "{composition.environment.name}" {{'
    yield "  node [shape=box, fontname=monospace];"
    names = {statuses: f"s{number}" for number, statuses in enumerate(nodes)}
    for statuses, count in nodes.items():
        yield f'  {names[statuses]} [label="{statuses.outgoing}\\n{statuses.incoming}\\n{count}"];'
    for (before, after), taken in edges.items():
        label = "\\n".join(sorted(taken))
        yield f'  {names[before]} -> {names[after]} [label="{label}"];'
    yield "}"


class _Told:
    """The statuses of states, remembered by the configurations of both sides."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        self._known: Mapping[Side, dict[int, str]] = {side: {} for side in Side}
        self._pairs: dict[tuple[str, str], Statuses] = {}

    def __call__(self, state: int) -> Statuses:
        source, destination = self._composition.numbers(state)
        pair = self._of(Side.SOURCE, source), self._of(Side.DESTINATION, destination)
        return self._pairs.setdefault(pair, Statuses(*pair))

    def _of(self, side: Side, number: int) -> str:
        known = self._known[side].get(number)
        if known is None:
            configuration = self._composition.vms[side].configurations[number]
            known = VARIABLES[_STATUS[side]].known(configuration.state) or ""
            if not configuration.monitors[0].connected:
                known += " (ended)"
            self._known[side][number] = known
        return known
