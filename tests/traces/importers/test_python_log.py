"""Debug logs of qemu.qmp are read as what its clients said, whatever a record begins with."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.importers.judging import judged
from tests.traces.importers.logs import SAMPLES, damaged, lines_of, read

from migspec.traces.findings import Grade, Verdict
from migspec.traces.importers.python_log import IMPORTER
from migspec.traces.importers.table import recognised

OLD, NEW = "qemu.qmp-5.2.log.gz", "qemu.qmp-7.2.log.gz"
GREETING = b'{\n  "QMP": {\n    "capabilities": []\n  }\n}'
STOP = b'{\n  "execute": "stop"\n}'
DONE = b'{\n  "return": {}\n}'
EVENT = b'{"timestamp": {"seconds": %d, "microseconds": 2}, "event": "STOP"}'


def record(client: bytes, text: bytes, head: bytes = b"2026-11-23 06:42:05,254 DEBUG %s: ") -> list[bytes]:
    name = b"qemu.qmp.protocol." + client if client else b"qemu.qmp.protocol"
    return (head % name + text).split(b"\n")


def shown(lines: list[bytes]) -> list[tuple[int, str, str]]:
    """Where each entry comes from, its VM, and what it is."""
    entries, _ = read(IMPORTER, lines)
    told = []
    for number, text in entries:
        line = msgspec.json.decode(text)
        what = next(iter(line["msg"])) if "msg" in line else "gap" if "gap" in line else f"end by {line.get('by')}"
        told.append((number, line["vm"] + line.get("mon", ""), what))
    return told


@pytest.mark.parametrize(("sample", "profile"), [(OLD, "qemu-5.2.0"), (NEW, "seed")])
def test_a_real_log_conforms(sample: str, profile: str) -> None:
    report = judged(SAMPLES / sample)
    assert (report.importer, report.profile, report.verdict) == ("qemu.qmp", profile, Verdict.CONFORMS)
    assert report.messages == 84
    assert "import.unreadable" not in {finding.rule for finding in report.findings}


def test_clients_that_show_the_same_event_are_monitors_of_one_vm() -> None:
    lines = lines_of(OLD)
    assert recognised(lines[:200]) is IMPORTER
    entries, remarks = read(IMPORTER, lines)
    origins = {(line["vm"], line.get("mon")) for _, text in entries for line in [msgspec.json.decode(text)]}
    assert origins == {("src", None), ("src", "src-second-monitor"), ("dst", None)}
    assert [finding.rule for finding in remarks.findings] == ["import.monitor"]
    assert remarks.findings[0].line > 0


@given(st.permutations(["a", "b", "c"]), st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=8))
def test_monitors_are_put_together_by_what_they_show_and_by_nothing_else(
    names: list[str], events: list[tuple[int, int]]
) -> None:
    lines = [line for who, when in events for line in record(names[who].encode(), b"<-- " + EVENT % when)]
    entries, _ = read(IMPORTER, lines)
    vms = [msgspec.json.decode(text)["vm"] for _, text in entries]
    for (who, when), vm in zip(events, vms, strict=True):
        same = {other for (_, moment), other in zip(events, vms, strict=True) if moment == when}
        own = {other for (client, _), other in zip(events, vms, strict=True) if client == who}
        assert same == own == {vm}
    apart = {(who, when) for who, when in events}
    if len(apart) == len({when for _, when in apart}) == len({who for who, _ in apart}):
        assert len(set(vms)) == len(apart)


@pytest.mark.parametrize(
    "head",
    [
        b"2026-11-23 06:42:05,254 DEBUG %s: ",
        b"DEBUG:%s:",
        b"[%s] ",
        b"06:42 | DEBUG | %s | ",
        b"%s - DEBUG - ",
        b"\x1b[32m%s:\x1b[0m ",
    ],
)
def test_the_program_may_lay_out_a_record_as_it_likes(head: bytes) -> None:
    lines = [*record(b"vm-1.x", b"--> " + STOP, head), *record(b"vm-1.x", b"<-- " + DONE, head)]
    assert shown(lines) == [(1, "vm-1.x", "execute"), (4, "vm-1.x", "return")]
    assert recognised(lines) is IMPORTER


def test_other_records_and_tracebacks_between_messages_are_nothing() -> None:
    lines = [
        *record(b"a", b"Transitioning from 'Runstate.IDLE' to 'Runstate.CONNECTING'."),
        *record(b"a", b"--> " + STOP),
        b"Traceback (most recent call last):",
        b'  File "x.py", line 1, in f',
        b"    {",
        b"asyncio DEBUG Using selector: EpollSelector",
        *record(b"a", b"<-- " + DONE),
    ]
    assert shown(lines) == [(2, "a", "execute"), (9, "a", "return")]


@pytest.mark.parametrize(
    "cut", [b"<-- ", b"<-- {", b'<-- {\n  "ret', b'<-- {\n  "return": {},', b"<-- {'return': ...}"]
)
def test_a_message_that_was_cut_is_a_gap_and_a_doubt(cut: bytes) -> None:
    lines = [*record(b"a", b"--> " + STOP), *record(b"a", cut), *record(b"a", b"<-- " + DONE)]
    last = len(lines) - 2
    assert shown(lines) == [(1, "a", "execute"), (4, "a", "gap"), (last, "a", "return")]
    _, remarks = read(IMPORTER, lines)
    assert [(finding.line, finding.grade) for finding in remarks.findings] == [(4, Grade.DOUBT)]


def test_an_arrow_that_contradicts_the_message_makes_it_unreadable() -> None:
    assert [what for _, _, what in shown(record(b"a", b"<-- " + STOP))] == ["gap"]


@pytest.mark.parametrize(("sign", "by"), [(b"disconnect() called.", "client"), (b"Task.Reader: end-of-file", "server")])
def test_whoever_closes_a_connection_first_is_told(sign: bytes, by: str) -> None:
    lines = [
        *record(b"a", b"--> " + STOP),
        *record(b"a", sign),
        *record(b"a", b"disconnect() called."),
        *record(b"a", b"Disconnected."),
        *record(b"a", b"QMP Disconnected."),
        *record(b"a", b"<-- " + GREETING),
    ]
    assert [what for _, _, what in shown(lines)] == ["execute", f"end by {by}", "QMP"]


def test_a_greeting_ends_the_connection_before_it() -> None:
    lines = [*record(b"a", b"<-- " + GREETING), *record(b"a", b"<-- " + GREETING)]
    assert [what for _, _, what in shown(lines)] == ["QMP", "end by None", "QMP"]


def test_clients_without_names_are_not_told_apart() -> None:
    one = [*record(b"", b"<-- " + GREETING), *record(b"", b"--> " + STOP)]
    assert [(vm, what) for _, vm, what in shown(one)] == [("vm", "QMP"), ("vm", "execute")]
    _, remarks = read(IMPORTER, one + one)
    assert [what for _, _, what in shown(one + one)] == ["QMP", "execute", "gap"]
    assert [finding.rule for finding in remarks.findings] == ["import.mixed"]


def test_a_client_that_negotiates_without_a_greeting_has_begun_anew() -> None:
    negotiate = b"DEBUG:QMP%s:>>> {'execute': 'qmp_capabilities'}"
    assert [what for _, _, what in shown([negotiate % b".a"] * 2)] == ["execute", "end by None", "execute"]
    assert [what for _, _, what in shown([negotiate % b""] * 3)] == ["execute", "gap"]
    greeted = [*record(b"a", b"<-- " + GREETING), *record(b"a", b'--> {"execute": "qmp_capabilities"}')]
    assert [what for _, _, what in shown(greeted)] == ["QMP", "execute"]


def test_the_library_before_it_wrote_dictionaries() -> None:
    lines = [
        b"2020-05-01 10:00:00,1 DEBUG QMP.vm1 >>> {'execute': 'migrate', 'arguments': {'uri': \"it's\", 'blk': False}}",
        b"DEBUG:QMP.vm1:<<< {'return': {}}",
        b"DEBUG:QMP:<<< {'timestamp': {'seconds': 1, 'microseconds': 2}, 'event': 'STOP'}",
    ]
    assert recognised(lines) is IMPORTER
    entries, remarks = read(IMPORTER, lines)
    told = [msgspec.json.decode(text) for _, text in entries]
    assert told[0]["msg"] == {"execute": "migrate", "arguments": {"uri": "it's", "blk": False}}
    assert [line["vm"] for line in told] == ["vm1", "vm1", "vm"]
    assert not remarks.findings


def test_the_clock_of_such_a_log_is_not_read() -> None:
    entries, _ = read(IMPORTER, lines_of(OLD))
    assert not any("t" in msgspec.json.decode(text) for _, text in entries)


@settings(max_examples=40)
@given(st.data())
def test_no_damage_makes_the_importer_fail(data: st.DataObject) -> None:
    lines = data.draw(damaged(lines_of(OLD)))
    entries, _ = read(IMPORTER, lines)
    assert all(1 <= number <= len(lines) and b"\n" not in text for number, text in entries)
