"""Measures both searchers on the same states: processor time and memory of the explorer, processor time of TLC.

Run it as `python -m tests.bench.states`; `make bench` does after it has measured the checker and the model.  The
explorer has a process of its own, of whose processor time Python's start is a part, as Java's is of TLC's.  Neither
checks any property.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from tests.live.debian import Unavailable
from tests.tla import java, modules, tlc

from migspec.properties.explorer.environments import ENVIRONMENTS

_EXPLORE = """
import json, re, resource, sys
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.properties.explorer.graph import Composition
found = Composition(ENVIRONMENTS[sys.argv[1]]).explore()
used = resource.getrusage(resource.RUSAGE_SELF)
peak = int(re.search(r"^VmHWM:\\s+(\\d+) kB$", open("/proc/self/status").read(), re.MULTILINE)[1])
print(json.dumps([found.distinct, found.generated, used.ru_utime + used.ru_stime, peak * 1024]))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a searcher has found, in how many seconds of processor time, and with how many bytes of memory."""

    distinct: int
    generated: int
    seconds: float
    memory: int | None = None


def explore(name: str) -> Measured:
    """Explore an environment in a process of its own.  Needs Linux's `/proc`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-c", _EXPLORE, name]
    done = subprocess.run(line, env=environment, check=True, capture_output=True, text=True)
    return Measured(*json.loads(done.stdout))


def check(name: str) -> Measured:
    """Let TLC find the states of an environment.

    Raises `SystemExit` if it complains.
    """
    environment = ENVIRONMENTS[name]
    module = modules.module_name(environment)
    outcome = tlc.run(
        module,
        modules.configuration(environment, invariants=()),
        modules={module: modules.module_text(environment)},
    )
    if not outcome.finished:
        raise SystemExit(outcome.output)
    return Measured(outcome.distinct, outcome.generated, outcome.cpu)


def table_of(name: str, measured: dict[str, Measured]) -> Table:
    """What was measured in one environment."""
    table = Table(title=f"the states of the environment {name}", title_justify="left")
    table.add_column("searcher")
    for column in ("states", "steps", "s of CPU", "MB", "times explore"):
        table.add_column(column, justify="right")
    base = next(iter(measured.values())).seconds
    for searcher, taken in measured.items():
        memory = "" if taken.memory is None else f"{taken.memory / 1e6:.0f}"
        ratio = f"{taken.seconds / base:.1f}"
        table.add_row(searcher, f"{taken.distinct:,}", f"{taken.generated:,}", f"{taken.seconds:.1f}", memory, ratio)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.states", description=__doc__)
    parser.add_argument("environments", nargs="*", default=["standard"], metavar="ENVIRONMENT")
    options = parser.parse_args(arguments)
    console = Console()
    found = java.find()
    for name in options.environments:
        measured = {"explore": explore(name)}
        if not isinstance(found, Unavailable):
            measured["TLC"] = check(name)
        console.print(table_of(name, measured))
    if isinstance(found, Unavailable):
        console.print(f"TLC was not measured: {found.reason}")


if __name__ == "__main__":
    main()
