"""What a message exercises: the rules that every explanation needs, and no others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.traces.talk import Talk

from migspec.spec.contracts import Expect
from migspec.spec.rules import CASES, MESSAGE_RULES, RULES
from migspec.traces.needed import (
    EVERY,
    bit,
    bits,
    held_of_event,
    held_of_greeting,
    held_of_reply,
    names,
    shown_by_event,
    shown_by_reply,
)

SOME = st.frozensets(st.sampled_from(sorted(RULES)))


@given(SOME, SOME)
def test_bits_are_sets_of_rules(one: frozenset[str], other: frozenset[str]) -> None:
    assert names(bits(one)) == one
    assert names(bits(one) & bits(other)) == one & other
    assert names(bits(one) | bits(other)) == one | other
    assert bits(one) & EVERY == bits(one)


def test_the_step_of_no_rule_has_no_bit() -> None:
    assert bit("") == 0


@given(SOME)
def test_a_case_is_shown_by_its_reply_and_not_by_its_events(rules: frozenset[str]) -> None:
    assert names(shown_by_event(bits(rules))) == rules - CASES
    assert names(shown_by_reply(bits(rules), Expect("migrate.accepted"))) == (rules - CASES) | {
        "migrate.accepted",
        "envelope.passes",
    }


def test_a_refusal_before_the_command_did_not_pass() -> None:
    assert names(shown_by_reply(0, Expect("envelope.arguments"))) == {"envelope.arguments"}


def test_the_answer_to_a_query_is_held_against_the_rules_of_its_content() -> None:
    expect = Expect("query-migrate.answered", query="query-migrate")
    assert {"query-migrate.status", "query-migrate.members"} <= names(shown_by_reply(0, expect))


def test_what_messages_are_held_against_are_rules() -> None:
    assert held_of_greeting() <= {rule.id for rule in MESSAGE_RULES}
    assert held_of_event("no-such-event") <= {rule.id for rule in MESSAGE_RULES}
    assert held_of_event("MIGRATION") >= {"envelope.timestamp", "schema.MIGRATION", "schema.MigrationStatus"}
    assert "schema.query-status" in held_of_reply("query-status", ["StatusInfo"], success=True)
    assert "schema.query-status" not in held_of_reply("query-status", ["StatusInfo"], success=False)
    assert held_of_reply("no-such-command", (), success=True) <= RULES.keys()


def exercised(talk: Talk) -> dict[str, int]:
    return dict(talk.judge().exercised)


def accepted() -> Talk:
    talk = Talk(release="5.2.0")
    talk.wire("src").fresh().request("migrate", uri="unix:/s").status("setup").reply()
    return talk


def test_a_command_exercises_its_case_once_however_many_events_it_has() -> None:
    assert exercised(accepted())["migrate.accepted"] == 1


def test_two_rules_that_explain_a_message_are_both_not_needed() -> None:
    """With multifd a failure may be reported by the migration thread or by a channel."""
    talk = accepted()
    talk.wire("src").status("failed")
    counts = exercised(talk)
    assert not {rule for rule in counts if rule.startswith("outgoing.") and "channel" in rule}


def test_what_no_message_was_held_against_is_not_exercised() -> None:
    counts = exercised(accepted())
    assert "migrate_cancel.accepted" not in counts
    assert counts["envelope.id"] == counts["envelope.reply.order"]
    assert all(counts.values())
