"""The search for mutants: a sample is found as it was before, and all that survives has its reason."""

import random

import pytest
from tests.mutants import results, survivors
from tests.mutants.index import Index, look_at
from tests.mutants.page import PAGE, as_text
from tests.mutants.runs import Run
from tests.mutants.search import search

SCRIPTS = ("precopy-unix", "cancel-in-active", "pause-before-switchover")
SAMPLE = (
    "row.dropped:outgoing.setup-to-active",
    "guard.negated:outgoing.commit:outgoing",
    "event.omitted:outgoing.stop-guest:STOP",
    "event.doubled:outgoing.stop-guest:STOP",
    "change.dropped:outgoing.stop-guest:run",
    "refusal.text:migrate.in-progress",
    "refusal.class:migrate-pause.not-postcopy",
    "refusal.skipped:migrate-pause.not-postcopy",
    "number.off:query-migrate.ram.normal-bytes:ram.normal:more",
)
"""Mutants of every kind that are found soon."""
EQUIVALENT = "row.dropped:outgoing.cancelling-to-postcopy-paused"
"""A mutant that is right."""

DRAWN = 300
"""Mutants that are searched for again, drawn anew each time; `make mutants` searches for all of them."""


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.of(look_at(Run(name)) for name in SCRIPTS)


@pytest.mark.parametrize("identity", SAMPLE)
def test_a_wrong_mutant_is_found(identity: str, index: Index) -> None:
    assert search(results.every()[identity], index, most=16).found


def test_a_right_one_is_not(index: Index) -> None:
    outcome = search(results.every()[EQUIVALENT], index, most=2)
    assert not outcome.found
    assert survivors.reason_for(outcome) is survivors.PROVED


@pytest.mark.soak
def test_every_survivor_has_a_reason() -> None:
    assert survivors.unexplained(results.stored()) == []
    assert survivors.stale(results.stored()) == []


@pytest.mark.soak
def test_nearly_all_are_found() -> None:
    assert survivors.score(results.stored().outcomes).share >= 0.97


def test_the_page_is_what_the_searches_have_kept() -> None:
    assert as_text() == PAGE.read_text()


@pytest.mark.soak
def test_any_of_them_come_out_as_before() -> None:
    stored = {outcome.id: outcome for outcome in results.stored().outcomes}
    assert set(stored) == set(results.every())
    chosen = random.sample(sorted(stored), DRAWN)
    found = {outcome.id: outcome for outcome in results.searched(chosen, jobs=2)}
    # a run that takes longer than it did may be given up sooner: what it would have shown is among the words
    lost = [found[identity] for identity in chosen if stored[identity].found and not found[identity].found]
    found |= {outcome.id: outcome for outcome in results.tried(lost, jobs=2)}
    print(f"\n{sum(outcome.found for outcome in found.values())} of {len(found)} are found")
    assert [outcome.id for outcome in lost if not found[outcome.id].found] == []
