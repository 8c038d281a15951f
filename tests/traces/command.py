"""Running the command as its users do: as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "migspec.cli")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")},
    "PYTHONPATH": os.pathsep.join(sys.path),
    "PYTHONUTF8": "1",
    "TERM": "xterm",
}
DEADLINE = 120.0
"""Seconds after which a process hangs, on however busy a machine."""


def run(*arguments: str | Path, folder: Path | None = None, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=data,
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
        timeout=DEADLINE,
    )


def start(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, **streams: Any
) -> subprocess.Popen[bytes]:
    """Start the command, with additions to its environment."""
    variables = ENVIRONMENT | dict(environment or {})
    return subprocess.Popen([*COMMAND, *map(str, arguments)], env=variables, **streams)


def entry(vm: str, direction: str, message: object) -> bytes:
    """A line with a message."""
    return json.dumps({"vm": vm, "dir": direction, "msg": message}).encode()


def text_of(*lines: bytes, release: str = "5.2.0") -> bytes:
    """A trace with a header and these lines."""
    header = {"format": "qmp-trace", "version": 1, "vms": {"src": {"release": release}}}
    return b"\n".join((json.dumps(header).encode(), *lines)) + b"\n"


ASK = entry("src", "->", {"execute": "query-status", "id": 1})
ANSWER = entry("src", "<-", {"return": {"status": "running", "singlestep": False, "running": True}, "id": 1})
GREETING = entry(
    "src",
    "<-",
    {
        "QMP": {
            "version": {"qemu": {"micro": 0, "minor": 2, "major": 5}, "package": ""},
            "capabilities": ["oob"],
        }
    },
)
NEGOTIATION = (
    GREETING,
    entry("src", "->", {"execute": "qmp_capabilities"}),
    entry("src", "<-", {"return": {}}),
)
GOOD = text_of(ASK, ANSWER)
"""A trace that conforms."""
WRONG = text_of(*NEGOTIATION, ANSWER)
"""A trace with one violation, in line 5: a reply to nothing."""
SILENT = text_of()
"""A trace without a message, which is inconclusive."""
