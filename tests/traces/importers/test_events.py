"""What virsh prints of events is read as the events of each domain."""

from __future__ import annotations

import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.importers.judging import judged
from tests.traces.importers.logs import SAMPLES, damaged, lines_of, read

from migspec.traces.findings import Grade, Verdict
from migspec.traces.importers.events import IMPORTER
from migspec.traces.importers.table import recognised

RECEIVED, MADE, OF_LIBVIRT = "virsh-events-received.txt", "virsh-events-made.txt", "virsh-events-of-libvirt.txt"
DATA = st.none() | st.dictionaries(
    st.sampled_from(["status", "pass", "x'y': "]), st.integers(0, 9) | st.text(max_size=4)
)


def event(name: str, data: object = None, domain: str = "a") -> bytes:
    text = "<null>" if data is None else json.dumps(data, separators=(",", ":"))
    return f"event {name} at 1795415580.488193 for domain '{domain}': {text}".encode()


def migration(status: str) -> bytes:
    return event("MIGRATION", {"status": status})


def shown(lines: list[bytes]) -> list[dict[str, object]]:
    entries, _ = read(IMPORTER, lines)
    return [msgspec.json.decode(text) for _, text in entries]


def vms(lines: list[bytes]) -> list[object]:
    return [line["vm"] for line in shown(lines)]


@pytest.mark.parametrize(("sample", "count", "rules"), [(RECEIVED, 9, ["import.time"]), (MADE, 6, [])])
def test_real_events_conform(sample: str, count: int, rules: list[str]) -> None:
    report = judged(SAMPLES / sample)
    assert (report.importer, report.verdict, report.messages) == ("virsh-events", Verdict.CONFORMS, count)
    assert [finding.rule for finding in report.findings] == rules
    assert recognised(lines_of(sample)) is IMPORTER


def test_a_log_that_shows_events_only_says_so() -> None:
    assert msgspec.json.decode(IMPORTER.header())["unseen"] == ["replies", "requests"]


@given(st.lists(st.tuples(st.sampled_from(["STOP", "MIGRATION_PASS", "X_Y2"]), DATA), max_size=5), st.booleans())
def test_an_event_is_what_qemu_has_sent(events: list[tuple[str, object]], pretty: bool) -> None:
    lines: list[bytes] = []
    for name, data in events:
        text = "<null>" if data is None else json.dumps(data, indent=2 if pretty else None)
        lines += f"event {name} at 1795415580.000193 for domain 'it is a': {text}\n\n".encode().split(b"\n")
    told = shown([*lines, b"events received: 3"])
    assert [line["msg"] for line in told] == [
        {"timestamp": {"seconds": 1795415580, "microseconds": 193}, "event": name}
        | ({} if data is None else {"data": data})
        for name, data in events
    ]
    assert all(line["t"] == pytest.approx(1795415580.000193) for line in told)


def test_the_time_of_virsh_stands_where_that_of_qemu_is_lost() -> None:
    (line,) = shown([b"2026-11-23 06:33:00.514+0000: event RESUME for domain 'a': <null>"])
    assert line["msg"] == {"timestamp": {"seconds": 1795415580, "microseconds": 514000}, "event": "RESUME"}
    assert line["t"] == pytest.approx(1795415580.514)


def test_a_domain_is_a_vm_with_or_without_quotes() -> None:
    assert vms([event("STOP", domain="a b"), b"event STOP at 1.000000 for domain c: <null>"]) == ["a b", "c"]


def test_another_qemu_may_begin_after_one_has_shut_down() -> None:
    ended = event("SHUTDOWN", {"guest": False, "reason": "host-signal"})
    assert vms([event("RESUME"), ended, event("RESUME"), event("STOP"), ended]) == ["a", "a", "a-2", "a-2", "a-2"]


def test_what_begins_twice_is_of_two_qemus() -> None:
    assert vms([event("RESUME"), event("STOP"), event("RESUME"), event("RESUME")]) == ["a", "a", "a", "a-2"]
    assert vms([migration("setup"), migration("active"), migration("setup")]) == ["a", "a", "a-2"]
    assert vms([migration("setup"), migration("failed"), migration("setup")]) == ["a", "a", "a"]


@given(st.lists(st.sampled_from(["RESUME", "STOP", "SHUTDOWN"]), max_size=8))
def test_no_vm_runs_on_or_resumes_twice(names: list[str]) -> None:
    told = shown([event(name) for name in names])
    for before, after in pairwise(zip((line["vm"] for line in told), names, strict=True)):
        if before[0] == after[0]:
            assert before[1] != "SHUTDOWN"
            assert (before[1], after[1]) != ("RESUME", "RESUME")


@pytest.mark.parametrize(
    "cut",
    [
        event("STOP")[:-2],
        migration("active")[:-3],
        b"event STOP for domain 'a': <null>",
        b"event STOP at 1.000000 for domain 'a': ",
        b"2026-13-23 06:33:00.514+0000: event STOP for domain 'a': <null>",
        b'event MIGRATION at 1.000000 for domain \'a\': {\n  "status": "act',
    ],
)
def test_an_event_that_was_cut_is_a_gap_and_a_doubt(cut: bytes) -> None:
    lines = [event("RESUME"), *cut.split(b"\n"), event("RESUME")]
    assert ["gap" in line for line in shown(lines)] == [False, True, False]
    _, remarks = read(IMPORTER, lines)
    doubts = [finding.line for finding in remarks.findings if finding.grade is Grade.DOUBT]
    assert doubts == [2]


def test_events_of_libvirt_are_told_from_those_of_qemu() -> None:
    lines = lines_of(OF_LIBVIRT)
    assert recognised(lines) is IMPORTER
    entries, remarks = read(IMPORTER, lines)
    assert not entries
    assert [finding.rule for finding in remarks.findings] == ["import.libvirt"]


@settings(max_examples=40)
@given(st.sampled_from([RECEIVED, MADE, OF_LIBVIRT]), st.data())
def test_no_damage_makes_the_importer_fail(sample: str, data: st.DataObject) -> None:
    lines = data.draw(damaged(lines_of(sample)))
    entries, _ = read(IMPORTER, lines)
    assert all(1 <= number <= len(lines) and b"\n" not in text for number, text in entries)
