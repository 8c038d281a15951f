"""The contrast of two colours is what the WCAG say it is, in both notations of the browser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.chromium import contrast

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


def rgb(colour: tuple[int, int, int]) -> str:
    return f"rgb({', '.join(map(str, colour))})"


@given(COLOURS, COLOURS)
def test_contrast_is_mutual_and_the_same_in_both_notations(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    found = contrast(rgb(one), rgb(other))
    assert 1 <= found <= 21.0001
    assert found == contrast(rgb(other), rgb(one))
    mixed = f"color(srgb {' '.join(f'{channel / 255:.6f}' for channel in other)})"
    assert contrast(rgb(one), mixed) == pytest.approx(found, rel=1e-3)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("rgb(0, 0, 0)", "rgb(255, 255, 255)", 21.0), ("rgb(118, 118, 118)", "rgb(255, 255, 255)", 4.54)],
)
def test_known_contrasts(one: str, other: str, expected: float) -> None:
    assert contrast(one, other) == pytest.approx(expected, abs=0.01)
