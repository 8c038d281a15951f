"""What is no trace is said in one sentence with its place, and the other traces are judged all the same."""

import gzip
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.traces.command import ANSWER, ASK, DEADLINE, GOOD, SILENT, WRONG, entry, run, start, text_of

from migspec.traces.findings import Verdict
from migspec.traces.format import LINE_LIMIT
from migspec.traces.judge import judge_file

MANY = text_of(*(ASK, ANSWER) * 2000)
NESTED = b'{"vm":"src","dir":"->","msg":{"execute":"x","arguments":%b%b}}' % (b"[" * 10_000, b"]" * 10_000)

BAD = {
    "text": (
        b"Dear diary,\ntoday\n",
        "line 1: this begins neither a trace nor a log of a kind that is known; expected",
    ),
    "no-json": (text_of(ASK, ANSWER, b"oops", ASK), "line 4: this is not JSON ("),
    "half-a-line": (text_of(ASK, ANSWER, ASK)[:-20], "line 4: this is not JSON ("),
    "gzip": (gzip.compress(MANY)[:-9], "the gzip data is damaged (it ends in the middle)"),
    "zstd": (zstandard.compress(MANY)[:-9], "the zstd data is damaged (it ends in the middle)"),
    "long": (
        gzip.compress(text_of(ASK, ANSWER, b"[" + b"0," * (50 << 20)), 1),
        f"line 4: the line is longer than {LINE_LIMIT} bytes",
    ),
    "deep-message": (text_of(ASK, NESTED), "line 3: this is not JSON ("),
    "deep-garbage": (text_of(ASK, b"[" * 10_000), "line 3: a member is missing or of a wrong type ("),
    "deep-header": (b'{"format":' + b"[" * 10_000, "line 1: this is no header ("),
    "utf-8": (text_of(ASK, b"\xff\xfe"), "line 3: this is not UTF-8 (invalid start byte at byte 1)"),
    "utf-8-inside": (
        text_of(ASK, entry("src", "->", {"execute": "x", "arguments": {"y": "?"}}).replace(b"?", b"\xff")),
        "line 3: this is not UTF-8 (invalid start byte at byte",
    ),
    "utf-8-in-id": (text_of(ASK.replace(b"1", b'"\xe4"')), "line 2: this is not UTF-8 ("),
    "utf-16": (MANY.decode().encode("utf-16"), "this is a binary file"),
    "binary": (b"\x7fELF" + bytes(range(256)) * 20, "this is a binary file"),
    "empty": (b"", "line 1: the file is empty"),
    "blank": (b"\n\n", "line 1: the file is empty"),
    "list": (
        text_of(b"[]"),
        "line 2: a member is missing or of a wrong type (Expected `object`, got `array`)",
    ),
    "no-vm": (text_of(b'{"end":"eof"}'), "line 2: a member is missing or of a wrong type (Object missing"),
    "no-kind": (
        text_of(ASK, ANSWER, b'{"vm":"src"}'),
        "line 4: 0 of the members msg, raw, end and gap are here",
    ),
    "two-kinds": (text_of(b'{"vm":"src","end":"eof","gap":""}'), "line 2: 2 of the members"),
    "no-dir": (text_of(b'{"vm":"src","msg":{"event":"STOP"}}'), "line 2: the member dir is missing"),
    "no-dir-raw": (text_of(ASK, b'{"vm":"src","raw":"x"}'), "line 3: the member dir is missing"),
    "wrong-dir": (text_of(ASK.replace(b"->", b"=>")), "Invalid enum value '=>' - at `$.dir`"),
    "wrong-end": (text_of(b'{"vm":"src","end":5}'), "Expected `str | null`, got `int` - at `$.end`"),
    "wrong-time": (text_of(ASK[:-1] + b',"t":"now"}'), "- at `$.t`"),
    "version": (GOOD.replace(b": 1,", b": 2,", 1), "line 1: the version is 2; expected version 1"),
}
"""Bad files with what must be said of them."""


def judged(*arguments: str | Path, folder: Path, data: bytes = b"") -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code and the objects by trace; standard error must be empty."""
    done = run("check", "--format", "json", *arguments, folder=folder, data=data)
    assert done.stderr == b""
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {report["trace"]: report for report in shown}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good trace at both ends of all the bad ones."""
    made = tmp_path_factory.mktemp("bad")
    for name in ("0-good", "z-good"):
        (made / f"{name}.jsonl").write_bytes(GOOD)
    for name, (data, _) in BAD.items():
        (made / f"{name}.jsonl").write_bytes(data)
    return made


@pytest.fixture(scope="module")
def together(folder: Path) -> dict[str, dict[str, Any]]:
    """The objects of one run over the whole folder."""
    code, shown = judged(".", folder=folder)
    assert code == 3
    return shown


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[str]:
    """What the same run says as text."""
    done = run("check", ".", folder=folder)
    assert (done.returncode, done.stderr) == (3, b"")
    return done.stdout.decode().splitlines()


def test_the_others_are_judged(together: dict[str, dict[str, Any]]) -> None:
    assert set(together) == {f"./{name}.jsonl" for name in (*BAD, "0-good", "z-good")}
    for name in ("0-good", "z-good"):
        report = together[f"./{name}.jsonl"]
        assert (report["verdict"], report["messages"], report["findings"]) == ("conforms", 2, [])
        assert "error" not in report


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name: str, together: dict[str, dict[str, Any]], lines: list[str]) -> None:
    report = together[f"./{name}.jsonl"]
    problem = BAD[name][1]
    assert report["verdict"] == "unreadable"
    place = f"./{name}.jsonl, " if problem.startswith("line ") else f"./{name}.jsonl"
    assert report["error"].startswith(place)
    assert problem in report["error"]
    assert report["error"].count("; expected ") == 1
    assert [line for line in lines if f"./{name}.jsonl" in line][1:] == [report["error"]]


def test_what_came_before_the_damage_is_judged(together: dict[str, dict[str, Any]]) -> None:
    assert together["./no-json.jsonl"]["messages"] == 2
    assert "query-status.answered" in together["./no-json.jsonl"]["exercised"]


def test_alone_it_is_the_same(folder: Path, together: dict[str, dict[str, Any]]) -> None:
    assert judged("./gzip.jsonl", folder=folder) == (3, {"./gzip.jsonl": together["./gzip.jsonl"]})


def test_standard_input_is_named_by_its_dash(tmp_path: Path) -> None:
    code, shown = judged("-", folder=tmp_path, data=b"oops")
    assert code == 3
    assert shown["-"]["error"].startswith("-, line 1: this begins neither a trace nor a log")


def test_a_folder_without_traces(tmp_path: Path) -> None:
    (tmp_path / "empty/deeper").mkdir(parents=True)
    (tmp_path / "empty/notes.txt").write_text("no trace")
    (tmp_path / "good").write_bytes(GOOD)
    code, shown = judged("empty", "good", folder=tmp_path)
    assert code == 3
    assert shown["empty"]["error"] == (
        "empty: there is no trace in this folder; expected files named *.jsonl, *.jsonl.gz, *.jsonl.zst."
    )
    assert shown["good"]["verdict"] == "conforms"


def test_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(GOOD)
    (tmp_path / "link.jsonl").symlink_to("nowhere")
    code, shown = judged("missing", "good", ".", folder=tmp_path)
    assert code == 3
    for name in ("missing", "./link.jsonl"):
        assert shown[name]["error"] == (
            f"{name}: cannot be opened (No such file or directory); expected a readable file."
        )
    assert shown["good"]["verdict"] == "conforms"


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file and a folder that nobody may read."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut/in.jsonl").write_bytes(GOOD)
    (tmp_path / "file.jsonl").write_bytes(GOOD)
    (tmp_path / "file.jsonl").chmod(0)
    (tmp_path / "shut").chmod(0)
    yield tmp_path
    (tmp_path / "shut").chmod(0o700)


def test_no_permission(closed: Path) -> None:
    code, shown = judged(".", folder=closed)
    assert code == 3
    assert shown["./file.jsonl"]["error"] == (
        "./file.jsonl: cannot be opened (Permission denied); expected a readable file."
    )
    assert shown["./shut"]["error"] == (
        "./shut: this folder cannot be read (Permission denied); expected a readable folder."
    )


def test_a_header_alone_is_inconclusive(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(SILENT)
    code, shown = judged("t", folder=tmp_path)
    assert (code, shown["t"]["verdict"], shown["t"]["messages"]) == (0, "inconclusive", 0)
    assert [finding["rule"] for finding in shown["t"]["findings"]] == ["trace.empty"]


def test_members_that_nobody_knows_are_ignored(tmp_path: Path) -> None:
    more = b'"later": [{"x": null}], "vm": "src"'
    (tmp_path / "t").write_bytes(GOOD.replace(b'"vm": "src"', more).replace(b"{", b'{"new":{},', 1))
    code, shown = judged("t", folder=tmp_path)
    assert (code, shown["t"]["verdict"], shown["t"]["messages"]) == (0, "conforms", 2)


def test_a_null_message_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(text_of(ASK, ANSWER, entry("src", "<-", None)))
    code, shown = judged("t", folder=tmp_path)
    assert (code, shown["t"]["verdict"], shown["t"]["messages"]) == (1, "violates", 3)


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jsonl").write_bytes(WRONG)
    for jobs in ("1", "2"):
        process = start(
            "check",
            tmp_path,
            "-",
            "--jobs",
            jobs,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        _, complaint = process.communicate(GOOD, timeout=DEADLINE)
        assert (process.returncode, complaint) == (141, b"")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interruption_is_silent(tmp_path: Path, jobs: str) -> None:
    """The process is known to be at work: it has told one verdict and waits for a writer that never comes."""
    (tmp_path / "t.jsonl").write_bytes(GOOD)
    os.mkfifo(tmp_path / "pipe")
    arguments = ("check", "--jobs", jobs, tmp_path / "t.jsonl", tmp_path / "pipe")
    # a shell that runs the tests in the background has them ignore the signal, and all that they start
    heeding = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, heeding)
    assert process.stdout
    assert b"conforms" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    # the pipes end only when the workers are gone too
    assert process.communicate(timeout=DEADLINE) == (b"", b"")
    assert process.returncode == 130


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["execute", "exec-oob", "arguments", "id", "return", "error", "event", "data", "QMP"]),
            inner,
        )
    ),
    max_leaves=6,
)
members = st.fixed_dictionaries(
    {"vm": st.sampled_from(["a", "b"]), "dir": st.sampled_from(["->", "<-"])}, optional={"mon": st.just("m")}
)
entries = st.tuples(members, json_values).map(lambda pair: json.dumps(pair[0] | {"msg": pair[1]}).encode())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(entries | st.binary(max_size=20)))
def test_no_input_makes_the_judge_fail(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / "t").write_bytes(text_of(*lines))
    report = judge_file(str(tmp_path / "t"))
    assert (report.verdict is Verdict.UNREADABLE) == bool(report.error)
    assert report.messages <= len(lines) + sum(line.count(b"\n") for line in lines)
