"""SARIF: that documents fit the published schema, and what becomes of traces, rules and findings."""

import gzip
import json
import os
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.traces.reports.samples import GRADES, document_of, paths, reports, runs

from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.reports.sarif import FINGERPRINT, Sarif, uri_of

SCHEMA: Final = json.loads(gzip.decompress(Path(__file__).with_name("sarif-schema-2.1.0.json.gz").read_bytes()))
VALIDATOR: Final = jsonschema.Draft4Validator(SCHEMA)
LEVELS: Final = {Grade.VIOLATION: "error", Grade.DEFECT: "warning", Grade.DOUBT: "warning", Grade.NOTE: "note"}


def run_of(*shown: Report) -> Any:
    """The one run of a document."""
    (run,) = json.loads(document_of(Sarif("1.2.3"), shown))["runs"]
    return run


def fingerprints(*shown: Report) -> list[str]:
    return [result["partialFingerprints"][FINGERPRINT] for result in run_of(*shown)["results"]]


# -- the document --


def test_the_schema_can_refuse_a_document() -> None:
    """Against a validator that accepts anything."""
    document = Sarif("1").document()
    VALIDATOR.validate(document)
    document["runs"][0]["results"] = [{"level": "grave", "message": {"text": ""}}]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)


@given(runs)
def test_any_document_fits_the_schema(shown: list[Report]) -> None:
    VALIDATOR.validate(json.loads(document_of(Sarif("1.2.3"), shown)))


def test_the_version_is_left_out_where_it_is_not_known() -> None:
    (run,) = Sarif("").document()["runs"]
    assert run["tool"]["driver"] == {"name": "migspec", "rules": []}
    assert run_of()["tool"]["driver"]["version"] == "1.2.3"


# -- rules --


@given(runs)
def test_results_refer_to_all_rules_that_there_are_and_to_their_artifacts(shown: list[Report]) -> None:
    run = run_of(*shown)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert {result["ruleId"] for result in run["results"]} == set(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][place["index"]]["location"] == {"uri": place["uri"]}


def test_a_rule_says_what_it_is_founded_on() -> None:
    rules = {rule["id"]: rule for rule in run_of(*GRADES)["tool"]["driver"]["rules"]}
    known = CATALOGUE["query-migrate.status"]
    assert rules["query-migrate.status"] == {
        "id": "query-migrate.status",
        "shortDescription": {"text": known.sentence},
        "properties": {"clause": known.clause, "standing": known.standing.value},
    }
    assert "clause" not in rules["trace.gap"]["properties"]


def test_a_rule_that_no_catalogue_has_is_named() -> None:
    finding = Finding(1, "", "no.rule", Grade.NOTE, "So it is.")
    assert run_of(Report("t", findings=[finding]))["tool"]["driver"]["rules"] == [{"id": "no.rule"}]


# -- results --


@pytest.mark.parametrize("grade", Grade)
def test_the_grade_decides_the_level(grade: Grade) -> None:
    (result,) = run_of(Report("t", findings=[Finding(1, "", "trace.gap", grade, "So it is.")]))["results"]
    assert (result["level"], result["properties"]["grade"]) == (LEVELS[grade], grade.value)


@given(reports)
def test_findings_are_counted_and_violations_are_all_listed_with_their_lines(report: Report) -> None:
    results = run_of(report)["results"]
    assert sum(result["occurrenceCount"] for result in results) == len(report.findings)
    lines = [
        result["locations"][0]["physicalLocation"].get("region", {"startLine": 0})["startLine"]
        for result in results
        if result["level"] == "error"
    ]
    assert lines == [max(found.line, 0) for found in report.findings if found.grade is Grade.VIOLATION]


def test_a_result_names_the_vm_and_the_trace() -> None:
    result = run_of(*GRADES)["results"][1]
    (location,) = result["locations"]
    assert location["logicalLocations"] == [{"name": "dst"}]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "folder/wrong%3A%20100%25%2C%20%C3%A9.jsonl.gz", "index": 1},
        "region": {"startLine": 7},
    }
    assert result["message"]["text"] == "dst: MIGRATION{{active}} is wrong.\n\nTwo\n\nlines."


@given(runs)
def test_a_message_has_no_placeholder_and_no_link(shown: list[Report]) -> None:
    run = run_of(*shown)
    told = [*run["results"], *run["invocations"][0]["toolExecutionNotifications"]]
    for text in (one["message"]["text"] for one in told):
        assert not re.search(r"[{}]|\]\(", text.replace("{{", "").replace("}}", ""))


# -- fingerprints --


@given(runs)
def test_no_two_results_have_the_same_fingerprint(shown: list[Report]) -> None:
    assume(len({uri_of(report.trace) for report in shown}) == len(shown))
    found = fingerprints(*shown)
    assert len(set(found)) == len(found)


@given(reports, st.integers(1, 10**6))
def test_fingerprints_stay_when_lines_come_before(report: Report, more: int) -> None:
    """Sentences that name lines included; that which line is repeated first has another number, too."""

    def shifted(finding: Finding) -> Finding:
        told = re.sub(r"\bline (\d+)", lambda match: f"line {int(match[1]) + more}", finding.message)
        return replace(finding, line=finding.line + more, message=told)

    moved = replace(report, findings=[shifted(finding) for finding in report.findings])
    assert fingerprints(moved) == fingerprints(report)


@pytest.mark.parametrize(
    "change", [{"vm": "dst"}, {"rule": "trace.empty"}, {"grade": Grade.DOUBT}, {"message": "Something else."}]
)
def test_fingerprints_tell_findings_apart(change: dict[str, Any]) -> None:
    one = Finding(3, "src", "trace.gap", Grade.VIOLATION, "So it is.")
    other = replace(one, **change)
    assert fingerprints(Report("t", findings=[one])) != fingerprints(Report("t", findings=[other]))
    assert fingerprints(Report("t", findings=[one])) != fingerprints(Report("u", findings=[one]))


# -- traces --


def test_a_trace_is_an_artifact_with_its_verdict() -> None:
    told = [artifact["properties"] for artifact in run_of(*GRADES)["artifacts"]]
    assert [one["verdict"] for one in told] == ["conforms", "violates", "inconclusive", "unreadable"]
    assert told[1] == {"verdict": "violates", "profile": "qemu-5.2.0,seed", "messages": 21}
    assert told[3]["importer"] == "libvirt"


def test_what_cannot_be_read_is_a_notification_and_no_success() -> None:
    (invocation,) = run_of(*GRADES)["invocations"]
    assert invocation["executionSuccessful"] is False
    (told,) = invocation["toolExecutionNotifications"]
    assert (told["level"], told["message"]["text"]) == ("error", GRADES[3].error)
    assert told["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "bad.log", "index": 3}
    (invocation,) = run_of(*GRADES[:3])["invocations"]
    assert invocation["executionSuccessful"] is True


@given(paths)
def test_a_uri_names_the_bytes_of_the_path(path: str) -> None:
    uri = uri_of(path)
    assert re.fullmatch(r"(file://)?([A-Za-z0-9._~/-]|%[0-9A-F]{2})*", uri)
    tidy = str(PurePosixPath(path))
    try:
        expected = os.fsencode(tidy)
    except UnicodeEncodeError:
        return
    assert unquote_to_bytes(uri.removeprefix("file://")) == expected


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b/c:d.jsonl", "a%20b/c%3Ad.jsonl"),
        ("./a//b/./c", "a/b/c"),
        ("/tmp/a", "file:///tmp/a"),
        ("../a", "../a"),
        ("\udcff", "%FF"),
        ("é", "%C3%A9"),
        ("-", "-"),
    ],
)
def test_uris(path: str, uri: str) -> None:
    assert uri_of(path) == uri
