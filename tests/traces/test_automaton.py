"""Sets of hypotheses: joined without loss, closed, remembered, and honest about what was left out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.states import READY, completions
from tests.traces.talk import Talk, found

from migspec.spec.requests import understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.state import assign
from migspec.spec.steps import Monitor
from migspec.traces import automaton as automata
from migspec.traces.automaton import Automaton, Limit, Node, TooManyHypothesesError, condensed
from migspec.traces.beginnings import beginnings, consistency
from migspec.traces.findings import Grade, Verdict
from migspec.traces.hypotheses import Hypothesis, Relation
from migspec.traces.judge import bench_of
from migspec.traces.observations import Ended, Sent

NAMES = ("cap.events", "cap.xbzrle", "block-options")
NOTES = st.frozensets(st.sampled_from(["a", "b"]), max_size=1)
SETTINGS = st.sampled_from([("no",), ("yes",), ("no", "yes")])
LOANS = st.sampled_from([("none",), ("lent",), ("none", "lent"), ("none", "lent", "leaked")])
states = st.tuples(SETTINGS, SETTINGS, LOANS).map(lambda known: assign(READY, dict(zip(NAMES, known, strict=True))))
hypotheses = st.lists(st.tuples(states, NOTES).map(lambda of: Hypothesis(of[0], notes=of[1])), max_size=8)

AUTOMATON = Automaton(Relation("qemu-5.2.0"))
START = AUTOMATON.node(h._replace(monitors=(Monitor(),)) for h in beginnings(AUTOMATON.relation)[0])


def meaning(given_: list[Hypothesis]) -> set[tuple[int, frozenset[str]]]:
    """Every fully known state that is possible, with the notes that it takes; fewer notes explain as well."""
    known = {(state, h.notes) for h in given_ for state in completions(h.state, NAMES)}
    return {(state, notes) for state, notes in known if notes == frozenset() or (state, frozenset()) not in known}


@settings(max_examples=20)
@given(hypotheses)
def test_joining_keeps_every_possibility_and_adds_none(given_: list[Hypothesis]) -> None:
    joined = list(condensed(given_))
    assert meaning(joined) == meaning(given_)
    assert len(joined) <= len(given_)


def test_two_that_differ_in_one_variable_are_one() -> None:
    (base,) = condensed([Hypothesis(START.hypotheses[0].state)])
    both = [base._replace(state=base.state | 0b11), base._replace(state=base.state & ~0b1), base]
    assert len(list(condensed(both))) == 1


def test_a_closure_is_closed_and_has_what_it_began_with() -> None:
    closure = AUTOMATON.closure(START)
    states = [reached.hypothesis for reached in closure]
    for h in START.hypotheses:
        assert any(h.state & ~other.state == 0 and h.owed == other.owed for other in states)
    for reached in closure:
        for _, after in AUTOMATON.relation.hidden(reached.hypothesis):
            narrowed = consistency(AUTOMATON.relation).narrowed(after.state)
            assert any(
                narrowed & ~other.state == 0 and after.owed == other.owed and other.notes <= after.notes
                for other in states
            )


def test_the_same_set_is_the_same_node_and_the_same_edge() -> None:
    asked = Sent(0, understand("query-status", ABSENT, QEMU_5_2_0))
    again = AUTOMATON.node(reversed(START.hypotheses))
    assert again is START
    assert AUTOMATON.follow(START, asked) is AUTOMATON.follow(again, asked)


@settings(max_examples=20)
@given(st.booleans())
def test_what_is_left_out_stays_left_out(lacks_some: bool) -> None:
    node = AUTOMATON.node(START.hypotheses, lacks_some=lacks_some)
    asked = Sent(0, understand("query-status", ABSENT, QEMU_5_2_0))
    after = AUTOMATON.follow(node, asked).node
    assert after is not None
    assert after.is_doubtful == node.is_doubtful == lacks_some
    assert (node is START) != lacks_some


def test_a_closure_that_was_cut_short_is_doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automata, "MOST_HYPOTHESES", 2)
    node = Node(START.hypotheses)
    assert not node.is_doubtful
    Automaton(AUTOMATON.relation).closure(node)
    assert node.is_doubtful


def test_a_search_may_be_refused_for_a_while_and_leaves_nothing_behind() -> None:
    automaton = Automaton(AUTOMATON.relation)
    node = Node(START.hypotheses)
    with pytest.raises(TooManyHypothesesError, match="There are more than 2 possibilities"), automaton.within(Limit(2)):
        automaton.closure(node)
    assert node.closure is None
    closure = automaton.closure(node)
    assert len(closure) == len(AUTOMATON.closure(START))
    # what is known already is refused all the same, so that it does not matter what was asked before
    with pytest.raises(TooManyHypothesesError), automaton.within(Limit(len(closure) - 1)):
        automaton.closure(node)
    with automaton.within(Limit(len(closure))):
        assert automaton.closure(node) is closure


def test_a_search_asks_whether_there_is_time() -> None:
    automaton = Automaton(AUTOMATON.relation)
    node = Node(START.hypotheses)

    def check_time() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError), automaton.within(Limit(check_time=check_time)):
        automaton.closure(node)
    assert node.closure is None


def test_a_search_that_was_cut_short_leads_to_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk()
    src = talk.wire().fresh()
    src.request("migrate", uri="unix:/s").status("setup").reply().status("1", "active").status("setup")
    assert talk.judge().verdict is Verdict.VIOLATES
    monkeypatch.setattr(automata, "MOST_HYPOTHESES", 3)
    # what was searched before is remembered, and not cut short
    bench_of.cache_clear()
    try:
        report = talk.judge()
    finally:
        bench_of.cache_clear()
    assert not found(report, Grade.VIOLATION)
    assert report.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("code", "lives"),
    [(0, {"quitting", "down", "gone"}), (1, {"dying"}), (-6, {"aborted"}), (-11, {"crashed"})],
)
def test_an_exit_code_tells_how_the_process_ended(code: int, lives: set[str]) -> None:
    assert set(automata._lives_of(code)) == lives
    assert len(automata._lives_of(-9)) == 7


def test_a_process_that_did_nothing_does_not_crash() -> None:
    assert AUTOMATON.follow(START, Ended(0, exit=-11)).node is None
    assert AUTOMATON.follow(START, Ended(0, exit=-9)).node is not None
