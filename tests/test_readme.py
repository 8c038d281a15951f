"""README.md does what it says: its walk-through is followed by real processes, and its Python is run.

Commands, and what is expected of them, are read from the document itself, so it cannot go stale.  Numbers may be
others than those that are printed there, and `...` stands for anything; all else must be the same to the letter.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from time import sleep
from typing import Final, Self

import pytest
from tests.live.likeness import statuses
from tests.traces.command import COMMAND, DEADLINE, ENVIRONMENT

from migspec.reference_impl.faults.words import PRESETS

README: Final = (Path(__file__).resolve().parent.parent / "README.md").read_text()
WALK: Final = "### A postcopy migration that loses its link\n"
FAULTS: Final = "### Faults for your own recovery code\n"
CUT: Final = "--fault command=query-status:cut"
PROMPT: Final = "(QEMU) "
PAUSE: Final = 0.05
"""Seconds between two looks at what a reader would look at again."""
LOOKS: Final = 600
"""How often a reader looks who is promised something else."""

PROGRAMS: Final = {"migspec": COMMAND, "qmp-shell": (str(Path(sys.executable).with_name("qmp-shell")),)}
"""How the programs that a reader types are started from the environment of the tests."""

_LANDMARK: Final = re.compile(
    r"^(?P<item>\d+\. )"
    r"|(?P<key>Ctrl-[CD])"
    r"|\*\*terminal (?P<terminal>\d)\*\*"
    r"|^(?P<indent> *)```\n(?P<block>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_LOOSE: Final = re.compile(r"(\.\.\.)|\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that is typed in a terminal, after a prompt of the shell or of qmp-shell, and what is printed then."""

    terminal: str
    prompt: str
    line: str
    expected: str


@dataclass(frozen=True, slots=True)
class Key:
    """Ctrl-C or Ctrl-D, pressed in a terminal."""

    terminal: str
    name: str


def section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    _, found, rest = README.partition(f"\n{heading}")
    assert found, heading
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def steps() -> Iterator[Typed | Key]:
    """What a reader of the walk-through does, in order."""
    terminal = key = ""
    for mark in _LANDMARK.finditer(section(WALK)):
        if mark["item"]:
            key = ""
        elif mark["key"]:
            key = mark["key"]
        elif mark["terminal"] and key:
            yield Key(mark["terminal"], key)
        elif mark["terminal"]:
            terminal = mark["terminal"]
        else:
            for part in re.split(r"^(?=\$ |\(QEMU\) )", dedent(mark["block"]), flags=re.MULTILINE)[1:]:
                first, _, expected = part.partition("\n")
                prompt = "$ " if first.startswith("$ ") else PROMPT
                yield Typed(terminal, prompt, first.removeprefix(prompt), expected)


def pattern(expected: str) -> re.Pattern[str]:
    """What is printed there, whatever its numbers and what is left out."""
    parts = _LOOSE.split(expected)
    # the groups of the separator are between the parts: `...`, or None for a number
    loose = [r".*" if gap else r"\d+(?:\.\d+)?" for gap in parts[1::2]]
    fixed = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(word for pair in zip(fixed, [*loose, ""], strict=True) for word in pair))


class Terminal:
    """A terminal with the program that was last started in it."""

    def __init__(self, line: str, folder: Path) -> None:
        program, *arguments = shlex.split(line)
        self.process = subprocess.Popen(
            [*PROGRAMS[program], *arguments],
            cwd=folder,
            env=ENVIRONMENT | {"HOME": str(folder), "TERM": "dumb"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.printed = ""
        self._read = 0
        self._ended = False
        self._news = threading.Condition()
        self._watch = threading.Thread(target=self._follow)
        self._watch.start()

    def _follow(self) -> None:
        assert self.process.stdout is not None
        while piece := os.read(self.process.stdout.fileno(), 1 << 16):
            with self._news:
                self.printed += piece.decode()
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def until(self, printed: Callable[[str], bool]) -> str:
        """What is printed since the last look, once it is as wanted, or once the program has ended."""
        with self._news:
            in_time = self._news.wait_for(lambda: self._ended or printed(self.printed[self._read :]), DEADLINE)
            new = self.printed[self._read :]
            self._read = len(self.printed)
        assert in_time, f"still waiting after: {new}"
        return new

    def ask(self, line: str) -> str:
        """What qmp-shell prints for a line, its next prompt left out."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.until(lambda printed: printed.endswith(PROMPT)).removesuffix(PROMPT)

    def press(self, key: str) -> int:
        """The exit status of the program that is ended with a key."""
        assert self.process.stdin is not None
        if key == "Ctrl-D":
            self.process.stdin.close()
        else:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        """End the program, if it has not ended."""
        self.process.kill()
        self.process.wait()
        self._watch.join()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


class Reader:
    """Somebody who follows the walk-through, in a folder where the document says /tmp."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._terminals: dict[str, Terminal] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for terminal in self._terminals.values():
            terminal.close()

    def does(self, step: Typed | Key) -> None:
        """Do one step; fails if something else comes of it than is printed."""
        if isinstance(step, Key):
            assert self._terminals[step.terminal].press(step.name) == 0
            return
        line, expected = (text.replace("/tmp/", f"{self._folder}/") for text in (step.line, step.expected))
        wanted = pattern(expected)
        if step.prompt == PROMPT:
            looks = LOOKS if line.startswith("query-") else 1
            while not wanted.fullmatch(printed := self._terminals[step.terminal].ask(line)):
                looks -= 1
                assert looks, f"{line}: {printed}"
                sleep(PAUSE)
            return
        if step.terminal in self._terminals:
            self._terminals.pop(step.terminal).close()
        terminal = self._terminals[step.terminal] = Terminal(line, self._folder)
        end = PROMPT if line.startswith("qmp-shell") else ""
        printed = terminal.until(lambda so_far: so_far.endswith(end) and bool(wanted.match(so_far)))
        assert wanted.fullmatch(printed.removesuffix(end)), f"{line}: {printed}"


PAUSED: Final = ("setup", "active", "postcopy-active", "postcopy-paused")
RECOVERED: Final = ("postcopy-recover", "postcopy-active", "completed")
SEEN: Final = {
    "src": (*PAUSED, *RECOVERED),
    "dst": (*PAUSED, "setup", *RECOVERED),  # each address that is listened on is a set-up
}
"""The statuses that each VM announces in the walk-through."""


def test_the_walk_through() -> None:
    with TemporaryDirectory(prefix="q-") as name, Reader(Path(name)) as reader:
        for step in steps():
            reader.does(step)
        assert statuses(Path(name, "my.jsonl")) == SEEN


def test_the_walk_through_with_a_control_socket() -> None:
    """The link is lost by what the document says to the control socket, and all else is the same."""
    said = section(FAULTS).partition("```\n$ socat - unix:/tmp/src.control\n")[2].partition("```\n")[0].splitlines()
    assert len(said) == 4
    with TemporaryDirectory(prefix="q-") as name, Reader(Path(name)) as reader:
        for step in steps():
            if isinstance(step, Typed) and CUT in step.line:
                line = step.line.replace(CUT, "--control unix:/tmp/src.control")
                told = f"{step.expected}control: listening on unix:/tmp/src.control\n"
                reader.does(replace(step, line=line, expected=told))
                continue
            if isinstance(step, Typed) and "finish-migrate" in step.expected:
                with socket.socket(socket.AF_UNIX) as control:
                    control.settimeout(DEADLINE)
                    control.connect(f"{name}/src.control")
                    lines = control.makefile("rw")
                    for request, answer in zip(said[::2], said[1::2], strict=True):
                        print(request, file=lines, flush=True)
                        assert lines.readline() == f"{answer}\n"
                    lines.close()
            reader.does(step)
        assert statuses(Path(name, "my.jsonl")) == SEEN


def test_the_walk_through_shows_what_matters() -> None:
    """Against a document that asks for less, or a reader who misses half of it."""
    typed = [step for step in steps() if isinstance(step, Typed)]
    programs = [" ".join(step.line.split()[:2]) for step in typed if step.prompt == "$ "]
    assert [program.split(" /")[0] for program in programs] == [
        "migspec record",
        "migspec serve",
        "migspec serve",
        "qmp-shell",
        "qmp-shell",
        "migspec check",
    ]
    shown = "".join(step.expected for step in typed if step.line == "query-migrate")
    reached = set(re.findall(r'"status": "([a-z-]+)"', shown))
    assert reached == {"active", "postcopy-active", "postcopy-paused", "completed"}
    assert re.fullmatch(r"my\.jsonl: conforms .*\n\n1 trace .*: 1 conforms\n.*\n", typed[-1].expected)
    asked = {step.line.split()[0] for step in typed}
    assert asked >= {"migrate", "migrate-start-postcopy", "migrate-recover"}
    assert "resume=true" in " ".join(step.line for step in typed)
    assert [step.terminal for step in steps() if isinstance(step, Key)] == ["4", "5", "1", "2", "3"]


def test_a_step_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "LOOKS", 2)
    with TemporaryDirectory(prefix="q-") as name, Reader(Path(name)) as reader:
        reader.does(Typed("1", "$ ", "migspec serve --qmp unix:/tmp/src.qmp", "qmp: listening on unix:/tmp/src.qmp\n"))
        with pytest.raises(AssertionError, match="migspec check"):
            reader.does(Typed("2", "$ ", "migspec check /tmp/none.jsonl", "none.jsonl: conforms\n"))
        banner = "Welcome to the QMP low-level shell!\nConnected to QEMU 5.2.0\n\n"
        reader.does(Typed("3", "$ ", "qmp-shell /tmp/src.qmp", banner))
        with pytest.raises(AssertionError, match="running"):
            reader.does(Typed("3", PROMPT, "query-status", '{"return": {"status": "paused", ...}}\n'))
        with pytest.raises(AssertionError, match="CommandNotFound"):
            reader.does(Typed("3", PROMPT, "no-such-command", '{"return": {}}\n'))


@pytest.mark.parametrize(
    ("expected", "printed", "fits"),
    [
        ('{"downtime": 4}', '{"downtime": 31.5}', True),
        ('{"downtime": 4}', '{"downtime": }', False),
        ('{"ram": {...}}', '{"ram": {"total": 3}}', True),
        ('{"status": "active", ...}', '{"status": "setup", "x": 1}', False),
    ],
)
def test_only_numbers_and_what_is_left_out_may_differ(expected: str, printed: str, fits: bool) -> None:
    assert bool(pattern(expected).fullmatch(printed)) is fits


def test_every_ready_made_fault_is_listed() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \|", section(FAULTS), re.MULTILINE)
    assert listed == ["--fault", *PRESETS]


@pytest.mark.parametrize("place", range(2))
def test_the_python(place: int, tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```$", section("### In tests written in Python\n"), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 2
    program = tmp_path / "test_of_a_reader.py"
    program.write_text(blocks[place])
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "def test_" in blocks[place] else []
    done = subprocess.run(
        [sys.executable, *arguments, program.name],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout or "unix:" in done.stdout
