"""Numbers are read as QEMU reads them, and an id is recognised in what comes back of it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from migspec.properties.strategies import JSON
from migspec.spec.wire.numbers import LARGEST, SMALLEST, printed_number, read_integer, same_id, spelled

NO_ID: Any = UNSET
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def as_qemu_prints(value: Any) -> str:
    """An id as QEMU sends it back: its own escapes, floats with six decimals and no trailing zeros."""
    if isinstance(value, float) or (type(value) is int and not SMALLEST <= value <= LARGEST):
        return f"{float(value):f}".rstrip("0").removesuffix(".")
    if isinstance(value, dict):
        # its dictionaries are hash tables, so the members come in any order
        return "{" + ", ".join(f"{json.dumps(k)}: {as_qemu_prints(v)}" for k, v in reversed(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_qemu_prints, value)) + "]"
    return json.dumps(value)


@given(JSON)
def test_an_id_is_the_same_as_qemu_prints_it(value: Any) -> None:
    assert same_id(value, json.loads(as_qemu_prints(value)))


@given(FLOATS | st.integers(-(10**30), 10**30))
def test_a_number_comes_back_as_it_is_printed(number: float) -> None:
    back = json.loads(as_qemu_prints(number))
    assert printed_number(number) == back
    assert printed_number(back) == back


@given(FLOATS | st.integers(-(10**30), 10**30))
def test_a_number_is_spelled_as_qemu_prints_it(number: float) -> None:
    assert spelled(number) == as_qemu_prints(number)


@given(JSON, JSON)
def test_ids_are_the_same_if_their_values_are(one: Any, other: Any) -> None:
    assert same_id(one, json.loads(json.dumps(one)))
    if type(one) is not type(other) and not (isinstance(one, int | float) and isinstance(other, int | float)):
        assert not same_id(one, other)


@given(FLOATS, FLOATS)
def test_a_number_that_qemu_would_print_otherwise_is_another(one: float, other: float) -> None:
    assert same_id(one, other) == (one == other or float(as_qemu_prints(one)) == other)


@pytest.mark.parametrize(
    ("asked", "given_back", "same"),
    [
        (1, 1.0, True),
        (0.1234567, 0.123457, True),
        (0.1234567, 0.123456, False),
        (0.1234567, 0.12346, False),
        (1e-10, 0, True),
        (2**64, 18446744073709551616, True),
        (10**30, 1000000000000000019884624838656, True),
        (1, "1", False),
        (1, True, False),
        (0, False, False),
        ({"a": 1}, {"a": True}, False),
        (None, 0, False),
        (None, NO_ID, False),
        (NO_ID, None, False),
        (NO_ID, NO_ID, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        (2**64 - 1, 2**64 - 2, False),
    ],
)
def test_the_same_id(asked: Any, given_back: Any, same: bool) -> None:
    assert same_id(asked, given_back) is same


def test_an_id_too_deep_to_follow_is_let_pass() -> None:
    one: list[Any] = []
    other: list[Any] = []
    for _ in range(100_000):
        one, other = [one], [other]
    assert same_id(one, other)


@given(st.integers())
def test_an_integer_of_64_bits_stays_one(number: int) -> None:
    found = read_integer(str(number).encode())
    assert found == (number if SMALLEST <= number <= LARGEST else float(number))
    assert isinstance(found, int) == (SMALLEST <= number <= LARGEST)


def test_a_number_too_large_for_a_double_is_infinite() -> None:
    assert read_integer(b"-" + b"9" * 400) == -math.inf
    assert printed_number(10**400) == math.inf
    assert (spelled(10**400), spelled(-math.inf)) == ("inf", "-inf")
