"""Several logs are one trace, and no clock decides what is judged."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migspec.traces.findings import Verdict
from migspec.traces.format import TraceError, header_line
from migspec.traces.joining import joined, joined_copy
from migspec.traces.judge import judge_file, judge_joined

FAULTY = Path(__file__).parents[1] / "faults/demo.jsonl"
HEADER = b'{"format":"qmp-trace","version":1}'
TIMES = st.lists(st.none() | st.floats(0, 9).map(lambda t: round(t, 2)), max_size=6)


def log(path: Path, times: list[float | None], vm: str = "x") -> str:
    lines = [HEADER]
    for place, t in enumerate(times):
        line: dict[str, object] = {"vm": vm, "dir": "->", "msg": {"execute": "migrate", "id": place}}
        lines.append(msgspec.json.encode(line if t is None else {**line, "t": t}))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)


def whole(files: dict[str, str]) -> list[tuple[str, int]]:
    with joined(files) as (_, lines, _):
        found = [msgspec.json.decode(line.text) for line in lines]
    return [(line["vm"], line["msg"]["id"]) for line in found]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TIMES, TIMES)
def test_each_file_keeps_its_order_whatever_its_clock_says(
    tmp_path: Path, first: list[float | None], second: list[float | None]
) -> None:
    found = whole({"src": log(tmp_path / "a", first), "dst": log(tmp_path / "b", second)})
    for name, times in (("src", first), ("dst", second)):
        assert [place for vm, place in found if vm == name] == list(range(len(times)))


def test_files_are_merged_by_their_clocks(tmp_path: Path) -> None:
    files = {"src": log(tmp_path / "a", [1, 4]), "dst": log(tmp_path / "b", [2, 3])}
    assert whole(files) == [("src", 0), ("dst", 0), ("dst", 1), ("src", 1)]


def test_the_vm_of_a_migration_gets_the_name_and_others_keep_theirs(tmp_path: Path) -> None:
    path = Path(log(tmp_path / "a", [1]))
    other = msgspec.json.encode({"vm": "probe", "dir": "->", "msg": {"execute": "query-version", "id": 7}})
    path.write_bytes(HEADER + b"\n" + other + b"\n" + path.read_bytes().partition(b"\n")[2])
    assert sorted(whole({"src": str(path)})) == [("src", 0), ("src.probe", 7)]


def test_what_one_of_the_files_does_not_show_the_whole_does_not(tmp_path: Path) -> None:
    path = Path(log(tmp_path / "a", [1]))
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":1,"unseen":["events"]'))
    with joined({"src": str(path), "dst": log(tmp_path / "b", [])}) as (header, _, _):
        assert header.unseen == ("events",)
        assert b'"unseen":["events"]' in header_line(header)


def test_a_real_pair_of_logs_conforms(tmp_path: Path) -> None:
    sample = str(Path(__file__).parent / "importers" / "samples" / "libvirt-9.0.log.gz")
    with joined({"src": sample}) as (header, lines, remarks):
        text = b"\n".join([header_line(header), *(line.text for line in lines)]) + b"\n"
    (tmp_path / "whole.jsonl").write_bytes(text)
    report = judge_file(str(tmp_path / "whole.jsonl"))
    assert (report.verdict.value, list(report.profiles)) == ("conforms", ["src"])
    assert all(finding.vm == "src" for finding in remarks.findings)


def test_standard_input_cannot_be_read_twice() -> None:
    with pytest.raises(TraceError, match="expected a file"), joined({"src": "-"}):
        pass


def split(trace: Path, folder: Path) -> dict[str, str]:
    """The lines of a trace, a file for each VM; every second line is empty, so that their numbers are of the files."""
    header, *lines = trace.read_bytes().splitlines()
    files: dict[str, str] = {}
    for vm in ("src", "dst"):
        path = folder / f"{vm}.log"
        own = [line for line in lines if msgspec.json.decode(line)["vm"] == vm]
        path.write_bytes(b"\n".join([header, *(b"\n" + line for line in own)]) + b"\n")
        files[vm] = str(path)
    return files


def test_logs_that_are_judged_together_have_what_the_trace_has_and_their_own_lines(tmp_path: Path) -> None:
    files = split(FAULTY, tmp_path)
    report = judge_joined(files)
    alone = judge_file(str(FAULTY))
    assert [(found.vm, found.rule) for found in report.findings] == [(found.vm, found.rule) for found in alone.findings]
    assert (report.verdict, report.messages, report.exercised) == (alone.verdict, alone.messages, alone.exercised)
    for found, other in zip(report.findings, alone.findings, strict=True):
        line = Path(report.file_of(found)).read_bytes().splitlines()[found.line - 1]
        assert line == FAULTY.read_bytes().splitlines()[other.line - 1]


def test_a_copy_is_judged_alike(tmp_path: Path) -> None:
    with joined_copy(split(FAULTY, tmp_path)) as path:
        report = judge_file(path)
    assert report.verdict is Verdict.VIOLATES
    assert not Path(path).exists()


def test_a_file_that_cannot_be_read_is_told_with_its_line(tmp_path: Path) -> None:
    files = split(FAULTY, tmp_path)
    with Path(files["dst"]).open("ab") as file:
        file.write(b"nonsense\n")
    lines = len(Path(files["dst"]).read_bytes().splitlines())
    report = judge_joined(files)
    assert report.verdict is Verdict.UNREADABLE
    assert f"{files['dst']}, line {lines}: this is not JSON" in report.error


def test_nothing_is_no_migration(tmp_path: Path) -> None:
    report = judge_joined({"src": log(tmp_path / "a", []), "dst": log(tmp_path / "b", [])})
    assert [found.rule for found in report.findings] == ["trace.empty"]
