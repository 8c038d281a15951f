"""The cursor accepts whatever the relation can do, wherever it begins to look, and keeps what may still be true.

The walks are made and judged in processes of their own: their searches are large.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.traces.walks import Journey, refused, side_by_side

from migspec.traces.beginnings import IN_COLO, ON_BOTH_SIDES


def journeys(number: int, like: Journey) -> Iterator[Journey]:
    """Walks of one kind, with the cut, where there is one, anywhere."""
    for seed in range(number):
        yield like._replace(seed=seed, cut=random.Random(seed).random() * like.cut)


KINDS: dict[str, tuple[int, int, Journey]] = {
    "one monitor": (50, 400, Journey(0, steps=40)),
    "two monitors": (16, 80, Journey(0, steps=30, monitors=2)),
    "three monitors": (16, 60, Journey(0, steps=12, monitors=3, most_pending=1)),
    "clients that come and go": (60, 600, Journey(0, closes=0.3)),
    "two clients that come and go": (30, 300, Journey(0, closes=0.3, monitors=2)),
    "begun late": (20, 200, Journey(0, steps=25, cut=1)),
    "many requests from before": (30, 200, Journey(0, cut=1, most_pending=5)),
    "two monitors found late": (8, 40, Journey(0, monitors=2, cut=1)),
    "in COLO": (1, 12, Journey(0, tier=IN_COLO)),
    "with a migration on both sides": (4, 24, Journey(0, tier=ON_BOTH_SIDES)),
    "with a migration on both sides, in COLO": (1, 12, Journey(0, tier=ON_BOTH_SIDES + 1)),
}
"""Kinds of walks: how many are gone in an ordinary run, how many in a long one, and how."""


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_relation_does_is_accepted(kind: str) -> None:
    number, _, like = KINDS[kind]
    assert not [told for told in side_by_side(refused, journeys(number, like)) if told]


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_relation_does_is_accepted_again_and_again(kind: str) -> None:
    _, number, like = KINDS[kind]
    assert not [told for told in side_by_side(refused, journeys(number, like)) if told]
