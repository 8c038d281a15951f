"""A served mutant is a process with a monitor that is wrong in one thing."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.mutants import serve

PATIENCE = 60.0


def test_a_mutant_can_be_talked_to(tmp_path: Path) -> None:
    path = tmp_path / "m"
    line = [sys.executable, "-m", "tests.mutants.serve", "refusal.text:migrate-pause.not-postcopy", "--"]
    with subprocess.Popen([*line, "--qmp", f"unix:{path}"], stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + PATIENCE
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.02)
        with socket.socket(socket.AF_UNIX) as client, client.makefile("rw") as stream:
            client.connect(str(path))
            stream.readline()
            replies = []
            for command in ("qmp_capabilities", "migrate-pause", "quit"):
                stream.write(json.dumps({"execute": command}))
                stream.flush()
                replies.append(json.loads(stream.readline()))
        assert process.wait(PATIENCE) == 0
    assert replies[1]["error"]["desc"].startswith("Sorry: migrate-pause is currently only supported")


def test_what_is_no_mutant_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["row.dropped:nothing"]) == 2
    assert "is no mutant" in capsys.readouterr().err


def test_mutants_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main(["--list", "row.dropped:outgoing.comm*"]) == 0
    assert capsys.readouterr().out == "row.dropped:outgoing.commit\n"
