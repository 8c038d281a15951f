"""`migspec fuzz` and its subjects on real processes: QEMU 5.2.0, and the model in its place."""

import shlex
import socket
import subprocess
from pathlib import Path

import pytest
from tests.live.exploring import arena, soak, told
from tests.live.process import QemuProcess
from tests.live.qemu import QemuInstall

from migspec.cli.fuzzing import arenas
from migspec.cli.fuzzing.links import Links, is_listened_on
from migspec.cli.fuzzing.live import LiveSubject
from migspec.cli.fuzzing.processes import Addresses, of_qemu
from migspec.properties.stateful import Grade, Setup, Step, replayed, search
from migspec.spec.composition import Side
from migspec.traces.findings import Verdict
from migspec.traces.judge import judge_file

SRC, DST = Side.SOURCE, Side.DESTINATION
pytestmark = pytest.mark.live

BEGIN = Step("begin", {"capabilities": ["postcopy-ram"], "bandwidth": 65536, "migrating": True, "oob": True})


def subject(install: QemuInstall) -> LiveSubject:
    return LiveSubject(of_qemu(shlex.join(install.command("-accel", "tcg")), install.environment))


def test_a_postcopy_is_cut_and_recovered(qemu52: QemuInstall, tmp_path: Path) -> None:
    """By hand, so that it is certain that each of the subject's methods does what it says."""
    vms = subject(qemu52)
    on = {"capabilities": [{"capability": name, "state": True} for name in ("events", "postcopy-ram")]}
    try:
        for side in Side:
            assert vms.start(side, Setup(oob=True), None)
            assert vms.ask(side, "migrate-set-capabilities", on)
        assert vms.has_oob(SRC)
        vms.ask(DST, "migrate-incoming", {"uri": vms.uri(DST, "first")})
        slow = dict.fromkeys(("max-bandwidth", "max-postcopy-bandwidth"), 65536)
        vms.ask(SRC, "migrate-set-parameters", slow)
        vms.ask(SRC, "migrate", {"uri": vms.uri(SRC, "first")})
        vms.ask(SRC, "migrate-start-postcopy")
        reach(vms, "postcopy-active")
        reach(vms, "running", DST, "query-status")
        vms.cut("first")
        reach(vms, "postcopy-paused")
        reply = vms.ask(DST, "migrate-recover", {"uri": vms.uri(DST, "second")}, oob=True)
        assert reply is not None
        assert not reply.is_error
        vms.ask(SRC, "migrate", {"uri": vms.uri(SRC, "second"), "resume": True})
        vms.ask(SRC, "migrate-set-parameters", {"max-postcopy-bandwidth": 0})
        reach(vms, "completed")
        assert vms.kill(SRC)
        assert not vms.is_alive(SRC)
        assert vms.start(SRC, Setup(), None)
    finally:
        vms.close()
    trace = tmp_path / "trace.jsonl"
    trace.write_bytes(b"".join(line + b"\n" for line in vms.lines()))
    report = judge_file(str(trace))
    assert report.verdict is Verdict.CONFORMS, report.findings
    assert b'"exit":-9' in trace.read_bytes()
    assert report.exercised["outgoing.postcopy-recover-to-active"] or "postcopy-recover" in trace.read_text()


def reach(vms: LiveSubject, status: str, side: Side = SRC, command: str = "query-migrate") -> None:
    for _ in range(400):
        vms.rest(0.05)
        reply = vms.ask(side, command)
        if reply is not None and reply.value.get("status") == status:
            return
    pytest.fail(f"the {side} never was in {status}")


def test_a_program_is_done_to_a_real_qemu(qemu52: QemuInstall) -> None:
    wait = Step("wait", {"seconds": 0.5})
    run = replayed(arena("qemu"), (BEGIN, wait, Step("start_postcopy", {"vm": "source"}), wait, wait))
    assert not run.fails, run.judgement.objections
    assert {SRC, DST} <= {side for side, _ in run.statuses}
    assert run.statuses[SRC, "postcopy-active"], run.statuses


def test_a_real_qemu_is_explored(qemu52: QemuInstall) -> None:
    outcome = search(arena("qemu"), seed=1, runs=2, steps=15)
    assert outcome.whole == 2
    assert outcome.messages > 100
    for _, run in outcome.found:
        pytest.fail(f"{run.objections(Grade.VIOLATION)}\n{run.program}")


def test_vms_that_are_there_are_explored_and_left(qemu52: QemuInstall) -> None:
    with QemuProcess(qemu52) as source, QemuProcess(qemu52, "-incoming", "defer") as destination:
        there = Addresses(f"unix:{source.sockets[0]}", f"unix:{destination.sockets[0]}")
        vms = LiveSubject(there)
        assert not vms.is_fresh
        for side in Side:
            assert vms.start(side, Setup(), None)
        vms.ask(DST, "migrate-incoming", {"uri": vms.uri(DST, "link")})
        vms.ask(SRC, "migrate", {"uri": vms.uri(SRC, "link")})
        reach(vms, "completed")
        assert not vms.kill(SRC)
        assert not vms.start(SRC, Setup(), None)
        vms.close()
        assert source.exit_status is None
        assert destination.exit_status is None
        made = arenas.addresses(there.source, there.destination)
        run = replayed(made, (Step("begin", {}), Step("query", {"vm": "source", "command": "query-status"})))
        assert not run.fails, run.judgement.objections
        assert run.judgement.messages > 10


def test_links_pass_bytes_on_refuse_and_are_cut(tmp_path: Path) -> None:
    front, back = str(tmp_path / "front"), str(tmp_path / "back")
    links = Links()
    try:
        links.open("link", front, back)
        assert not is_listened_on(front)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(back)
            listener.listen()
            links.open("link", front, back)
            client = socket.socket(socket.AF_UNIX)
            client.connect(front)
            server, _ = listener.accept()
            data = bytes(range(256)) * 4096
            client.settimeout(20)
            server.settimeout(20)
            received = bytearray()
            rest = memoryview(data)
            while rest:
                rest = rest[client.send(rest[:65536]) :]
                received += server.recv(1 << 20)
            while len(received) < len(data):
                received += server.recv(1 << 20)
            assert received == data
            server.sendall(b"back")
            assert client.recv(10) == b"back"
            links.cut("link")
            assert client.recv(10) == b""
            assert server.recv(10) == b""
            client.close()
            server.close()
    finally:
        links.close()


def test_no_process_is_left_behind(qemu52: QemuInstall) -> None:
    vms = subject(qemu52)
    vms.start(SRC, Setup(), None)
    process = vms._vms[SRC].process
    assert isinstance(process, subprocess.Popen)
    vms.close()
    assert process.poll() == -9


@pytest.mark.soak
def test_the_model_at_length(tmp_path: Path) -> None:
    done = soak("model", 2000, 1000, tmp_path)
    print(told(done))
    assert not done.findings
    assert done.outcome.whole >= 2000


@pytest.mark.soak
def test_a_real_qemu_at_length(qemu52: QemuInstall, tmp_path: Path) -> None:
    done = soak("qemu", 200, 5000, tmp_path)
    print(told(done))
    assert not done.findings
    assert done.outcome.whole >= 200
