"""The documentation in a real browser: it asks nothing of the network, and fits the window, however wide that is."""

from pathlib import Path

import pytest
from tests.docs.building import build_sample
from tests.live.chromium import LEGIBLE, Browser, contrast

pytestmark = [pytest.mark.live, pytest.mark.soak]

WIDTHS = (380, 800, 1010, 1250, 1330, 1500, 1560, 1920)
"""Widths of a window, in pixels, on either side of those at which the theme changes its layout."""
PAGES = ("index", "reference/commands/migrate_cancel", "reference/statuses/cancelling", "reference/program/manual")

DRAWINGS = ("reference/transitions/chart-qemu-5.2.0", "reference/statuses/cancelling")
INK_AND_PAPER = """
[...document.querySelectorAll('.statechart .node, .statechart .badge, .statechart .label')].flatMap((box) =>
  [...box.querySelectorAll('text')].map((text) =>
    [text, box.querySelector('rect')].map((element) => getComputedStyle(element).fill)))
"""
"""The colour of each text in a drawing, with that of the box that it is in."""


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sample(tmp_path_factory.mktemp("docs")).html


def test_a_page_needs_no_network_and_fits_any_window(browser: Browser, html: Path) -> None:
    for place in PAGES:
        page = browser.page()
        page.open(html / f"{place}.html")
        for width in WIDTHS:
            page.look(width, 900)
            assert page.value("document.documentElement.scrollWidth") <= width, (place, width)
        assert page.complaints == []
        assert [asked for asked in page.requests if not asked.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("place", DRAWINGS)
def test_a_drawing_is_legible_in_the_light_and_in_the_dark(browser: Browser, html: Path, place: str) -> None:
    """Its words stand out against the box that they are in."""
    page = browser.page()
    page.open(html / f"{place}.html")
    seen = set()
    for dark in (False, True):
        page.look(1400, 900, dark=dark)
        found = page.value(INK_AND_PAPER)
        assert found
        assert [pair for pair in found if contrast(*pair) <= LEGIBLE] == []
        seen |= {ink for ink, _ in found}
    assert len(seen) >= 2
