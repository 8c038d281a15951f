"""An exhaustive search for mutants: every word that two VMs over a link can show in a small environment, held against
the checker.

A mutant changes the relation that the explorer walks. A word that it shows and the checker does not accept gives it
away, and the shortest is found; if there is none, nothing that it does in that environment can be told from what is
right by who watches one VM. `python -m tests.mutants.words PATTERN...` says what comes of the mutants whose ids fit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final
from unittest.mock import patch

from tests.mutants.mutant import Mutant, in_force
from tests.properties.agreement import Checker, Containment, Letter, Projection, contained
from tests.properties.page import COUNTED

from migspec.properties.explorer import graph
from migspec.properties.explorer.environment import Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition
from migspec.spec.composition import Side

MOST_STATES: Final = 60_000
"""States of an environment that is searched."""
SECONDS: Final = 5.0
"""Seconds of a processor for one environment and side."""
MOST_ENVIRONMENTS: Final = 8
"""Environments that a mutant is searched in, those with the fewest states in which its rule is taken."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What came of a search: the word that gives the mutant away, if any, and where all words were tried."""

    word: tuple[Letter, ...] = ()
    where: str = ""
    exhausted: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


def told_apart(mutant: Mutant, environment: Environment, side: Side) -> Containment:
    """The shortest word of two VMs that go by a mutant which the checker does not accept."""
    with in_force(mutant), patch.object(graph, "Relation", lambda _profile: mutant.relation):
        composition = Composition(environment)
        # every step is looked up while the mutant is in force, and remembered
        composition.explore(at_most=MOST_STATES)
    return contained(Projection(environment, side, composition), Checker(environment, side), seconds=SECONDS)


@cache
def _counted() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(COUNTED.read_text())
    return found


def environments_of(rule: str) -> list[Environment]:
    """The small environments in which a row is taken, or all of them for a case of a contract."""
    sizes = {name: size["distinct"] for name, size in _counted().items() if size["distinct"] <= MOST_STATES}
    small = [ENVIRONMENTS[name] for name in sorted(sizes, key=lambda name: sizes[name])]
    taken = [one for one in small if f"taken.{rule}" in _counted()[one.name]["reached"]]
    return (taken or small)[:MOST_ENVIRONMENTS]


def search(mutant: Mutant) -> Searched:
    """Look for a word that gives a mutant away."""
    exhausted: list[str] = []
    stopped: list[str] = []
    for environment in environments_of(mutant.rule):
        for side in Side:
            word, complete = told_apart(mutant, environment, side)
            where = f"{environment.name}, {side}"
            if word:
                return Searched(word, where)
            (exhausted if complete else stopped).append(where)
    return Searched(exhausted=tuple(exhausted), stopped=tuple(stopped))


def lines(patterns: list[str]) -> Iterator[str]:
    """What comes of the mutants whose ids fit."""
    from tests.mutants.results import every

    for identity, mutant in every().items():
        if any(fnmatchcase(identity, pattern) for pattern in patterns):
            searched = search(mutant)
            if searched.word:
                yield f"{identity}: found in {searched.where}: {'; '.join(map(str, searched.word))}"
            else:
                yield f"{identity}: not told apart in {', '.join(searched.exhausted)}; stopped in {searched.stopped}"


if __name__ == "__main__":
    for line in lines(sys.argv[1:]):
        print(line, flush=True)
