"""`migspec shrink`: what it writes where, what it says, and how it ends."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.traces.shrink.samples import RIGHT, WRONG, exchange, written, wrong_answer
from tests.traces.talk import Talk

from migspec.cli import main
from migspec.traces.findings import Verdict
from migspec.traces.judge import judge_file

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trace with one violation, in line 9, in the current folder."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path, wrong_answer())
    return Path("trace.jsonl")


def refused(arguments: Sequence[str], capsys: Capture) -> str:
    """The sentence with which a command line is refused."""
    with pytest.raises(SystemExit) as left:
        main(["shrink", *arguments])
    assert left.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("; see migspec shrink --help.\n")
    return err.removeprefix("migspec shrink: ").removesuffix("; see migspec shrink --help.\n")


def test_the_trace_goes_to_standard_output(trace: Path, capsys: Capture) -> None:
    assert main(["shrink", str(trace)]) == 1
    out, err = capsys.readouterr()
    header, *lines = out.splitlines()
    assert json.loads(header)["note"] == "shrunk from trace.jsonl, line 9: schema.query-status"
    assert [json.loads(line)["dir"] for line in lines] == ["->", "<-"]
    assert err.startswith("migspec: 14 lines cut to 2 lines, after ")
    assert err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["trace.jsonl"]


def test_the_trace_and_the_test_go_to_files(trace: Path, capsys: Capture) -> None:
    assert main(["shrink", str(trace), "-o", "short.jsonl", "--test", "test_short.py", "--color", "never"]) == 1
    out, _ = capsys.readouterr()
    report = judge_file("short.jsonl")
    assert report.verdict is Verdict.VIOLATES
    assert out.startswith(
        "short.jsonl: violates (seed, 2 messages, 1 violation)\nshort.jsonl:3: src: Reply to query-st"
    )
    assert stat.S_IMODE(Path("short.jsonl").stat().st_mode) == 0o600
    assert "def test_schema_query_status(tmp_path: Path) -> None:" in Path("test_short.py").read_text()


def test_what_was_shrunk_cannot_be_shrunk_further(trace: Path, capsys: Capture) -> None:
    assert main(["shrink", str(trace), "-o", "one.jsonl"]) == 1
    assert main(["shrink", "one.jsonl", "-o", "two.jsonl"]) == 1
    assert Path("one.jsonl").read_text().splitlines()[1:] == Path("two.jsonl").read_text().splitlines()[1:]
    assert "2 lines cut to 2 lines" in capsys.readouterr().err


def test_a_trace_without_a_violation_is_said_in_one_sentence(trace: Path, capsys: Capture) -> None:
    written(Path(), exchange("src", "query-status", RIGHT, 1))
    assert main(["shrink", str(trace), "-o", "short.jsonl"]) == 0
    assert capsys.readouterr() == ("", "migspec: trace.jsonl: there is no violation to shrink to.\n")
    assert not Path("short.jsonl").exists()


def test_another_violation_can_be_chosen(trace: Path, capsys: Capture) -> None:
    lines = wrong_answer()
    written(Path(), [*lines, *exchange("dst", "query-status", WRONG, 50)])
    assert main(["shrink", str(trace), "--line", "17"]) == 1
    assert '"dst"' in capsys.readouterr().out
    assert main(["shrink", str(trace), "--rule", "schema.query-status"]) == 1
    assert '"src"' in capsys.readouterr().out


def test_a_violation_that_is_not_there_is_a_usage_error(trace: Path, capsys: Capture) -> None:
    there = "there is no such violation, but there is schema.query-status in line 9"
    assert refused([str(trace), "--line", "8"], capsys) == f"--line 8: {there}"
    assert refused([str(trace), "--rule", "envelope.id"], capsys) == f"--rule envelope.id: {there}"
    assert refused([str(trace), "--rule", "schema.query-status", "--line", "1"], capsys).startswith(
        "--rule schema.query-status --line 1: there is no such violation, "
    )


def test_only_some_of_many_violations_are_named(trace: Path, capsys: Capture) -> None:
    written(Path(), [line for number in range(8) for line in exchange("src", "query-status", WRONG, number)])
    said = refused([str(trace), "--line", "2"], capsys)
    assert said.endswith("schema.query-status in line 11 and 3 more")


def test_without_time_the_trace_is_said_not_to_be_minimal(trace: Path, capsys: Capture) -> None:
    assert main(["shrink", str(trace), "--seconds", "1e-9"]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 15
    assert err == (
        "migspec: 14 lines cut to 14 lines, after 0 tries.\n"
        "migspec: the time was up: more lines may be left out; --seconds gives it more.\n"
    )


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "inf"])
def test_a_time_that_is_none_is_refused(seconds: str, trace: Path, capsys: Capture) -> None:
    assert refused([str(trace), "--seconds", seconds], capsys) == (
        f"argument --seconds: {seconds} is not a number of seconds"
    )


@pytest.mark.parametrize("option", ["-o", "--test"])
def test_the_trace_is_not_overwritten(option: str, trace: Path, capsys: Capture) -> None:
    Path("link").symlink_to(trace)
    assert refused([str(trace), option, "link"], capsys) == (
        f"{option} link: this is the trace, and would be overwritten"
    )


@pytest.mark.parametrize("test", ["./x", "link"])
def test_no_file_is_written_twice(test: str, trace: Path, capsys: Capture) -> None:
    Path("link").symlink_to("x")
    assert (
        refused([str(trace), "-o", "x", "--test", test], capsys) == f"--test {test}: the trace is to be written there"
    )


@pytest.mark.parametrize("option", ["-o", "--test"])
def test_what_cannot_be_written_is_said(option: str, trace: Path, capsys: Capture) -> None:
    assert main(["shrink", str(trace), option, "no/such/folder"]) == 3
    assert capsys.readouterr().err.startswith(
        "migspec: no/such/folder: cannot be written (No such file or directory); "
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "trace.jsonl: cannot be opened (No such file or directory); expected a readable file."),
        (b"", "trace.jsonl, line 1: the file is empty; expected "),
        (b"{}\n", "trace.jsonl, line 1: the format is missing; expected "),
        (b"\0", "trace.jsonl: this is a binary file; expected text, plain or in gzip or zstd."),
        (b'{"format":"qmp-trace","version":1}\n{"vm"', "trace.jsonl, line 2: this is not JSON ("),
    ],
)
def test_what_cannot_be_read_is_said(text: bytes | None, said: str, trace: Path, capsys: Capture) -> None:
    trace.unlink()
    if text is not None:
        trace.write_bytes(text)
    assert main(["shrink", str(trace)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"migspec: {said}")
    assert err.count("\n") == 1


def test_a_folder_is_no_trace(trace: Path, capsys: Capture) -> None:
    assert main(["shrink", "."]) == 3
    assert capsys.readouterr() == ("", "migspec: .: this is a folder; expected a file.\n")


def test_a_trace_that_breaks_off_behind_a_violation_is_shrunk(trace: Path, capsys: Capture) -> None:
    trace.write_bytes(trace.read_bytes() + b'{"vm":')
    assert main(["shrink", str(trace)]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert err.startswith("migspec: trace.jsonl, line 16: this is not JSON (")


def test_other_clients_and_profiles_are_heeded(trace: Path, capsys: Capture) -> None:
    assert main(["shrink", str(trace), "--other-clients", "--profile", "seed", "--test", "test_short.py"]) == 1
    assert "Options(profile='seed', other_clients=True)" in Path("test_short.py").read_text()
    capsys.readouterr()
    assert refused([str(trace), "--profile", "qemu-9"], capsys).startswith("argument --profile: invalid choice")


def test_what_is_wrong_at_rest_alone_is_shrunk_at_rest(tmp_path: Path, capsys: Capture) -> None:
    talk = Talk()
    src = talk.wire().greeting().done("qmp_capabilities").capabilities(events=True)
    src.request("migrate", uri="unix:/s").status("setup").reply().status("1", "1", "active", "STOP")
    trace = tmp_path / "doubled.jsonl"
    trace.write_text(talk.text())
    assert main(["shrink", str(trace)]) == 0
    assert main(["shrink", str(trace), "--at-rest", "-o", str(tmp_path / "short.jsonl")]) == 1
    assert len((tmp_path / "short.jsonl").read_text().splitlines()) < talk.line
    assert "outgoing.first-pass" in capsys.readouterr().out
