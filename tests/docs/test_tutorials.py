"""The tutorials do what they say: their commands are run as they stand, in a folder that looks like the repository.

A block of a console is a session of a shell.  What is printed there may have other numbers; `...` stands for anything
in a line, and on a line of its own for any number of lines.  `make test` runs those sessions that take no time.
"""

import contextlib
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from tests.docs.building import PROJECT
from tests.live.debian import Unavailable
from tests.live.qemu import fetch
from tests.test_readme import pattern
from tests.traces.command import DEADLINE, ENVIRONMENT

TUTORIALS: Final = PROJECT / "docs/tutorials"
QEMU: Final = "build/qemu-system-x86_64"
"""Where a reader has built his own."""

_FENCE: Final = re.compile(r"^```(?P<head>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_CAPTION: Final = re.compile(r"^:caption: (?P<name>\S+)\n+")
_MARK: Final = "end of a command"


@dataclass(frozen=True, slots=True)
class Command:
    """A line that is typed, and what is printed then."""

    line: str
    expected: str


def sessions(text: str) -> Iterator[list[Command]]:
    """The blocks of a console, command by command."""
    for fence in _FENCE.finditer(text):
        if fence["head"] == "console":
            parts = re.split(r"^\$ ", fence["body"], flags=re.MULTILINE)
            assert not parts[0].strip(), parts[0]
            yield [Command(*part.split("\n", 1)) for part in parts[1:]]


def files(text: str) -> Iterator[tuple[str, str]]:
    """The blocks with a file's name as their caption."""
    for fence in _FENCE.finditer(text):
        if caption := _CAPTION.match(fence["body"]):
            yield caption["name"], fence["body"][caption.end() :]


def fits(expected: str, printed: str) -> bool:
    """Whether this is what is printed there."""
    parts = re.split(r"^\.\.\.\n", expected, flags=re.MULTILINE)
    whole = r"(?:.*\n)*?".join(pattern(part).pattern for part in parts)
    return re.fullmatch(whole, printed) is not None


def prepared(folder: Path, programs: dict[str, str]) -> dict[str, str]:
    """Make a folder look like the repository, with programs in its path; the environment for a shell in it."""
    programs_folder = folder / ".bin"
    for name, line in programs.items():
        path = folder / name if "/" in name else programs_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    for name in ("traces", "tests", "spec", "docs"):
        (folder / name).symlink_to(PROJECT / name)
    found = f"{programs_folder}:{ENVIRONMENT['PATH']}"
    return ENVIRONMENT | {"PATH": found, "TERM": "dumb", "NO_COLOR": "1", "HOME": str(folder)}


def done(session: list[Command], folder: Path, environment: dict[str, str]) -> list[str]:
    """What each command of a session prints, in one shell."""
    script = "".join(f"{command.line}\necho {shlex.quote(_MARK)}\n" for command in session)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["bash", "-s"],
        cwd=folder,
        env=environment,
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as shell:
        try:
            printed, _ = shell.communicate(script.encode(), DEADLINE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # what the session has left running
    return printed.decode().split(f"{_MARK}\n")[:-1]


MIGSPEC: Final = {
    "migspec": f"{shlex.quote(sys.executable)} -m migspec.cli",
    "python3": shlex.quote(sys.executable),
}


NAMES: Final = sorted(path.stem for path in TUTORIALS.glob("*.md"))
_LOOKS_SOMETHING_UP: Final = re.compile(r"migspec (?:show (?:\S+)|check (?:.* )?(?P<trace>\S+))")


def is_quick(session: list[Command]) -> bool:
    """Whether its commands only look something up, or judge what lies in the repository."""
    found = [_LOOKS_SOMETHING_UP.fullmatch(command.line) for command in session]
    return all(match and (match["trace"] is None or (PROJECT / match["trace"]).exists()) for match in found)


def tried(tutorial: str, folder: Path, environment: dict[str, str], *, quick: bool) -> int:
    """Run the sessions of a tutorial, but for those with a QEMU of the reader's; how many commands these are."""
    text = (TUTORIALS / f"{tutorial}.md").read_text()
    for name, content in files(text):
        (folder / name).write_text(content)
    count = 0
    for session in sessions(text):
        if any(QEMU in command.line for command in session) or (quick and not is_quick(session)):
            continue
        printed = done(session, folder, environment)
        assert len(printed) == len(session), printed
        for command, shown in zip(session, printed, strict=True):
            assert fits(command.expected, shown), f"{command.line}\n{shown}"
            count += 1
    return count


@pytest.mark.parametrize("tutorial", NAMES)
def test_what_a_tutorial_looks_up_is_there(tutorial: str, tmp_path: Path) -> None:
    assert tried(tutorial, tmp_path, prepared(tmp_path, MIGSPEC), quick=True) >= 1


@pytest.mark.soak
@pytest.mark.parametrize("tutorial", NAMES)
def test_a_tutorial_does_what_it_says(tutorial: str, tmp_path: Path) -> None:
    assert tried(tutorial, tmp_path, prepared(tmp_path, MIGSPEC), quick=False) >= 3


@pytest.mark.soak
@pytest.mark.live
def test_the_tutorial_for_developers_of_qemu_explores_one(tmp_path: Path) -> None:
    install = fetch("5.2.0")
    if isinstance(install, Unavailable):
        pytest.skip(install.reason)
    text = (TUTORIALS / "qemu.md").read_text()
    line = shlex.join(install.command())
    environment = prepared(tmp_path, {**MIGSPEC, QEMU: line}) | install.environment
    (session,) = [found for found in sessions(text) if any(QEMU in command.line for command in found)]
    (printed,) = done(session, tmp_path, environment)
    assert fits(session[0].expected, printed), printed
    assert "no violation" in printed


def test_there_is_a_tutorial_for_each_user() -> None:
    """The users are those of the table at the beginning of the README."""
    table = (PROJECT / "README.md").read_text().partition("| you are |")[2].partition("\n\n")[0]
    users = [row.split("|")[1].strip() for row in table.splitlines()[2:]]
    assert len({user for user in users if user != "the same"}) == len(list(TUTORIALS.glob("*.md"))) == 4


@pytest.mark.parametrize(
    ("expected", "printed", "so"),
    [
        ("a\n...\nb\n", "a\nx\ny\nb\n", True),
        ("a\n...\nb\n", "a\nb\n", True),
        ("a\n...\nb\n", "a\nx\n", False),
        ("in 3 s, ...\n", "in 4.5 s, whatever\n", True),
        ("in 3 s\n", "in some s\n", False),
        ("", "", True),
    ],
)
def test_only_numbers_and_what_is_left_out_may_differ(expected: str, printed: str, so: bool) -> None:
    assert fits(expected, printed) is so
