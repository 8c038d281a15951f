"""How reports look: golden text, JSON that programs can rely on, and nothing that steers a terminal."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.spec.rules import Rule
from migspec.traces.catalogue import CATALOGUE as EVERY_RULE
from migspec.traces.findings import Finding, Grade, Report, Verdict
from migspec.traces.printable import printable
from migspec.traces.report import Line, Tally, Tone, as_json, as_text

GOLDEN = Path(__file__).with_name("golden")

CATALOGUE = {
    rule.id: rule
    for rule in (
        Rule("a.one", "The first holds.", profiles=frozenset({"seed", "qemu-5.2.0"})),
        Rule("a.two", "The second holds.", profiles=frozenset({"qemu-5.2.0"})),
        Rule("a.three", "The third holds.", profiles=frozenset({"qemu-5.2.0"})),
        Rule("trace.empty", "A trace has messages.", profiles=frozenset()),
    )
}

REPORTS = (
    Report("fine.jsonl", {"src": "qemu-5.2.0"}, 12, [], Counter({"a.one": 3})),
    Report(
        "folder/wrong.jsonl.gz",
        {"src": "qemu-5.2.0", "dst": "seed"},
        1,
        [
            Finding(3, "src", "a.two", Grade.DEFECT, "This is known.", "It is so.\n  And so.\n"),
            Finding(7, "dst", "a.one", Grade.VIOLATION, "This is not allowed.", "Two\n\n  lines."),
            Finding(8, "dst", "a.one", Grade.VIOLATION, "This is not allowed."),
            Finding(9, "src", "a.two", Grade.DEFECT, "This is known.", "It is so."),
            Finding(9, "dst", "a.two", Grade.DEFECT, "This is known."),
            Finding(11, "src", "a.three", Grade.NOTE, "This is remarkable."),
            Finding(20, "src", "a.two", Grade.DEFECT, "This is known.", "It is so."),
        ],
        Counter({"a.two": 1, "no.rule": 1}),
    ),
    Report("short.jsonl", {}, 0, [Finding(1, "", "trace.empty", Grade.DOUBT, "The trace has no messages.")]),
    Report("bad.jsonl", error="bad.jsonl, line 1: this is no header; expected a header."),
)

texts = st.text() | st.text("\x1b\x07[31m\n\r\x9b\u202e\ud800a")
findings = st.builds(
    Finding,
    line=st.integers(1, 9),
    vm=texts,
    rule=st.sampled_from(["a.one", "a.two"]),
    grade=st.sampled_from(Grade),
    message=texts,
    explanation=texts,
)
reports = st.builds(
    Report,
    trace=texts,
    profiles=st.dictionaries(st.sampled_from("ab"), st.sampled_from(["seed", "qemu-5.2.0"])),
    messages=st.integers(0),
    findings=st.lists(findings),
    exercised=st.lists(st.sampled_from([*CATALOGUE, "no.rule"])).map(Counter),
    error=st.just("") | texts,
)


def plain(line: Line) -> str:
    return "".join(piece.text for piece in line)


def summary(shown: list[Report], *, verbose: bool) -> list[str]:
    tally = Tally(CATALOGUE)
    for report in shown:
        tally.add(report)
    return [plain(line) for line in tally.as_text(verbose=verbose)]


def test_text_is_as_agreed() -> None:
    lines = [plain(line) for report in REPORTS for line in as_text(report)]
    text = "\n".join([*lines, *summary(list(REPORTS), verbose=True)]) + "\n"
    assert text == (GOLDEN / "report.txt").read_text()


def test_json_is_as_agreed() -> None:
    text = "".join(as_json(report, CATALOGUE) + "\n" for report in REPORTS)
    assert text == (GOLDEN / "report.json.txt").read_text()


@given(reports)
def test_json_is_one_line_that_says_what_the_report_says(report: Report) -> None:
    line = as_json(report, CATALOGUE)
    assert "\n" not in line
    shown = json.loads(line.encode("utf-8", "backslashreplace"))
    needed = ["trace", "verdict", "profile", "messages", "findings", "exercised"]
    assert list(shown) == needed + ["error"] * bool(report.error)
    assert (shown["verdict"], shown["messages"]) == (report.verdict.value, report.messages)
    assert [finding["line"] for finding in shown["findings"]] == [finding.line for finding in report.findings]
    assert {finding["grade"] for finding in shown["findings"]} <= {"violation", "defect", "note"}
    assert shown["exercised"] == sorted(set(report.exercised) & set(CATALOGUE))


@given(reports)
def test_text_cannot_steer_a_terminal(report: Report) -> None:
    for line in as_text(report):
        assert plain(line).isprintable()


@given(reports)
def test_every_finding_is_told(report: Report) -> None:
    """Violations each for itself, others at least once with the number of times."""
    lines = [plain(line) for line in as_text(report)]
    path = printable(report.trace)
    heads = [line for line in lines[1:] if line.startswith(f"{path}:")]
    violations = report.count(Grade.VIOLATION)
    others = {
        (finding.grade, finding.vm, finding.rule, finding.message)
        for finding in report.findings
        if finding.grade is not Grade.VIOLATION
    }
    assert len(heads) >= violations + len(others)
    for finding in report.findings:
        assert any(printable(finding.message) in line for line in lines)


@given(st.lists(reports, min_size=1))
def test_a_rule_is_exercised_only_if_a_report_says_so(shown: list[Report]) -> None:
    tally = Tally(CATALOGUE)
    for report in shown:
        tally.add(report)
    for profile in {profile for report in shown for profile in report.profiles.values()}:
        never = {rule.id for rule in tally.never_exercised(profile)}
        exercised = {rule for report in shown if profile in report.profiles.values() for rule in report.exercised}
        of_profile = {rule.id for rule in CATALOGUE.values() if profile in rule.profiles}
        assert never == of_profile - exercised


@given(st.lists(reports, min_size=1))
def test_the_summary_counts_every_trace(shown: list[Report]) -> None:
    blank, counts, *coverage = summary(shown, verbose=False)
    assert blank == ""
    first, verdicts = counts.split(": ", 1)
    assert first.split()[0] == str(len(shown))
    assert sum(int(part.split()[0]) for part in verdicts.split(", ")) == len(shown)
    profiles = dict.fromkeys(profile for report in shown for profile in report.profiles.values())
    assert [line.split(":")[0] for line in coverage] == list(profiles)


def test_the_catalogue_is_that_of_the_specification() -> None:
    tally = Tally()
    tally.add(Report("t", {"v": "seed"}, 1))
    assert tally.never_exercised("seed") == [rule for rule in EVERY_RULE.values() if "seed" in rule.profiles]
    assert tally.never_exercised("seed")


@pytest.mark.parametrize(
    ("verdict", "tone"),
    [
        (Verdict.CONFORMS, Tone.GOOD),
        (Verdict.VIOLATES, Tone.BAD),
        (Verdict.INCONCLUSIVE, Tone.UNSURE),
        (Verdict.UNREADABLE, Tone.BAD),
    ],
)
def test_the_verdict_has_its_tone(verdict: Verdict, tone: Tone) -> None:
    (report,) = (report for report in REPORTS if report.verdict is verdict)
    first = next(as_text(report))
    assert [piece.tone for piece in first if piece.text == verdict] == [tone]


def test_printable_keeps_what_prints() -> None:
    assert printable("“ä” ≠ 世") == "“ä” ≠ 世"
    assert printable("a\x1b[1m\n\udcff") == r"a\x1b[1m\n\udcff"
