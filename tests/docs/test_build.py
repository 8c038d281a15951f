"""The documentation is built without a warning, and every link on every page of it leads somewhere.

The whole takes long, so that `make test` builds a sample: pages of each kind, whose links to others are not looked at.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pytest
from tests.traces.command import ENVIRONMENT

PROJECT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 3600
"""Seconds after which a build hangs, on however busy a machine."""

SAMPLE: Final = (
    "index",
    "theory",
    "contributing",
    "adding/rule",
    "tutorials/formal-methods",
    "reference/commands/migrate_cancel",
    "reference/statuses/cancelling",
    "reference/answers/MigrationStats.normal-bytes",
    "reference/program/manual",
)
"""Pages of each kind."""

_EXPECTED_OF_A_SAMPLE: Final = re.compile(
    r"there is no page of|toctree|unknown document|unknown source document|xref_missing|reference target not found",
    re.IGNORECASE,
)


def prepared(folder: Path) -> Path:
    """A copy of the documents, beside all that they are made of."""
    ignored = shutil.ignore_patterns("reference", "__pycache__")
    shutil.copytree(PROJECT / "docs", folder / "docs", ignore=ignored)
    for path in PROJECT.iterdir():
        if path.name in ("spec", "reference_impl", "properties", "traces") or path.suffix == ".md":
            (folder / path.name).symlink_to(path)
    return folder / "docs"


def build(builder: str, docs: Path, *options: str) -> tuple[Path, str]:
    """Where a builder has put its pages, and what it has complained about."""
    out = docs.parent / "build" / builder
    doctrees = docs.parent / "build/doctrees"
    line = [sys.executable, "-m", "sphinx", "-q", "-b", builder, "-d", str(doctrees), *options, str(docs), str(out)]
    done = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out, done.stderr


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """The sample in HTML, the manual page, and the complaints."""
    docs = prepared(tmp_path_factory.mktemp("sample"))
    patterns = ",".join(f"{page}.*" for page in SAMPLE)
    out, complaints = build("html", docs, "-D", f"include_patterns={patterns}")
    manual, more = build("man", docs, "-D", f"include_patterns={patterns}")
    return out, manual, complaints + more


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


def test_a_sample_is_built_without_a_warning(sample: tuple[Path, Path, str]) -> None:
    _, _, complaints = sample
    lines = [line for line in complaints.splitlines() if "WARNING" in line or "ERROR" in line]
    assert [line for line in lines if not _EXPECTED_OF_A_SAMPLE.search(line)] == []
    assert lines, "the sample should lack the pages that it leads to"


def test_the_page_of_a_command_is_a_page(sample: tuple[Path, Path, str]) -> None:
    out, _, _ = sample
    page = (out / "reference/commands/migrate_cancel.html").read_text()
    assert "At a glance" in page
    assert page.count("<table") >= 2
    assert 'id="spec-migrate_cancel.accepted"' in page
    assert 'rowspan="5"' in page


def test_a_drawing_leads_from_page_to_page(sample: tuple[Path, Path, str]) -> None:
    out, _, _ = sample
    page = (out / "reference/statuses/cancelling.html").read_text()
    assert "<svg" in page
    assert '<a href="../commands/migrate_cancel.html#spec-migrate_cancel.accepted">' in page
    assert "spec:" not in page


def test_nothing_is_fetched_from_elsewhere(sample: tuple[Path, Path, str]) -> None:
    out, _, _ = sample
    for path in out.rglob("*.html"):
        fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', path.read_text())
        assert [link for link in fetched if re.match(r"[a-z]+:|//", link)] == []


def test_the_manual_page_is_one(sample: tuple[Path, Path, str]) -> None:
    _, manual, _ = sample
    text = (manual / "migspec.1").read_text().replace("\\-", "-")
    assert re.search(r'^\.TH "MIGSPEC" "?1"? ', text, re.MULTILINE)
    headings = re.findall(r"^\.SH (.*)$", text, re.MULTILINE)
    assert [heading.title() for heading in headings[:3]] == ["Name", "Synopsis", "Description"]
    assert "--other-clients" in text


@pytest.mark.soak
def test_the_whole_is_built_without_a_warning_and_no_link_is_dead(tmp_path: Path) -> None:
    docs = prepared(tmp_path)
    out, complaints = build("html", docs, "--fail-on-warning", "--keep-going", "--jobs", "auto")
    assert complaints == ""
    build("man", docs, "--fail-on-warning", "--keep-going")
    assert list(dead(out)) == []
    assert len(list((out / "reference").rglob("*.html"))) > 200


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y">b</a><a href="#x">x</a><a href="c.html">c</a>')
    (tmp_path / "b.html").write_text('<p id="z"><a href="https://elsewhere">e</a>')
    assert list(dead(tmp_path)) == ["a.html: b.html#y", "a.html: c.html"]
