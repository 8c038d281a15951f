"""Judging a trace as a whole: which profile a VM is judged by, which lines are none, and what survives a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.properties.strategies import JSON
from migspec.spec.profiles import PROFILES
from migspec.traces.findings import Finding, Grade, Report, Verdict
from migspec.traces.format import TraceError, read_header
from migspec.traces.judge import Options, TraceJudge, bench_of, judge_file

RELEASE, SEED = "qemu-5.2.0", "seed"
Line = dict[str, Any] | bytes


def text_of(line: Line) -> bytes:
    return line if isinstance(line, bytes) else json.dumps(line).encode()


def header(**releases: str) -> bytes:
    vms = {vm: {"release": release} for vm, release in releases.items()}
    return text_of({"format": "qmp-trace", "version": 1, "vms": vms})


def said(direction: str, message: object, vm: str = "src") -> Line:
    return {"vm": vm, "dir": direction, "msg": message}


def greeting(major: object = 5, minor: object = 2, micro: object = 0, vm: str = "src") -> Line:
    version = {"qemu": {"major": major, "minor": minor, "micro": micro}, "package": ""}
    return said("<-", {"QMP": {"version": version, "capabilities": []}}, vm)


PLAIN = Options()
ASK = said("->", {"execute": "query-status", "id": 1})
ANSWER = said("<-", {"return": {"status": "running", "singlestep": False, "running": True}, "id": 1})
STRAY = said("<-", {"return": {}, "id": 9})


def fed(*lines: Line, head: bytes = header(), options: Options = PLAIN) -> TraceJudge:
    judge = TraceJudge(Report("t"), read_header(head), options)
    for number, line in enumerate(lines, 2):
        judge.feed(number, text_of(line))
    return judge


def judged(*lines: Line, head: bytes = header(), options: Options = PLAIN) -> Report:
    return fed(*lines, head=head, options=options).finish()


def rules(report: Report) -> list[tuple[int, str]]:
    return [(finding.line, finding.rule) for finding in report.findings]


def refused(line: Line) -> TraceError:
    with pytest.raises(TraceError) as caught:
        judged(ASK, line)
    assert (caught.value.path, caught.value.line) == ("t", 3)
    return caught.value


# ---- the profile ----


@pytest.mark.parametrize(
    ("first", "stated", "option", "profile"),
    [
        (greeting(), None, None, RELEASE),
        (greeting(), "6.0.0", None, RELEASE),
        (greeting(6, 0), "5.2.0", None, SEED),
        (greeting(5, 2, 1), None, None, RELEASE),
        (greeting(5, 20), None, None, SEED),
        (greeting(), None, SEED, SEED),
        (greeting(6, 0), "6.0.0", RELEASE, RELEASE),
        (ASK, "5.2.0", None, RELEASE),
        (ASK, "5.2", None, RELEASE),
        (ASK, "6.0.0", None, SEED),
        (ASK, None, None, SEED),
        (ASK, None, RELEASE, RELEASE),
        (said("<-", []), "5.2.0", None, RELEASE),
        (said("<-", []), None, None, SEED),
    ],
)
def test_the_profile_is_that_of_the_option_or_the_greeting_or_the_header(
    first: Line, stated: str | None, option: str | None, profile: str
) -> None:
    head = header(src=stated) if stated else header()
    report = judged(first, head=head, options=Options(option))
    assert report.profiles == {"src": profile}
    assert report.profile == profile


def test_each_vm_has_its_own_profile() -> None:
    report = judged(
        greeting(), greeting(6, 0, vm="dst"), said("->", {"execute": "stop"}, "old"), head=header(old="5.2.0")
    )
    assert report.profiles == {"src": RELEASE, "dst": SEED, "old": RELEASE}
    assert report.profile == f"{RELEASE},{SEED}"


def test_the_first_line_of_a_vm_decides() -> None:
    assert judged(ASK, ANSWER, greeting(), head=header(src="6.0.0")).profiles == {"src": SEED}


@settings(max_examples=60)
@given(JSON | st.fixed_dictionaries({"version": JSON | st.fixed_dictionaries({"qemu": JSON})}))
def test_any_greeting_has_a_profile(told: Any) -> None:
    report = judged(said("<-", {"QMP": told}), head=header(src="5.2.0"))
    assert report.profiles["src"] in PROFILES
    assert report.messages == 1


def test_what_a_profile_shares_is_made_once() -> None:
    assert bench_of(RELEASE) is bench_of(RELEASE)
    assert bench_of(RELEASE).reader.schema is PROFILES[RELEASE].schema
    assert bench_of(SEED).automaton.relation.profile == SEED


# ---- lines that are none ----


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "this is not JSON"),
        (b"", "this is not JSON"),
        (b'{"vm":"a"} x', "this is not JSON"),
        ([], "a member is missing or of a wrong type"),
        ({"dir": "<-", "msg": {}}, "a member is missing or of a wrong type"),
        ({"vm": 5, "dir": "<-", "msg": {}}, "a member is missing or of a wrong type"),
        ({"vm": "src", "dir": "<->", "msg": {}}, "a member is missing or of a wrong type"),
        ({"vm": "src", "dir": "<-"}, "0 of the members msg, raw, end and gap"),
        ({"vm": "src"}, "0 of the members msg, raw, end and gap"),
        ({"vm": "src", "dir": "<-", "msg": [], "raw": "x"}, "2 of the members msg, raw, end and gap"),
        ({"vm": "src", "dir": "<-", "msg": {"return": {}}, "raw": "x"}, "2 of the members msg, raw, end and gap"),
        ({"vm": "src", "dir": "<-", "msg": {"return": {}}, "gap": "x"}, "2 of the members msg, raw, end and gap"),
        (
            {"vm": "src", "dir": "->", "msg": {"execute": "stop"}, "end": "eof"},
            "2 of the members msg, raw, end and gap",
        ),
        ({"vm": "src", "end": "eof", "gap": "x"}, "2 of the members msg, raw, end and gap"),
        ({"vm": "src", "msg": {"return": {}}}, "the member dir is missing"),
        ({"vm": "src", "msg": 5}, "the member dir is missing"),
        ({"vm": "src", "raw": "x"}, "the member dir is missing"),
    ],
)
def test_a_line_that_is_none_is_an_error(line: Any, problem: str) -> None:
    error = refused(line)
    assert error.problem.startswith(problem)
    assert error.expected


@given(st.binary(min_size=1, max_size=3).filter(lambda piece: not _is_utf8(piece)))
def test_a_line_in_another_encoding_is_an_error(piece: bytes) -> None:
    """Also where the bytes stand in a part that is not looked into."""
    error = refused(b'{"vm":"src","dir":"<-","msg":{"return":{"x":"' + piece + b'"},"id":1}}')
    assert error.problem.startswith("this is not UTF-8")
    assert error.expected == "text in UTF-8"


def test_the_place_of_a_wrong_byte_is_told() -> None:
    assert "at byte 9)" in refused(b'{"vm":"x\xff"}').problem


def test_text_in_utf_8_is_welcome() -> None:
    line = said("->", {"execute": "migrate", "arguments": {"uri": "unix:/\N{SNOWMAN}"}, "id": "\N{BLACK HEART SUIT}"})
    assert judged(json.dumps(line, ensure_ascii=False).encode()).findings == []


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert refused(b'{"vm":"src","dir":"<-","msg":' + deep + b"}").problem.startswith("this is not JSON")


def _is_utf8(piece: bytes) -> bool:
    try:
        (b'{"' + piece + b'"').decode()
    except UnicodeDecodeError:
        return False
    return True


# ---- messages without the form of one ----


@settings(max_examples=60)
@given(JSON, st.sampled_from(["<-", "->"]), st.booleans())
def test_any_json_is_a_message_that_is_counted(message: Any, direction: str, known: bool) -> None:
    lines = [*([ASK, ANSWER] if known else []), said(direction, message)]
    report = judged(*lines)
    assert report.messages == len(lines)
    assert report.profiles == {"src": SEED}
    assert direction == "<-" or not report.findings


def test_a_misfit_is_told_of_and_what_it_says_is_judged() -> None:
    wrong = said("<-", {"return": {"status": "running", "singlestep": False, "running": True}, "id": 1, "more": 1})
    report = judged(ASK, wrong, ASK, head=header(src="5.2.0"))
    assert rules(report) == [(3, "envelope.message")]
    assert "more: unknown member" in report.findings[0].message
    assert report.exercised["query-status.answered"] >= 1


def test_a_misfit_of_a_client_waits_for_its_error() -> None:
    error = {"error": {"class": "GenericError", "desc": "QMP input must be a JSON object"}}
    assert judged(greeting(), said("->", []), said("<-", error)).findings == []
    assert rules(judged(greeting(), said("<-", error))) == [(3, "envelope.reply.unrequested")]


# ---- the report ----


def test_messages_are_counted_and_other_lines_are_not() -> None:
    lines = [
        ASK,
        ANSWER,
        {"vm": "src", "dir": "->", "raw": "x"},
        {"vm": "src", "gap": "x"},
        {"vm": "src", "end": "eof"},
    ]
    assert judged(*lines).messages == 2


@given(st.lists(st.integers(2, 9)))
def test_findings_are_in_the_order_of_their_lines(lines: list[int]) -> None:
    """Whatever the order in which they were made: an explanation looks on, and a pair is judged at the end."""
    judge = fed()
    judge.report.findings += [
        Finding(line, "src", "a.rule", Grade.NOTE, str(place)) for place, line in enumerate(lines)
    ]
    assert [finding.line for finding in judge.finish().findings] == sorted(lines)


def test_the_statuses_of_a_vm() -> None:
    judge = fed(
        greeting(),
        said("->", {"execute": "qmp_capabilities"}),
        said("<-", {"return": {}}),
        said("->", {"execute": "query-migrate", "id": 1}),
        said("<-", {"return": {"status": "cancelled"}, "id": 1}),
    )
    assert {outgoing for outgoing, _ in judge.statuses("src")} == {"cancelled"}
    assert judge.statuses("dst") == frozenset()


def test_before_anything_is_known_a_vm_may_have_any_status() -> None:
    outgoing = {outgoing for outgoing, _ in fed(ASK, head=header(src="5.2.0")).statuses("src")}
    assert outgoing >= {"none", "active", "completed", "failed", "cancelled"}


# ---- files ----


def written(folder: Path, *lines: Line) -> str:
    path = folder / "t.jsonl"
    path.write_bytes(b"\n".join(map(text_of, lines)) + b"\n")
    return str(path)


def test_an_unreadable_line_keeps_the_findings_before_it(tmp_path: Path) -> None:
    sound = judge_file(written(tmp_path, header(), greeting(), ASK, STRAY))
    assert {finding.line for finding in sound.findings} == {4}
    broken = judge_file(written(tmp_path, header(), greeting(), ASK, STRAY, b"oops", STRAY))
    assert broken.findings == sound.findings
    assert (broken.messages, broken.profiles, broken.exercised) == (3, sound.profiles, sound.exercised)
    assert broken.verdict is Verdict.UNREADABLE
    assert ", line 5: this is not JSON" in broken.error


@pytest.mark.parametrize("lines", [[], [b"oops"], [{"format": "x"}], [{"format": "qmp-trace", "version": 2}]])
def test_a_file_without_a_header_is_unreadable(tmp_path: Path, lines: list[Any]) -> None:
    report = judge_file(written(tmp_path, *lines))
    assert report.verdict is Verdict.UNREADABLE
    assert ", line 1: " in report.error
    assert (report.messages, report.findings) == (0, [])


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    assert "cannot be opened" in judge_file(str(tmp_path / "none")).error


def test_empty_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    report = judge_file(written(tmp_path, header(), b"", greeting(), b"", STRAY))
    assert (report.messages, [finding.line for finding in report.findings]) == (2, [5])


@pytest.mark.parametrize("lines", [[], [b""], [{"vm": "src", "gap": "x"}]])
def test_a_trace_without_messages_is_in_doubt(tmp_path: Path, lines: list[Any]) -> None:
    report = judge_file(written(tmp_path, header(), *lines))
    assert report.findings == [Finding(1, "", "trace.empty", Grade.DOUBT, "The trace has no messages.")]
    assert report.verdict is Verdict.INCONCLUSIVE


def test_the_options_reach_every_vm(tmp_path: Path) -> None:
    path = written(tmp_path, header(src="5.2.0"), ASK, greeting(vm="dst"))
    assert judge_file(path, Options(SEED)).profiles == {"src": SEED, "dst": SEED}


def test_a_long_trace_tells_how_much_was_read(tmp_path: Path) -> None:
    padded = [{"vm": "src", "dir": "->", "raw": "x" * 600_000}] * 5
    told: list[int] = []
    judge_file(written(tmp_path, header(), *padded), tick=told.append)
    size = len(text_of(padded[0]))
    assert told == [2 * size, 2 * size]
