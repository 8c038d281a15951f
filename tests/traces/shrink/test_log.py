"""Reading what is to be shrunk: traces and other logs, whole or broken off."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.traces.shrink.samples import PLAIN, RIGHT, exchange, line, log_of, written, wrong_answer

from migspec.traces.format import TraceError, VmInfo
from migspec.traces.judge import Options
from migspec.traces.shrink.log import place_of, read, violations

GREETING = {"QMP": {"version": {"qemu": {"major": 5, "minor": 2, "micro": 0}, "package": ""}, "capabilities": []}}
LIBVIRT = (
    "2026-11-23 05:05:00.101+0000: 1: info : qemuMonitorJSONIOProcessLine:208 : QEMU_MONITOR_RECV_REPLY: "
    'mon=0x7f00 reply={"return": {"status": "running", "singlestep": "no", "running": true}, "id": "libvirt-1"}\n'
)


def test_entries_are_the_lines_behind_the_header(tmp_path: Path) -> None:
    lines = wrong_answer()
    log = log_of(tmp_path, lines)
    assert [entry.text for entry in log.entries] == lines
    assert [entry.place for entry in log.entries] == list(range(len(lines)))
    assert [entry.number for entry in log.entries] == list(range(2, 2 + len(lines)))
    (finding,) = log.violations
    assert (log.number_of(finding), place_of(finding), finding.rule) == (9, 7, "schema.query-status")
    assert log.violations == violations(log.report)
    assert log.error == ""


def test_empty_lines_are_no_entries(tmp_path: Path) -> None:
    lines = wrong_answer(before=1, behind=0)
    log = log_of(tmp_path, [lines[0], b"", *lines[1:]])
    assert [(entry.place, entry.number) for entry in log.entries] == [(0, 2), (1, 4), (2, 5), (3, 6)]
    assert log.number_of(log.violations[0]) == 6


def test_a_packed_trace_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, wrong_answer())
    plain = path.read_bytes()
    path.write_bytes(gzip.compress(plain))
    assert len(read(str(path), PLAIN).entries) == len(plain.splitlines()) - 1


def test_another_log_is_read_by_its_importer(tmp_path: Path) -> None:
    path = tmp_path / "libvirtd.log"
    path.write_text(LIBVIRT)
    log = read(str(path), Options(profile="seed"))
    assert [entry.number for entry in log.entries] == [1]
    assert log.header.note == "imported from a debug log of libvirt"


def test_a_trace_that_breaks_off_is_read_up_to_there(tmp_path: Path) -> None:
    lines = wrong_answer()
    log = log_of(tmp_path, [*lines, b'{"vm":', *lines])
    assert [entry.text for entry in log.entries] == lines
    assert len(log.violations) == 1
    assert log.error.startswith(f"{log.path}, line {len(lines) + 2}: this is not JSON (")
    assert log.error.endswith("expected one JSON object a line.")


def test_damaged_data_is_read_up_to_the_damage(tmp_path: Path) -> None:
    path = written(tmp_path, wrong_answer(before=400))
    path.write_bytes(gzip.compress(path.read_bytes(), 0)[:-5_000])
    log = read(str(path), PLAIN)
    assert log.entries
    assert log.error == f"{path}: the gzip data is damaged (it ends in the middle); expected a whole file."


@pytest.mark.parametrize("text", [b"", b"{}\n", b"\0"])
def test_what_is_no_log_is_an_error(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(text)
    with pytest.raises(TraceError):
        read(str(path), PLAIN)


def test_every_byte_is_counted(tmp_path: Path) -> None:
    path = written(tmp_path, wrong_answer())
    counted: list[int] = []
    log = read(str(path), PLAIN, counted.append)
    assert sum(counted) == sum(len(entry.text) for entry in log.entries)


@pytest.mark.parametrize("package", ["1e999", "9" * 5_000, "[" * 700 + "]" * 700])
def test_a_greeting_that_cannot_be_read_is_read_over(package: str, tmp_path: Path) -> None:
    log = log_of(tmp_path, [line("src", "<-", GREETING).replace(b'""', package.encode())])
    assert [finding.rule for finding in log.violations] == ["envelope.greeting.members"]


def test_the_header_states_the_release_that_a_first_message_names(tmp_path: Path) -> None:
    lines = [
        line("src", "<-", GREETING),
        *exchange("dst", "query-status", RIGHT, 1),
        line("dst", "<-", GREETING),
        line("third", "<-", {"QMP": {"version": "5.2"}}),
    ]
    header = {"vms": {"src": {"role": "source", "release": "9"}, "dst": {"role": "destination"}}, "scenario": "s"}
    log = log_of(tmp_path, lines, header=header)
    assert dict(log.header.vms) == {
        "src": VmInfo(role="source", release="5.2.0"),
        "dst": VmInfo(role="destination"),
    }
    assert log.header.scenario == "s"
    assert log.report.profiles == {"src": "qemu-5.2.0", "dst": "seed", "third": "seed"}
