"""What a schema does not know is left out, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.spec.schema import SEED
from migspec.spec.schema.known import UNKNOWN, known, known_arguments
from migspec.spec.schema.validate import LATER, validate

CAPABILITY = SEED.structs["MigrationCapabilityStatus"]
INFO = SEED.structs["MigrationInfo"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_is_left_has_nothing_unknown(value: Any) -> None:
    part = known(value, INFO, SEED)
    assert part is UNKNOWN or not any(fault.kind in LATER for fault in validate(part, INFO, SEED))


def test_what_is_known_stays_as_it_is() -> None:
    value = {"status": "active", "ram": {"transferred": 1}, "setup-time": 3}
    assert known(value, INFO, SEED) == value
    assert known({**value, "novelty": {"a": 1}}, INFO, SEED) == value


def test_an_unknown_word_goes_with_the_object_that_needs_it() -> None:
    assert known({"capability": "mind-reading", "state": True}, CAPABILITY, SEED) is UNKNOWN
    command = SEED.commands["migrate-set-capabilities"]
    settings = [{"capability": "mind-reading", "state": True}, {"capability": "events", "state": True}]
    assert known_arguments({"capabilities": settings}, command, SEED) == {"capabilities": settings[1:]}


def test_an_unknown_word_of_a_member_that_may_be_missing_is_left_out_alone() -> None:
    assert known({"status": "dreaming", "setup-time": 3}, INFO, SEED) == {"setup-time": 3}


@pytest.mark.parametrize("value", [None, 3, "text", [1]])
def test_what_is_wrong_otherwise_is_left_as_it_is(value: object) -> None:
    assert known(value, INFO, SEED) == value
