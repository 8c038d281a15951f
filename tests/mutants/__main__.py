"""Searches for the mutants of the specification: `python -m tests.mutants [--only PATTERN]... [--jobs N] [--fresh] …`.

Without `--only` it goes on with the last search, and when all is done writes `tests/mutants/results.json` and
`docs/mutants.md`; the exit status is 1 if a survivor has no reason, or a reason is stale. With `--only` it says what
comes of the mutants whose ids fit, and writes nothing.
"""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatchcase
from itertools import filterfalse
from typing import Final

from tests.mutants import page, results, survivors, traces
from tests.mutants.index import index_of_pool
from tests.mutants.search import Outcome

JOBS: Final = 2
"""Searches at a time, unless told."""


def main(arguments: list[str]) -> int:
    """Search for what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Search for mutants.")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN", help="mutants whose ids fit")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="default: %(default)s")
    parser.add_argument("--fresh", action="store_true", help="forget what is kept")
    parser.add_argument("--words", action="store_true", help="try the words again of all that no run has given away")
    parser.add_argument("--store", action="store_true", help="search for nothing, and write what is kept")
    parser.add_argument("--again", action="append", default=[], metavar="PATTERN", help="forget these outcomes alone")
    options = parser.parse_args(arguments)
    if not options.store:
        index_of_pool(fresh=options.fresh)
    if options.only:
        chosen = [identity for identity in results.every() if any(fnmatchcase(identity, p) for p in options.only)]
        outcomes = list(results.searched(chosen, options.jobs))
        for outcome in (*filterfalse(results.has_words, outcomes), *results.tried(outcomes, options.jobs)):
            print(line_of(outcome), flush=True)
        return 0
    if options.fresh:
        results.kept_file().unlink(missing_ok=True)
    if options.words:
        for outcome in map(results.without_words, results.kept().values()):
            results.keep(outcome)
    kept = results.kept()
    missing = [
        identity
        for identity in results.every()
        if not options.store and (identity not in kept or any(fnmatchcase(identity, p) for p in options.again))
    ]
    print(f"{len(results.every())} mutants, {len(missing)} of them to be searched for", flush=True)
    for number, outcome in enumerate(results.searched(missing, options.jobs), 1):
        results.keep(outcome)
        print(f"{number}: {line_of(outcome)}", flush=True)
    left = [] if options.store else list(filter(results.has_words, results.kept().values()))
    print(f"{len(left)} mutants, every word of which is to be tried", flush=True)
    for number, outcome in enumerate(results.tried(left, options.jobs), 1):
        results.keep(outcome)
        print(f"{number}: {line_of(outcome)}", flush=True)
    found = results.store(results.kept().values())
    traces.store(traces.outcomes(traces.all_samples(), options.jobs))
    page.write()
    print(survivors.score(found.outcomes))
    problems = [
        *(f"no reason: {identity}" for identity in survivors.unexplained(found)),
        *(f"stale: {pattern}" for pattern in survivors.stale(found)),
        *(f"no reason: {changed}" for changed in traces.unexplained(traces.stored())),
        *(f"stale: {why}" for why in traces.stale(traces.stored())),
    ]
    print("\n".join(problems))
    return 1 if problems else 0


def line_of(outcome: Outcome) -> str:
    """What came of a mutant, in one line."""
    if outcome.rule:
        return f"{outcome.id}: found by {outcome.rule} in {outcome.run} ({outcome.runs})"
    if outcome.stands:
        return f"{outcome.id}: stands still in {outcome.stands}, {outcome.run} ({outcome.runs})"
    if outcome.void:
        return f"{outcome.id}: cannot be made in {outcome.runs} runs"
    if outcome.word:
        return f"{outcome.id}: shows a word of its own in {outcome.run}: {outcome.word}"
    if outcome.never:
        return f"{outcome.id}: breaks {outcome.never} in {outcome.run}"
    if outcome.tried:
        where = f"shows no word of its own in {', '.join(outcome.exhausted) or 'any'}"
        return f"{outcome.id}: {where}; too many words in {', '.join(outcome.stopped) or 'none'}"
    return f"{outcome.id}: survives {outcome.runs} runs, touched {outcome.touched}, differed {outcome.differed}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
