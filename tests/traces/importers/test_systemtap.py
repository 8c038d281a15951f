"""What libvirt's SystemTap script prints is read as what crossed the monitors."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.importers.logs import damaged, lines_of, read

from migspec.traces.findings import Grade, Verdict
from migspec.traces.importers.systemtap import IMPORTER
from migspec.traces.importers.table import recognised
from migspec.traces.judge import judge_file

BEGIN = b"  0.000 begin"
NEGOTIATE = b'  5.773 > 0x7f00 {"execute":"qmp_capabilities","id":"libvirt-1"}'
DONE = b'  5.774 < 0x7f00 {"return": {}, "id": "libvirt-1"}'
ASKED = b'  5.785 > 0x7f00 {"execute":"cont","id":"libvirt-2"}'
EVENT = b'  5.789 ! 0x7f00 {"timestamp": {"seconds": 1319466933, "microseconds": 129980}, "event": "RESUME"}'
REPLY = b'  5.790 < 0x7f00 {"return": {}, "id": "libvirt-2"}'
LISTING = [BEGIN, NEGOTIATE, DONE, ASKED, EVENT, REPLY]


def shown(lines: list[bytes]) -> list[dict[str, object]]:
    return [msgspec.json.decode(text) for _, text in read(IMPORTER, lines)[0]]


def test_a_listing_conforms_and_every_line_of_it_is_a_message(tmp_path: Path) -> None:
    path = tmp_path / "listing"
    path.write_bytes(b"\n".join(LISTING))
    report = judge_file(str(path))
    assert (report.verdict, report.messages) == (Verdict.CONFORMS, 5)
    assert [(line["vm"], line["dir"]) for line in shown(LISTING)] == [
        ("vm1", way) for way in ("->", "<-", "->", "<-", "<-")
    ]


def test_the_first_event_tells_the_time_of_day() -> None:
    times = [line.get("t") for line in shown(LISTING)]
    assert times == [None] * 3 + [pytest.approx(1319466933.12998), pytest.approx(1319466933.13098)]
    failed = EVENT.replace(b"1319466933", b"-1").replace(b"129980", b"-1")
    assert "t" not in shown([failed])[0]
    assert "t" not in shown([EVENT, BEGIN, REPLY])[1]


def test_each_monitor_is_a_vm() -> None:
    lines = [NEGOTIATE, NEGOTIATE.replace(b"0x7f00", b"0x7f11"), DONE]
    assert [line["vm"] for line in shown(lines)] == ["vm1", "vm2", "vm1"]


def test_an_address_on_which_libvirt_negotiates_again_is_another_vm() -> None:
    lines = [NEGOTIATE, DONE, NEGOTIATE, DONE]
    assert [(line["vm"], "end" in line) for line in shown(lines)] == [
        ("vm1", False),
        ("vm1", False),
        ("vm1", True),
        ("vm2", False),
        ("vm2", False),
    ]


def test_a_negotiation_that_is_not_the_first_request_is_a_users() -> None:
    refused = b'{"class": "CommandNotFound", "desc": "Capabilities negotiation is already complete, command ignored"}'
    lines = [NEGOTIATE, DONE, NEGOTIATE.replace(b"-1", b"-2"), DONE.replace(b'"return": {}', b'"error": ' + refused)]
    assert {line["vm"] for line in shown(lines)} == {"vm1"}


def test_a_script_that_is_started_again_knows_no_monitor() -> None:
    assert [line["vm"] for line in shown([BEGIN, REPLY, BEGIN, REPLY])] == ["vm1", "vm2"]


def test_a_descriptor_that_goes_with_a_request_does_not_belong_to_it() -> None:
    line = shown([ASKED + b" (fd=23)"])[0]
    assert line["msg"] == {"execute": "cont", "id": "libvirt-2"}


def test_a_line_that_was_taken_out_of_a_comment_is_read() -> None:
    assert shown([b"# " + line for line in LISTING]) == shown(LISTING)


def test_a_message_that_was_cut_is_a_gap_and_a_doubt() -> None:
    entries, remarks = read(IMPORTER, [DONE, b'  5.780 < 0x7f00 {"return": [{"filename": ....snip....'])
    assert "gap" in msgspec.json.decode(entries[-1][1])
    assert [(finding.line, finding.grade) for finding in remarks.findings] == [(2, Grade.DOUBT)]


def test_seconds_may_have_any_number_of_digits() -> None:
    later = shown([EVENT, REPLY.replace(b"  5.790", b"123456.790")])[1]
    assert later["t"] == pytest.approx(1319466933.12998 + 123456.790 - 5.789)


@pytest.mark.parametrize(
    "line", [b"  0.000 begin", b"> 0x7f00 {}", b'-> {"execute": "stop"}', b'5.7 > 0x7f00 {"execute": "stop"}']
)
def test_what_only_looks_like_it_is_not_recognised(line: bytes) -> None:
    assert recognised([line]) is not IMPORTER


def test_only_such_a_listing_is_recognised() -> None:
    assert recognised(LISTING) is IMPORTER
    for sample in ("libvirt-9.0.log.gz", "qemu-5.2-src.trace", "qemu-7.2-dst.trace"):
        assert recognised(lines_of(sample)) is not IMPORTER


@settings(max_examples=80)
@given(st.data())
def test_no_damage_makes_the_importer_fail(data: st.DataObject) -> None:
    read(IMPORTER, data.draw(damaged(LISTING * 3)))
