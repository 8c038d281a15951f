"""Patterns: each fits what it stands for, and nothing that it is told apart from."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.vectors.driving import fits

from migspec.properties.explorer.environment import Ask
from migspec.spec.contracts import Words
from migspec.spec.events import event_of, name_of
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.state import FRESH, VARIABLES, assign
from migspec.spec.steps import NEGOTIATED, SESSION, Due, Monitor
from migspec.traces.automaton import Automaton, Node
from migspec.traces.hypotheses import Hypothesis
from migspec.traces.judge import bench_of
from migspec.traces.observations import Sent
from migspec.traces.vectors.graph import request_of
from migspec.traces.vectors.patterns import Pattern, ends, event_pattern, events, replies

OWED = sorted(
    {
        *(f"MIGRATION:{status}" for status in VARIABLES["outgoing"].values),
        *("MIGRATION_PASS:1", "MIGRATION_PASS:n", "STOP", "RESUME", "UNPLUG_PRIMARY", "SUSPEND", "WAKEUP"),
        *("SHUTDOWN:guest", "SHUTDOWN:quit", "SHUTDOWN:host", "COLO_EXIT:primary-error", "COLO_EXIT:secondary-request"),
    }
)


@pytest.mark.parametrize("owed", OWED)
def test_the_pattern_of_an_event_fits_it_alone(owed: str) -> None:
    for other, passes in product(OWED, (2, 7)):
        name, data = event_of(other, passes=passes)
        read = {"event": name, **({} if data is None else {"data": data})}
        assert name_of(name, data) == other
        assert fits(dict(event_pattern(owed)), read) is (other == owed)


def asked(profile: str, ask: Ask, **state: str) -> tuple[Automaton, Node]:
    """A VM in a state, on a monitor that is ready, that has been asked something."""
    automaton = bench_of(profile).automaton
    known = assign(FRESH, state) | SESSION.field
    node = automaton.node([Hypothesis(known, monitors=(Monitor(session=NEGOTIATED),))])
    after = automaton.follow(node, Sent(0, request_of(ask, profile))).node
    assert after is not None
    return automaton, after


def told(profile: str, ask: Ask, **state: str) -> list[Pattern]:
    """The patterns of the replies that are possible."""
    automaton, node = asked(profile, ask, **state)
    found = [r for r in replies(automaton, node, {}) if automaton.follow(node, r.observations[0]).node is not None]
    return [reply.pattern for reply in found]


def test_an_answer_tells_what_the_state_decides() -> None:
    assert told(QEMU_5_2_0, Ask("query-status"), run="paused") == [
        {"return": {"members": {"status": "paused", "running": False}, "with": ["singlestep"]}}
    ]
    shown = told(QEMU_5_2_0, Ask("query-migrate"), outgoing="failed", **{"error-known": "yes"})
    assert shown == [{"return": {"members": {"status": "failed"}, "with": ["error-desc"]}}]
    assert told(QEMU_5_2_0, Ask("query-dirty-rate")) == [
        {"return": {"members": {"status": "unstarted"}, "with": ["calc-time", "start-time"]}}
    ]


def test_the_written_schema_leaves_answers_open() -> None:
    shown = told(SEED, Ask("query-migrate"), outgoing="failed")
    assert shown == [{"error": {}}, {"return": {}}]
    (listed,) = [pattern for pattern in told(SEED, Ask("query-migrate-capabilities")) if "return" in pattern][:1]
    assert listed["return"].keys() == {"lacks"}


def test_events_come_before_the_reply_that_they_belong_to() -> None:
    automaton, node = asked(QEMU_5_2_0, Ask("stop"))
    (stopped,) = events(automaton, node)
    assert stopped.pattern == {"event": "STOP"}
    assert stopped.rules == frozenset({"stop.running"})
    assert not list(replies(automaton, node, {}))
    assert not list(ends(automaton, node))


def test_only_who_quits_or_crashes_ends() -> None:
    automaton, node = asked(QEMU_5_2_0, Ask("quit"))
    assert [end.pattern for end in ends(automaton, node)] == [{"exit": {"is": [0]}}]
    automaton, node = asked(SEED, Ask("quit"))
    assert [end.pattern for end in ends(automaton, node)] == [{"exit": {}}]
    automaton, node = asked(QEMU_5_2_0, Ask("migrate-set-parameters", {"tls-authz": None}))
    assert [end.pattern for end in ends(automaton, node)] == [{"exit": {"is": [-6]}}]


@cache
def refusals_of_migrate() -> tuple[list[Words], list[Pattern]]:
    """The words with which a migrate may be refused, and the patterns of these refusals."""
    automaton, node = asked(QEMU_5_2_0, Ask("migrate", {"uri": "unix:/s"}))
    owed = (items[0] for reached in automaton.closure(node) for items in reached.hypothesis.owed if items)
    words = [due.expect.words for due in owed if isinstance(due, Due) and due.expect.words is not None]
    return words, [reply.pattern for reply in replies(automaton, node, {}) if "error" in reply.pattern]


@given(st.text(max_size=12) | st.sampled_from(["Guest is waiting for an incoming migration", "migrate: no", "x"]))
def test_a_text_fits_the_pattern_of_a_refusal_just_if_its_words_admit_it(text: str) -> None:
    words, patterns = refusals_of_migrate()
    read = {"error": {"class": "GenericError", "desc": text}}
    assert any(fits(dict(pattern), read) for pattern in patterns) is any(each.admit(text) for each in words)


def test_a_blocker_has_its_own_words_which_are_the_most_that_a_pattern_can_say() -> None:
    forms = {form for pattern in refusals_of_migrate()[1] for form in pattern["error"]["desc"]}
    assert forms == {"begins", "contains", "but"}
