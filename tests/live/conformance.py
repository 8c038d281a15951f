"""Holds the model against QEMU: every scenario of the corpus, run unchanged against served models.

    python -m tests.live.conformance [--only NAME]... [--jobs N] [--out DIR]

Of each scenario three things are asked: whether the judge finds that the model's trace conforms; whether it is the
recorded one message by message, up to what the specification leaves open (`tests.live.likeness`); and whether the model
can produce the recorded status events (it did, or is led there by `tests.live.guided`).  What is known to be otherwise
stands with its reason in `tests.live.exceptions`; the exit status is 1 if there is anything else.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from textwrap import shorten
from typing import Final

from tests.live import exceptions
from tests.live.corpus import FOLDER, NEUTRAL_FOLDER, shelf
from tests.live.guided import unreached
from tests.live.likeness import differences, statuses
from tests.live.model import ModelInstall, lacks
from tests.live.scenarios import SCENARIOS
from tests.live.soak import UNSEEN_CLIENTS

from migspec.traces.findings import Grade
from migspec.traces.judge import Options, judge_file

JOBS: Final = 3
"""How many scenarios run at a time, unless told: they wait most of the time."""

RUNS: Final = 2
"""How often a scenario is run that does not come out as recorded: another order may come of it."""

LONGEST: Final = 300
"""Characters that are shown of a difference."""

_TROUBLE: Final = (AssertionError, EOFError, LookupError, OSError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Likeness:
    """What came of one scenario."""

    name: str
    inapplicable: str = ""
    """Why it cannot be run against the model."""
    missed: str = ""
    """What the script waited for in vain."""
    violations: tuple[str, ...] = ()
    """What the judge says of the model's trace."""
    differences: tuple[str, ...] = ()
    """Where the trace is not the recorded one."""
    unreached: tuple[str, ...] = ()
    """The sequences of status events that the model could not be brought to."""
    guided: bool = False
    """Whether it had to be led to one."""

    @property
    def conforms(self) -> bool:
        """Whether the trace is accepted."""
        return not self.violations

    @property
    def equal(self) -> bool:
        """Whether the script went through and the trace is the recorded one."""
        return not self.missed and not self.differences

    @property
    def unexpected(self) -> list[str]:
        """What is not as it should be, and not known to be so."""
        wrong = list(self.violations)
        if not self.equal and self.name not in exceptions.DIFFERENT:
            wrong += [f"missed: {self.missed}"] * bool(self.missed) + list(self.differences)
        if self.name not in exceptions.UNREACHED:
            wrong += [f"not reached: {told}" for told in self.unreached]
        return wrong


def recording(name: str) -> Path | None:
    """The recorded trace of a scenario, if there is one."""
    return next(iter(sorted(shelf(name, FOLDER).glob(f"{name}.jsonl*"))), None)


def hold(name: str, folder: Path) -> Likeness:
    """Run a scenario against the model, several times if it does not come out as recorded, and compare."""
    tempfile.tempdir = NEUTRAL_FOLDER
    scenario, original = SCENARIOS[name], recording(name)
    reason = lacks(scenario.vms.values()) or exceptions.INAPPLICABLE.get(name, "")
    if reason or original is None:
        return Likeness(name, reason or "there is no recording")
    found, wanted, reached = Likeness(name), statuses(original), False
    for _ in range(1 if name in exceptions.DIFFERENT else RUNS):
        found = _held(name, original, folder)
        reached = reached or wanted == (statuses(trace) if (trace := folder / f"{name}.jsonl").exists() else {})
        if found.violations or found.equal:
            break
    return found if reached else replace(found, guided=True, unreached=_led(name, original))


def _held(name: str, original: Path, folder: Path) -> Likeness:
    trace = folder / f"{name}.jsonl"
    trace.unlink(missing_ok=True)
    missed = ""
    try:
        SCENARIOS[name].record(ModelInstall(), trace)
    except _TROUBLE as error:
        missed = shorten(f"{type(error).__name__}: {error}", LONGEST)
    if not trace.exists():
        return Likeness(name, missed=missed)
    report = judge_file(str(trace), Options(other_clients=name in UNSEEN_CLIENTS))
    violations = [
        f"line {found.line}, {found.vm}: {found.rule}: {found.message}"
        for found in report.findings
        if found.grade is Grade.VIOLATION
    ]
    violations += [report.error] * bool(report.error)
    different = [shorten(str(found), LONGEST) for found in differences(original, trace)]
    return Likeness(name, "", missed, tuple(violations), tuple(different))


def _led(name: str, original: Path) -> tuple[str, ...]:
    """What of the recorded sequences of status events the model cannot be led to."""
    vms = SCENARIOS[name].vms
    with tempfile.TemporaryDirectory(prefix="q-") as folder:
        for vm in vms.values():
            if vm.prepare is not None:
                vm.prepare(Path(folder))
        lost = unreached(original, vms, Path(folder))
    return tuple(f"{vm}: {' '.join(wanted)} | {' '.join(sent)}" for vm, (wanted, sent) in lost.items())


def likenesses(names: Iterable[str], folder: Path, jobs: int = JOBS) -> Iterator[Likeness]:
    """Hold these scenarios against the model, some at a time; in the order of the names."""
    # in new processes, which have none of the tests' type checks to slow them
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(hold, name, folder) for name in names]
        for future in waiting:
            yield future.result()


@dataclass(slots=True)
class Table:
    """What came of all."""

    inapplicable: dict[str, str] = field(default_factory=dict)
    applicable: int = 0
    through: int = 0
    conform: int = 0
    equal: int = 0
    reached: int = 0
    guided: int = 0
    unexpected: list[str] = field(default_factory=list)

    def add(self, found: Likeness) -> None:
        """Count one scenario."""
        if found.inapplicable:
            self.inapplicable[found.name] = found.inapplicable
            return
        self.applicable += 1
        self.through += not found.missed
        self.conform += found.conforms
        self.equal += found.equal
        self.reached += not found.unreached
        self.guided += found.guided and not found.unreached
        self.unexpected += [found.name] * bool(found.unexpected)

    def __str__(self) -> str:
        rows = (
            ("scenarios", self.applicable + len(self.inapplicable)),
            ("applicable to the model", self.applicable),
            ("  the script goes through", self.through),
            ("  the trace conforms", self.conform),
            ("  equal message by message", self.equal),
            ("  status sequences reached", self.reached),
            ("    of them led there", self.guided),
            ("not as expected", len(self.unexpected)),
        )
        return "\n".join(f"{name:32} {value}" for name, value in rows)


def main(arguments: list[str]) -> int:
    """Hold what the command line asks for, print a line for each difference and the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.conformance", description="Hold the model to QEMU.")
    parser.add_argument("--only", action="append", choices=SCENARIOS, metavar="NAME", help="one scenario")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="default: %(default)s")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for the traces; default: a new folder")
    options = parser.parse_args(arguments)
    folder = options.out or Path(tempfile.mkdtemp(prefix="q-"))
    folder.mkdir(parents=True, exist_ok=True)
    table = Table()
    for found in likenesses(options.only or SCENARIOS, folder, options.jobs):
        table.add(found)
        for line in _lines(found):
            print(line, flush=True)
    print(table)
    return 1 if table.unexpected else 0


def _lines(found: Likeness) -> Iterator[str]:
    if found.inapplicable:
        yield f"{found.name}: does not apply: {found.inapplicable}"
    if found.missed:
        yield f"{found.name}: missed: {found.missed}"
    for violation in found.violations[:1]:
        yield f"{found.name}: violates: {violation}"
    for difference in found.differences[:1]:
        yield f"{found.name}: differs: {difference}"
    for sequence in found.unreached:
        yield f"{found.name}: not reached: {sequence}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
