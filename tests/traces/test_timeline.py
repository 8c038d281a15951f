"""The timeline: every message in the lane of its VM, every finding below its line, and no line too long."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.talk import Talk

from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import Header
from migspec.traces.judge import Options, judge_file
from migspec.traces.picture.bundling import Polling
from migspec.traces.picture.gathering import Gathered, Lane
from migspec.traces.picture.marks import Kind, Mark
from migspec.traces.picture.story import Story
from migspec.traces.report import Tone, plain
from migspec.traces.timeline import NARROWEST, drawn, timeline

GOLDEN = Path(__file__).with_name("golden") / "timeline"
DEMO = Path(__file__).resolve().parents[1] / "faults/demo.jsonl"
OPTIONS = Options()

TEXTS = st.text(max_size=60)
GRADES = st.sampled_from(list(Grade))


def shown(path: Path, width: int) -> str:
    """The timeline of a file, as a terminal of that width shows it."""
    report = judge_file(str(path), OPTIONS)
    report.trace = path.name
    return "".join(f"{plain(line)}\n" for line in timeline(str(path), report, OPTIONS, width))


@pytest.mark.parametrize("width", [120, 60])
def test_the_demonstration(width: int) -> None:
    assert shown(DEMO, width) == (GOLDEN / f"demo-{width}.txt").read_text()


@st.composite
def gathered(draw: st.DrawFn) -> tuple[Gathered, Report]:
    """Any lanes with any marks in the order of their lines, and findings about any line."""
    names = draw(st.lists(TEXTS, min_size=1, max_size=6, unique=True))
    lines = sorted(draw(st.sets(st.integers(2, 99_999), min_size=1, max_size=12)))
    clock = st.none() | st.floats(-1e9, 1e9)
    marks = tuple(
        Mark(
            draw(st.sampled_from(list(Kind))),
            line,
            draw(clock),
            draw(st.sampled_from(names)),
            "",
            draw(TEXTS),
            draw(TEXTS),
        )
        for line in lines
    )
    findings = tuple(
        (Finding(line, names[0], "some.rule", draw(GRADES), draw(TEXTS)), [line])
        for line in draw(st.lists(st.integers(1, 100_000), max_size=4, unique=True))
    )
    lanes = tuple(Lane(name) for name in names)
    report = Report("t", findings=[finding for finding, _ in findings])
    return Gathered(Header(), lanes, marks, findings, Story((), (), 0)), report


@given(gathered(), st.integers(0, 300))
def test_everything_has_its_row_and_no_row_is_too_long(given_to: tuple[Gathered, Report], width: int) -> None:
    picture, report = given_to
    rows = [plain(line) for line in drawn(picture, report, width)]
    least = NARROWEST + len("99999 -2000000000.000 ")
    assert max(len(row) for row in rows) <= max(width, least)
    assert all(row.isprintable() for row in rows)
    numbers = [row.split(" ", 1)[0] for row in (row.lstrip() for row in rows)]
    for mark in picture.marks:
        assert not isinstance(mark, Polling)
        assert str(mark.line) in numbers
    told = " ".join(" ".join(rows).split())
    for finding in report.findings:
        assert f"in line {finding.line}" in told


def rows_of(talk: Talk, width: int = 160) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.jsonl"
        path.write_text(talk.text())
        yield from shown(path, width).splitlines()


def test_a_finding_stands_below_its_line() -> None:
    talk = Talk()
    talk.wire().fresh()
    assert not [row for row in rows_of(talk) if "violation" in row]
    talk.wire("dst").fresh().done("migrate-continue", state="pre-switchover")
    rows = list(rows_of(talk))
    (place,) = [i for i, row in enumerate(rows) if "violation" in row]
    assert rows[place - 1].split()[0] == str(talk.line)
    assert f"violation in line {talk.line}, " in rows[place]


def test_polling_is_one_row() -> None:
    talk = Talk()
    src = talk.wire().fresh()
    for _ in range(30):
        src.runs("running")
    (row,) = [row for row in rows_of(talk) if " times" in row]
    assert "29 times" in row
    assert "query-status" in row
    assert "running" in row


def test_where_lanes_do_not_fit_all_share_one() -> None:
    talk = Talk()
    for name in ("a", "b", "c", "d"):
        talk.wire(name).fresh()
    wide, narrow = list(rows_of(talk, 300)), list(rows_of(talk, 60))
    assert any("│" in row for row in wide)
    assert not any("│" in row for row in narrow)
    assert any("◇ b: greeting" in row for row in narrow)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(DEMO.read_text() + "{\n")
    rows = shown(path, 120).splitlines()
    assert any("this is not JSON" in row for row in rows[:5])
    assert any("completed" in row for row in rows[5:])


def test_verdicts_have_their_colours() -> None:
    report = judge_file(str(DEMO), OPTIONS)
    lines = list(timeline(str(DEMO), report, OPTIONS))
    assert {piece.tone for line in lines for piece in line if "QEMU broke its protocol" in piece.text} == {Tone.BAD}
