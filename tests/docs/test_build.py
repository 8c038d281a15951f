"""The documentation is built without a warning, and every link on every page of it leads somewhere.

The whole takes long, so that `make test` builds a sample: pages of each kind, whose links to others are not looked at.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.docs.building import EXPECTED_OF_A_SAMPLE, PROJECT, SAMPLE, Built, build


class Links(HTMLParser):
    """The links and the identifiers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.names |= {name for name in (found.get("id"), found.get("name")) if name}
        for attribute in ("href", "src", "xlink:href"):
            if tag != "use" and (target := found.get(attribute)):
                self.links.append(target)


def dead(folder: Path) -> Iterator[str]:
    """The links between pages that lead nowhere."""
    pages = {path: Links(path.read_text()) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:|//", link):
                continue
            target, _, anchor = unquote(link.partition("?")[0] if "?" in link else link).partition("#")
            there = (path.parent / target).resolve() if target else path
            if not there.exists() or (anchor and there in pages and anchor not in pages[there].names):
                yield f"{path.relative_to(folder)}: {link}"


def test_a_sample_is_built_without_a_warning(built: Built) -> None:
    assert [line for line in built.complaints if not EXPECTED_OF_A_SAMPLE.search(line)] == []
    assert built.complaints, "the sample should lack the pages that it leads to"
    assert {path.relative_to(built.html).with_suffix("").as_posix() for path in built.html.rglob("*.html")} >= {*SAMPLE}


def test_every_document_has_its_place_in_the_index() -> None:
    docs = PROJECT / "docs"
    written = {path.relative_to(docs).with_suffix("").as_posix() for path in docs.rglob("*.md")} - {"index"}
    trees = re.findall(r"^```{toctree}\n(.*?)^```$", (docs / "index.md").read_text(), re.MULTILINE | re.DOTALL)
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    assert len(listed) == len(set(listed))
    assert {name for name in listed if not name.startswith("reference/")} == written


def test_the_page_of_a_command_is_a_page(built: Built) -> None:
    page = (built.html / "reference/commands/migrate_cancel.html").read_text()
    assert "At a glance" in page
    assert page.count("<table") >= 2
    assert 'id="spec-migrate_cancel.accepted"' in page
    assert 'rowspan="5"' in page


def test_a_drawing_leads_from_page_to_page(built: Built) -> None:
    command = "../commands/migrate_cancel.html#spec-migrate_cancel.accepted"
    for place in ("statuses/cancelling", "transitions/chart-qemu-5.2.0"):
        page = (built.html / f"reference/{place}.html").read_text()
        assert "<svg" in page
        assert f'<a href="{command}">' in page
        assert "spec:" not in page


def test_nothing_is_fetched_from_elsewhere(built: Built) -> None:
    for path in built.html.rglob("*.html"):
        fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', path.read_text())
        assert [link for link in fetched if re.match(r"[a-z]+:|//", link)] == []


def test_the_manual_page_is_one(built: Built) -> None:
    text = built.manual.read_text().replace("\\-", "-")
    assert re.search(r'^\.TH "MIGSPEC" "?1"? ', text, re.MULTILINE)
    headings = re.findall(r"^\.SH (.*)$", text, re.MULTILINE)
    assert [heading.title() for heading in headings[:3]] == ["Name", "Synopsis", "Description"]
    assert "--other-clients" in text


@pytest.mark.soak
def test_the_whole_is_built_without_a_warning_and_no_link_is_dead(tmp_path: Path) -> None:
    whole = build(tmp_path, "--fail-on-warning", "--keep-going")
    assert whole.complaints == ()
    assert list(dead(whole.html)) == []
    assert len(list((whole.html / "reference").rglob("*.html"))) > 200


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y">b</a><a href="#x">x</a><a href="c.html">c</a>')
    (tmp_path / "b.html").write_text('<p id="z"><a href="https://elsewhere">e</a>')
    assert list(dead(tmp_path)) == ["a.html: b.html#y", "a.html: c.html"]
