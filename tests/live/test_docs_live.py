"""The documentation in a real browser: it asks nothing of the network, and fits the window, however wide that is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.building import build_sample
from tests.live.chromium import Browser, running
from tests.live.debian import Unavailable

pytestmark = [pytest.mark.live, pytest.mark.soak]

WIDTHS = (380, 800, 1010, 1250, 1330, 1500, 1560, 1920)
"""Widths of a window, in pixels, on either side of those at which the theme changes its layout."""
PAGES = ("index", "reference/commands/migrate_cancel", "reference/statuses/cancelling", "reference/program/manual")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as found:
        if isinstance(found, Unavailable):
            pytest.skip(found.reason)
        yield found


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


def test_a_drawing_is_legible_in_the_light_and_in_the_dark(browser: Browser, html: Path) -> None:
    """Its text does not have the colour of what is behind it."""
    page = browser.page()
    page.open(html / "reference/transitions/chart-qemu-5.2.0.html")
    seen = set()
    for dark in (False, True):
        page.look(1400, 900, dark=dark)
        text = page.value("getComputedStyle(document.querySelector('.statechart .node text')).fill")
        behind = page.value("getComputedStyle(document.body).backgroundColor")
        assert text != behind
        seen.add(text)
    assert len(seen) == 2
