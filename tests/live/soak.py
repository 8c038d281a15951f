"""Soaks the checker: random sessions and all scenarios on a real QEMU, each judged as soon as it is recorded.

    python -m tests.live.soak [--sessions N] [--first-seed N] [--out DIR] [--jobs N]

Real QEMU is always right about what real QEMU does: a violation, or a status that QEMU had and the checker
ruled out, is a fault of ours.  The trace of such a session is kept in the folder, with QEMU's own state log
beside it, and the exit status is 1.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from textwrap import shorten
from typing import Final

from tests.live.corpus import NEUTRAL_FOLDER
from tests.live.debian import Unavailable
from tests.live.qemu import QemuInstall, fetch
from tests.live.scenarios import SCENARIOS
from tests.live.session import RELEASE, Session
from tests.live.walks import record_walk
from tests.live.whitebox import Comparison, judge_and_compare

from migspec.traces.findings import Grade, Report, Verdict
from migspec.traces.judge import Options

SESSIONS: Final = 1000
"""How many random sessions a soak has, unless told."""

FIRST_SEED: Final = 10_000
"""The seed of the first of them, unless told."""

UNSEEN_CLIENTS: Final = frozenset(("unseen-client",))
"""The scenarios in which somebody acts whom the trace does not show."""

JOBS: Final = 2
"""How many sessions run at a time, unless told."""

STEPS: Final = 36
"""The length of a random session."""

LONGEST: Final = 200
"""Characters that are shown of why a session did not come out as meant."""

_TROUBLE: Final = (AssertionError, EOFError, LookupError, OSError, RuntimeError)


@dataclass(slots=True)
class Outcome:
    """What came of one session."""

    name: str
    """`walk-SEED`, or the scenario's name."""
    missed: str = ""
    """Why there is no session to judge: it did not come out as meant, which happens to races."""
    report: Report = field(default_factory=lambda: Report(""))
    """The judgement."""
    comparison: Comparison = field(default_factory=Comparison)
    """How it compares with QEMU's own state log."""
    seconds: float = 0.0
    """How long the judgement took, the comparison included."""

    @property
    def faults(self) -> list[str]:
        """What must not be: errors, violations and disagreements, a line each."""
        errors = [self.report.error] if self.report.error else []
        violations = [
            f"line {finding.line}, {finding.vm}: {finding.rule}: {finding.message}"
            for finding in self.report.findings
            if finding.grade is Grade.VIOLATION
        ]
        return [*errors, *violations, *map(str, self.comparison.disagreements)]


@dataclass(slots=True)
class Summary:
    """What came of a soak."""

    began: float = field(default_factory=time.monotonic)
    """When, by the clock that only goes forward."""
    outcomes: int = 0
    """Sessions that were judged."""
    missed: list[str] = field(default_factory=list)
    """Sessions that did not come out as meant."""
    messages: int = 0
    """Messages in all."""
    faulty: list[str] = field(default_factory=list)
    """Sessions with a fault."""
    faults: int = 0
    """Faults in all."""
    defects: Counter[str] = field(default_factory=Counter)
    """Known defects of QEMU that were seen, by rule."""
    inconclusive: int = 0
    """Sessions that could not be judged to the end."""
    points: int = 0
    """Messages after which QEMU's state log decides the status."""
    agreements: int = 0
    """Those of them at which the checker agrees."""
    sharp: int = 0
    """Those of them after which the checker has exactly one status left."""
    slowest: tuple[float, str] = (0.0, "")
    """The longest judgement: seconds, and the session."""

    def add(self, outcome: Outcome) -> None:
        """Count one session."""
        if outcome.missed:
            self.missed.append(f"{outcome.name}: {outcome.missed}")
            return
        self.outcomes += 1
        self.messages += outcome.report.messages
        self.faults += len(outcome.faults)
        self.faulty += [outcome.name] * bool(outcome.faults)
        self.defects.update(f.rule for f in outcome.report.findings if f.grade is Grade.DEFECT)
        self.inconclusive += outcome.report.verdict is Verdict.INCONCLUSIVE
        self.points += outcome.comparison.points
        self.agreements += outcome.comparison.agreements
        self.sharp += outcome.comparison.sharp
        self.slowest = max(self.slowest, (outcome.seconds, outcome.name))

    def __str__(self) -> str:
        rows: list[tuple[str, object]] = [
            ("sessions", self.outcomes),
            ("not as meant", len(self.missed)),
            ("messages", self.messages),
            ("faults", f"{self.faults} in {len(self.faulty)} sessions"),
            ("inconclusive", self.inconclusive),
            ("status points", self.points),
            ("  agreed", self.agreements),
            ("  exactly one left", self.sharp),
            ("wall time", f"{time.monotonic() - self.began:.0f} s"),
            ("slowest judgement", f"{self.slowest[0]:.2f} s ({self.slowest[1]})"),
            *((f"defect {rule}", count) for rule, count in self.defects.most_common()),
        ]
        return "\n".join(f"{name:40} {value}" for name, value in rows)


def record(install: QemuInstall, name: str, trace: Path) -> Session:
    """Record the session of this name, `walk-SEED` or a scenario's."""
    kind, _, seed = name.partition("-")
    if kind == "walk":
        return record_walk(install, trace, int(seed), STEPS)
    return SCENARIOS[name].record(install, trace)


def judge(name: str, session: Session) -> Outcome:
    """Judge a recorded session, which is over."""
    began = time.monotonic()
    options = Options(other_clients=name in UNSEEN_CLIENTS)
    report, comparison = judge_and_compare(session.trace, session.states, options)
    return Outcome(name, "", report, comparison, time.monotonic() - began)


def run(install: QemuInstall, name: str, folder: Path) -> Outcome:
    """Record and judge one session; its trace and state log stay in the folder if there is a fault in it."""
    tempfile.tempdir = NEUTRAL_FOLDER
    trace = folder / f"{name}.jsonl"
    try:
        session = record(install, name, trace)
    except _TROUBLE as error:
        trace.unlink(missing_ok=True)
        return Outcome(name, shorten(f"{type(error).__name__}: {error}", LONGEST))
    outcome = judge(name, session)
    if outcome.faults:
        log = {vm: [[c.t, c.state] for c in changes] for vm, changes in session.states.items()}
        (folder / f"{name}.states.json").write_text(json.dumps(log))
        (folder / f"{name}.faults").write_text("\n".join(outcome.faults) + "\n")
    else:
        trace.unlink()
    return outcome


def outcomes(install: QemuInstall, names: Iterable[str], folder: Path, jobs: int) -> Iterator[Outcome]:
    """Run these sessions, some at a time, and yield what comes of them in the order of the names."""
    # in new processes, which have none of the tests' type checks to slow them
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(run, install, name, folder) for name in names]
        for future in waiting:
            yield future.result()


def soak(install: QemuInstall, names: Iterable[str], folder: Path, jobs: int) -> Summary:
    """Run these sessions, print a line for each that is not as it should be, and return what came of all."""
    folder.mkdir(parents=True, exist_ok=True)
    summary = Summary()
    for outcome in outcomes(install, names, folder, jobs):
        summary.add(outcome)
        for fault in [*([outcome.missed] if outcome.missed else []), *outcome.faults]:
            print(f"{outcome.name}: {fault}", flush=True)
    return summary


def names_of(sessions: int, first_seed: int) -> list[str]:
    """Return the names of all scenarios and of this many random sessions."""
    return [*SCENARIOS, *(f"walk-{seed}" for seed in range(first_seed, first_seed + sessions))]


def main(arguments: list[str]) -> int:
    """Run what the command line asks for; return 1 where there is a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.soak", description="Soak the checker.")
    parser.add_argument("--sessions", type=int, default=SESSIONS, metavar="N", help="default: %(default)s")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, metavar="N", help="default: %(default)s")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for traces with a fault; default: a new folder")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="default: %(default)s")
    options = parser.parse_args(arguments)
    install = fetch(RELEASE)
    if isinstance(install, Unavailable):
        print(install.reason, file=sys.stderr)
        return 1
    folder = options.out or Path(tempfile.mkdtemp(prefix="soak-"))
    summary = soak(install, names_of(options.sessions, options.first_seed), folder, options.jobs)
    print(summary)
    if summary.faulty:
        print(f"The traces with a fault are in {folder}.")
    return 1 if summary.faulty else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
