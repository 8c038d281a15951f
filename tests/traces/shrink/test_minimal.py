"""Delta debugging: what is left holds, nothing of it can be left out, and the same is left every time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migspec.traces.shrink.minimal import minimal

SIZES = st.integers(0, 40)


@given(SIZES, st.data())
def test_exactly_what_is_needed_is_left(size: int, data: st.DataObject) -> None:
    needed = set(data.draw(st.lists(st.integers(0, size - 1), max_size=5))) if size else set()
    assert minimal(range(size), lambda kept: needed <= set(kept)) == tuple(sorted(needed))


@given(st.integers(1, 30), st.integers(0, 2**32))
def test_what_is_left_holds_and_is_one_minimal(size: int, seed: int) -> None:
    def holds(kept: tuple[int, ...]) -> bool:
        """Something that need not hold of less because it holds of more."""
        return len(kept) == size or (seed ^ hash(kept)) % 3 == 0

    left = minimal(range(size), holds)
    assert holds(left)
    assert list(left) == sorted(set(left))
    assert not any(holds(left[:place] + left[place + 1 :]) for place in range(len(left)))
    assert minimal(range(size), holds) == left


@given(st.integers(1, 200), st.data())
def test_what_many_parts_hide_is_found_in_few_tries(size: int, data: st.DataObject) -> None:
    needed = data.draw(st.integers(0, size - 1))
    tries: list[int] = []

    def holds(kept: tuple[int, ...]) -> bool:
        tries.append(len(kept))
        return needed in kept

    assert minimal(range(size), holds) == (needed,)
    assert len(tries) <= 4 * size.bit_length()


@given(SIZES)
def test_parts_may_be_tried_one_by_one(size: int) -> None:
    tried: list[int] = []

    def holds(kept: tuple[int, ...]) -> bool:
        tried.append(len(kept))
        return False

    assert minimal(range(size), holds, 1) == tuple(range(size))
    assert tried == [size - 1] * size
