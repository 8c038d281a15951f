"""libvirt's logs are read as what crossed its monitors, in the order of the wire."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.importers.logs import SAMPLES, damaged, lines_of, read

from migspec.traces.findings import Grade, Verdict
from migspec.traces.importers.libvirt import IMPORTER
from migspec.traces.importers.table import recognised
from migspec.traces.judge import judge_file

SAMPLE = "libvirt-9.0.log.gz"
HEAD = b"2026-11-23 06:47:53.785+0000: 20207: %s : f:1 : "
INFO, DEBUG = HEAD % b"info", HEAD % b"debug"
MON = b"mon=0x7f00"
ASKED = INFO + b"QEMU_MONITOR_SEND_MSG: " + MON + b' msg={"execute":"stop","id":"libvirt-1"}\r'
WRITTEN = INFO + b"QEMU_MONITOR_IO_WRITE: " + MON + b' buf={"execute":"stop","id":"libvirt-1"}\r'
EVENT = (
    INFO
    + b"QEMU_MONITOR_RECV_EVENT: "
    + MON
    + b' event={"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}'
)
REPLY = INFO + b"QEMU_MONITOR_RECV_REPLY: " + MON + b' reply={"return": {}, "id": "libvirt-1"}'
NEW, CLOSE = (INFO + b"QEMU_MONITOR_%s: " % what + MON for what in (b"NEW", b"CLOSE"))
GREETING = DEBUG + b'Line [{"QMP": {"version": {}, "capabilities": []}}]'


def shown(lines: list[bytes]) -> list[tuple[int, str]]:
    """Where each entry comes from, and what it is."""
    entries, _ = read(IMPORTER, lines)
    return [(number, _what(msgspec.json.decode(text))) for number, text in entries]


def _what(line: dict[str, object]) -> str:
    message = line.get("msg")
    if not isinstance(message, dict):
        return "gap" if "gap" in line else "end"
    return next(name for name in ("execute", "event", "return", "error", "QMP") if name in message)


def test_a_real_log_conforms_and_tells_the_time_and_the_domain() -> None:
    report = judge_file(str(SAMPLES / SAMPLE))
    assert report.verdict is Verdict.CONFORMS
    assert report.profile == "qemu-5.2.0"
    assert "MIGRATION" not in report.error
    entries, _ = read(IMPORTER, lines_of(SAMPLE))
    times = [msgspec.json.decode(text)["t"] for _, text in entries]
    assert times == sorted(times)
    assert times[0] == pytest.approx(1795416473.8, abs=2)


def test_a_request_is_sent_when_it_is_written() -> None:
    assert shown([NEW, ASKED, b" fd=-1", EVENT, WRITTEN, b" len=40 ret=40 errno=0", REPLY]) == [
        (4, "event"),
        (5, "execute"),
        (7, "return"),
    ]


def test_a_request_that_nothing_says_was_written_is_sent_before_its_reply() -> None:
    assert shown([NEW, ASKED, b" fd=-1", EVENT, REPLY]) == [(4, "event"), (2, "execute"), (5, "return")]


def test_a_request_that_was_never_answered_is_not_lost() -> None:
    assert shown([NEW, ASKED, b" fd=-1"]) == [(2, "execute")]


def test_a_greeting_goes_to_the_monitor_that_its_thread_serves() -> None:
    assert shown([NEW, ASKED, GREETING, WRITTEN]) == [(3, "QMP"), (4, "execute")]
    assert shown([NEW, ASKED, GREETING.replace(b"20207", b"99999"), WRITTEN]) == [(4, "execute")]


def test_an_address_that_is_used_again_is_another_vm() -> None:
    entries, _ = read(IMPORTER, [NEW, WRITTEN, CLOSE, NEW, WRITTEN])
    assert [msgspec.json.decode(text)["vm"] for _, text in entries] == ["vm1", "vm1", "vm2"]


def test_a_message_that_was_cut_is_a_gap_and_a_doubt() -> None:
    entries, remarks = read(IMPORTER, [NEW, WRITTEN, REPLY[:-9]])
    assert "gap" in msgspec.json.decode(entries[-1][1])
    assert [(finding.line, finding.grade) for finding in remarks.findings] == [(3, Grade.DOUBT)]


@pytest.mark.parametrize("end", [b"\r", b"", b"^M", b"^M fd=-1", b" len=9 ret=9 errno=0", b"\r fd=-1"])
def test_what_libvirt_writes_behind_a_request_does_not_belong_to_it(end: bytes) -> None:
    entries, remarks = read(IMPORTER, [WRITTEN.rstrip(b"\r") + end])
    assert msgspec.json.decode(entries[0][1])["msg"] == {"execute": "stop", "id": "libvirt-1"}
    assert not remarks.findings


def test_lines_without_a_head_are_read_without_a_time() -> None:
    entries, _ = read(IMPORTER, [REPLY.partition(b"f:1 : ")[2]])
    assert "t" not in msgspec.json.decode(entries[0][1])


def test_the_records_of_kubevirts_launcher_are_read() -> None:
    told = {
        "component": "virt-launcher",
        "level": "info",
        "msg": WRITTEN.partition(b"f:1 : ")[2].decode() + "\n fd=-1",
        "pos": "qemuMonitorIOWrite:433",
        "subcomponent": "libvirt",
        "thread": "39",
        "timestamp": "2026-11-23T06:47:53.785000Z",
    }
    lines = [msgspec.json.encode(told)]
    entries, _ = read(IMPORTER, lines)
    line = msgspec.json.decode(entries[0][1])
    assert line["msg"] == {"execute": "stop", "id": "libvirt-1"}
    assert line["t"] == pytest.approx(1795416473.785)
    assert recognised(lines) is IMPORTER


def test_a_line_of_qemu_that_is_quoted_in_a_record_is_nothing() -> None:
    assert shown([b"2026-11-23T06:36:33.681732Z qemu-system-x86_64: terminating"]) == []


@settings(max_examples=60)
@given(st.data())
def test_no_damage_makes_the_importer_fail(data: st.DataObject) -> None:
    lines = lines_of(SAMPLE)
    read(IMPORTER, data.draw(damaged(lines)))


@given(st.lists(st.sampled_from([NEW, ASKED, WRITTEN, EVENT, REPLY, CLOSE, GREETING]), max_size=12))
def test_nothing_is_shown_before_it_was_read(lines: list[bytes]) -> None:
    entries, _ = read(IMPORTER, lines)
    assert all(1 <= number <= len(lines) for number, _ in entries)
    written = sum(line is WRITTEN for line in lines)
    assert written <= sum(_what(msgspec.json.decode(text)) == "execute" for _, text in entries)
