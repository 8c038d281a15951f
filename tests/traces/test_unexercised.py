"""The reasons for what the corpus does not exercise: one each, in a sentence, and those that can be checked are."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.traces.corpus import CORPUS, judge_without

from migspec.spec.schema import SEED
from migspec.spec.schema.model import Command, Event, references
from migspec.traces import unexercised
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Verdict
from migspec.traces.unexercised import IN_HINDSIGHT, UNEXERCISED, UNSEEN_ENTITIES


def test_every_reason_is_a_sentence() -> None:
    for reason in (*UNEXERCISED.values(), *UNSEEN_ENTITIES.values()):
        assert reason[0].isupper()
        assert reason.endswith(".")


def test_a_rule_has_one_reason() -> None:
    listed = Counter(rule for rules in unexercised.REASONS.values() for rule in rules)
    assert [rule for rule, times in listed.items() if times > 1] == []


def test_reasons_are_for_what_exists() -> None:
    assert UNEXERCISED.keys() - CATALOGUE.keys() == set()
    assert UNSEEN_ENTITIES.keys() - {entity.name for entity in SEED.entities} == set()


@pytest.mark.parametrize("name", UNSEEN_ENTITIES)
def test_no_command_or_event_has_a_value_of_an_unseen_type(name: str) -> None:
    users, found = [name], set()
    while users:
        user = users.pop()
        found.add(user)
        users += [entity.name for entity in SEED.entities if user in references(entity) and entity.name not in found]
    reached = {entity.name for entity in SEED.entities if isinstance(entity, Command | Event)} & found
    assert reached == set()


def test_what_is_needed_in_hindsight_has_a_reason_why_no_message_needs_it() -> None:
    assert IN_HINDSIGHT.keys() <= UNEXERCISED.keys()


@pytest.mark.parametrize("rule", IN_HINDSIGHT)
def test_a_trace_cannot_be_explained_without_what_it_needs_in_hindsight(rule: str) -> None:
    path = CORPUS / IN_HINDSIGHT[rule]
    assert judge_without("no.such.rule", path).verdict is Verdict.CONFORMS
    assert judge_without(rule, path).verdict is Verdict.VIOLATES
