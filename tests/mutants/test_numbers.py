"""Numbers that are off: by the least that breaks a relation, and by nothing where none does."""

from hypothesis import given
from hypothesis import strategies as st
from tests.mutants.numbers import FURTHEST, least


@given(st.integers(1, FURTHEST))
def test_the_least_distance_is_found(limit: int) -> None:
    assert least(lambda distance: distance >= limit) == limit


def test_what_never_breaks_has_no_distance() -> None:
    assert least(lambda distance: False) is None
