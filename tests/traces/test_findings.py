"""The verdict follows from the grades of the findings and from nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migspec.traces.findings import Finding, Grade, Report, Verdict

GRADES = st.lists(st.sampled_from(Grade), max_size=6)
ORDER = (Verdict.CONFORMS, Verdict.INCONCLUSIVE, Verdict.VIOLATES, Verdict.UNREADABLE)
"""From the best to the worst."""


def report(grades: list[Grade], *, error: str = "") -> Report:
    findings = [Finding(line, "v", "a.rule", grade, "It is so.") for line, grade in enumerate(grades, 2)]
    return Report("t", findings=findings, error=error)


def test_the_verdict_of_each_grade_alone() -> None:
    assert {grade: report([grade]).verdict for grade in Grade} == {
        Grade.VIOLATION: Verdict.VIOLATES,
        Grade.DOUBT: Verdict.INCONCLUSIVE,
        Grade.DEFECT: Verdict.CONFORMS,
        Grade.NOTE: Verdict.CONFORMS,
    }
    assert report([]).verdict is Verdict.CONFORMS


@given(GRADES)
def test_the_worst_finding_decides(grades: list[Grade]) -> None:
    alone = [report([grade]).verdict for grade in grades]
    assert report(grades).verdict is max(alone, key=ORDER.index, default=Verdict.CONFORMS)


@given(GRADES, st.text(min_size=1))
def test_an_error_outweighs_all_findings(grades: list[Grade], error: str) -> None:
    assert report(grades, error=error).verdict is Verdict.UNREADABLE


@given(GRADES)
def test_every_finding_is_counted_once(grades: list[Grade]) -> None:
    counts = {grade: report(grades).count(grade) for grade in Grade}
    assert counts == {grade: grades.count(grade) for grade in Grade}


@given(st.dictionaries(st.text(max_size=3), st.sampled_from(["seed", "qemu-5.2.0"])))
def test_the_profile_names_each_once_in_the_order_of_the_vms(profiles: dict[str, str]) -> None:
    named = Report("t", profiles).profile
    assert named.split(",") == (sorted(set(profiles.values()), key=list(profiles.values()).index) or [""])


def test_reports_share_nothing() -> None:
    one, other = Report("one"), Report("other")
    one.findings.append(Finding(1, "", "a.rule", Grade.NOTE, "It is so."))
    one.exercised["a.rule"] += 1
    one.profiles["v"] = "seed"
    assert (other.findings, dict(other.exercised), other.profiles) == ([], {}, {})
