"""The page stands alone, says what it has to say without a script, and lets nothing of the log act."""

import json
import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.corpus import CORPUS
from tests.traces.html import pages

from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import Header
from migspec.traces.html.rendering import rendered
from migspec.traces.picture.gathering import Gathered, Lane
from migspec.traces.picture.story import Story

FAULTY = CORPUS.parents[1] / "tests/faults/demo.jsonl"

PIECES = (
    "</script>",
    "<!--",
    "<script>",
    "]]>",
    "&amp;",
    "\u2028",
    "\x7f",
    '"',
    "'",
    "\\",
    "é",
    "\U0001f600",
    "7",
    "${data}",
)
HOSTILE = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=6).map("".join)
EVENTS = st.builds(
    lambda name, text, ascii_only: json.dumps({"event": name, "data": {text: text}}, ensure_ascii=ascii_only),
    HOSTILE,
    HOSTILE,
    st.booleans(),
)


@pytest.fixture(scope="module")
def faulty() -> str:
    return pages.made_elsewhere(FAULTY)


@given(st.lists(EVENTS, max_size=3))
@settings(max_examples=40)
def test_whatever_is_in_a_message_stays_text(messages: list[str]) -> None:
    html = pages.of_messages(messages)
    found = pages.parts(html)
    assert found.messages == messages
    assert [attributes.get("type") for tag, attributes in found.tags if tag == "script"] == ["application/json", None]
    assert html.encode("utf-8")
    block = found.scripts[0]
    assert block.isascii()
    assert not set("<>&") & set(block)


@given(HOSTILE)
@settings(max_examples=40)
def test_whatever_a_vm_is_called_stays_text(name: str) -> None:
    line = json.dumps({"vm": name, "dir": "<-", "msg": {"event": "X"}})
    found = pages.parts(pages.of_lines([line]))
    assert [lane["name"] for lane in found.data["lanes"]] == [name]
    assert len(found.scripts) == 2


def test_the_elements_of_a_hostile_page_are_those_of_a_harmless_one() -> None:
    harmless = pages.parts(pages.of_messages(['{"event":"X","data":{"a":"b"}}']))
    hostile = pages.parts(pages.of_messages(['{"event":"</script><b>","data":{"<img src=x>":"<!-- -->"}}']))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]


def test_a_lone_surrogate_makes_a_trace_unreadable_and_a_page_all_the_same() -> None:
    found = pages.parts(pages.of_messages(['{"event":"X"}', r'{"event":"\ud800"}']))
    assert found.messages == ['{"event":"X"}']
    assert "cannot be read to its end" in "".join(found.text)


def test_a_path_that_is_no_text_is_shown_with_escapes() -> None:
    nothing = Gathered(Header(), (), (), (), Story((), (), 0))
    html = "".join(rendered(nothing, Report("a\udcff\x1b.jsonl", error="a\udcff: no")))
    assert html.encode("utf-8")
    assert "\\udcff" in html
    assert "\x1b" not in html


def test_the_page_refers_to_nothing_outside_of_it(faulty: str) -> None:
    found = pages.parts(faulty)
    assert not {"link", "img", "iframe", "object", "embed", "base", "a"} & {tag for tag, _ in found.tags}
    assert not [attributes for _, attributes in found.tags if attributes.keys() & {"src", "href", "style", "onclick"}]
    assert re.findall(r"https?://[^\"' ]+", faulty) == ["http://www.w3.org/2000/svg"]
    policy = next(attributes["content"] for tag, attributes in found.tags if "content" in attributes and tag == "meta")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_what_happened_and_what_was_found_is_said_in_words(faulty: str) -> None:
    words = " ".join(pages.parts(faulty).text)
    assert re.search(r"The migration from src to dst completed in \d+ ms; the guest stood still for 2 ms\.", words)
    assert "QEMU broke its protocol once." in words
    assert "RESUME is not possible here: outgoing is completed" in words
    assert "guest.restarted" in words
    assert "Allowed here:" in words
    assert "line 32, src" in words


def test_notes_are_folded_where_there_are_many() -> None:
    findings = tuple((Finding(i, "a", "import.x", Grade.NOTE, f"Note {i}."), [i]) for i in range(1, 6))
    gathered = Gathered(Header(), (Lane("a"),), (), findings, Story((), (), 0))
    html = "".join(rendered(gathered, Report("t", findings=[finding for finding, _ in findings])))
    assert "<summary>5 notes</summary>" in html
    assert html.index("<summary>5 notes</summary>") < html.index("Note 1.")


def test_what_the_log_cannot_show_is_said() -> None:
    gathered = Gathered(Header(unseen=("events",)), (), (), (), Story((), (), 0), ("the greeting",), "a log", 12_000)
    words = unescape("".join(rendered(gathered, Report("t", {"a": "seed"}))))
    for told in (
        "The greeting.",
        "Some or all events of the VMs.",
        "12,000 marks at its end are not drawn",
        "The log has 1 VMs, of which the first 0 are drawn.",
    ):
        assert told in words
