"""The environments in which every word of a mutant is tried: the named ones, and some that are made for its rule.

A case of a contract is answered only where a client makes a request that the case is about. An environment that is made
for it has such requests, taken from the corpus, in the middle of a migration of each kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from tests.mutants.mutant import ENVELOPE, Mutant
from tests.mutants.operators import case_of
from tests.mutants.requests import fitting
from tests.properties.page import counted

from migspec.properties.explorer.environment import Ask, Environment
from migspec.properties.explorer.environments import ENVIRONMENTS, PLAIN
from migspec.spec.composition import Side
from migspec.spec.contracts import Case
from migspec.spec.state import FRESH, VARIABLES, Answer, assign

SMALL: Final = 60_000
"""States of an environment that is looked at whether or not the specification's rule comes to pass in it."""
MOST_ASKS: Final = 2
"""Requests of an environment that is made for a case."""

BUILT: Final = ("block-migration", "replication", "spice")
"""The variables that are decided before anybody asks for anything."""

Asks = Mapping[str, Ask]
"""Requests by the names that an environment has for them."""

_POSTCOPY: Final = ("postcopy-ram",)
_BOTH: Final = ("postcopy-ram", "pause-before-switchover")
_S, _D = Side.SOURCE, Side.DESTINATION
_DEFERRED: Final = {"load": "deferred", "defer": "yes", "has-address": "no"}

_AGAIN: Final = Environment(
    "to a file, again",
    "A migration to a file, tried again: what it leaves behind.",
    asks={_S: {"migrate-file": 2, "cancel": 1, "start-postcopy": 1, "continue": 1, "pause": 1}},
    capabilities=((), _POSTCOPY, _BOTH),
    without=PLAIN,
)
_FILE: Final = replace(_AGAIN, name="to a file", asks={_S: {"migrate-file": 1, "cancel": 1, "continue": 1}})
_PRECOPY: Final = Environment("precopy", "", {_S: {"migrate": 1, "cancel": 1}}, ((), ("return-path",)), without=PLAIN)
_WAITS: Final = Environment(
    "deferred", "", {_S: {"migrate": 1}, _D: {"incoming": 1}}, destination=_DEFERRED, without=PLAIN
)
_TURNS: Final = Environment("postcopy", "", {_S: {"migrate": 1, "start-postcopy": 1}}, (_POSTCOPY,), without=PLAIN)
_COLO: Final = Environment("colo", "", {_S: {"migrate": 1}, _D: {"take-over": 1}}, (("x-colo",),), without=PLAIN)
_ENDS: Final = Environment(
    "shut down",
    "A guest that shuts down.",
    asks={},
    troubles={_S: {"SHUTDOWN:guest": 1}},
    without=PLAIN,
)
_PAUSES: Final = replace(
    _TURNS,
    name="recovery",
    asks={_S: {"migrate": 1, "start-postcopy": 1, "pause": 1, "resume": 1}, _D: {"recover": 1}},
)
_TEMPLATES: Final = (
    (_FILE, _S),
    (_WAITS, _D),
    (_PRECOPY, _S),
    (_TURNS, _D),
    (_TURNS, _S),
    (_COLO, _D),
    (_COLO, _S),
    (_ENDS, _S),
    (_PAUSES, _D),
    (_PAUSES, _S),
)
"""Migrations into which the requests of a case are put, each with the side that is asked."""


def is_named(environment: Environment) -> bool:
    """Whether an environment is one of those that have a name of their own, and was not made."""
    return ENVIRONMENTS.get(environment.name) is environment


def is_known_to_reach(environment: Environment, rule: str) -> bool:
    """Whether the specification's own rule comes to pass in a named environment, as `make states` has found."""
    return is_named(environment) and f"taken.{rule}" in counted()[environment.name]["reached"]


def environments(mutant: Mutant, most: int) -> Iterator[tuple[Environment, Asks]]:
    """The environments in which the rule of a mutant may come to pass, those with the fewest states first.

    None that is named has more than `most` states, nor more than `SMALL` where only the mutant takes the rule.
    """
    yield _AGAIN, {}
    yield from made_for(mutant)
    sizes = {name: found["distinct"] for name, found in counted().items()}
    for name in sorted(sizes, key=lambda name: sizes[name]):
        environment = ENVIRONMENTS[name]
        reached = is_known_to_reach(environment, mutant.rule)
        if sizes[name] <= (most if reached else SMALL):
            yield environment, {}


def made_for(mutant: Mutant) -> Iterator[tuple[Environment, Asks]]:
    """The environments that are made for a case; none for a row."""
    if mutant.rule not in case_of():
        return
    place, case = case_of()[mutant.rule]
    asks = dict(_asks(place.command, case, mutant.change))
    more = dict.fromkeys(asks, 1)
    for template, side in _TEMPLATES if asks else ():
        asked = {**template.asks, side: {**template.asks.get(side, {}), **more}}
        for built in _builds(case, asks.values()):
            yield (
                replace(
                    template,
                    name=", ".join(
                        (template.name, f"{side} asked", *(f"{name} {value}" for name, value in built.items()))
                    ),
                    asks=asked,
                    source={**template.source, **built},
                    destination={**template.destination, **built},
                    without=PLAIN - {mutant.rule},
                ),
                asks,
            )


def _applies_at_first(case: Case, ask: Ask) -> bool:
    condition = case.condition(ask.request)
    return any(condition.holds(assign(FRESH, built)) for built in _builds(case, (ask,)))


def _builds(case: Case, asks: Iterable[Ask]) -> Iterator[Mapping[str, str]]:
    """What QEMU may be built with, or without, and how started, as far as a case looks at it."""
    yield {}
    for name in BUILT:
        literals = (
            literal
            for ask in asks
            for conjunction in case.condition(ask.request).cases
            for literal in conjunction.literals
        )
        if any(literal.variable.name == name for literal in literals):
            usual = VARIABLES[name].known(FRESH)
            yield {name: Answer.NO if usual == Answer.YES else Answer.YES}


def _asks(command: str, case: Case, changed: str) -> Iterator[tuple[str, Ask]]:
    """A few requests to which a case may be the answer, no two of which mean the same.

    Where a variable is named that the case is to change, no two have the same meaning for that.
    """
    known: set[object] = set()
    # first those that it would answer of a process that has just been started, however built
    chosen = sorted(fitting(command, case, changed), key=lambda asked: not _applies_at_first(case, Ask(*asked)))
    for name, arguments, oob in chosen:
        ask = Ask(name, arguments)
        means = case.effect(ask.request)[changed] if changed else ask.request
        if oob or not case.condition(ask.request).cases or not (ask.request.may_pass or command == ENVELOPE):
            continue  # it is never the answer, or the arguments are refused before
        if means not in known and len(known) < MOST_ASKS:
            known.add(means)
            yield f"{name} {len(known)}", ask
