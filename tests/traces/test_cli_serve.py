"""`migspec serve` as its users run it: how it complains, where it listens, what goes wrong on demand, how it ends."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.traces.command import DEADLINE, run, start

from migspec.cli import main
from migspec.cli.serve import CONTRACTS

GOLDEN = Path(__file__).with_name("golden")

WRONG = (
    "",
    "--qmp q.sock",
    "--qmp tcp:localhost",
    "--qmp unix:q.sock,wait=on",
    "--qmp unix:missing/q.sock",
    "--qmp unix:q.sock --fault",
    "--qmp unix:q.sock --fault at=40:cut",
    "--qmp unix:q.sock --fault now:cut;outgoing=activ:cut",
    "--qmp unix:q.sock --fault hangs-in-setup;at=40%",
    "--qmp unix:q.sock --fault outgoing.cancel-crashes --profile seed",
    "--qmp unix:q.sock --control tcp::1",
    "--qmp unix:q.sock --control unix:",
    "--qmp unix:q.sock --incoming nonsense",
    "--qmp unix:q.sock --incoming tcp:nowhere",
    "--qmp unix:q.sock --memory 0",
    "--qmp unix:q.sock --memory 1K",
    "--qmp unix:q.sock --memory lots",
    "--qmp unix:q.sock --shared 1G",
    "--qmp unix:q.sock --smp 0",
    "--qmp unix:q.sock --uuid 12",
    "--qmp unix:q.sock --workload hot:1",
    "--qmp unix:q.sock --bandwidth 0",
    "--qmp unix:q.sock --latency 5",
    "--qmp unix:q.sock --profile qemu-9",
    "--qmp unix:q.sock --seed -1",
    "--qmp unix:q.sock --disk node=a",
    "--qmp unix:q.sock --disk node=a,size=1G,colour=red",
    "--qmp unix:q.sock --disk node=a,size=1G,zero=2",
    "--qmp unix:q.sock --disk node=a,size=1G --disk node=a,size=2G",
)


@pytest.mark.parametrize("arguments", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_in_one_sentence(
    arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CONTRACTS, "on")
    with pytest.raises(SystemExit) as left:
        main(["serve", *arguments.split()])
    assert left.value.code == 2
    golden = dict(line.split("\t") for line in (GOLDEN / "serve-errors.txt").read_text().splitlines())
    assert capsys.readouterr() == ("", golden[arguments] + "\n")
    assert list(tmp_path.iterdir()) == []


def test_the_list_of_faults_is_as_agreed() -> None:
    for arguments in (["--faults"], ["--fault", "list"]):
        done = run("serve", *arguments)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.decode() == (GOLDEN / "serve-faults.txt").read_text()


class Line:
    """A connection over which JSON goes in both directions, a message a line."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rwb")
        self.events: list[str] = []

    def send(self, message: object) -> None:
        self.file.write(json.dumps(message).encode() + b"\n")
        self.file.flush()

    def receive(self) -> dict[str, Any]:
        """The next message; an empty one at the end."""
        line = self.file.readline()
        return dict(json.loads(line)) if line else {}

    def ask(self, command: str, **arguments: object) -> Any:
        """The reply to a QMP command; events that come before it are kept."""
        self.send({"execute": command, "arguments": arguments} if arguments else {"execute": command})
        while "event" in (message := self.receive()):
            self._keep(message)
        return message.get("return", message)

    def until(self, event: str) -> list[str]:
        """The events up to one of that name or status, but for passes."""
        while not self.events or self.events[-1] != event:
            message = self.receive()
            assert message, f"the monitor ended after {self.events}"
            self._keep(message)
        return self.events

    def _keep(self, message: dict[str, Any]) -> None:
        if message["event"] != "MIGRATION_PASS":
            self.events.append(message.get("data", {}).get("status", message["event"]))

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Process:
    """A `migspec serve` that listens."""

    def __init__(self, folder: Path, name: str, *arguments: str, control: bool = False) -> None:
        self.folder, self.name = folder, name
        control_arguments = ["--control", f"unix:{folder / name}.control"] if control else []
        self.process = start(
            "serve", "--qmp", f"unix:{folder / name}", *control_arguments, *arguments, stderr=subprocess.PIPE
        )
        assert self.process.stderr is not None
        self.said = [self.process.stderr.readline().decode().strip() for _ in range(2 if control else 1)]
        self.lines: list[Line] = []

    def line(self, suffix: str = "") -> Line:
        self.lines.append(Line(self.folder / (self.name + suffix)))
        return self.lines[-1]

    def monitor(self) -> Line:
        """A client that has negotiated, with the capability `events` on."""
        line = self.line()
        assert "QMP" in line.receive()
        line.ask("qmp_capabilities")
        line.ask("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        return line

    def ends(self) -> int:
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        for line in self.lines:
            line.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[Process]]:
    started: list[Process] = []
    yield started
    for process in started:
        process.close()


def test_a_pair_whose_link_is_lost(tmp_path: Path, processes: list[Process]) -> None:
    source = Process(tmp_path, "src", "--fault", "link-lost", "-m", "64M")
    processes.append(source)
    destination = Process(tmp_path, "dst", "-incoming", f"unix:{tmp_path}/link", "-m", "64M")
    processes.append(destination)
    assert source.said == [f"qmp: listening on unix:{tmp_path}/src"]
    asking, told = source.monitor(), destination.monitor()
    assert asking.ask("migrate", uri=f"unix:{tmp_path}/link") == {}
    assert asking.until("failed") == ["setup", "active", "failed"]
    assert asking.ask("query-migrate")["status"] == "failed"
    assert told.until("failed") == ["active", "failed"]
    assert told.receive() == {}
    assert destination.ends() == 1
    assert asking.ask("quit") == {}
    assert source.ends() == 0
    assert not list(tmp_path.iterdir())


def test_a_control_socket(tmp_path: Path, processes: list[Process]) -> None:
    process = Process(tmp_path, "vm", control=True)
    processes.append(process)
    assert process.said == [
        f"qmp: listening on unix:{tmp_path}/vm",
        f"control: listening on unix:{tmp_path}/vm.control",
    ]
    assert stat.S_IMODE(os.stat(tmp_path / "vm.control").st_mode) == 0o600
    monitor, control = process.monitor(), process.line(".control")
    control.send({"wait": {"run": "paused"}, "id": "w"})
    control.send({"fault": "event=STOP:kill"})
    control.send({"state": True})
    assert control.receive() == {"return": ["event=STOP:kill"]}
    assert control.receive()["return"]["run"] == "running"
    monitor.send({"execute": "stop"})
    assert control.receive() == {"return": {"run": "paused"}, "id": "w"}
    assert monitor.until("STOP") == ["STOP"]
    assert process.ends() == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_as_it_does_qemu(number: signal.Signals, tmp_path: Path, processes: list[Process]) -> None:
    process = Process(tmp_path, "vm", "--qmp", "tcp::0", "--contracts", "off")
    processes.append(process)
    monitor = process.monitor()
    process.process.send_signal(number)
    assert monitor.until("SHUTDOWN") == ["SHUTDOWN"]
    assert process.ends() == 0
    assert not list(tmp_path.iterdir())


def test_a_known_defect_ends_it_by_the_signal(tmp_path: Path, processes: list[Process]) -> None:
    process = Process(tmp_path, "vm")
    processes.append(process)
    monitor = process.monitor()
    assert monitor.ask("migrate-set-parameters", **{"tls-authz": None}) == {}
    assert process.ends() == -signal.SIGABRT


def test_a_port_is_told(tmp_path: Path, processes: list[Process]) -> None:
    process = Process(tmp_path, "vm", "-qmp", "tcp:127.0.0.1:0,server=on,wait=off")
    processes.append(process)
    assert process.process.stderr is not None
    said = process.process.stderr.readline().decode()
    assert re.fullmatch(r"qmp: listening on tcp:127\.0\.0\.1:[1-9]\d*\n", said)
    with socket.create_connection(("127.0.0.1", int(said.rsplit(":")[-1])), DEADLINE) as client:
        assert json.loads(client.makefile().readline())["QMP"]["version"]["qemu"] == {
            "major": 5,
            "minor": 2,
            "micro": 0,
        }


def test_options_are_seen_over_qmp(tmp_path: Path, processes: list[Process]) -> None:
    process = Process(tmp_path, "vm", "-S", "-smp", "2", "-name", "guest=n", "--disk", "node=d,size=1M,bitmaps=a+b")
    processes.append(process)
    assert process.monitor().ask("query-status")["status"] == "prelaunch"
