"""QEMU's own trace logs are read as what crossed its monitors, as far as the trace points show that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.importers.logs import SAMPLES, damaged, lines_of, read

from migspec.traces.findings import Grade, Verdict
from migspec.traces.importers.model import Importer
from migspec.traces.importers.qemu_log import IMPORTERS
from migspec.traces.importers.table import recognised
from migspec.traces.judge import judge_file

WHOLE, REPLIES, REQUESTS, STATES = IMPORTERS
SAMPLE_NAMES = [f"qemu-{release}-{side}.trace" for release in ("5.2", "7.2") for side in ("src", "dst")]
AT = b"1@1795416125.250000:"
GREETING = b'{"QMP": {"version": {}, "capabilities": ["oob"]}}'
NEGOTIATE = b'{"execute": "qmp_capabilities"}'
EVENT = b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'
STATE = AT + b"migrate_set_state new state active"


def asked(text: bytes, mon: bytes = b"0xa") -> bytes:
    return AT + b"handle_qmp_command mon " + mon + b" req: " + text


def said(text: bytes, mon: bytes = b"0xa") -> bytes:
    return AT + b"monitor_qmp_respond mon " + mon + b" resp: " + text


def switched(command: bytes, arguments: bytes) -> bytes:
    return asked(b'{"execute": "%s", "arguments": %s}' % (command, arguments))


QUERY = asked(b'{"execute": "query-status"}')
EVENTS_OFF = switched(b"migrate-set-capabilities", b'{"capabilities": [{"state": false, "capability": "events"}]}')
HUMAN_EVENTS_OFF = switched(b"human-monitor-command", b'{"command-line": "migrate_set_capability events off"}')


def shown(importer: Importer, lines: Sequence[bytes]) -> list[tuple[str, str]]:
    """The monitor of each entry, and what it is."""
    entries, _ = read(importer, lines)
    told = [msgspec.json.decode(text) for _, text in entries]
    return [(line.get("mon", ""), _what(line)) for line in told]


def _what(line: dict[str, object]) -> str:
    message = line.get("msg")
    if not isinstance(message, dict):
        return "gap" if "gap" in line else "end"
    return next(name for name in ("execute", "event", "return", "error", "QMP") if name in message)


@pytest.mark.parametrize(
    ("sample", "importer", "messages"),
    [
        ("qemu-5.2-src.trace", REQUESTS, 27),
        ("qemu-5.2-dst.trace", REQUESTS, 8),
        ("qemu-7.2-src.trace", WHOLE, 66),
        ("qemu-7.2-dst.trace", WHOLE, 18),
    ],
)
def test_every_message_of_a_real_log_is_read(sample: str, importer: Importer, messages: int) -> None:
    assert recognised(lines_of(sample)) is importer
    entries, remarks = read(importer, lines_of(sample))
    assert sum("msg" in msgspec.json.decode(text) for _, text in entries) == messages
    assert not remarks.findings


@pytest.mark.parametrize("sample", ["qemu-5.2-src.trace", "qemu-5.2-dst.trace", "qemu-7.2-dst.trace"])
def test_a_real_log_conforms(sample: str) -> None:
    assert judge_file(str(SAMPLES / sample)).verdict is Verdict.CONFORMS


def test_a_real_log_that_was_tampered_with_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "tampered"
    log = b"\n".join(lines_of("qemu-7.2-dst.trace"))
    path.write_bytes(log.replace(b'"completed"}, "id": "__qmp#00002"', b'"completed"}, "id": "__qmp#00009"'))
    assert judge_file(str(path)).verdict is Verdict.VIOLATES


@pytest.mark.parametrize("point", [b"handle_qmp_command", b"monitor_qmp_respond", b"migrate_set_state"])
def test_whatever_trace_points_are_lacking_a_real_log_is_no_alarm(point: bytes, tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(b"\n".join(line for line in lines_of("qemu-7.2-dst.trace") if point not in line))
    assert judge_file(str(path)).verdict is Verdict.CONFORMS


def test_a_greeting_is_left_out_where_the_negotiation_is_not_shown() -> None:
    lines = [said(GREETING), said(b'{"return": {}}'), said(EVENT), said(GREETING), said(EVENT)]
    assert shown(REPLIES, lines) == [("mon1", "return"), ("mon1", "event"), ("mon1", "end"), ("mon2", "event")]


def test_what_a_log_shows_decides_what_is_unseen() -> None:
    assert recognised([QUERY, said(EVENT)]) is WHOLE
    assert recognised([said(EVENT), STATE]) is REPLIES
    assert recognised([STATE, QUERY]) is REQUESTS
    assert recognised([STATE]) is STATES
    assert recognised([AT + b"qcrypto_tls_session_new session=0x1"]) is STATES
    assert [sorted(importer.unseen) for importer in IMPORTERS] == [
        [],
        ["requests"],
        ["events", "replies"],
        ["events", "replies", "requests"],
    ]


def test_what_the_first_lines_lack_is_left_aside_later() -> None:
    late = [QUERY, said(b'{"return": {}}'), said(EVENT), STATE]
    assert shown(REPLIES, late) == [("mon1", "return"), ("mon1", "event")]
    assert shown(REQUESTS, late) == [("", "execute"), ("", "event")]
    assert shown(STATES, late) == [("", "event")]


@pytest.mark.parametrize(
    ("head", "t"),
    [
        (b"7@1795416125.250000:", 1795416125.25),
        (b"2026-11-23T06:42:05.250000Z ", 1795416125.25),
        (b"2026-13-23T06:42:05.250000Z ", None),
        (b"", None),
    ],
)
def test_every_head_of_a_line_is_read(head: bytes, t: float | None) -> None:
    entries, _ = read(REQUESTS, [head + line.removeprefix(AT) for line in (QUERY, STATE)])
    request, event = (msgspec.json.decode(text) for _, text in entries)
    assert request == {"vm": "vm", "dir": "->", "msg": {"execute": "query-status"}} | ({"t": t} if t else {})
    assert event["msg"] == {
        "event": "MIGRATION",
        "data": {"status": "active"},
        "timestamp": {"seconds": int(t or 0), "microseconds": 250000 if t else 0},
    }


def test_an_event_reaches_nobody_before_a_monitor_has_a_client() -> None:
    lines = [said(EVENT), said(EVENT, b"0xb"), said(GREETING), asked(NEGOTIATE), said(EVENT, b"0xb"), said(EVENT)]
    assert shown(WHOLE, lines) == [("mon1", "QMP"), ("mon1", "execute"), ("mon1", "event")]


def test_a_greeting_shows_that_the_client_before_it_has_gone() -> None:
    again = [said(GREETING), asked(NEGOTIATE), said(b'{"return": {}}')]
    once = [("mon1", "QMP"), ("mon1", "execute"), ("mon1", "return")]
    assert shown(WHOLE, again * 2) == [*once, ("mon1", "end"), *once]


def test_where_no_greeting_is_shown_a_negotiation_may_be_that_of_another_client() -> None:
    lines = [asked(NEGOTIATE), QUERY, asked(NEGOTIATE), STATE]
    assert shown(REQUESTS, lines) == [
        ("", "execute"),
        ("", "execute"),
        ("", "gap"),
        ("", "execute"),
        ("", "event"),
    ]


def test_many_clients_one_after_the_other_are_judged_as_quickly(tmp_path: Path) -> None:
    path = tmp_path / "log"
    migrate = asked(b'{"execute": "migrate", "arguments": {"uri": "unix:/s"}}')
    path.write_bytes(b"\n".join([asked(NEGOTIATE), migrate, STATE, *[asked(NEGOTIATE), QUERY] * 20]))
    assert judge_file(str(path)).verdict is Verdict.CONFORMS


def test_a_status_is_an_event_on_the_first_monitor_that_has_a_client() -> None:
    assert shown(REQUESTS, [STATE, QUERY, asked(NEGOTIATE, b"0xb"), STATE]) == [
        ("", "execute"),
        ("", "execute"),
        ("", "event"),
    ]


@pytest.mark.parametrize("request_off", [EVENTS_OFF, HUMAN_EVENTS_OFF])
def test_where_events_may_be_off_a_status_is_no_event(request_off: bytes) -> None:
    entries, remarks = read(REQUESTS, [QUERY, request_off, STATE])
    assert len(entries) == 2
    assert [(finding.line, finding.rule, finding.grade) for finding in remarks.findings] == [
        (2, "import.events-off", Grade.NOTE)
    ]


def test_a_status_that_nobody_knows_is_left_out() -> None:
    entries, remarks = read(STATES, [AT + b"migrate_set_state new state sideways"] * 2)
    assert (entries, len(remarks.findings)) == ([], 1)


def test_a_request_that_switches_the_log_off_ends_it() -> None:
    off = switched(b"trace-event-set-state", b'{"name": "monitor_*", "enable": false}')
    assert shown(WHOLE, [QUERY, off, QUERY, said(EVENT)]) == [("mon1", "execute"), ("mon1", "execute"), ("mon1", "gap")]
    on = switched(b"human-monitor-command", b'{"command-line": "trace-event handle_qmp_command on"}')
    assert shown(WHOLE, [on, QUERY]) == [("mon1", "execute"), ("mon1", "gap"), ("mon1", "execute")]
    other = switched(b"trace-event-set-state", b'{"name": "virtio_*", "enable": false}')
    assert shown(WHOLE, [other, QUERY]) == [("mon1", "execute")] * 2


def test_a_reply_to_nothing_shows_that_requests_are_lacking() -> None:
    lines = [said(GREETING), asked(NEGOTIATE), *[said(b'{"return": {}}')] * 2]
    entries, remarks = read(WHOLE, lines)
    assert msgspec.json.decode(entries[-1][1])["gap"] == "the log lacks a request"
    assert [finding.grade for finding in remarks.findings] == [Grade.DOUBT]
    assert shown(WHOLE, [said(b'{"return": {}}')]) == [("mon1", "return")]


def test_an_answer_to_what_is_no_json_is_left_out() -> None:
    refused = b'{"error": {"class": "GenericError", "desc": "JSON parse error, expecting value"}}'
    assert shown(WHOLE, [said(GREETING), said(refused)]) == [("mon1", "QMP")]
    assert shown(WHOLE, [QUERY, said(refused.replace(b"}}", b'}, "id": 1}'))])[1:] == [("mon1", "error")]


def test_a_message_that_was_cut_is_a_gap_and_a_doubt() -> None:
    for importer, line in ((WHOLE, QUERY[:-1]), (REQUESTS, QUERY[:-1]), (WHOLE, said(b'{"return": {'))):
        entries, remarks = read(importer, [QUERY, line])
        assert "gap" in msgspec.json.decode(entries[-1][1])
        assert [(finding.line, finding.grade) for finding in remarks.findings] == [(2, Grade.DOUBT)]


@pytest.mark.parametrize(
    "end", [b"monitor_qmp_respond", b"monitor_qmp_respond mon 0x", b"handle_qmp_command mon 0xa r"]
)
def test_a_line_that_ends_before_its_message_is_a_gap(end: bytes, tmp_path: Path) -> None:
    done = said(b'{"return": {}}')
    lines = [said(GREETING), asked(NEGOTIATE), AT + end, QUERY.replace(b"query-status", b"stop"), done]
    assert shown(WHOLE, lines)[2] == ("mon1", "gap")
    assert not any(importer.recognises([AT + end]) for importer in (WHOLE, REPLIES, REQUESTS))
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(lines))
    assert "envelope.reply.order" not in {finding.rule for finding in judge_file(str(path)).findings}


def test_a_message_over_several_lines_is_put_together() -> None:
    pretty = msgspec.json.format(b'{"return": {"status": "running", "list": [1, {"a": []}]}, "id": 7}', indent=4)
    entries, remarks = read(WHOLE, [QUERY, *said(pretty).split(b"\n"), QUERY])
    assert [number for number, _ in entries] == [1, 2, 2 + len(pretty.split(b"\n"))]
    assert msgspec.json.decode(entries[1][1])["msg"] == msgspec.json.decode(pretty)
    assert not remarks.findings


def test_another_process_in_the_same_log_is_another_vm() -> None:
    start = b"2026-11-23 06:47:53.784+0000: starting up libvirt version: 9.0.0"
    entries, _ = read(REQUESTS, [start, QUERY, start, QUERY])
    assert [msgspec.json.decode(text)["vm"] for _, text in entries] == ["vm", "vm2"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}',
        b"[I 0.000000] OPENED",
        b"# random seed: R02S",
    ],
)
def test_a_stream_of_messages_is_for_others_whatever_stands_between(line: bytes) -> None:
    assert recognised([STATE, line]) not in IMPORTERS


def test_no_line_of_a_trace_or_of_libvirt_is_taken_for_one() -> None:
    libvirt = lines_of("libvirt-9.0.log.gz")
    assert not any(importer.recognises(libvirt) for importer in IMPORTERS)
    words = [b"", b"handle_qmp_command", b"2026-11-23T06:36:33.681732Z qemu-system-x86_64: terminating", b" " + QUERY]
    assert not any(importer.recognises(words) for importer in IMPORTERS)


@settings(max_examples=80)
@given(st.data(), st.sampled_from(SAMPLE_NAMES), st.sampled_from(IMPORTERS))
def test_no_damage_makes_an_importer_fail(data: st.DataObject, sample: str, importer: Importer) -> None:
    lines = data.draw(damaged(lines_of(sample), most=25))
    read(importer, lines)
    assert sum(importer.recognises(lines) for importer in IMPORTERS) <= 1


@given(
    st.lists(st.sampled_from([QUERY, asked(NEGOTIATE), STATE, said(EVENT), said(GREETING), EVENTS_OFF]), max_size=12),
    st.sampled_from(IMPORTERS),
)
def test_nothing_is_shown_that_is_unseen(lines: list[bytes], importer: Importer) -> None:
    entries, _ = read(importer, lines)
    assert [number for number, _ in entries] == sorted(number for number, _ in entries)
    kinds = {what for _, what in shown(importer, lines)}
    assert not ("requests" in importer.unseen and "execute" in kinds)
    assert not ("replies" in importer.unseen and "QMP" in kinds)
