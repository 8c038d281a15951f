"""The page of a judged log in a real browser: it shows what it has to show, complains of nothing, asks for nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.chromium import LEGIBLE, Browser, Page, contrast
from tests.traces.corpus import CORPUS
from tests.traces.html import pages

pytestmark = pytest.mark.live

FAULTY = CORPUS.parents[1] / "tests/faults/demo.jsonl"
RECOVERED = CORPUS / "qemu-5.2.0/recover-once.jsonl.gz"

INKS = """
["h1", ".verdict", ".facts dt", ".grade", ".rule", ".where", "#keys", "#panel dt",
  "#panel .string", "#panel .key", "#panel .number"]
  .map((selector) => getComputedStyle(document.querySelector(selector)).color)
"""
"""The colours of text of every kind."""
PAPER = "getComputedStyle(document.body).backgroundColor"
"""What it is written on."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages that the tests look at."""
    folder = tmp_path_factory.mktemp("pages")
    for path in (FAULTY, RECOVERED):
        (folder / f"{path.name.partition('.')[0]}.html").write_text(pages.made_elsewhere(path), encoding="utf-8")
    return folder


@pytest.fixture
def faulty(browser: Browser, folder: Path) -> Iterator[Page]:
    """The page of a trace with a fault, opened; afterwards nothing may have been wrong with it."""
    yield from opened(browser, folder / "demo.html")


@pytest.fixture
def recovered(browser: Browser, folder: Path) -> Iterator[Page]:
    """The page of a postcopy migration that was recovered."""
    yield from opened(browser, folder / "recover-once.html")


def opened(browser: Browser, path: Path) -> Iterator[Page]:
    page = browser.page()
    page.look(1440, 900)
    page.open(path)
    page.settle()
    yield page
    assert page.complaints == []
    assert page.requests == [path.as_uri()]


def panel(page: Page) -> str:
    text = page.value("document.getElementById('panel').innerText")
    assert isinstance(text, str)
    return text


def span(page: Page) -> float:
    return float(page.value("VIEW.range[1] - VIEW.range[0]"))


def test_the_lanes_are_drawn(faulty: Page) -> None:
    texts = faulty.value("[...document.querySelectorAll('#drawing text')].map((text) => text.textContent)")
    assert {"outgoing", "incoming", "guest", "asked", "answered", "told", "inferred"} <= set(texts)
    assert {"setup", "active", "running", "inmigrate"} <= set(texts)
    for kind in ("request", "reply", "event", "hidden"):
        assert faulty.value(f"document.querySelectorAll('#drawing .mark.{kind}').length") > 1


def test_the_findings_are_visible(faulty: Page) -> None:
    height = faulty.value("document.querySelector('.finding').getBoundingClientRect().height")
    assert height > 10
    assert "RESUME is not possible here" in faulty.value("document.querySelector('.findings').innerText")
    assert faulty.value("document.querySelectorAll('#drawing .violation .flag').length") == 1


def test_a_click_on_a_finding_shows_its_message(faulty: Page) -> None:
    faulty.value("choose(MARKS[0])")
    assert "RESUME" not in panel(faulty)
    faulty.click(".finding")
    shown = panel(faulty)
    assert '"event": "RESUME"' in shown
    assert "line 32" in shown
    assert "A guest that the failed or cancelled migration had stopped runs again." in shown


def test_a_click_on_a_mark_shows_its_message(faulty: Page) -> None:
    faulty.click("#drawing .mark.request")
    line = faulty.value("VIEW.chosen.line")
    assert faulty.value("VIEW.chosen.kind") == "request"
    assert f"line {line}" in panel(faulty)
    assert '"execute":' in panel(faulty)


def test_a_click_on_a_step_tells_what_must_have_happened(recovered: Page) -> None:
    recovered.click("#drawing .mark.hidden")
    assert "What must have happened before it, unseen" in panel(recovered)


def test_all_can_be_reached_by_keys(faulty: Page) -> None:
    faulty.value("document.getElementById('lanes').focus()")
    before = faulty.value("VIEW.chosen.id")
    faulty.press("ArrowRight")
    assert faulty.value("VIEW.chosen.id") == before + 1
    faulty.press("f")
    assert "violation" in panel(faulty)
    wide = span(faulty)
    faulty.press("+")
    assert span(faulty) < wide
    low = faulty.value("VIEW.range[0]")
    faulty.value("LANES_BOX.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', shiftKey: true}))")
    assert faulty.value("VIEW.range[0]") < low
    faulty.press("0")
    assert span(faulty) > wide
    faulty.press("t")
    assert faulty.value("SCALE.isTimed") is False


def test_the_wheel_zooms_and_the_mouse_moves(recovered: Page) -> None:
    wide = span(recovered)
    x, y = recovered.value("(() => { const b = LANES_BOX.getBoundingClientRect(); return [b.x + 500, b.y + 80]; })()")
    wheel = {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": -120, "modifiers": 2}
    recovered.call("Input.dispatchMouseEvent", **wheel)
    recovered.settle()
    assert span(recovered) < wide
    low = recovered.value("VIEW.range[0]")
    for kind, to in (("mousePressed", x), ("mouseMoved", x - 90), ("mouseReleased", x - 90)):
        recovered.call("Input.dispatchMouseEvent", type=kind, x=to, y=y, button="left", buttons=1, clickCount=1)
    recovered.settle()
    assert recovered.value("VIEW.range[0]") > low


def test_a_folded_lane_unfolds(faulty: Page) -> None:
    faulty.value("LANES[1].shown = false, fold(), redraw()")
    assert faulty.value("document.querySelectorAll('#folded button').length") == 1
    faulty.click("#folded button")
    assert faulty.value("LANES[1].shown") is True


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_is_legible(faulty: Page, dark: bool) -> None:
    faulty.look(1440, 900, dark=dark)
    paper = faulty.value(PAPER)
    assert min(contrast(ink, paper) for ink in faulty.value(INKS)) > LEGIBLE


def test_a_narrow_window_needs_no_sideways_scrolling(faulty: Page) -> None:
    faulty.look(420, 900)
    assert faulty.value("document.documentElement.scrollWidth") <= 420


def test_the_page_can_be_printed(faulty: Page) -> None:
    assert faulty.paper().startswith(b"%PDF")


def test_a_hostile_log_does_no_harm(browser: Browser, tmp_path: Path) -> None:
    words = ["</script><b>x</b>", "<!--<script>", "<img src=x onerror=alert(1)>", "\u2028\x7f", "x" * 20_000]
    messages = [json.dumps({"event": word, "data": {word: [word, 2**64]}}) for word in words]
    html = pages.of_messages(messages)
    path = tmp_path / "hostile.html"
    path.write_text(html, encoding="utf-8")
    for page in opened(browser, path):
        texts = page.value("MARKS.map((mark) => mended(mark.text))")
        assert texts == pages.parts(html).messages
        assert texts[:4] == messages[:4]
        for number in range(len(words)):
            page.value(f"choose(MARKS[{number}])")
            page.settle()
            assert page.value("document.querySelectorAll('b, img').length") == 0
        assert "18446744073709551616" in page.value("tokens(mended(MARKS[0].text)).map((token) => token[1]).join('')")
