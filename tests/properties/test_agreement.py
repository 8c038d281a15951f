"""Agreement: in small environments the checker accepts exactly the words, of any length, that the explorer shows.

Whole traces of both VMs, with all that is told in them, are in `explorer/test_written.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.properties.agreement import (
    LOOSE,
    Checker,
    Comparison,
    Letter,
    Projection,
    accepts,
    compare,
    contained,
    sample,
)

from migspec.properties.explorer.environment import GARBLE, LOSS, RESTART, Environment
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.local import Kind
from migspec.spec.composition import Side
from migspec.spec.lifecycle.guards import LOADED_STOPPED

S, D = Side.SOURCE, Side.DESTINATION
EVERY_RUN = ("running", *LOADED_STOPPED)
DEFERRED = {"load": "deferred", "defer": "yes", "has-address": "no"}
POSTCOPY = (("postcopy-ram",),)


def environment(
    name: str,
    asked_of_source: dict[str, int],
    asked_of_destination: dict[str, int] | None = None,
    capabilities: tuple[tuple[str, ...], ...] = ((),),
    **more: Any,
) -> Environment:
    asks = {S: asked_of_source, D: asked_of_destination or {}}
    return replace(Environment(name, "", asks, capabilities, befalls={LOSS: 2, GARBLE: 1}), **more)


SMALL = [
    (environment("precopy", {"migrate": 1, "cancel": 1}), S),
    (environment("precopy arrives", {"migrate": 1}, runs=EVERY_RUN), D),
    (environment("pause", {"migrate": 1, "continue": 1}, capabilities=(("pause-before-switchover",),)), S),
]
"""Environments, each with the side that is watched, whose comparison takes seconds."""

LARGE = [
    (environment("postcopy", {"migrate": 1, "start-postcopy": 1}, capabilities=POSTCOPY), S),
    (environment("quit", {"migrate": 1, "quit": 1}), S),
    (environment("deferred", {"migrate": 1}, {"incoming": 1}, destination=DEFERRED, runs=EVERY_RUN), D),
    (environment("multifd", {"migrate": 1, "cancel": 1}, capabilities=(("multifd",),)), S),
    (environment("stopped", {"migrate": 1, "stop": 1, "cont": 1}), S),
    (environment("quits while loading", {"migrate": 1}, {"quit": 1}, runs=EVERY_RUN), D),
    (environment("again", {"migrate": 2, "cancel": 1}, befalls={LOSS: 2, RESTART: 1}), S),
    (
        environment(
            "postcopy after a pause",
            {"migrate": 1, "start-postcopy": 1, "cancel": 1, "continue": 1},
            capabilities=(("postcopy-ram", "pause-before-switchover"),),
        ),
        S,
    ),
    (
        environment(
            "recovery arrives",
            {"migrate": 1, "start-postcopy": 1, "resume": 1},
            {"recover": 1},
            POSTCOPY,
            runs=EVERY_RUN,
        ),
        D,
    ),
    (environment("recovery", {"migrate": 1, "start-postcopy": 1, "resume": 1}, {"recover": 1}, POSTCOPY), S),
    (environment("colo", {"migrate": 1, "take-over": 1}, {"take-over": 1}, (("x-colo",),)), S),
    (
        environment("colo arrives", {"migrate": 1, "take-over": 1}, {"take-over": 1}, (("x-colo",),), runs=EVERY_RUN),
        D,
    ),
    (
        environment(
            "told where to listen",
            {"migrate": 1},
            {"incoming": 1, "stop": 1, "cont": 1},
            destination=DEFERRED,
            runs=EVERY_RUN,
        ),
        D,
    ),
    (
        environment(
            "pause and recovery", {"migrate": 1, "start-postcopy": 1, "pause": 1, "resume": 1}, {"recover": 1}, POSTCOPY
        ),
        S,
    ),
]
"""Environments whose comparison takes a minute or so."""


def told(comparison: Comparison) -> list[str]:
    return ["; ".join(map(str, difference.word)) for difference in comparison.differences]


@pytest.mark.parametrize(("given", "side"), SMALL, ids=lambda value: getattr(value, "name", None))
def test_the_checker_accepts_no_word_that_the_explorer_does_not_show(given: Environment, side: Side) -> None:
    comparison = compare(given, side)
    assert told(comparison) == []
    assert comparison.complete
    assert comparison.pairs > 5


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("name", ["loans", "failover", "postcopy-quit"])
def test_the_checker_accepts_every_word_that_the_explorer_shows(name: str, side: Side) -> None:
    given = ENVIRONMENTS[name]
    assert contained(Projection(given, side, probed=True), Checker(given, side)) == ((), True)


@pytest.mark.soak
@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_checker_accepts_every_word_of_every_environment(name: str, side: Side) -> None:
    given = ENVIRONMENTS[name]
    assert contained(Projection(given, side, probed=True), Checker(given, side)) == ((), True)


def test_a_word_that_is_not_accepted_is_found() -> None:
    given = ENVIRONMENTS["failover"]
    lenient = replace(given, source={"stage": "iterating", "outgoing": "active"})
    found = contained(Projection(lenient, S), Checker(given, S))
    assert not found.complete
    assert found.word


@pytest.mark.soak
@pytest.mark.parametrize(("given", "side"), LARGE, ids=lambda value: getattr(value, "name", None))
def test_larger_environments_agree_as_well(given: Environment, side: Side) -> None:
    comparison = compare(given, side)
    print(
        f"{given.name}: {comparison.pairs} pairs of sets, words up to {comparison.longest} letters"
        f"{', excused: ' + ', '.join(sorted(comparison.excused)) if comparison.excused else ''}"
    )
    assert told(comparison) == []
    assert comparison.complete


COMPLETES_AFTER_PAUSE = (
    Letter(Kind.ASKED, "migrate"),
    Letter(Kind.EVENT, "MIGRATION:setup"),
    Letter(Kind.REPLY, "migrate"),
    Letter(Kind.ASKED, "start-postcopy"),
    Letter(Kind.REPLY, "migrate-start-postcopy"),
    Letter(Kind.EVENT, "MIGRATION_PASS:1"),
    Letter(Kind.EVENT, "MIGRATION:active"),
    Letter(Kind.EVENT, "MIGRATION:postcopy-active"),
    Letter(Kind.EVENT, "STOP"),
    Letter(Kind.ASKED, "pause"),
    Letter(Kind.REPLY, "migrate-pause"),
    Letter(Kind.EVENT, "MIGRATION_PASS:n"),
    Letter(Kind.EVENT, "MIGRATION:completed"),
)


RECOVERS_AFTER_PAUSE = (
    *COMPLETES_AFTER_PAUSE[:8],
    Letter(Kind.ASKED, "pause"),
    Letter(Kind.REPLY, "migrate-pause"),
    Letter(Kind.ASKED, "resume"),
    Letter(Kind.EVENT, "STOP"),
    Letter(Kind.EVENT, "MIGRATION_PASS:n"),
    Letter(Kind.EVENT, "MIGRATION:postcopy-paused"),
    Letter(Kind.REPLY, "migrate"),
    Letter(Kind.EVENT, "MIGRATION:postcopy-recover"),
)


@pytest.mark.parametrize(("name", "word"), [*zip(LOOSE, (COMPLETES_AFTER_PAUSE, RECOVERS_AFTER_PAUSE), strict=True)])
def test_a_looseness_is_one_that_shows(name: str, word: tuple[Letter, ...]) -> None:
    given, side = LARGE[-1]
    assert [known for known, excuses in LOOSE.items() if excuses(word)] == [name]
    assert accepts(given, side, word) == (True, False)
    assert accepts(given, side, word[:-1]) == (True, True)


@pytest.mark.soak
@pytest.mark.parametrize(("given", "side"), [*SMALL, *LARGE], ids=lambda value: getattr(value, "name", None))
def test_random_words_of_larger_environments_agree(given: Environment, side: Side) -> None:
    # but for what begins a migration: whether anybody waits for another one a single VM cannot know
    wider = replace(
        given,
        asks={
            one: {ask: count if ask == "migrate" else 2 for ask, count in asks.items()}
            for one, asks in given.asks.items()
        },
    )
    words = sample(wider, side, count=300, longest=40)
    print(f"{given.name}: {words} random words, of which every letter was shown")
    assert words == 300
