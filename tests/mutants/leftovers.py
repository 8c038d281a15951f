"""What a migration leaves behind in its source, from which another may begin: to what it finds, a mutant may be
sensitive that shows nothing in a process that has just been started.

The states are those in which the source rests in the named environments, so that each of them is reachable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Final

from tests.properties.page import counted

from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition
from migspec.spec.composition import Side
from migspec.spec.state import FRESH, VARIABLES, Life, Stage
from migspec.spec.steps import Configuration

MOST_STATES: Final = 300_000
"""States of an environment that is explored for what is left behind in it."""

_AT_REST: Final[Mapping[str, tuple[str, ...]]] = {
    "stage": (Stage.IDLE,),
    "life": (Life.ALIVE,),
    "outgoing": ("completed", "failed", "cancelled"),
}


@cache
def leftovers() -> tuple[int, ...]:
    """The states of a source that rests after a migration, those that differ least from a fresh process first."""
    found: set[int] = set()
    for name, environment in ENVIRONMENTS.items():
        if counted()[name]["distinct"] <= MOST_STATES:
            composition = Composition(environment)
            composition.explore()
            found.update(c.state for c, _ in composition.vms[Side.SOURCE].configurations_met() if _rests(c))
    return tuple(sorted(found, key=lambda state: (len(differences(state)), state)))


def _rests(c: Configuration) -> bool:
    quiet = not any(c.owed) and not any(monitor.queue or monitor.oob for monitor in c.monitors)
    return quiet and all(VARIABLES[name].known(c.state) in values for name, values in _AT_REST.items())


def differences(state: int) -> Mapping[str, str]:
    """In what a state differs from that of a fresh process."""
    return {
        name: value
        for name, variable in VARIABLES.items()
        if (value := variable.known(state)) is not None and value != variable.known(FRESH)
    }


def left(variables: Iterable[str]) -> tuple[int, ...]:
    """For each value that a migration may leave in one of these variables, the state that differs least otherwise."""
    chosen: dict[tuple[str, str], int] = {}
    for state in leftovers():
        found = differences(state)
        for name in variables:
            if name in found:
                chosen.setdefault((name, found[name]), state)
    return tuple(dict.fromkeys(chosen.values()))


def where_they_differ(first: Callable[[int], bool], second: Callable[[int], bool]) -> tuple[int, ...]:
    """The first state of those that are left of which only one of two conditions holds; none if there is none."""
    return tuple(state for state in leftovers() if first(state) != second(state))[:1]
