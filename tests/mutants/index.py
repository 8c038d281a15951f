"""What the unchanged machines do in each run of a fixed pool: which rules come to pass where, and who stands still.

It tells a search where to begin. The pool is every recorded script in three styles, some walks, and some that are after
a row. As nothing but the specification and the model decides what comes of it, it is kept in a file by their
fingerprint.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from tests.mutants.operators import RELEASE_ROWS, places
from tests.mutants.runs import Played, Run, Target, perform, scripts
from tests.mutants.verdicts import verdict

PROJECT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = PROJECT / ".mutants"
"""Where what takes long is kept; nothing of it is in the repository."""

STYLES: Final = ("plain", "polled", "guided")
OFTEN: Final = 2
"""In so many scripts or walks the unchanged machines stand still somewhere if that is usual."""
EVERY: Final = 6
"""Of so many rows one has walks that are after it, too."""
WALKS: Final = 90
"""Walks of the pool."""

_SOURCES: Final = ("spec/migspec/spec/commands", "spec/migspec/spec/numbers")
"""The tables whose entries have functions, so that only their text tells what they are."""


def fingerprint() -> str:
    """A hash of the tables that are mutated: of what the rows say, and of the text of the others."""
    digest = hashlib.sha256()
    for row in RELEASE_ROWS:
        digest.update(repr((row.id, row.thread, str(row.when), row.then, row.emits, row.leaves, row.standing)).encode())
    for folder in _SOURCES:
        for path in sorted((PROJECT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one run."""

    script: str
    style: str
    seed: int
    rare: float
    row: str
    length: int
    hash: str
    rules: tuple[str, ...]
    open: tuple[str, ...]
    broken: str
    stands: tuple[str, ...]

    @property
    def run(self) -> Run:
        """The run."""
        return Run(self.script, self.style, self.seed, self.rare, Target(row=self.row) if self.row else None)


@dataclass
class Index:
    """What is known of all runs of the pool."""

    known: dict[Run, Known] = field(default_factory=dict)
    _runs: dict[str, list[Run]] = field(default_factory=dict)
    _open: dict[str, list[Run]] = field(default_factory=dict)
    _usual: frozenset[str] = frozenset()

    @classmethod
    def of(cls, every: Iterable[Known]) -> Index:
        """The index of these; runs that break a rule, as an unrecorded client may have it, are left out."""
        index = cls()
        usual: set[tuple[str, str, int]] = set()
        for known in sorted(every, key=lambda known: known.length):
            usual.update({(where, known.script, known.seed) for where in known.stands})
            if known.broken:
                continue
            index.known[known.run] = known
            for rule in known.rules:
                index._runs.setdefault(rule, []).append(known.run)
            for rule in known.open:
                index._open.setdefault(rule, []).append(known.run)
        places = Counter(where for where, _, _ in usual)
        index._usual = frozenset(where for where, count in places.items() if count >= OFTEN)
        return index

    def runs_of(self, rule: str) -> list[Run]:
        """The runs in which a rule comes to pass, the shortest first."""
        return self._runs.get(rule, [])

    def runs_open_for(self, rule: str) -> list[Run]:
        """The runs in which a row might have been taken and was not, the shortest first."""
        return self._open.get(rule, [])

    def is_known(self, run: Run) -> bool:
        """Whether a run is in the pool, and breaks no rule."""
        return run in self.known

    def is_same(self, run: Run, played: Played) -> bool:
        """Whether a run of the pool came out as with the unchanged machines."""
        return self.known[run].hash == hash_of(played)

    def is_usual(self, where: str) -> bool:
        """Whether the unchanged machines stand still there, too, in more than one script."""
        return where in self._usual


def hash_of(played: Played) -> str:
    """A hash of a trace."""
    return hashlib.sha256(b"\n".join(played.lines)).hexdigest()[:16]


def pool() -> Iterator[Run]:
    """Every run of the pool."""
    for style in STYLES:
        yield from (Run(name, style) for name in scripts())
    yield from (Run(seed=seed, rare=(0.0, 0.02, 0.1)[seed % 3]) for seed in range(WALKS))
    for number, row in enumerate(RELEASE_ROWS):
        if number % EVERY == 0:
            yield from (Run(seed=seed, rare=0.05, target=Target(row=row.id)) for seed in (number, number + 1))


def look_at(run: Run) -> Known:
    """Play a run, and note what came of it."""
    played = perform(run)
    said = verdict(played)
    ours = {row.id for row in RELEASE_ROWS} | {case.id for _, case in places()}
    rules = (played.taken & ours) | {rule for rule in said.exercised if rule.startswith("query-migrate.")}
    stands = tuple(where for _, where in said.stands)
    return Known(
        run.script,
        run.style,
        run.seed,
        run.rare,
        run.target.row if run.target else "",
        len(played.lines),
        hash_of(played),
        tuple(sorted(rules)),
        tuple(sorted(played.open - played.taken)),
        said.rule,
        stands,
    )


def index_of_pool(*, fresh: bool = False) -> Index:
    """The index, made if it is not kept for these tables."""
    kept = CACHE / f"index-{fingerprint()}.json"
    if kept.exists() and not fresh:
        return Index.of(msgspec.json.decode(kept.read_bytes(), type=list[Known]))
    every = [look_at(run) for run in pool()]
    CACHE.mkdir(exist_ok=True)
    kept.write_bytes(msgspec.json.encode(every))
    return Index.of(every)
