"""The exhaustive search tells mutants apart that show a word of their own, and no others."""

from __future__ import annotations

import pytest
from tests.mutants import words
from tests.mutants.results import every

from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.spec.composition import Side

FOUND = (
    "event.omitted:outgoing.setup-to-active:MIGRATION:active",
    "event.reordered:incoming.postcopy-active-to-failed.bitmaps:MIGRATION:failed<->=life:dying",
)


@pytest.mark.parametrize("identity", FOUND)
def test_a_mutant_is_told_apart_by_its_shortest_word(identity: str) -> None:
    searched = words.search(every()[identity])
    assert searched.word, searched
    assert searched.where


def test_a_mutant_that_does_less_is_not_told_apart() -> None:
    mutant = every()["row.dropped:outgoing.setup-to-wait-unplug"]
    assert words.told_apart(mutant, ENVIRONMENTS["failover"], Side.SOURCE) == ((), True)


def test_nothing_of_a_mutant_is_left_behind() -> None:
    mutant = every()[FOUND[0]]
    before = words.told_apart(every()["row.dropped:outgoing.pass"], ENVIRONMENTS["failover"], Side.SOURCE)
    words.told_apart(mutant, ENVIRONMENTS["failover"], Side.SOURCE)
    assert words.told_apart(every()["row.dropped:outgoing.pass"], ENVIRONMENTS["failover"], Side.SOURCE) == before
