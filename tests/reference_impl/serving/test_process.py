"""A process that serves one machine: what it says, and how it ends."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migspec.reference_impl.host import Exit

SCRIPT = """
import asyncio, sys
from migspec.reference_impl.options import Options
from migspec.reference_impl.serving import leave, serve_until_end

say = lambda text: print(text, file=sys.stderr)
up = lambda served, addresses: print(*addresses, flush=True)
leave(asyncio.run(serve_until_end(Options(incoming=sys.argv[2]), [sys.argv[1]], report=say, listening=up)))
"""


@pytest.fixture
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SCRIPT, f"unix:{tmp_path}/qmp", getattr(request, "param", "")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_it_ends_qemu(
    process: subprocess.Popen[str], number: signal.Signals, tmp_path: Path
) -> None:
    assert line(process) == f"unix:{tmp_path}/qmp\n"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(f"{tmp_path}/qmp")
        sock.recv(4096)
        sock.send(b'{"execute": "qmp_capabilities"}')
        sock.recv(4096)
        process.send_signal(number)
        assert b"SHUTDOWN" in sock.recv(4096)
    assert process.wait(20) == 0
    assert not (tmp_path / "qmp").exists()


@pytest.mark.parametrize("process", ["foo:bar"], indirect=True)
def test_a_bad_incoming_uri_ends_it_at_once(process: subprocess.Popen[str]) -> None:
    assert process.wait(20) == 1
    assert process.stderr is not None
    assert process.stderr.read() == "-incoming foo:bar: unknown migration protocol: foo:bar\n"


@pytest.mark.parametrize("how", Exit)
def test_it_leaves_with_the_status_of_its_exit(how: Exit) -> None:
    script = (
        "from migspec.reference_impl.host import Exit; from migspec.reference_impl.serving import leave; "
        f"leave(Exit.{how.name})"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == how.value
