"""JUnit XML: that it is XML whatever is in a trace, and what becomes of a finding."""

from dataclasses import replace
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase
from tests.traces.reports.samples import GRADES, RULES, document_of, reports, runs, texts

from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.printable import printable
from migspec.traces.reports.junit import READABLE, JUnit, suite

known = st.builds(
    Finding,
    line=st.integers(1, 9),
    vm=texts,
    rule=st.sampled_from(RULES),
    grade=st.sampled_from(Grade),
    message=texts,
    explanation=texts,
)
"""Findings on rules that are told apart by their names."""


def cases_of(report: Report) -> dict[str, TestCase]:
    """The cases of a trace by name, read back from a document."""
    (found,) = JUnitXml.fromstring(document_of(JUnit(), [report]).encode())
    return {case.name: case for case in found}


@given(runs)
def test_the_document_is_xml_with_a_suite_for_each_trace(shown: list[Report]) -> None:
    root = ElementTree.fromstring(document_of(JUnit(), shown).encode())
    assert root.tag == "testsuites"
    assert [found.get("name") for found in root] == [printable(report.trace) for report in shown]


@given(runs)
def test_the_counts_are_those_of_the_cases(shown: list[Report]) -> None:
    for found in ElementTree.fromstring(document_of(JUnit(), shown).encode()):
        cases = found.findall("testcase")
        assert int(found.get("tests", "")) == len(cases)
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(found.get(count, "")) == sum(case.find(tag) is not None for case in cases)


@given(reports)
def test_a_case_for_each_rule_that_was_exercised_or_is_named(report: Report) -> None:
    (found,) = JUnitXml.fromstring(document_of(JUnit(), [report]).encode())
    named = {finding.rule for finding in report.findings}
    rules = sorted(named | (set(report.exercised) & set(CATALOGUE)))
    assert [case.name for case in found] == [READABLE, *map(printable, rules)]
    assert {case.classname for case in found} == {printable(report.trace)}


@given(st.lists(known))
def test_a_rule_has_one_result_which_its_worst_finding_decides(findings: list[Finding]) -> None:
    cases = cases_of(Report("t.jsonl", findings=findings))
    for rule in {finding.rule for finding in findings}:
        grades = {finding.grade for finding in findings if finding.rule == rule}
        worst = Failure if Grade.VIOLATION in grades else Skipped if Grade.DOUBT in grades else None
        assert [type(result) for result in cases[rule].result] == [worst] * (worst is not None)


@given(st.lists(known))
def test_every_finding_is_told_in_the_case_of_its_rule(findings: list[Finding]) -> None:
    cases = cases_of(Report("t.jsonl", findings=findings))
    for finding in findings:
        case = cases[finding.rule]
        told = "".join([*(result.text for result in case.result), case.system_out or ""])
        assert printable(finding.message) in told


@given(st.lists(st.sampled_from(RULES), min_size=1), st.integers(1, 1000))
def test_names_stay_the_same_when_lines_come_before(rules: list[str], more: int) -> None:
    found = [Finding(line, "src", rule, Grade.VIOLATION, "Wrong.") for line, rule in enumerate(rules, 1)]
    here = Report("t.jsonl", findings=found)
    there = Report("t.jsonl", findings=[replace(finding, line=finding.line + more) for finding in found])
    assert list(cases_of(here)) == list(cases_of(there))


def test_all_that_is_wrong_with_a_rule_is_one_failure() -> None:
    case = cases_of(GRADES[1])["query-migrate.status"]
    (result,) = case.result
    assert isinstance(result, Failure)
    assert (result.message, result.type) == ("MIGRATION{active} is wrong. (and 1 more)", "violation")
    assert result.text == (
        "folder/wrong: 100%, é.jsonl.gz:7: dst: MIGRATION{active} is wrong. [query-migrate.status]\n"
        "    Two\n"
        "\n"
        "      lines.\n"
        "folder/wrong: 100%, é.jsonl.gz:8: dst: The reply to line 6 is wrong. [query-migrate.status]\n"
    )
    assert "doubt: This cannot be told." in case.system_out


def test_a_doubt_skips_and_says_why() -> None:
    (result,) = cases_of(GRADES[1])["trace.gap"].result
    assert isinstance(result, Skipped)
    assert result.message == "This cannot be judged. (2 times, first in line 15)"


def test_defects_and_notes_are_printed_and_pass() -> None:
    cases = cases_of(GRADES[1])
    for rule, said in (
        ("migrate-set-parameters.ignored", "known defect: This is known."),
        ("guest.restarted", "note: "),
    ):
        assert cases[rule].is_passed
        assert said in cases[rule].system_out


def test_what_cannot_be_read_is_an_error_of_the_trace() -> None:
    (result,) = cases_of(GRADES[3])[READABLE].result
    assert isinstance(result, Error)
    assert (result.message, result.type) == (GRADES[3].error, "unreadable")
    assert cases_of(GRADES[0])[READABLE].is_passed


def test_a_suite_has_the_verdict() -> None:
    told = [{held.name: held.value for held in suite(report).properties()} for report in GRADES]
    assert [one["verdict"] for one in told] == ["conforms", "violates", "inconclusive", "unreadable"]
    assert told[1]["profile"] == "qemu-5.2.0,seed"
    assert told[3]["importer"] == "libvirt"


def test_a_suite_is_written_as_soon_as_its_trace_is_judged() -> None:
    reporter = JUnit()
    assert len(list(reporter.add(GRADES[0]))) == 3
    assert len(list(reporter.add(GRADES[1]))) == 1
