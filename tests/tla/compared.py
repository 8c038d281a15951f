"""Both searchers on one environment: the states that each finds, in the same words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from tests.tla import modules, tlc, words

from migspec.properties.explorer.environment import Environment
from migspec.properties.explorer.graph import Composition, Explored


@dataclass(frozen=True, slots=True)
class Compared:
    """What the two have found: `ours` are the states of the explorer, `theirs` those of TLC."""

    explored: Explored
    outcome: tlc.Outcome
    ours: frozenset[words.State]
    theirs: frozenset[words.State]
    numbers: words.Numbers

    def differences(self) -> Iterator[str]:
        """What the two do not agree on, in words; nothing where they agree."""
        yield from self.outcome.errors
        yield from (f"TLC finds {name} violated" for name in self.outcome.violated)
        if len(self.ours) != self.explored.distinct:
            yield f"the explorer has {self.explored.distinct} states, which are {len(self.ours)} in words"
        if self.outcome.distinct != self.explored.distinct:
            yield f"the explorer has {self.explored.distinct} states, TLC {self.outcome.distinct}"
        if self.outcome.depth != self.explored.depth + 1:
            yield f"the explorer's last state is {self.explored.depth} steps away, TLC's {self.outcome.depth - 1}"
        yield from self._alone("the explorer", self.ours - self.theirs)
        yield from self._alone("TLC", self.theirs - self.ours)

    def _alone(self, who: str, states: Iterable[words.State]) -> Iterator[str]:
        found = sorted(states)
        if found:
            yield f"only {who} finds {len(found)} states, such as {self._described(found[0])}"

    def _described(self, state: words.State) -> str:
        names = ("source", "destination", "link", "left")
        parts = (json.loads(self.numbers.words[number]) for number in state)
        return "\n".join(f"{name}: {_telling(part)}" for name, part in zip(names, parts, strict=True))


def _telling(part: dict[str, object]) -> str:
    """A part of a state without what is off, in one line."""
    return ", ".join(f"{name} {value}" for name, value in part.items() if value not in ("no", [], {}))


def compare(environment: Environment) -> Compared:
    """Explore an environment twice."""
    composition = Composition(environment)
    found = composition.explore()
    numbers = words.Numbers()
    checked = words.Checked(numbers)
    ours = frozenset(words.explored(composition, found, numbers))
    theirs: set[words.State] = set()

    def read(text: TextIO) -> None:
        theirs.update(checked.states(text))

    name = modules.module_name(environment)
    outcome = tlc.run(
        name,
        modules.configuration(environment),
        modules={name: modules.module_text(environment)},
        dump=read,
    )
    return Compared(found, outcome, ours, frozenset(theirs), numbers)
