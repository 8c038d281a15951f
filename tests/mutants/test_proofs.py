"""Proofs that a mutant is right: what is left out is right, what is let in is not."""

import pytest
from tests.mutants.proofs import is_impossible, refines
from tests.mutants.results import every

from migspec.spec.conditions import where


def test_what_breaks_an_invariant_is_impossible() -> None:
    assert is_impossible(where({"outgoing": "postcopy-paused", "stage": "idle"}))
    assert not is_impossible(where({"outgoing": "failed", "stage": "idle"}))


@pytest.mark.parametrize(
    ("identity", "right"),
    [
        ("row.dropped:outgoing.pass", True),
        ("guard.negated:outgoing.wait-unplug-to-active:stage", True),
        ("change.dropped:outgoing.failed-to-failed.channel:outgoing", True),
        ("guard.negated:outgoing.commit:outgoing", False),
        ("change.dropped:outgoing.commit:stage", False),
        ("event.omitted:outgoing.pass:MIGRATION_PASS:n", False),
        ("refusal.skipped:migrate.in-progress", False),
        ("refusal.skipped:migrate.blocked", True),
        ("refusal.text:migrate.in-progress", False),
    ],
)
def test_who_does_less_is_right(identity: str, right: bool) -> None:
    assert refines(every()[identity]) is right
