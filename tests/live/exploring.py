"""Explores a pair of VMs at length: the model, served models, or a real QEMU, in several processes.

    python -m tests.live.exploring model|served|qemu [--runs N] [--first-seed N] [--jobs N] [--out DIR]

Real QEMU is always right about what real QEMU does: a violation is a fault of ours, or a defect that nobody knows yet.
Its script, trace and report are kept in the folder, and the exit status is 1.
"""

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from tests.live.debian import Unavailable
from tests.live.qemu import fetch

os.environ.setdefault("MIGSPEC_CONTRACTS", "off")

from migspec.cli.fuzzing import arenas
from migspec.cli.fuzzing.campaign import Campaign, Finding, Limits, campaign, keep_known, table
from migspec.cli.fuzzing.telling import as_text
from migspec.properties.stateful import Arena, Outcome
from migspec.properties.stateful.search import RUNS_OF_A_SEED
from migspec.spec.rows import QEMU_5_2_0

SUBJECTS: Final = ("model", "served", "qemu")
"""What can be explored."""

STEPS: Final = 50
"""Steps of a run."""

JOBS: Final = 2
"""How many processes explore at a time, unless told."""

_EVER: Final = 1e9


def arena(subject: str) -> Arena:
    """Where a subject is explored; `LookupError` with the reason where there is none."""
    if subject == "model":
        return arenas.model()
    if subject == "served":
        line = shlex.join([sys.executable, "-m", "migspec.cli", "serve", "--contracts", "off", "-m", "64"])
        return arenas.commands(line, line)
    install = fetch("5.2.0")
    if isinstance(install, Unavailable):
        raise LookupError(install.reason)
    line = shlex.join(install.command("-accel", "tcg"))
    return arenas.qemu(line, environment=install.environment)


def explore(subject: str, seed: int, steps: int, runs: int, folder: Path) -> Campaign:
    """Make the runs of one seed."""
    return campaign(arena(subject), Limits(_EVER, runs, steps, seed), folder / f"seed-{seed}")


def campaigns(subject: str, seeds: range, folder: Path, jobs: int, steps: int = STEPS) -> Iterator[Campaign]:
    """Make the runs of these seeds, some at a time, and yield what comes of each."""
    # in new processes, which have none of the tests' type checks to slow them
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(explore, subject, seed, steps, RUNS_OF_A_SEED - 1, folder) for seed in seeds]
        for future in waiting:
            yield future.result()


def soak(subject: str, runs: int, first_seed: int, folder: Path, jobs: int = JOBS) -> Campaign:
    """Make at least so many whole runs; print what was found as it is found, and return what came of all."""
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    outcome = Outcome()
    findings: list[Finding] = []
    each = RUNS_OF_A_SEED - 1
    seed = first_seed
    while outcome.whole < runs:
        seeds = range(seed, seed + -(-(runs - outcome.whole) // each))
        for done in campaigns(subject, seeds, folder, jobs):
            outcome.absorb(done.outcome)
            findings += done.findings
            for finding in done.findings:
                print(
                    f"seed {finding.seed}: {finding.rule}: {finding.objection.message} {finding.files[:1]}", flush=True
                )
        seed = seeds.stop
    keep_known(outcome, STEPS, folder)
    return Campaign(Limits(_EVER, runs, STEPS, first_seed), outcome, tuple(findings), time.monotonic() - began)


def told(done: Campaign) -> str:
    """What came of it, and the table of known defects."""
    lines = ["".join(piece.text for piece in line) for line in as_text(done, QEMU_5_2_0)]
    return "\n".join([*lines, "", table(done.outcome, STEPS)])


def main(arguments: list[str]) -> int:
    """Explore as the command line asks for; return 1 where there is a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.exploring", description="Explore a pair of VMs.")
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="default: %(default)s")
    parser.add_argument("--first-seed", type=int, default=1000, metavar="N", help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="default: %(default)s")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for what is found; default: a new folder")
    chosen = parser.parse_args(arguments)
    folder = chosen.out or Path(tempfile.mkdtemp(prefix="explored-"))
    try:
        arena(chosen.subject)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    done = soak(chosen.subject, chosen.runs, chosen.first_seed, folder, chosen.jobs)
    print(told(done))
    print(f"What was found is in {folder}.")
    return 1 if done.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
