"""A trace that several recorders and a test itself write, and what is judged of it."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.traces.listening import Server, connect
from tests.traces.talk import run_state

from migspec.traces.findings import Finding, Grade, Report, Verdict
from migspec.traces.judge import Options
from migspec.traces.recording import Recording, RecordingError, Where, missing, told, unaccepted, unknown

ASKED = {"execute": "query-status", "id": 1}
ANSWER = {"return": run_state("running"), "id": 1}
WRONG = {"return": run_state("running") | {"singlestep": "no"}, "id": 1}


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    with Recording(tmp_path / "t") as recording:
        yield recording


def lines_of(recording: Recording) -> list[dict[str, Any]]:
    return [json.loads(line) for line in recording.path.read_text().splitlines()]


def serve(server: Server, path: str) -> None:
    """Greet a client that connects to `path`, which then leaves."""
    with connect(path) as client, server.accept() as connection:
        connection.sendall(b'{"QMP": {}}\r\n')
        assert client.recv(64) == b'{"QMP": {}}\r\n'
        client.close()
        assert connection.recv(1) == b""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    served = [Server(tmp_path / name) for name in ("a", "b")]
    yield served
    for server in served:
        server.close()


def test_recorders_and_the_test_itself_write_one_trace(recording: Recording, servers: list[Server]) -> None:
    first, second = servers
    paths = [recording.record("src", first.path, "source"), recording.record("dst/m", f"unix:{second.path}")]
    for server, path in zip(servers, paths, strict=True):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        serve(server, path)
    recording.message("third", "->", ASKED, monitor="x")
    recording.close()
    header, *lines = lines_of(recording)
    assert header == {"format": "qmp-trace", "version": 1, "vms": {"src": {"role": "source"}, "dst": {}, "third": {}}}
    by = [(line["vm"], line.get("mon"), line.get("dir", line.get("end"))) for line in lines]
    assert sorted(by, key=str) == sorted(
        [("src", None, "<-"), ("src", None, "eof"), ("dst", "m", "<-"), ("dst", "m", "eof"), ("third", "x", "->")],
        key=str,
    )
    assert stat.S_IMODE(recording.path.stat().st_mode) == 0o600
    assert not any(map(os.path.exists, paths))
    assert [path.name for path in recording.path.parent.iterdir() if path.name.startswith("t")] == ["t"]


def test_a_role_that_was_given_stays(recording: Recording) -> None:
    recording.record("src/a", "unix:/no", "source")
    recording.record("src/b", "unix:/no")
    recording.close()
    assert lines_of(recording)[0]["vms"] == {"src": {"role": "source"}}


@pytest.mark.parametrize("address", ["unix:/x", "/x", Path("x"), "tcp:localhost:1", ("localhost", 1), ("::1", 1)])
def test_addresses(address: Where, recording: Recording) -> None:
    assert recording.record("src", address)


def test_what_cannot_be_recorded_is_said(recording: Recording) -> None:
    recording.record("src", "unix:/x")
    for name, address, role, said in (
        ("vm", "x", None, "x: this is no address; expected unix:PATH or tcp:HOST:PORT."),
        ("", "unix:/x", None, "'': the VM has no name; expected VM=ADDRESS."),
        ("vm", "unix:/x", "target", "vm: the role is 'target'; expected source or destination."),
        ("src", "unix:/y", None, "src: this is recorded already; expected VM/MONITOR for another monitor."),
    ):
        with pytest.raises(RecordingError) as caught:
            recording.record(name, address, role)
        assert str(caught.value) == said


@pytest.mark.parametrize("message", [ASKED, json.dumps(ASKED), json.dumps(ASKED).encode()])
def test_a_message_may_be_an_object_or_text(message: object, recording: Recording) -> None:
    recording.message("src", "->", message)
    assert lines_of(recording)[1]["msg"] == ASKED


def test_what_is_no_message_is_said(recording: Recording) -> None:
    for direction, message, said in (
        ("=>", ASKED, "src: the direction is '=>'; expected -> or <-."),
        ("->", object(), "src: this is no message (Encoding objects of type object is unsupported); expected JSON."),
    ):
        with pytest.raises(RecordingError) as caught:
            recording.message("src", direction, message)
        assert str(caught.value) == said
    assert not recording.is_used


def test_text_that_is_no_json_is_kept_as_it_is(recording: Recording) -> None:
    recording.message("src", "->", "{nonsense")
    assert lines_of(recording)[1]["raw"] == "{nonsense"


def test_nothing_is_recorded_after_the_end(recording: Recording) -> None:
    recording.close()
    recording.close()
    with pytest.raises(RecordingError, match=r"^src: the recording is over; expected a recording under way\.$"):
        recording.record("src", "unix:/x")
    with pytest.raises(RecordingError, match="the recording is over"):
        recording.message("src", "->", ASKED)
    assert len(lines_of(recording)) == 1


def test_a_trace_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"no/t: cannot be opened \(No such file or directory\)"):
        Recording(tmp_path / "no" / "t")


def test_it_is_judged_while_it_goes_on(recording: Recording) -> None:
    recording.message("src", "->", ASKED)
    recording.message("src", "<-", ANSWER)
    report = recording.judge()
    assert (report.verdict, report.messages, report.trace) == (Verdict.CONFORMS, 2, str(recording.path))
    recording.message("src", "->", ASKED)
    recording.message("src", "<-", WRONG)
    assert recording.judge().verdict is Verdict.VIOLATES


def test_half_a_line_is_not_judged(recording: Recording) -> None:
    recording.message("src", "->", ASKED)
    with recording.path.open("a") as file:
        file.write('{"vm":')
    assert recording.judge().verdict is Verdict.CONFORMS


def test_what_is_no_trace_is_named_by_its_own_path(recording: Recording) -> None:
    with recording.path.open("a") as file:
        file.write("nonsense\n")
    assert recording.judge().error.startswith(f"{recording.path}, line 2: this is not JSON (")


def test_a_trace_that_is_gone_is_said(recording: Recording) -> None:
    recording.message("src", "->", ASKED)
    recording.path.unlink()
    lost = f"{recording.path}: the trace cannot be %s (No such file or directory); expected it as it was written."
    assert recording.judge().error == lost % "read"
    with pytest.raises(RecordingError) as caught:
        recording.close()
    assert str(caught.value) == lost % "completed"


def test_nothing_is_left_but_the_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with Recording(tmp_path / "t") as recording:
        recording.record("src", "unix:/no")
        recording.record("dst", "unix:/no")
        recording.judge()
        assert recorders() == 2
        assert len(list(folder.iterdir())) == 1
    with pytest.raises(RecordingError):
        Recording(tmp_path / "no" / "t")
    assert recorders() == 0
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "t", folder]


def recorders() -> int:
    """How many recorders serve."""
    return [thread.name for thread in threading.enumerate()].count("migspec-recorder")


def test_of_threads_that_record_the_same_one_does(recording: Recording) -> None:
    def record(_: int) -> str:
        try:
            return recording.record("src", "unix:/no")
        except RecordingError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(record, range(8)))
    assert sum(text.startswith("src: this is recorded already;") for text in said) == 7
    assert recorders() == 1


def test_options_are_heeded(tmp_path: Path) -> None:
    with Recording(tmp_path / "t", Options("qemu-5.2.0")) as recording:
        recording.message("src", "<-", {"event": "NO_SUCH_EVENT", "timestamp": {"seconds": 1, "microseconds": 1}})
        assert recording.judge().profile == "qemu-5.2.0"


def report_of(*findings: tuple[str, Grade]) -> Report:
    found = [Finding(line, "src", rule, grade, "So.") for line, (rule, grade) in enumerate(findings, 2)]
    return Report("t", findings=found)


def test_violations_and_silence_fail_unless_they_are_accepted() -> None:
    report = report_of(
        ("envelope.id", Grade.VIOLATION),
        ("trace.gap", Grade.DOUBT),
        ("trace.empty", Grade.DOUBT),
        ("guest.restarted", Grade.DEFECT),
        ("trace.other-client", Grade.NOTE),
    )
    assert [finding.rule for finding in unaccepted(report)] == ["envelope.id", "trace.empty"]
    assert [finding.rule for finding in unaccepted(report, ["envelope.id"])] == ["trace.empty"]
    assert unaccepted(report, ["trace.empty", "envelope.id"]) == []


def test_what_is_accepted_must_be_there_whatever_it_weighs() -> None:
    report = report_of(("guest.restarted", Grade.DEFECT), ("envelope.id", Grade.VIOLATION))
    assert missing(report, ["guest.restarted", "trace.gap", "envelope.id"]) == ["trace.gap"]
    assert unknown(["guest.restarted", "no.rule", "trace.gap"]) == ["no.rule"]


def test_the_report_is_told_as_text() -> None:
    assert told(report_of(("envelope.id", Grade.VIOLATION))).splitlines() == [
        "t: violates (0 messages, 1 violation)",
        "t:2: src: So. [envelope.id]",
    ]
