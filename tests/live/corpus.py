"""Records the corpus: every scenario and a dozen random walks, on a real QEMU.

    python -m tests.live.corpus [--only NAME]... [--out DIR]

Each trace replaces the one of the same name; without `--only`, traces that no scenario makes any more are
removed.  A scenario that does not come out as meant, which happens to races on a busy machine, is recorded
again, `ATTEMPTS` times in all.
"""

import argparse
import contextlib
import gzip
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tests.live.debian import Unavailable
from tests.live.qemu import QemuInstall, fetch
from tests.live.scenarios import SCENARIOS
from tests.live.session import RELEASE
from tests.live.walks import record_walk

REPOSITORY: Final = Path(__file__).resolve().parents[2]

FOLDER: Final = REPOSITORY / "traces/corpus"
"""Where the corpus lies, shelf by shelf."""

SHELVES: Final = {"unseen-client": "other-clients"}
"""The recordings that do not belong to those of the release: some of their clients are not in the trace."""

SEEDS: Final = tuple(range(1, 13))
"""The seeds of the walks in the corpus."""

ATTEMPTS: Final = 3
"""How often a recording is tried."""

PLAIN_LIMIT: Final = 8000
"""Bytes up to which a trace is kept as plain text; above, it is compressed."""

NEUTRAL_FOLDER: Final = "/tmp"
"""Where the sessions keep their sockets: their paths show in the traces."""

Recording = Callable[[QemuInstall, Path], object]


def recordings() -> dict[str, Recording]:
    """Return all that there is to record, by name."""

    def walk(seed: int) -> Recording:
        return lambda install, trace: record_walk(install, trace, seed)

    scenarios: dict[str, Recording] = {name: scenario.record for name, scenario in SCENARIOS.items()}
    return scenarios | {f"walk-{seed}": walk(seed) for seed in SEEDS}


def attempt(recording: Recording, install: QemuInstall, trace: Path) -> str | None:
    """Record, trying several times; return what was wrong the last time, or None."""
    problem = None
    for _ in range(ATTEMPTS):
        try:
            recording(install, trace)
            return None
        except (AssertionError, EOFError, LookupError, OSError, RuntimeError) as error:
            problem = f"{type(error).__name__}: {error}"
    return problem


def keep(text: bytes, name: str, folder: Path) -> Path:
    """Write a trace into the corpus in place of its predecessor, the same bytes for the same text."""
    remove(name, folder)
    compressed = len(text) > PLAIN_LIMIT
    path = folder / f"{name}.jsonl{'.gz' if compressed else ''}"
    path.write_bytes(gzip.compress(text, 9, mtime=0) if compressed else text)
    return path


def shelf(name: str, folder: Path) -> Path:
    """Return the folder that a recording belongs into, made if need be."""
    path = folder / SHELVES.get(name, f"qemu-{RELEASE}")
    path.mkdir(parents=True, exist_ok=True)
    return path


def remove(name: str, folder: Path) -> None:
    """Remove a trace from the corpus, however it is stored."""
    for suffix in (".jsonl", ".jsonl.gz"):
        with contextlib.suppress(FileNotFoundError):
            (folder / (name + suffix)).unlink()


def leaks(text: bytes) -> list[str]:
    """Return the paths of this machine that a trace gives away."""
    private = {str(REPOSITORY), f"/{REPOSITORY.parts[1]}/", str(Path.home())} - {"/", "/tmp/"}
    return sorted(path for path in private if path.encode() in text)


def record(names: Iterable[str], folder: Path, install: QemuInstall) -> int:
    """Record these, print a line for each, and return how many could not be recorded."""
    table = recordings()
    failures = messages = size = 0
    with tempfile.TemporaryDirectory(prefix="q-") as scratch:
        for name in names:
            trace = Path(scratch, name)
            problem = attempt(table[name], install, trace)
            text = trace.read_bytes() if trace.exists() else b""
            if problem is None and (found := leaks(text)):
                problem = f"the trace names {', '.join(found)}"
            if problem is not None:
                failures += 1
                print(f"{name:48} not recorded: {problem}", flush=True)
                continue
            path = keep(text, name, shelf(name, folder))
            count = text.count(b'"msg":')
            print(f"{name:48} {count:6} {path.stat().st_size:8}", flush=True)
            messages += count
            size += path.stat().st_size
    print(f"{'in all':48} {messages:6} {size:8}")
    return failures


def main(arguments: list[str]) -> int:
    """Record what the command line asks for; return 1 where something could not be recorded."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.corpus", description="Record the corpus.")
    parser.add_argument("--only", action="append", choices=recordings(), metavar="NAME", help="one trace")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="default: %(default)s")
    options = parser.parse_args(arguments)
    install = fetch(RELEASE)
    if isinstance(install, Unavailable):
        print(install.reason, file=sys.stderr)
        return 1
    tempfile.tempdir = NEUTRAL_FOLDER
    print(f"{'trace':48} {'messages':>6} {'bytes':>8}")
    failures = record(options.only or recordings(), options.out, install)
    if not options.only:
        for path in options.out.glob("*/*.jsonl*"):
            name = path.name.partition(".")[0]
            if name not in recordings():
                remove(name, path.parent)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
