"""The environments in which every word of a mutant is tried: the named ones, and some that are made for its rule.

A case of a contract is answered only where a client makes a request that the case is about. An environment that is made
for it has such requests, taken from the corpus, in the middle of a migration of each kind, and after one that has left
behind what the case is to forget, or what its condition looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Final

from tests.mutants.leftovers import differences, left, where_they_differ
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
"""States of a named environment that is looked at though the specification's rule does not come to pass in it."""
MOST_ASKS: Final = 2
"""Requests for each of which environments are made for a case."""

_SET: Final = tuple(name for name in VARIABLES if name.startswith("cap.") and name not in ("cap.events", "cap.block"))
"""The capabilities that a client sets on both sides."""

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
_COLO: Final = Environment("colo", "", {_S: {"migrate": 1}}, (("x-colo",),), without=PLAIN)
_LEFT: Final = replace(_COLO, name="colo that ends", asks={_S: {"migrate": 1}, _D: {"take-over": 1}})
_ENDS: Final = Environment(
    "shut down",
    "A guest that shuts down.",
    asks={},
    troubles={_S: {"SHUTDOWN:guest": 1}},
    without=PLAIN,
)
_PAUSED: Final = replace(
    _TURNS, name="pause", asks={_S: {"migrate": 1, "start-postcopy": 1, "pause": 1}, _D: {"recover": 1}}
)
_RECOVERS: Final = replace(_PAUSED, name="recovery", asks={_S: {**_PAUSED.asks[_S], "resume": 1}, _D: {"recover": 1}})
_TEMPLATES: Final = (
    (_FILE, _S),
    (_WAITS, _D),
    (_PRECOPY, _S),
    (_TURNS, _D),
    (_TURNS, _S),
    (_COLO, _D),
    (_LEFT, _S),
    (_ENDS, _S),
    (_PAUSED, _D),
    (_RECOVERS, _S),
)
"""Migrations into which the requests of a case are put, each with the side that is asked."""

_LATER: Final = (
    Environment("after", "", {_S: {"cancel": 1, "continue": 1, "start-postcopy": 1}}, without=PLAIN),
    Environment(
        "recovery after", "", {_S: {"start-postcopy": 1, "pause": 1, "resume-piped": 1}}, (_POSTCOPY,), without=PLAIN
    ),
)
"""What may follow on the request of a case that is made after an earlier migration."""

_INCREMENTAL: Final = Environment(
    "loans of increments",
    "Migrations of disks as far as they differ from their backing files, to a file.",
    asks={_S: {"migrate-incremental": 1, "migrate-file": 1, "cancel": 1}},
    without=PLAIN,
)
_COLO_OF_DISKS: Final = Environment(
    "colo of disks", "", {_S: {"migrate-block": 1, "take-over": 1}}, (("x-colo",),), without=PLAIN
)
_PIPED: Final = replace(
    _TURNS,
    name="recovery over a pipe",
    asks={_S: {"migrate": 1, "start-postcopy": 1, "pause": 1, "resume-piped": 1, "cancel": 1}},
)
_MORE_ASKS: Final[Asks] = {
    "migrate-incremental": Ask("migrate", {"uri": "exec:cat >/dev/null", "inc": True}),
    "resume-piped": Ask("migrate", {"uri": "exec:cat >/dev/null", "resume": True}),
}
"""Requests of these environments that no named one has."""


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
    for environment in (_AGAIN, _INCREMENTAL, _COLO_OF_DISKS, _PIPED):
        yield environment, _MORE_ASKS
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
    if not asks:
        return
    for name, ask in asks.items():
        for environment in _after_another(mutant, case, name, ask):
            yield replace(environment, without=PLAIN - {mutant.rule}), {name: ask, **_MORE_ASKS}
    for (template, side), (name, ask) in product(_TEMPLATES, asks.items()):
        for built in _builds(case, ask):
            yield replace(_asked(template, side, name, built), without=PLAIN - {mutant.rule}), {name: ask}
    if len(asks) > 1:
        # what one of them has done may be what another finds
        both = replace(
            _FILE, name=", ".join((_FILE.name, *asks)), asks={_S: {**_FILE.asks[_S], **dict.fromkeys(asks, 1)}}
        )
        yield replace(both, without=PLAIN - {mutant.rule}), asks


def _asked(template: Environment, side: Side, name: str, built: Mapping[str, str]) -> Environment:
    """A migration in which one side is asked for one more thing, both being built in some way."""
    told = (template.name, f"{side} asked", name, *(f"{variable} {value}" for variable, value in built.items()))
    return replace(
        template,
        name=", ".join(told),
        asks={**template.asks, side: {**template.asks.get(side, {}), name: 1}},
        source={**template.source, **built},
        destination={**template.destination, **built},
    )


def _after_another(mutant: Mutant, case: Case, name: str, ask: Ask) -> Iterator[Environment]:
    """A source that has been through a migration, to which the mutant is sensitive, and is asked now."""
    for state in _sensitive(mutant, case, ask):
        found = differences(state)
        on = tuple(variable.removeprefix("cap.") for variable in found if variable in _SET)
        for template in _LATER:
            if set(on) >= {capability for setting in template.capabilities for capability in setting}:
                told = (f"{variable} {value}" for variable, value in found.items() if variable != "cap.events")
                yield replace(
                    template,
                    name=", ".join((f"{template.name} {found['outgoing']}", name, *told)),
                    asks={_S: {**template.asks[_S], name: 1}},
                    capabilities=(on,),
                    source={variable: value for variable, value in found.items() if variable not in _SET},
                )


def _never(_state: int) -> bool:
    return False


def _sensitive(mutant: Mutant, case: Case, ask: Ask) -> tuple[int, ...]:
    """What an earlier migration may have left that a case forgets no more, or that decides whether it applies."""
    if mutant.change:
        return left({mutant.change})
    applies = case.condition(ask.request).holds
    return where_they_differ(applies, mutant.case.condition(ask.request).holds if mutant.case else _never)


def _applies_at_first(case: Case, ask: Ask) -> bool:
    condition = case.condition(ask.request)
    return any(condition.holds(assign(FRESH, built)) for built in _builds(case, ask))


def _builds(case: Case, ask: Ask) -> Iterator[Mapping[str, str]]:
    """What QEMU may be built with, or without, and how started, as far as a case looks at it."""
    yield {}
    for name in BUILT:
        literals = (literal for one in case.condition(ask.request).cases for literal in one.literals)
        if any(literal.variable.name == name for literal in literals):
            usual = VARIABLES[name].known(FRESH)
            yield {name: Answer.NO if usual == Answer.YES else Answer.YES}


def _asks(command: str, case: Case, changed: str) -> Iterator[tuple[str, Ask]]:
    """A few requests to which a case may be the answer, no two of which mean the same.

    Where a variable is named that the case is to change, no two have the same meaning for that in the same states.
    """
    known: set[object] = set()
    # first those that it would answer of a process that has just been started, however built
    chosen = sorted(fitting(command, case, changed), key=lambda asked: not _applies_at_first(case, Ask(*asked)))
    for name, arguments, oob in chosen:
        ask = Ask(name, arguments)
        means = (case.effect(ask.request)[changed], case.condition(ask.request)) if changed else ask.request
        if oob or not case.condition(ask.request).cases or not (ask.request.may_pass or command == ENVELOPE):
            continue  # it is never the answer, or the arguments are refused before
        if means not in known and len(known) < MOST_ASKS:
            known.add(means)
            yield f"{name} {len(known)}", ask
