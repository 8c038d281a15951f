"""Every format: golden files, and what all have in common."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from tests.traces.reports.samples import GRADES, document_of, runs

from migspec.traces.findings import Report
from migspec.traces.report import as_json, as_text, plain
from migspec.traces.reports import table
from migspec.traces.reports.table import FORMATS, TEXT, Wishes

GOLDEN = Path(__file__).parent.parent / "golden/formats"
COUNTS = re.compile(r"\d+ of \d+ rules exercised; nothing is said about the other \d+")
"""What changes with the number of rules."""


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_as_agreed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every grade; `tests/traces/test_cli.py` does the same with a trace."""
    monkeypatch.setattr(table, "installed_version", lambda: "1.2.3")
    written = document_of(FORMATS[name].reporter(Wishes()), GRADES)
    assert COUNTS.sub("N of M rules exercised", written) == (GOLDEN / f"grades.{name}").read_text()


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "json"])
@given(shown=runs)
def test_a_document_holds_nothing_but_what_prints(name: str, shown: list[Report]) -> None:
    """But for JSON, which escapes what a string of JSON must not hold, and keeps the rest as it is."""
    written = document_of(FORMATS[name].reporter(Wishes()), shown)
    assert all(line.isprintable() for line in written.split("\n"))


@given(runs)
def test_text_and_json_are_those_of_the_reports(shown: list[Report]) -> None:
    text = document_of(FORMATS["text"].reporter(Wishes()), shown)
    assert text.startswith("".join(f"{plain(line)}\n" for report in shown for line in as_text(report)))
    objects = document_of(FORMATS["json"].reporter(Wishes()), shown)
    assert objects == "".join(f"{as_json(report)}\n" for report in shown)


def test_only_text_lists_the_rules_that_nothing_exercised() -> None:
    for name, described in FORMATS.items():
        short, long = (document_of(described.reporter(Wishes(verbose=verbose)), GRADES) for verbose in (False, True))
        assert (short != long) is (name == TEXT)


def test_every_format_for_programs_has_its_words() -> None:
    assert [name for name, described in FORMATS.items() if not described.contents] == [TEXT]
