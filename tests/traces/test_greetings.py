"""A greeting is judged by its form, and the negotiation by what it has offered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.strategies import JSON, corrupted
from migspec.spec.schema import QEMU_5_2_0
from migspec.spec.vocabulary import ErrorClass
from migspec.spec.wire.greeting import mismatches
from migspec.traces.greetings import judge_class, judge_greeting, judge_negotiation

QEMU = {"version": {"qemu": {"micro": 0, "minor": 2, "major": 5}, "package": "Debian"}, "capabilities": ["oob"]}
OOB = frozenset({"oob"})


def judged(content: Any, *, exact: bool = True) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    return judge_greeting(json.dumps(content).encode(), QEMU_5_2_0, exact=exact)


@pytest.mark.parametrize("offers", [["oob"], []])
def test_the_greetings_of_qemu(offers: list[str]) -> None:
    assert judged(QEMU | {"capabilities": offers}) == (frozenset(offers), ())


@given(st.just(QEMU).flatmap(lambda content: corrupted(content, JSON)))
def test_there_is_a_sentence_for_each_fault(content: Any) -> None:
    _, faults = judged(content)
    assert len(faults) == len(list(mismatches(content, QEMU_5_2_0)))
    assert set(judged(content, exact=False)[1]) <= set(faults)


@pytest.mark.parametrize(
    ("content", "exact", "loose"),
    [
        (QEMU | {"capabilities": ["oob", "fast"]}, 1, 0),
        (QEMU | {"motto": "hello"}, 1, 0),
        (QEMU | {"capabilities": [1]}, 1, 1),
        ({"capabilities": []}, 1, 1),
        ([], 1, 1),
    ],
)
def test_what_an_unmeasured_server_may_have_of_its_own(content: Any, exact: int, loose: int) -> None:
    assert (len(judged(content)[1]), len(judged(content, exact=False)[1])) == (exact, loose)


def test_a_greeting_that_cannot_be_read() -> None:
    offers, faults = judge_greeting(b"[" * 5000 + b"]" * 5000, QEMU_5_2_0, exact=True)
    assert offers is None
    assert len(faults) == 1


@pytest.mark.parametrize(
    ("offers", "refused", "right"),
    [
        (OOB, None, True),
        (OOB, "Capability oob not available", False),
        (OOB, "Invalid parameter 'bogus'", True),
        (frozenset[str](), None, False),
        (frozenset[str](), "Capability oob not available", True),
    ],
)
def test_what_was_offered_is_granted_and_nothing_else(offers: frozenset[str], refused: str | None, right: bool) -> None:
    assert (not judge_negotiation(offers, refused)) is right


@given(st.sampled_from(ErrorClass) | st.text(max_size=9))
def test_there_are_so_many_classes_and_no_others(name: str) -> None:
    assert (not judge_class(name)) == (name in [str(known) for known in ErrorClass])
