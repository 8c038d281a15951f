"""The recorder between real clients and a real QEMU."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from qemu.qmp import QMPClient
from tests.live.monitor import DEADLINE, Monitor
from tests.live.process import QemuProcess, wait_until_dirty
from tests.live.qemu import QemuInstall

from migspec.cli.fuzzing.guest import boot_sector_options
from migspec.traces.format import Direction, TraceLine, open_trace, read_header, read_line
from migspec.traces.record import Recorder

pytestmark = pytest.mark.live

EVENTS_ON = {"capabilities": [{"capability": "events", "state": True}]}
SOURCE_EVENTS = ["MIGRATION:setup", "MIGRATION_PASS:1", "MIGRATION:active", "STOP", "MIGRATION:completed"]
DESTINATION_EVENTS = ["MIGRATION:setup", "MIGRATION:active", "MIGRATION:completed", "RESUME"]


@pytest.fixture
def source(qemu52: QemuInstall) -> Iterator[QemuProcess]:
    with QemuProcess(qemu52, trace_states=True) as process:
        yield process


@pytest.fixture
def destination(qemu52: QemuInstall) -> Iterator[QemuProcess]:
    with QemuProcess(qemu52, "-incoming", "defer", trace_states=True) as process:
        yield process


def lines_of(path: Path) -> list[TraceLine]:
    with open_trace(path) as lines:
        read_header(next(lines)[1])
        return [read_line(line, number) for number, line in lines]


def messages(path: Path, vm: str, direction: Direction | None = None) -> list[dict[str, Any]]:
    return [
        json.loads(bytes(line.msg))
        for line in lines_of(path)
        if line.vm == vm and not line.end and direction in (None, line.dir)
    ]


def events(path: Path, vm: str) -> list[str]:
    """The events of a VM, but for the passes after the first: how many there are is chance."""
    names = []
    for message in messages(path, vm):
        data = message.get("data", {})
        detail = data.get("status") or data.get("pass")
        if "event" in message and data.get("pass", 1) == 1:
            names.append(message["event"] + (f":{detail}" if detail else ""))
    return names


def wait_until_ended(path: Path, count: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while sum(line.end is not None for line in lines_of(path)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def recorded(source: QemuProcess, destination: QemuProcess, trace: Path) -> Recorder:
    return Recorder({"src": f"unix:{source.sockets[0]}", "dst": f"unix:{destination.sockets[0]}"}, trace)


def check_completed(trace: Path, source: QemuProcess, destination: QemuProcess) -> None:
    assert events(trace, "src") == SOURCE_EVENTS
    assert sorted(events(trace, "dst")) == sorted(DESTINATION_EVENTS)
    assert [name for name in events(trace, "dst") if name != "RESUME"] == DESTINATION_EVENTS[:-1]
    assert source.states == ["setup", "active", "completed"]
    assert destination.states == ["active", "completed"]


def test_a_migration_driven_by_the_monitor_class(source: QemuProcess, destination: QemuProcess, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    with recorded(source, destination, trace) as recorder:
        src, dst = Monitor(recorder.address("src")), Monitor(recorder.address("dst"))
        for monitor in (src, dst):
            monitor.negotiate(oob=True)
            assert monitor.execute("migrate-set-capabilities", EVENTS_ON)["return"] == {}
        uri = f"unix:{destination.folder}/m"
        assert "return" in dst.execute("migrate-incoming", {"uri": uri})
        assert "return" in src.execute("migrate", {"uri": uri})
        src.wait_event("MIGRATION", status="completed")
        dst.wait_event("RESUME")
        dst.wait_status("completed")
        assert "error" in src.execute("no-such-command")
        for monitor in (src, dst):
            monitor.close()
        wait_until_ended(trace, 2)
    check_completed(trace, source, destination)
    for vm, monitor in (("src", src), ("dst", dst)):
        replies = messages(trace, vm, Direction.TO_CLIENT)
        assert replies[0] == monitor.greeting
        assert [m for m in replies if "event" in m] == monitor.events
        assert [m for m in replies if "return" in m or "error" in m] == monitor.replies
        assert [m["id"] for m in messages(trace, vm, Direction.TO_SERVER)] == [m["id"] for m in monitor.replies]
        assert [line.by for line in lines_of(trace) if line.vm == vm and line.end] == ["client"]


def test_a_migration_driven_by_qemus_own_client(source: QemuProcess, destination: QemuProcess, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    uri = f"unix:{destination.folder}/m"

    async def until(client: QMPClient, query: str, status: str) -> None:
        while cast(Mapping[str, object], await client.execute(query)).get("status") != status:
            await asyncio.sleep(0.01)

    async def drive(recorder: Recorder) -> None:
        src, dst = QMPClient("src"), QMPClient("dst")
        await src.connect(recorder.address("src"))
        await dst.connect(recorder.address("dst"))
        for client in (src, dst):
            await client.execute("migrate-set-capabilities", EVENTS_ON)
        await dst.execute("migrate-incoming", {"uri": uri})
        await src.execute("migrate", {"uri": uri})
        async with asyncio.timeout(DEADLINE):
            await until(src, "query-migrate", "completed")
            await until(dst, "query-migrate", "completed")
            await until(dst, "query-status", "running")
        await src.disconnect()
        await dst.disconnect()

    with recorded(source, destination, trace) as recorder:
        asyncio.run(drive(recorder))
        wait_until_ended(trace, 2)
    check_completed(trace, source, destination)
    for vm in ("src", "dst"):
        asked = [m["id"] for m in messages(trace, vm, Direction.TO_SERVER) if "id" in m]
        answered = [m["id"] for m in messages(trace, vm, Direction.TO_CLIENT) if "id" in m]
        assert asked == answered
        assert len(asked) >= 3


def test_qmp_shell(source: QemuProcess, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    shell = [str(Path(sys.executable).with_name("qmp-shell")), "-v"]
    with Recorder({"src": f"unix:{source.sockets[0]}"}, trace) as recorder:
        done = subprocess.run(
            [*shell, recorder.address("src")],
            input="query-status\nmigrate uri=bogus\n",
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            env=os.environ | {"HOME": str(tmp_path)},
        )
        assert "Connected to QEMU 5.2.0" in done.stdout, done.stderr
        wait_until_ended(trace, 1)
    asked = [message["execute"] for message in messages(trace, "src", Direction.TO_SERVER)]
    assert asked[-2:] == ["query-status", "migrate"]
    assert "QMP" in messages(trace, "src", Direction.TO_CLIENT)[0]
    assert "desc" in messages(trace, "src", Direction.TO_CLIENT)[-1]["error"]


def test_a_descriptor_reaches_qemu(source: QemuProcess, tmp_path: Path) -> None:
    saved = tmp_path / "state"
    with Recorder({"src": f"unix:{source.sockets[0]}"}, tmp_path / "t") as recorder:
        monitor = Monitor(recorder.address("src"))
        monitor.negotiate()
        with saved.open("wb") as file:
            assert "return" in monitor.send_fd(file.fileno(), "out")
        assert "return" in monitor.execute("migrate", {"uri": "fd:out"})
        monitor.wait_status("completed")
        monitor.close()
    assert saved.stat().st_size > 10_000


def test_a_killed_qemu(qemu52: QemuInstall, tmp_path: Path) -> None:
    disk = boot_sector_options(tmp_path / "disk")
    trace = tmp_path / "t.jsonl"
    with QemuProcess(qemu52, *disk) as source, QemuProcess(qemu52, "-incoming", "defer") as destination:
        with recorded(source, destination, trace) as recorder:
            src, dst = Monitor(recorder.address("src")), Monitor(recorder.address("dst"))
            for monitor in (src, dst):
                monitor.negotiate()
                monitor.execute("migrate-set-capabilities", EVENTS_ON)
            wait_until_dirty(src)
            src.execute("migrate-set-parameters", {"max-bandwidth": 1_000_000})
            uri = f"unix:{destination.folder}/m"
            dst.execute("migrate-incoming", {"uri": uri})
            src.execute("migrate", {"uri": uri})
            src.wait_event("MIGRATION", status="active")
            recorder.note_exit("dst", destination.kill())
            dst.wait_closed()
            src.wait_event("MIGRATION", status="failed")
            src.close()
            dst.close()
            wait_until_ended(trace, 3)
        ends = [(line.vm, line.by, line.exit) for line in lines_of(trace) if line.end]
    assert [end for end in ends if end[0] == "dst"] == [("dst", "server", None), ("dst", None, -9)]
    assert [end for end in ends if end[0] == "src"] == [("src", "client", None)]
    for vm, monitor in (("src", src), ("dst", dst)):
        received = messages(trace, vm, Direction.TO_CLIENT)[1:]
        assert [message for message in received if "event" in message] == monitor.events
        assert [message for message in received if "event" not in message] == monitor.replies


CLIENT = """
import sys
from tests.live.monitor import Monitor
monitor = Monitor(sys.argv[1])
monitor.negotiate()
while True:
    monitor.execute("query-migrate")
    print("+", flush=True)
"""

RECORDER = """
import sys
from migspec.traces.record import main_loop
main_loop({"src": "unix:" + sys.argv[1]}, sys.argv[2])
"""


def python(program: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    return subprocess.Popen([sys.executable, "-c", program, *arguments], text=True, env=environment, **options)


def test_a_killed_client(source: QemuProcess, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    with Recorder({"src": f"unix:{source.sockets[0]}"}, trace) as recorder:
        client = python(CLIENT, recorder.address("src"), stdout=subprocess.PIPE)
        assert client.stdout is not None
        for _ in range(50):
            assert client.stdout.readline() == "+\n"
        client.send_signal(signal.SIGKILL)
        client.communicate()
        with Monitor(recorder.address("src")) as successor:
            assert successor.negotiate() == {"return": {}, "id": "m-1"}
        wait_until_ended(trace, 2)
    ends = [number for number, line in enumerate(lines_of(trace)) if line.end]
    assert [lines_of(trace)[number].by for number in ends] == ["client", "client"]
    greeting = lines_of(trace)[ends[0] + 1]
    assert "QMP" in json.loads(bytes(greeting.msg)), "the sessions do not overlap"
    assert len(messages(trace, "src", Direction.TO_SERVER)) > 50


def test_a_killed_recorder(source: QemuProcess, tmp_path: Path) -> None:
    trace = tmp_path / "t.jsonl"
    process = python(RECORDER, source.sockets[0], str(trace), stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("src: listening on unix:")
    monitor = Monitor(source.sockets[0] + ".migspec")
    monitor.negotiate()
    for _ in range(200):
        monitor.send_command("query-migrate")
    monitor.wait_reply("m-100")
    process.kill()
    process.communicate()
    monitor.wait_closed()
    monitor.close()
    assert trace.read_bytes().endswith(b"\n")
    asked = [message["id"] for message in messages(trace, "src", Direction.TO_SERVER)]
    answered = [message["id"] for message in messages(trace, "src", Direction.TO_CLIENT)[1:]]
    assert asked == [f"m-{number}" for number in range(1, len(asked) + 1)]
    assert answered[: len(monitor.replies)] == [reply["id"] for reply in monitor.replies]
    assert answered == asked[: len(answered)]
    with source.monitor() as direct:
        assert direct.execute("query-status")["return"]["status"] == "running"


def test_a_guest_that_writes_keeps_precopy_from_ending(qemu52: QemuInstall, tmp_path: Path) -> None:
    disk = boot_sector_options(tmp_path / "disk", megabytes=8)
    with QemuProcess(qemu52, *disk) as source, source.monitor() as monitor:
        wait_until_dirty(monitor)
        monitor.execute("migrate-set-parameters", {"max-bandwidth": 20_000_000, "downtime-limit": 10})
        monitor.execute("migrate-set-capabilities", EVENTS_ON)
        monitor.execute("migrate", {"uri": "exec:cat > /dev/null"})
        for _ in range(4):
            monitor.wait_event("MIGRATION_PASS")
        deadline = time.monotonic() + DEADLINE
        while (state := monitor.execute("query-migrate")["return"])["ram"]["dirty-pages-rate"] == 0:
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        assert state["status"] == "active"
        monitor.execute("migrate_cancel")
        assert monitor.wait_status("cancelled")
