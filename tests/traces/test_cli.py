"""The command line: what it accepts, what it prints where, and how it ends."""

import gzip
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import zstandard
from tests.traces.command import DEADLINE, GOOD, SILENT, WRONG, run, start, text_of

from migspec.cli import main
from migspec.traces.reports.table import FORMATS

GOLDEN = Path(__file__).with_name("golden")
PROJECT = Path(__file__).resolve().parents[2]
NUMBERS = re.compile(r"\d+ of \d+ rules exercised; nothing is said about the other \d+")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Traces with every verdict, at different depths and in all packings."""
    (tmp_path / "t/deep").mkdir(parents=True)
    (tmp_path / "t/b.jsonl").write_bytes(GOOD)
    (tmp_path / "t/a.jsonl.gz").write_bytes(gzip.compress(WRONG))
    (tmp_path / "t/deep/c.jsonl.zst").write_bytes(zstandard.compress(SILENT))
    (tmp_path / "t/d.jsonl").write_bytes(b"{}\n")
    (tmp_path / "t/read.me").write_bytes(b"{}\n")
    return tmp_path


# -- which traces, and what is printed --


def test_text_is_as_agreed(folder: Path) -> None:
    done = run("check", "t", folder=folder)
    assert done.stderr == b""
    assert NUMBERS.sub("N of M rules exercised", done.stdout.decode()) == (GOLDEN / "check.txt").read_text()


def test_json_is_one_object_a_line(folder: Path) -> None:
    done = run("check", "t", "--format", "json", folder=folder)
    assert done.stderr == b""
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(report["trace"], report["verdict"], report["messages"]) for report in shown] == [
        ("t/a.jsonl.gz", "violates", 4),
        ("t/b.jsonl", "conforms", 2),
        ("t/d.jsonl", "unreadable", 0),
        ("t/deep/c.jsonl.zst", "inconclusive", 0),
    ]
    assert shown[0]["findings"] == [
        {
            "line": 5,
            "vm": "src",
            "rule": "envelope.reply.unrequested",
            "grade": "violation",
            "message": "This reply answers no request.",
        }
    ]
    assert "error" in shown[2]


@pytest.mark.parametrize("arguments", [(), ("--format", "json"), ("--format", "sarif"), ("-v",)])
def test_several_jobs_say_the_same(folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "none").mkdir()
    one, three = (
        run("check", "t", "-", "none", "t/b.jsonl", "--jobs", jobs, *arguments, folder=folder, data=GOOD)
        for jobs in ("1", "3")
    )
    assert (one.stdout, one.stderr, one.returncode) == (three.stdout, three.stderr, three.returncode)
    assert one.stdout.count(b"conforms") >= 2


def test_the_logs_of_a_migration_are_judged_together(folder: Path) -> None:
    (folder / "src.log").write_bytes(WRONG)
    (folder / "dst.log").write_bytes(GOOD)
    vms = ("--vm", "src=src.log", "--vm", "dst=dst.log")
    done = run("check", *vms, folder=folder)
    assert done.returncode == 1
    verdict, finding, *_ = done.stdout.decode().splitlines()
    assert verdict == "src=src.log dst=dst.log: violates (qemu-5.2.0, 6 messages, 1 violation)"
    assert finding.startswith("src.log:5: src: ")
    report = json.loads(run("check", *vms, "--format", "json", folder=folder).stdout)
    assert [found["file"] for found in report["findings"]] == ["src.log"]
    sarif = json.loads(run("check", *vms, "--format", "sarif", folder=folder).stdout)
    assert [artifact["location"]["uri"] for artifact in sarif["runs"][0]["artifacts"]] == ["src.log", "dst.log"]
    page = run("check", *vms, "--format", "html", folder=folder)
    assert page.returncode == 1
    assert page.stdout.startswith(b"<!doctype html>")
    assert b"src=src.log dst=dst.log" in page.stdout


def test_a_page_is_about_one_trace(folder: Path) -> None:
    done = run("check", "-", "--format", "html", "-o", "page.html", folder=folder, data=WRONG)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    assert b"This reply answers no request." in (folder / "page.html").read_bytes()
    for wrong in (("t",), ("t/b.jsonl", "t/a.jsonl.gz")):
        refused = run("check", *wrong, "--format", "html", folder=folder)
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert b"--format html: this shows one trace" in refused.stderr


def test_a_timeline_is_text_with_colours_or_without(folder: Path) -> None:
    timeline = ("check", "-", "--format", "timeline")
    done = run(*timeline, "--color", "always", folder=folder, data=WRONG)
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"\x1b[" in done.stdout
    told = " ".join(run(*timeline, folder=folder, data=WRONG).stdout.decode().split())
    assert "This reply answers no request." in told
    refused = run("check", "t", "--format", "timeline", folder=folder)
    assert (refused.returncode, refused.stdout) == (2, b"")


def test_a_log_is_read_as_what_it_is_said_to_be(folder: Path) -> None:
    done = run("check", "t/b.jsonl", "--from", "transcript", folder=folder)
    assert (done.returncode, b"no messages" in done.stdout) == (0, True)
    assert run("check", "t/b.jsonl", "--from", "nonsense", folder=folder).returncode == 2


def test_a_trace_named_twice_is_judged_once(folder: Path) -> None:
    done = run("check", "t/b.jsonl", "t", "t/b.jsonl", "--format", "json", folder=folder)
    traces = [json.loads(line)["trace"] for line in done.stdout.splitlines()]
    assert traces == ["t/b.jsonl", "t/a.jsonl.gz", "t/d.jsonl", "t/deep/c.jsonl.zst"]


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\x1b[1m\n"
    Path(os.fsdecode(name)).write_bytes(GOOD)
    as_text = run("check", os.fsdecode(name))
    assert rb"/\udcff\x1b[1m\n: conforms" in as_text.stdout
    as_json = run("check", os.fsdecode(name), "--format", "json")
    assert json.loads(as_json.stdout)["trace"].endswith("/\\udcff\x1b[1m\n")
    assert as_text.stderr + as_json.stderr == b""


def test_rules_never_exercised_are_listed(folder: Path) -> None:
    short, long = (run("check", "t/b.jsonl", *more, folder=folder).stdout.decode() for more in ((), ("-v",)))
    assert long.startswith(short)
    listed = [line.split()[2] for line in long.removeprefix(short).splitlines()]
    every = re.search(r"(\d+) of (\d+) rules exercised; nothing is said about the other (\d+)", short)
    assert every
    exercised, total, never = map(int, every.groups())
    assert exercised + never == total
    assert len(listed) == never
    assert "query-status.answered" not in listed
    assert "schema.COLO_EXIT" in listed


# -- options --


def test_the_profile_is_chosen(folder: Path) -> None:
    (folder / "other.jsonl").write_bytes(text_of(*GOOD.splitlines()[1:], release="99.0"))
    for arguments, profile in (
        (("t/b.jsonl",), "qemu-5.2.0"),
        (("other.jsonl",), "seed"),
        (("t/b.jsonl", "--profile", "seed"), "seed"),
        (("other.jsonl", "--profile", "qemu-5.2.0"), "qemu-5.2.0"),
    ):
        done = run("check", "--format", "json", *arguments, folder=folder)
        assert json.loads(done.stdout)["profile"] == profile


@pytest.mark.parametrize(
    ("names", "code", "strict"),
    [
        ("b", 0, 0),
        ("c", 0, 4),
        ("bc", 0, 4),
        ("a", 1, 1),
        ("abcd", 1, 1),
        ("d", 3, 3),
        ("dcb", 3, 3),
        ("da", 1, 1),
    ],
)
def test_exit_codes(folder: Path, monkeypatch: pytest.MonkeyPatch, names: str, code: int, strict: int) -> None:
    paths = {"a": "t/a.jsonl.gz", "b": "t/b.jsonl", "c": "t/deep/c.jsonl.zst", "d": "t/d.jsonl"}
    monkeypatch.chdir(folder)
    chosen = [paths[name] for name in names]
    assert main(["check", *chosen]) == code
    assert main(["check", "--strict", *chosen]) == strict
    for name in FORMATS:
        assert main(["check", "--strict", "--format", name, *chosen]) == strict


def test_colours_only_on_request_or_on_a_terminal(folder: Path) -> None:
    plain = run("check", "t", folder=folder).stdout
    assert b"\x1b" not in plain
    coloured = run("check", "t", "--color", "always", folder=folder).stdout
    assert b"\x1b[1;31mviolates\x1b[0m" in coloured
    assert re.sub(rb"\x1b\[[0-9;]*m", b"", coloured) == plain
    assert b"\x1b[" in on_a_terminal(folder, "check", "t")
    assert b"\x1b" not in on_a_terminal(folder, "check", "t", "--color", "never")
    assert b"\x1b" not in on_a_terminal(folder, "check", "t", NO_COLOR="1")
    assert b"\x1b" not in on_a_terminal(folder, "check", "t", TERM="dumb")


def on_a_terminal(folder: Path, *arguments: str, **environment: str) -> bytes:
    """What the command prints on a terminal."""
    here, there = pty.openpty()
    process = start(*arguments, cwd=folder, stdout=there, stderr=there, environment=environment)
    os.close(there)
    shown = b""
    while select.select([here], [], [], DEADLINE)[0]:
        try:
            piece = os.read(here, 1 << 16)
        except OSError:  # the other end is closed
            break
        shown += piece
    os.close(here)
    assert process.wait(DEADLINE) == 1
    return shown


def test_help_tells_the_exit_codes() -> None:
    done = run("check", "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"1 goes before 3, and 3 before 4" in done.stdout
    for option in (
        b"--profile",
        b"--format",
        b"--output",
        b"--strict",
        b"--other-clients",
        b"--at-rest",
        b"--jobs",
        b"--color",
        b"--verbose",
    ):
        assert option in done.stdout


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(rb"migspec (\d+\.\d+\.\d+\S*|\(not installed\))\n", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("chekc", "invalid choice: 'chekc'"),
        ("check", "give either the PATHs of traces or one --vm NAME=PATH for each VM"),
        ("check x --profile qemu-1.0", "invalid choice: 'qemu-1.0'"),
        ("check x --format yaml", "invalid choice: 'yaml'"),
        ("check x --jobs 0", "0 is not a number from 1 on"),
        ("check x --jobs many", "many is not a number from 1 on"),
        ("check x --colour", "unrecognized arguments: --colour"),
        ("record -o x", "the following arguments are required: --qmp"),
        ("record --qmp a=unix:b", "the following arguments are required: -o/--output"),
        ("record -o x --qmp unix:b", "--qmp unix:b: expected NAME=ADDRESS"),
        ("record -o x --qmp a=b", "--qmp a=b: this is no address, expected unix:PATH or tcp:HOST:PORT"),
        ("record -o x --qmp =unix:b", "--qmp =unix:b: expected NAME=ADDRESS"),
        ("record -o x --qmp a=unix:b --qmp a=unix:c", "--qmp a=unix:c: a is there twice"),
        ("record -o x --qmp a=unix:b --listen c=d", "--listen c: there is no --qmp of that name"),
        ("record -o x --qmp a=unix:b --listen c", "--listen c: expected NAME=PATH"),
    ],
)
def test_usage_errors_are_one_sentence(tmp_path: Path, arguments: str, complaint: str) -> None:
    done = run(*arguments.split(), folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("migspec")
    assert complaint in line
    assert line.endswith("--help.")
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_said(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("check", "t", cwd=folder, stdout=full, stderr=subprocess.PIPE)
        _, complaint = process.communicate(timeout=DEADLINE)
    assert process.returncode == 3
    assert complaint == (
        b"migspec: standard output: cannot be written (No space left on device); expected room for the report.\n"
    )


# -- formats, and where they go --


@pytest.mark.parametrize("name", FORMATS)
def test_a_fault_is_told_as_agreed(name: str) -> None:
    done = run("check", "--format", name, "tests/faults/demo.jsonl", folder=PROJECT)
    assert (done.returncode, done.stderr) == (1, b"")
    told = NUMBERS.sub("N of M rules exercised", done.stdout.decode())
    told = re.sub(r'"version": "[^"]*",(?=\s+"rules")', '"version": "1.2.3",', told)
    assert told == (GOLDEN / f"formats/demo.{name}").read_text()


@pytest.mark.parametrize("name", FORMATS)
def test_a_report_in_a_file_is_that_of_standard_output(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], name: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "out").write_text("something longer than what comes next, and to be overwritten\n" * 1000)
    code = main(["check", "t", "--format", name])
    printed = capfdbinary.readouterr().out
    assert main(["check", "t", "--format", name, "-o", "out"]) == code == 1
    assert capfdbinary.readouterr() == (b"", b"")
    assert (folder / "out").read_bytes() == printed
    assert main(["check", "t", "--format", name, "-o", "-"]) == 1
    assert capfdbinary.readouterr().out == printed


def test_a_report_in_a_file_has_colours_on_request_only(folder: Path) -> None:
    on_a_terminal(folder, "check", "t", "-o", "plain")
    run("check", "t", "-o", "coloured", "--color", "always", folder=folder)
    plain, coloured = ((folder / name).read_bytes() for name in ("plain", "coloured"))
    assert b"\x1b" not in plain
    assert b"\x1b[1;31mviolates\x1b[0m" in coloured
    assert re.sub(rb"\x1b\[[0-9;]*m", b"", coloured) == plain


def test_formats_for_programs_are_utf_8_in_any_locale(tmp_path: Path) -> None:
    (tmp_path / "é.jsonl").write_bytes(GOOD)
    process = start(
        *("check", ".", "--format", "junit"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        environment={"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    )
    printed, _ = process.communicate(timeout=DEADLINE)
    assert '<testsuite name="./é.jsonl"' in printed.decode()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("missing/out", "missing/out: cannot be written (No such file or directory); expected a place for the report."),
        ("t", "t: cannot be written (Is a directory); expected a place for the report."),
        ("/dev/full", "/dev/full: cannot be written (No space left on device); expected room for the report."),
    ],
)
def test_where_nothing_can_be_written_is_said(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    output: str,
    complaint: str,
) -> None:
    if output == "/dev/full" and not Path(output).exists():
        pytest.skip("needs the device that is always full")
    monkeypatch.chdir(folder)
    assert main(["check", "t", "--format", name, "-o", output]) == 3
    assert capsys.readouterr() == ("", f"migspec: {complaint}\n")


@pytest.mark.parametrize("output", ["t/b.jsonl", "./t/../t/b.jsonl", "linked"])
def test_no_trace_is_overwritten_by_its_report(folder: Path, output: str) -> None:
    (folder / "linked").symlink_to("t/b.jsonl")
    done = run("check", "t", "-o", output, folder=folder)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == (
        f"migspec check: -o {output}: this is one of the traces, and would be overwritten; see migspec check --help.\n"
    )
    assert (folder / "t/b.jsonl").read_bytes() == GOOD


# -- record --


def test_what_is_recorded_is_judged(tmp_path: Path) -> None:
    """A server of three lines, recorded until Ctrl-C."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        address = f"src=unix:{tmp_path}/s"
        listen = f"src=unix:{tmp_path}/here"
        process = start("record", "--qmp", address, "-o", tmp_path / "t", "--listen", listen, stderr=subprocess.PIPE)
        assert process.stderr
        assert process.stderr.readline() == f"src: listening on unix:{tmp_path}/here\n".encode()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(DEADLINE)
            client.connect(str(tmp_path / "here"))
            client.sendall(b'{"execute":"query-status"}\n')
            answerer, _ = server.accept()
            assert answerer.recv(1 << 10)
            answerer.sendall(b'{"return":{"status":"running","singlestep":false,"running":true}}\r\n')
            assert client.recv(1 << 10)
            answerer.close()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=DEADLINE)[1] == b""
    assert process.returncode == 0
    done = run("check", tmp_path / "t", "--format", "json")
    shown = json.loads(done.stdout)
    assert (shown["verdict"], shown["messages"]) == ("conforms", 2)


def test_what_cannot_be_recorded(tmp_path: Path) -> None:
    qmp = f"src=unix:{tmp_path}/s"
    for output, listen, complaint in (
        ("missing/t", "here", "missing/t: cannot be opened (No such file or directory)"),
        ("t", "missing/here", "src: cannot listen on missing/here (No such file or directory)"),
    ):
        done = run("record", "--qmp", qmp, "-o", output, "--listen", f"src={listen}", folder=tmp_path)
        assert (done.returncode, done.stdout) == (3, b"")
        (line,) = done.stderr.decode().splitlines()
        assert line.startswith(f"migspec: {complaint}; expected")
    assert list(tmp_path.iterdir()) == []


# -- show --


def test_show_prints_a_page_as_text_or_json() -> None:
    as_text = run("show", "migrate.in-progress")
    assert (as_text.returncode, as_text.stderr) == (0, b"")
    assert as_text.stdout.startswith(b"migrate.in-progress  rule\n")
    as_json = run("show", "migrate.in-progress", "--format", "json")
    assert (as_json.returncode, as_json.stderr) == (0, b"")
    assert json.loads(as_json.stdout)["rule"] == "migrate.in-progress"


def test_show_lists_rules() -> None:
    done = run("show", "--list", "quit")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"quit.accepted  The process ends soon after the reply.\n"


def test_show_tells_of_a_profile() -> None:
    done = run("show", "migrate_cancel", "--profile", "seed")
    assert b"written.migrate_cancel" in done.stdout
    assert b"migrate_cancel.idle" not in done.stdout


def test_show_has_colours_on_request_only() -> None:
    plain = run("show", "quit.accepted").stdout
    assert b"\x1b" not in plain
    coloured = run("show", "quit.accepted", "--color", "always").stdout
    assert re.sub(rb"\x1b\[[0-9;]*m", b"", coloured) == plain


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("show", "the following arguments are required: NAME"),
        ("show migrat-cancel", "there is no rule and no entity of the schema called migrat-cancel; there is "),
        ("show --list no-such", "no rule begins with no-such"),
        ("show migrate --profile none", "invalid choice: 'none'"),
    ],
)
def test_show_complains_in_one_sentence(arguments: str, complaint: str) -> None:
    done = run(*arguments.split())
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert complaint in line
    assert line.endswith("see migspec show --help.")
