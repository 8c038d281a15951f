"""The exhaustive search tells mutants apart that show a word of their own or never end, and no others."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from tests.mutants import words
from tests.mutants.made import environments, made_for
from tests.mutants.results import every
from tests.properties.probes import Probe

from migspec.properties.explorer.environment import ASKS
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition

FAILOVER = ENVIRONMENTS["failover"]


@pytest.mark.parametrize(
    "identity",
    [
        "event.omitted:outgoing.setup-to-wait-unplug:MIGRATION:wait-unplug",
        "event.doubled:outgoing.wait-unplug-to-active:MIGRATION:active",
        "guard.negated:outgoing.setup-to-wait-unplug:failover",
    ],
)
def test_a_mutant_is_told_apart_by_its_shortest_word(identity: str) -> None:
    searched = words.search_in(every()[identity], FAILOVER, tries=True)
    assert searched.word, searched
    assert searched.where == "failover, source"


def test_what_never_ends_breaks_a_property_about_the_end() -> None:
    searched = words.search_in(every()["row.dropped:outgoing.stop-guest"], FAILOVER, tries=False)
    assert (searched.broken, searched.word) == ("migration.ends", ())


def test_a_mutant_that_shows_nothing_of_its_own_is_not_told_apart() -> None:
    # a guest may have several failover pairs
    (identity,) = (each for each in every() if each.startswith("event.doubled:outgoing.unplug-requested"))
    assert words.search_in(every()[identity], FAILOVER, tries=True) == words.Searched(exhausted=("failover",))


def test_where_its_rule_does_not_come_to_pass_nothing_is_said_of_a_mutant() -> None:
    mutant = every()["change.dropped:outgoing.colo-after-pause:stage"]
    assert words.search_in(mutant, FAILOVER, tries=True) == words.Searched()


@pytest.mark.soak
def test_a_capability_that_is_not_switched_on_is_seen_in_the_list() -> None:
    searched = words.search(every()["change.dropped:migrate-set-capabilities.accepted:cap.compress"])
    assert isinstance(searched.word[-1], Probe)


@pytest.mark.soak
def test_a_refusal_in_other_words_is_seen() -> None:
    searched = words.search(every()["refusal.text:envelope.command.build"])
    assert "replication no" in searched.where
    assert searched.word


def test_an_environment_is_made_for_a_case_and_not_for_a_row() -> None:
    case = every()["refusal.skipped:migrate.resume.uri"]
    asked = [asks["migrate 1"] for environment, asks in made_for(case) if "migrate 1" in asks]
    assert asked
    assert all(ask.arguments is not None and ask.arguments["resume"] for ask in asked)
    row = every()["row.dropped:outgoing.stop-guest"]
    assert list(made_for(row)) == []
    assert any(environment is FAILOVER for environment, _ in environments(row, words.MOST_STATES))


def test_nothing_of_a_mutant_is_left_behind() -> None:
    before = Composition(FAILOVER).explore().distinct
    _, explored = words.composed(every()["row.dropped:outgoing.setup-to-wait-unplug"], FAILOVER)
    assert explored.distinct < before
    assert Composition(FAILOVER).explore().distinct == before


@pytest.mark.soak
def test_what_a_case_is_to_forget_has_been_left_by_an_earlier_migration() -> None:
    mutant = every()["change.dropped:migrate.accepted:failover"]
    ((environment, asks),) = (made for made in made_for(mutant) if made[0].name.startswith("after"))
    assert environment.source["failover"] == "yes"
    with patch.dict(ASKS, asks):
        assert words.search_in(mutant, environment, tries=True).word
