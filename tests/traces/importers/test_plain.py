"""Plain streams are judged as one VM's where they are, and message by message where nobody knows."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.corpus import RECORDED
from tests.traces.importers.judging import judged
from tests.traces.importers.logs import SAMPLES, damaged, lines_of, read

from migspec.traces.findings import Grade, Verdict
from migspec.traces.format import open_trace
from migspec.traces.importers.plain import IMPORTERS
from migspec.traces.importers.table import FIRST_LINES, recognised

ONE, SERVER, CLIENT, MIXED, QTEST = IMPORTERS
REAL = {
    "qmp-stdio.typescript": ONE,
    "chardev-5.2-src.log": SERVER,
    "chardev-5.2-dst.log": SERVER,
    "chardev-7.2-src.log": SERVER,
    "chardev-7.2-dst.log": SERVER,
    "socat-replies.jsonl": SERVER,
    "socat-requests.jsonl": CLIENT,
}
GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 5}, "package": ""}, "capabilities": ["oob"]}}'
)
LATER = GREETING.replace(b'"major": 5', b'"major": 7')
NEGOTIATE = b'{"execute": "qmp_capabilities"}'
STOP = b"{'execute': 'stop'}"
DONE = b'{"return": {}}'
ANSWER = b'{"return": {}, "id": "x-1"}'
CLOCK = {"seconds": 1795416203, "microseconds": 760011}
OF_HARNESS = b'{"secs": 1738267018, "usecs": 860991}, "event": "MIGRATION", "data": {"status": "postcopy-active"}'


def event(name: str, timestamp: object = CLOCK, **data: object) -> bytes:
    return json.dumps({"timestamp": timestamp, "event": name} | ({"data": data} if data else {})).encode()


def migration(status: str) -> bytes:
    return event("MIGRATION", status=status)


def shown(lines: list[bytes], importer: Any = ONE) -> list[tuple[str, str]]:
    """The VM of each entry, and what it is."""
    entries, _ = read(importer, lines)
    told = []
    for _, text in entries:
        line = msgspec.json.decode(text)
        kinds = ("execute", "return", "error", "event", "QMP")
        what = next(kind for kind in (*kinds, "gap", "end") if kind in line.get("msg", line))
        told.append((line["vm"], what))
    return told


def file(folder: Path, lines: list[bytes]) -> Path:
    path = folder / "log"
    path.write_bytes(b"\n".join(lines))
    return path


@pytest.mark.parametrize("sample", REAL)
def test_a_real_log_conforms(sample: str) -> None:
    report = judged(SAMPLES / sample)
    assert (report.importer, report.verdict) == (REAL[sample].name, Verdict.CONFORMS)
    assert {finding.rule for finding in report.findings if finding.rule.startswith("import.")} <= {"import.unconnected"}
    assert report.messages >= 8


def test_a_real_terminal_is_judged_by_the_release_that_greets() -> None:
    assert judged(SAMPLES / "qmp-stdio.typescript").profile == "qemu-5.2.0"


@pytest.mark.parametrize(
    ("importer", "unseen"),
    [(ONE, None), (SERVER, ["requests"]), (CLIENT, ["events", "replies"]), (MIXED, ["events", "replies", "requests"])],
)
def test_a_stream_that_shows_one_side_only_says_so(importer: Any, unseen: object) -> None:
    assert msgspec.json.decode(importer.header()).get("unseen") == unseen


@pytest.mark.parametrize(
    ("lines", "importer"),
    [
        ([GREETING, NEGOTIATE, DONE], ONE),
        ([NEGOTIATE, DONE, STOP], ONE),
        ([b"$ qemu -qmp stdio", b"> " + GREETING + b" " + NEGOTIATE, b"> " + DONE], ONE),
        ([GREETING, DONE, GREETING, DONE], SERVER),
        ([event("RESUME"), GREETING], SERVER),
        ([NEGOTIATE, STOP], CLIENT),
        ([STOP, DONE], MIXED),
        ([migration("active")], MIXED),
        ([GREETING, GREETING, NEGOTIATE, DONE, NEGOTIATE, DONE], MIXED),
        ([NEGOTIATE, DONE, NEGOTIATE, DONE], MIXED),
        ([b"# random seed: R02S1", GREETING, NEGOTIATE, DONE], MIXED),
        ([b"[R +0.1] clock_step", b"[S +0.1] OK 0"], QTEST),
        ([b"[I 0.0] OPENED", GREETING, NEGOTIATE, DONE], MIXED),
        ([b"hello", b"world {"], None),
        ([b"the log says " + DONE], None),
        ([b'{"t":1,"vm":"a","dir":"<-","msg":{"return":{}}}'], None),
    ],
)
def test_a_stream_is_taken_for_one_vms_only_where_it_begins_as_a_connection(lines: list[bytes], importer: Any) -> None:
    assert recognised(lines) is importer


@pytest.mark.parametrize(
    "log", ["libvirt-9.0.log.gz", "qemu-5.2-src.trace", "qemu-7.2-dst.trace", "qemu.qmp-5.2.log.gz"]
)
def test_logs_of_other_programs_are_no_plain_streams(log: str) -> None:
    head = lines_of(log)[:FIRST_LINES]
    assert not any(importer.recognises(head) for importer in IMPORTERS)


def test_traces_are_no_logs_even_without_their_header() -> None:
    for trace in RECORDED[:5]:
        with open_trace(trace) as lines:
            head = [line for _, line in islice(lines, 1, 20)]
        assert recognised(head) is None


def test_single_quotes_and_several_lines_are_read() -> None:
    lines = [GREETING, b"{ 'execute':", b"  'qmp_capabilities' }", DONE + b" " + STOP, DONE]
    assert [what for _, what in shown(lines)] == ["QMP", "execute", "return", "execute", "return"]


@pytest.mark.parametrize("lost", [b'{"return": {"a": ...}}', b"{'return': {}}", b'{"return": {"sta'])
def test_a_message_that_cannot_be_read_is_a_gap_and_a_doubt(lost: bytes) -> None:
    lines = [GREETING, NEGOTIATE, lost, STOP, DONE]
    assert [what for _, what in shown(lines)] == ["QMP", "execute", "gap", "execute", "return"]
    _, remarks = read(ONE, lines)
    assert [(finding.line, finding.grade) for finding in remarks.findings] == [(3, Grade.DOUBT)]


def test_events_that_reach_nobody_are_left_out() -> None:
    lines = [event("RESUME"), GREETING, DONE, event("STOP"), event("RESUME"), GREETING, DONE]
    assert shown(lines, SERVER) == [
        ("vm", "QMP"),
        ("vm", "return"),
        ("vm", "event"),
        ("vm", "event"),
        ("vm", "end"),
        ("vm", "QMP"),
        ("vm", "return"),
    ]
    _, remarks = read(SERVER, lines)
    assert [(finding.line, finding.rule) for finding in remarks.findings] == [(1, "import.unconnected")]


def test_a_greeting_of_another_release_is_of_another_vm() -> None:
    assert [vm for vm, _ in shown([GREETING, DONE, LATER, DONE], SERVER)] == [
        "vm",
        "vm",
        "vm",
        "vm-2",
        "vm-2",
    ]


@pytest.mark.parametrize(
    ("lines", "is_mixed"),
    [
        ([GREETING, ANSWER, ANSWER], False),
        ([GREETING, ANSWER, GREETING, ANSWER], False),
        ([GREETING, GREETING, ANSWER, ANSWER, event("STOP")], True),
        ([GREETING, STOP, event("STOP")], True),
        ([GREETING, OF_HARNESS, event("STOP")], True),
    ],
)
def test_a_servers_side_of_several_vms_is_told_by_its_ids(lines: list[bytes], is_mixed: bool) -> None:
    _, remarks = read(SERVER, lines)
    assert [finding.rule for finding in remarks.findings] == ["import.mixed"] * is_mixed
    assert (("unknown", "event") in shown(lines, SERVER)) is is_mixed


def test_requests_that_nothing_answers_are_judged_by_themselves() -> None:
    assert shown([NEGOTIATE, STOP, DONE], CLIENT) == [("vm", "execute"), ("vm", "execute")]


@pytest.mark.parametrize(
    "sign",
    [
        GREETING,
        NEGOTIATE + NEGOTIATE,
        OF_HARNESS,
        b"# starting QEMU: exec qemu",
        event("STOP", {"seconds": "SECS", "microseconds": "USECS"}),
        b'{"execute": "stop", "id": 1} {"execute": "stop", "id": 1}',
    ],
)
def test_from_a_sign_of_another_vm_on_nothing_follows_from_the_order(sign: bytes) -> None:
    lines = [GREETING, NEGOTIATE, DONE, sign, STOP, DONE, event("STOP"), b"{'return", LATER]
    told = shown(lines)
    before = [("vm", "QMP"), ("vm", "execute"), ("vm", "return")]
    assert told[:3] == before
    assert ("unknown", "event") in told[3:]
    assert all(what in ("event", "gap", "QMP") for _, what in told[3:] if _ != "vm")
    assert not [what for vm, what in told[4:] if what == "return"]
    _, remarks = read(ONE, lines)
    assert [finding.rule for finding in remarks.findings if finding.grade is Grade.DOUBT] == ["import.mixed"]


def test_an_id_that_is_used_again_after_its_reply_is_no_sign() -> None:
    asked, answered = b'{"execute": "stop", "id": 1}', b'{"return": {}, "id": 1}'
    told = shown([GREETING, NEGOTIATE, DONE, asked, answered, asked, answered])
    assert [what for _, what in told][3:] == ["execute", "return"] * 2


MERGED = st.sampled_from(
    [
        *(migration(status) for status in ("setup", "active", "completed", "failed", "postcopy-active", "cancelled")),
        event("MIGRATION_PASS", **{"pass": 7}),
        event("STOP"),
        event("RESUME"),
        event("MIGRATION", {"seconds": "SECS", "microseconds": "USECS"}, status="device"),
        STOP,
        DONE,
        GREETING,
        NEGOTIATE,
        OF_HARNESS,
        b'{"error": {"class": "GenericError", "desc": "no"}}',
        b'{"return": {"status": "postmigrate", "running": false, "singlestep": false}}',
    ]
)


@settings(max_examples=12)
@given(st.lists(MERGED, min_size=1, max_size=10))
def test_no_order_of_messages_of_several_vms_raises_an_alarm(tmp_path_factory: Any, lines: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("merged")
    report = judged(file(folder, lines), importer=MIXED.name)
    assert report.verdict is Verdict.INCONCLUSIVE, report.findings
    rules = {finding.rule for finding in report.findings if finding.grade is Grade.DOUBT}
    assert rules <= {"import.mixed", "trace.empty"}


def test_an_event_is_judged_by_itself_all_the_same(tmp_path: Path) -> None:
    report = judged(file(tmp_path, [migration("active"), b'{"event": "STOP"}']))
    assert [finding.rule for finding in report.findings if finding.grade is Grade.VIOLATION] == ["envelope.timestamp"]


def test_a_log_may_be_taken_for_that_of_one_vm(tmp_path: Path) -> None:
    lines = [STOP, DONE, b'{"execute": "query-status"}', b'{"return": {"status": "running", "running": true}}']
    path = file(tmp_path, lines)
    assert judged(path).messages == 0
    assert judged(path, "qemu-5.2.0", "plain").verdict is Verdict.VIOLATES


def test_zeros_stand_for_times_that_a_test_has_replaced() -> None:
    lines = [event("STOP", {"microseconds": "USECS", "seconds": "SECS"}), event("STOP")]
    entries, remarks = read(MIXED, lines)
    times = [msgspec.json.decode(text)["msg"]["timestamp"] for _, text in entries if b"gap" not in text]
    assert times == [{"microseconds": 0, "seconds": 0}, CLOCK]
    assert [finding.rule for finding in remarks.findings] == ["import.mixed", "import.time"]


def test_the_log_of_qtest_has_no_messages() -> None:
    entries, remarks = read(QTEST, [b"[I 0.000000] OPENED", b"[R +0.093041] endianness"])
    assert not entries
    assert [finding.rule for finding in remarks.findings] == ["import.qtest"]


@settings(max_examples=60)
@given(st.sampled_from(list(REAL)), st.sampled_from(IMPORTERS), st.data())
def test_no_damage_makes_an_importer_fail(sample: str, importer: Any, data: st.DataObject) -> None:
    lines = data.draw(damaged(lines_of(sample)))
    entries, _ = read(importer, lines)
    assert all(1 <= number <= len(lines) and b"\n" not in text for number, text in entries)
    assert recognised(lines) is None or recognised(lines) in IMPORTERS
