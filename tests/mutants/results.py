"""All mutants, what came of each, and where that is kept.

`tests/mutants/results.json` is in the repository: it has what the last search came to. What a search has done
so far is kept line by line in the cache, by the fingerprint of the tables, so that it can be stopped and gone on with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final, TypeVar

import msgspec
from tests.mutants import words
from tests.mutants.index import CACHE, Index, fingerprint, index_of_pool
from tests.mutants.mutant import Mutant
from tests.mutants.numbers import of_relations
from tests.mutants.operators import of_tables
from tests.mutants.search import Outcome, search

A = TypeVar("A")
B = TypeVar("B")

STORED: Final = Path(__file__).with_name("results.json")
"""What the last search came to."""


EACH: Final = 40
"""What one process does before it is replaced."""

SEED: Final = 1
"""What puts the mutants in order, so that a search that is not complete is a sample."""


class Results(msgspec.Struct, frozen=True):
    """What came of every mutant, and the fingerprint of the tables that they were made of."""

    fingerprint: str
    outcomes: tuple[Outcome, ...]


@cache
def every() -> dict[str, Mutant]:
    """Every mutant by its id, in the order of the tables."""
    return {mutant.id: mutant for mutant in chain(of_tables(), of_relations())}


def groups(ids: Iterable[str]) -> list[list[str]]:
    """The mutants of one rule together, for their searches play the same runs; in an order that favours none."""
    by_rule: dict[str, list[str]] = defaultdict(list)
    for identity in ids:
        by_rule[every()[identity].rule].append(identity)
    found = list(by_rule.values())
    Random(SEED).shuffle(found)
    return found


@cache
def _index() -> Index:
    return index_of_pool()


def search_for(ids: Sequence[str]) -> list[Outcome]:
    """Search for some mutants, one after the other."""
    return [search(every()[identity], _index()) for identity in ids]


def searched(ids: Iterable[str], jobs: int = 1) -> Iterator[Outcome]:
    """Search for mutants in new processes, which have none of the tests' type checks to slow them."""
    yield from chain.from_iterable(_in_processes(search_for, groups(ids), jobs))


def has_words(outcome: Outcome) -> bool:
    """Whether every word of a mutant has still to be tried: it was not found, and is not one of numbers."""
    return every()[outcome.id].told is None and not (outcome.found or outcome.void or outcome.tried)


def without_words(outcome: Outcome) -> Outcome:
    """What the runs alone have come to."""
    if not outcome.tried:
        return outcome
    return Outcome(outcome.id, runs=outcome.runs, touched=outcome.touched, differed=outcome.differed)


def try_words(outcome: Outcome) -> Outcome:
    """Try every word of a mutant that no run has shown."""
    found = words.search(every()[outcome.id])
    return msgspec.structs.replace(
        outcome,
        tried=True,
        word="; ".join(map(str, found.word)),
        never=found.broken,
        run=found.where,
        exhausted=found.exhausted,
        stopped=found.stopped,
    )


def tried(outcomes: Iterable[Outcome], jobs: int = 1) -> Iterator[Outcome]:
    """Try every word of each of those of which that is still to be done, in new processes."""
    return _in_processes(try_words, filter(has_words, outcomes), jobs)


def _in_processes(do: Callable[[A], B], what: Iterable[A], jobs: int) -> Iterator[B]:
    """What comes of each, in new processes: they take more memory with each, and are replaced now and then."""
    left = list(what)
    # to let the pool replace them (`max_tasks_per_child`) may hang it, in Python 3.11
    for start in range(0, len(left), EACH * jobs):
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            waiting = [pool.submit(do, each) for each in left[start : start + EACH * jobs]]
            for future in as_completed(waiting):
                yield future.result()


# ---- what is kept ----


def stored() -> Results:
    """What the last search came to."""
    return msgspec.json.decode(STORED.read_bytes(), type=Results)


def store(outcomes: Iterable[Outcome]) -> Results:
    """Keep what a search came to, an outcome a line."""
    by_id = {outcome.id: outcome for outcome in outcomes}
    results = Results(fingerprint(), tuple(by_id[identity] for identity in every() if identity in by_id))
    lines = b",\n".join(msgspec.json.encode(outcome) for outcome in results.outcomes)
    head = msgspec.json.encode(results.fingerprint)
    STORED.write_bytes(b'{"fingerprint":' + head + b',"outcomes":[\n' + lines + b"\n]}\n")
    return results


def kept_file() -> Path:
    """Where the outcomes of an unfinished search are."""
    return CACHE / f"outcomes-{fingerprint()}.jsonl"


def kept() -> dict[str, Outcome]:
    """The outcomes that there are already."""
    path = kept_file()
    if not path.exists():
        return {}
    lines = path.read_bytes().splitlines()
    outcomes = (msgspec.json.decode(line, type=Outcome) for line in lines)
    return {outcome.id: outcome for outcome in outcomes if outcome.id in every()}


def keep(outcome: Outcome) -> None:
    """Keep one more."""
    CACHE.mkdir(exist_ok=True)
    with kept_file().open("ab") as file:
        file.write(msgspec.json.encode(outcome) + b"\n")
