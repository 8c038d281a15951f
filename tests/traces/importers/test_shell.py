"""Sessions of qmp-shell are read as requests and replies; what was typed becomes what was sent."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.importers.judging import judged
from tests.traces.importers.logs import SAMPLES, damaged, lines_of, read

from migspec.traces.findings import Grade, Verdict
from migspec.traces.importers.shell import IMPORTER
from migspec.traces.importers.table import recognised

SESSIONS = [f"qmp-shell-{kind}.typescript" for kind in ("plain", "verbose", "pretty", "pretty-verbose")]
BANNER = b"Welcome to the QMP low-level shell!"
DONE = b'{"return": {}}'
EVENT = b"{u'timestamp': {u'seconds': 1, u'microseconds': 2}, u'event': u'STOP'}"


def shown(lines: list[bytes]) -> list[object]:
    """The messages, and what else the entries are."""
    entries, _ = read(IMPORTER, lines)
    told = [msgspec.json.decode(text) for _, text in entries]
    return [line.get("msg", "gap" if "gap" in line else "end") for line in told]


def request(name: str, **arguments: object) -> dict[str, object]:
    return {"execute": name, "arguments": arguments}


@pytest.mark.parametrize("session", SESSIONS)
def test_a_real_session_conforms(session: str) -> None:
    report = judged(SAMPLES / session, "qemu-5.2.0")
    assert (report.importer, report.verdict, report.messages) == ("qmp-shell", Verdict.CONFORMS, 22)
    assert [finding.rule for finding in report.findings] == ["import.release"]
    assert recognised(lines_of(session)) is IMPORTER


def test_a_session_is_the_same_however_it_is_shown() -> None:
    every = [shown(lines_of(session)) for session in SESSIONS]
    assert all(session == every[0] for session in every)
    assert every[0][4] == request("migrate", uri='"exec:cat > /dev/null"')


def test_a_log_that_does_not_show_events_says_so() -> None:
    assert msgspec.json.decode(IMPORTER.header())["unseen"] == ["events"]


def test_events_that_are_asked_for_are_left_out() -> None:
    lines = [b"(QEMU) stop", DONE, b"(QEMU) ", EVENT, EVENT, b"(QEMU) cont", DONE]
    assert shown(lines) == [request("stop"), {"return": {}}, request("cont"), {"return": {}}]
    _, remarks = read(IMPORTER, lines)
    assert [finding.rule for finding in remarks.findings] == ["import.events"]


def test_what_was_sent_is_taken_from_the_shell_where_it_says_so() -> None:
    lines = [b"(QEMU) migrate uri=\x08x", b'{"execute": "migrate", "arguments": {"uri": "y"}}', DONE]
    assert shown(lines) == [request("migrate", uri="y"), {"return": {}}]


@pytest.mark.parametrize(
    "typed",
    [
        b"migrate uri=...",
        "migrate uri=…".encode(),
        b"migrate uri=tcp\x08\x08b",
        b"migrate uri=a \rb",
        b"migrate\x1b[3D uri=a",
        b"\xff",
    ],
)
def test_a_command_that_cannot_be_told_is_a_gap(typed: bytes) -> None:
    lines = [b"(QEMU) " + typed, DONE, b"(QEMU) stop", DONE]
    assert shown(lines) == ["gap", request("stop"), {"return": {}}]
    _, remarks = read(IMPORTER, lines)
    assert [(finding.line, finding.grade) for finding in remarks.findings] == [(1, Grade.DOUBT)]


@pytest.mark.parametrize(
    "reply",
    [b"", b"...", b'{"return": {"status": "active", ...}}', b'{"return": "..."}', b'{"return": {"status": "act'],
)
def test_a_command_without_a_reply_that_can_be_read_is_followed_by_a_gap(reply: bytes) -> None:
    lines = [b"(QEMU) query-migrate", reply, b"(QEMU) stop", DONE]
    assert shown(lines) == [request("query-migrate"), "gap", request("stop"), {"return": {}}]
    _, remarks = read(IMPORTER, lines)
    assert [(finding.line, finding.grade) for finding in remarks.findings] == [(1, Grade.DOUBT)]


def test_a_last_command_may_have_no_reply() -> None:
    assert shown([b"(QEMU) stop"]) == [request("stop")]
    assert shown([b"(QEMU) quit", b"Disconnected"]) == [request("quit"), "end"]


def test_what_the_shell_does_not_understand_is_not_sent() -> None:
    lines = [b"(QEMU) migrate x", b"Error while parsing command line: Expected a key=value pair, got 'x'", b"(QEMU) "]
    assert shown(lines) == []


def test_where_generations_of_the_shell_differ_nothing_is_guessed() -> None:
    assert shown([b'(QEMU) x a="b c=d"', DONE]) == ["gap"]
    assert shown([b"(QEMU) x a=[1]", DONE]) == [request("x", a=[1]), {"return": {}}]


def test_the_first_shell_wrote_dictionaries_and_knew_no_lists() -> None:
    lines = [b"(QEMU) x a=[1] b.c=1 d=True", b"{u'return': {u'enabled': True}}"]
    assert shown(lines) == [request("x", a="[1]", b={"c": 1}, d="True"), {"return": {"enabled": True}}]


def test_a_transaction_is_one_request() -> None:
    lines = [b"(QEMU) transaction(", b"TRANS> a b=1", b"TRANS> )", DONE, b"(QEMU) "]
    actions = [{"type": "a", "data": {"b": 1}}]
    assert shown(lines) == [request("transaction", actions=actions), {"return": {}}]


def test_commands_from_a_file_are_not_shown() -> None:
    lines = [b'(QEMU) {"return": {}}', b'(QEMU) {"return": {}}', b"(QEMU) "]
    assert shown(lines) == ["gap", "gap"]
    verbose = [b'(QEMU) {"execute": "stop", "arguments": {}}', DONE, b"(QEMU) "]
    assert shown(verbose) == [request("stop"), {"return": {}}]


def test_each_session_has_a_vm_of_its_own() -> None:
    lines = [BANNER, b"Connected to QEMU 5.2.0", b"", b"(QEMU) stop", DONE, b"(QEMU) ", BANNER, b"(QEMU) stop", DONE]
    entries, remarks = read(IMPORTER, lines)
    assert [msgspec.json.decode(text)["vm"] for _, text in entries] == ["vm1", "vm1", "vm2", "vm2"]
    assert "QEMU 5.2.0" in remarks.findings[0].message


def test_a_session_with_the_human_monitor_is_left_out() -> None:
    lines = [b"Welcome to the HMP shell!", b"(QEMU) info migrate", b"globals:", BANNER, b"(QEMU) stop", DONE]
    assert shown(lines) == [request("stop"), {"return": {}}]
    _, remarks = read(IMPORTER, lines)
    assert [finding.rule for finding in remarks.findings] == ["import.hmp"]


@pytest.mark.parametrize("indent", [None, 4])
def test_the_file_of_a_session_has_request_and_reply_in_one(indent: int | None) -> None:
    both = [
        request("migrate", uri="bad") | {"error": {"class": "GenericError", "desc": "no"}},
        request("query-migrate") | {"return": {"status": "none"}},
    ]
    lines = (
        "\n".join(json.dumps(one, indent=indent, sort_keys=indent is not None) for one in both).encode().split(b"\n")
    )
    assert recognised(lines) is IMPORTER
    assert shown(lines) == [
        request("migrate", uri="bad"),
        {"error": {"class": "GenericError", "desc": "no"}},
        request("query-migrate"),
        {"return": {"status": "none"}},
    ]
    assert shown(lines[:-1]) == shown(lines)[:2] + (["gap"] if indent else [])


def test_mail_and_terminals_leave_a_session_readable() -> None:
    lines = [
        b"> \x1b[?2004h(QEMU)  query-cpu-model-expansion type=full\r",
        b'> \x1b[?2004l\r{"return": {"a": =',
        b'> false, "smstate=',
        b'> en": true}}\r',
    ]
    assert shown(lines) == [
        request("query-cpu-model-expansion", type="full"),
        {"return": {"a": False, "smstateen": True}},
    ]


@settings(max_examples=40)
@given(st.sampled_from(SESSIONS), st.data())
def test_no_damage_makes_the_importer_fail(session: str, data: st.DataObject) -> None:
    lines = data.draw(damaged(lines_of(session)))
    entries, _ = read(IMPORTER, lines)
    assert all(1 <= number <= len(lines) and b"\n" not in text for number, text in entries)


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from([b"(QEMU) stop", b"(QEMU) ", b"TRANS> )", DONE, EVENT, BANNER, b"Disconnected"]), max_size=9
    )
)
def test_no_reply_is_shown_without_its_request(lines: list[bytes]) -> None:
    told = shown(lines)
    for before, one in zip([None, *told], told, strict=False):
        if one == {"return": {}}:
            assert isinstance(before, dict)
            assert "execute" in before
