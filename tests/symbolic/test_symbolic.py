"""The contracts of the pure functions: drawn examples keep them, and a solver finds no counterexample."""

import inspect
from collections.abc import Callable
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icontract import ViolationError
from tests.symbolic.contracts import CONTRACTS
from tests.symbolic.search import Came, is_broken_by, names, search, stored

from migspec.spec.state import ANYTHING

FEW = ("a_truth_is_no_number", "a_percentage_is_admitted_from_1_to_99")
"""Contracts that are confirmed within seconds."""

_DRAWN: dict[str, st.SearchStrategy[object]] = {
    "state": st.integers(0, ANYTHING),
    "address": st.text(st.characters(max_codepoint=127), max_size=12)
    | st.sampled_from(["tcp:a:1", "unix:/s", "exec:x", "fd:1", "rdma:a:1", "vsock:1:2", "defer"]),
    "seconds": st.floats(allow_nan=False),
    "initial": st.integers(1, 99),
    "point": st.integers(0xD800, 0xDFFF) | st.integers(0x110000, 0x200000),
}
_OF_TYPE: dict[type, st.SearchStrategy[object]] = {
    int: st.integers(-5, 130) | st.integers(),
    bool: st.booleans(),
    str: st.text(max_size=12),
    float: st.floats(),
}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_drawn_examples_keep_it(contract: Callable[..., bool]) -> None:
    hints = get_type_hints(contract)
    drawn = {name: _DRAWN.get(name, _OF_TYPE[hints[name]]) for name in inspect.signature(contract).parameters}
    kept = 0

    @settings(max_examples=200)
    @given(st.fixed_dictionaries(drawn))
    def holds(values: dict[str, object]) -> None:
        nonlocal kept
        try:
            assert contract(**values)
        except ViolationError as violation:
            if "_is_so" in str(violation):
                raise
            return  # what breaks a precondition is no example
        kept += 1

    holds()
    assert kept


def test_a_solver_confirms_a_few() -> None:
    assert [found.came for found in search(FEW, seconds=60)] == [Came.CONFIRMED] * len(FEW)


def test_a_counterexample_is_tried() -> None:
    assert is_broken_by("false when calling an_address_is_refused_or_may_pass('x' * 13)")
    assert not is_broken_by(
        "AttributeError: x when calling an_address_is_refused_or_may_pass('rdma:') (which returns 1)"
    )


def test_what_is_kept_is_of_every_contract() -> None:
    assert tuple(found.contract for found in stored()) == names()
    assert all(found.came is not Came.BROKEN for found in stored())


@pytest.mark.soak
def test_a_solver_finds_no_counterexample() -> None:
    found = search(names())
    print(f"\n{sum(each.came is Came.CONFIRMED for each in found)} of {len(found)} contracts confirmed")
    assert [each for each in found if each.came is Came.BROKEN] == []
