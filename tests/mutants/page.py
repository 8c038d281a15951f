"""The text of `docs/mutants.md`: how many wrong implementations, wrong traces and wrong lines of code are found.

All of it is computed from what the searches have kept: `results.json`, `traces.json` and `code.json` beside this file,
and `tests/symbolic/results.json`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Final

from tests.mutants import code, results, traces, words
from tests.mutants.search import LEAST_RUNS, MOST_RUNS, SECONDS, Outcome
from tests.mutants.survivors import BOUNDED, PROVED, REASONS, Kind, Reason, reason_for, score
from tests.symbolic import search as symbolic

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/mutants.md"

_OPERATORS: Final = {
    "row.dropped": "a row is missing",
    "guard.negated": "a guard, or one literal of it, is negated",
    "event.omitted": "an event is not sent",
    "event.doubled": "an event is sent twice",
    "event.reordered": "two events of one step change places",
    "change.dropped": "a change of a variable is not made",
    "refusal.skipped": "a refusal does not happen",
    "case.skipped": "a way to succeed is missing",
    "refusal.text": "a refusal has another text",
    "refusal.class": "a refusal has another class",
    "number.off": "a number is off by the least that breaks a relation",
}
"""What each operator does, in the order of the page."""


def paragraph(text: str) -> Iterator[str]:
    """A paragraph, in lines that are not too long."""
    yield from wrap(text, 120, break_on_hyphens=False, break_long_words=False)


def as_text() -> str:
    """The document."""
    return "\n".join([*_head(), *_specification(), *_traces(), *_code(), *_contracts()])


def _head() -> Iterator[str]:
    yield "# How sharp the oracle is"
    yield ""
    yield from paragraph(
        "Four questions, each answered by a command. Would a wrong implementation be found? Would a wrong trace? "
        "Would the tests find a fault in the specification's and the judge's own code? Do the pure functions keep "
        "their contracts, whatever they are given? `make mutants` renews this page; `tests/mutants` has what it "
        "is made of."
    )
    yield ""


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


# ---- mutants of the specification ----


def _specification() -> Iterator[str]:
    outcomes = results.stored().outcomes
    total = score(outcomes)
    yield "## Mutants of the specification"
    yield ""
    yield from paragraph(
        "Every row, case and relation of the profile `qemu-5.2.0` is changed in every way of the table, one at a "
        "time. The model goes by the changed table, the judge by the unchanged one. The model is given recorded "
        "scripts and random walks in virtual time, in any order of its threads: those first in which the "
        f"unchanged model takes the rule, then those that order it whenever it is possible. After {MOST_RUNS} "
        f"runs, or {SECONDS:g} s of a processor and at least {LEAST_RUNS} runs, the search gives up. `python -m "
        "tests.mutants.serve MUTANT -- OPTIONS` serves one, with the options of `migspec serve`."
    )
    yield ""
    yield from paragraph(
        "A mutant is *found* by a violation that the unchanged model does not have in the same run, told by a "
        "judge that knows where each process began; or because a VM *stands still*: at the end of a run nothing "
        "is in anybody's way, and still no hypothesis is left in which all threads are at rest. One that is "
        "*void* is no mutant: the relation cannot be broken that way. What *equivalent* means is said with each "
        "reason below."
    )
    yield ""
    yield from paragraph(
        "Of one that no run has given away every word is tried. Two VMs that go by the changed table are explored in "
        f"environments in which the rule comes to pass, {words.ENOUGH} at most: those of [states.md](states.md), and "
        "such as have a request to which the changed case may be the answer, in the middle of a migration or after one "
        "that has left behind what the case is to forget. What a client of one VM may see, who asks how the VM is "
        "whenever it likes, is held against the judge's automaton, to whatever length: the mutant *shows a word* that "
        "the judge rejects, or it *never ends* what must end, or neither. A changed row that is taken where the "
        "unchanged one is not is bound to nothing at the other end of the link. Where there "
        f"are more than {words.MOST_STATES} states, or the words take more than {words.SECONDS:g} s of a processor, "
        "the environment is given up; one in which the change makes no "
        "difference to any step of either VM does not count."
    )
    yield ""
    yield f"**{total}.**"
    yield ""
    yield from paragraph(
        f"Of {total.only_steps} that count as equivalent it is proved that every step is allowed, and only searched "
        f"for whether they stand still; {total.bounded} are not to be told apart within bounds. Were all of them "
        f"wrong, the share would be {100 * total.least:.1f} %."
    )
    yield ""
    if len(outcomes) < len(results.every()):
        yield from paragraph(
            f"The search is not complete: {len(outcomes)} of {len(results.every())} mutants were searched for so far, "
            "in an order that a fixed seed picks. The figures are those of this sample."
        )
        yield ""
    yield (
        "| operator | what is wrong | mutants | void | equivalent "
        "| broke a rule | stood still | showed a word | never ends | not found | found |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    by_operator: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_operator[outcome.operator].append(outcome)
    for operator, what in _OPERATORS.items():
        yield _score_row(f"`{operator}`", what, by_operator[operator])
    yield _score_row("all", "", outcomes)
    yield ""
    crashed = sum(bool(outcome.broke_down) for outcome in outcomes)
    yield from paragraph(
        f"Of those that were found, {crashed} were by the end of a process to which the change left no way to go on."
    )
    yield ""
    yield from _survivors(outcomes)


def _score_row(name: str, what: str, outcomes: Sequence[Outcome]) -> str:
    of = score(outcomes)
    left = of.wrong - of.found
    cells = (
        name,
        what,
        of.made,
        of.void,
        of.equivalent,
        of.by_rule,
        of.by_standing,
        of.by_word,
        of.by_end,
        left,
        _percent(of.found, of.wrong),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _survivors(outcomes: Iterable[Outcome]) -> Iterator[str]:
    left = [outcome for outcome in outcomes if not outcome.found and not outcome.void]
    for kind, heading in (
        (Kind.MISSING, "### Survivors that are wrong, and what is missing"),
        (Kind.UNREACHED, "### Survivors of which nothing is known"),
        (Kind.EQUIVALENT, "### Survivors that are equivalent"),
    ):
        yield heading
        yield ""
        count = 0
        for reason in (*REASONS, PROVED, BOUNDED):
            mine = [outcome for outcome in left if reason_for(outcome) is reason]
            if reason.kind is kind and mine:
                count += len(mine)
                yield from _reason(reason, mine)
        if not count:
            yield "None."
            yield ""
    nameless = [outcome for outcome in left if reason_for(outcome) is None]
    if nameless:
        yield "### Survivors without a reason"
        yield ""
        yield from (f"- `{outcome.id}`" for outcome in nameless)
        yield ""


def _reason(reason: Reason, mine: Sequence[Outcome]) -> Iterator[str]:
    yield from paragraph(f"{reason.why} ({len(mine)}):")
    yield ""
    yield from paragraph(", ".join(f"`{outcome.id}`" for outcome in mine) + ".")
    yield ""


# ---- mutants of traces ----


def _traces() -> Iterator[str]:
    found = traces.stored()
    yield "## Mutants of recorded traces"
    yield ""
    yield from paragraph(
        f"One thing is done to a recorded trace of the corpus, at {traces.SAMPLES} places for each operator that a "
        "fixed seed picks, and judged by one who knows that each trace begins with its process. What is not found is "
        "explained: there is a way through the rows and contracts that shows exactly that trace. Single members of "
        "messages are corrupted in [slack.md](slack.md)."
    )
    yield ""
    yield "| operator | what is done | traces | found | explained | by a known defect | doubted | share found |"
    yield "|---|---|---|---|---|---|---|---|"
    for operator, (what, _) in traces.OPERATORS.items():
        counted = Counter(changed.came for changed in found if changed.operator == operator)
        yield _traces_row(f"`{operator}`", what, counted)
    yield _traces_row("all", "", Counter(changed.came for changed in found))
    yield ""
    for reason in traces.REASONS:
        mine = [changed for changed in found if traces.reason_for(changed) is reason]
        if mine:
            yield f"{reason.why} ({len(mine)}):"
            yield ""
            yield from (
                f"- `{changed.operator}`, line {changed.line} of `{changed.trace}`: {changed.what}" for changed in mine
            )
            yield ""
    nameless = [changed for changed in traces.survivors(found) if traces.reason_for(changed) is None]
    if nameless:
        yield "Without a reason:"
        yield ""
        yield from (f"- `{each.operator}`, line {each.line} of `{each.trace}`: {each.what}" for each in nameless)
        yield ""


def _traces_row(name: str, what: str, counted: Counter[traces.Came]) -> str:
    came = traces.Came
    whole = counted.total()
    cells = (name, what, whole, *(counted[each] for each in came), _percent(counted[came.FOUND], whole))
    return "| " + " | ".join(map(str, cells)) + " |"


# ---- mutants of the code ----


def _code() -> Iterator[str]:
    sample = code.stored()
    found = sample.mutants
    yield "## Mutants of the code"
    yield ""
    yield from paragraph(
        "cosmic-ray changes one operator, number, comparison or decorator of a module at a time. A fixed seed has "
        f"picked {len(found)} of the {sample.of} changes that it knows for the specification and the judge, those "
        "in annotations left out. The tests that mirror the module are run, then those of the sample faults, all "
        "without the tests' type checks. `make codemutants` does it anew, in a copy of the repository."
    )
    yield ""
    yield "| package | mutants | killed | survived | share killed |"
    yield "|---|---|---|---|---|"
    for package in (*code.PACKAGES, ""):
        mine = [each for each in found if each.module.startswith(package)]
        killed = sum(each.killed for each in mine)
        cells = (
            f"`{package}`" if package else "all",
            len(mine),
            killed,
            len(mine) - killed,
            _percent(killed, len(mine)),
        )
        yield "| " + " | ".join(map(str, cells)) + " |"
    yield ""
    survived = [each for each in found if not each.killed]
    if survived:
        yield "Those that survived:"
        yield ""
        yield from (f"- `{each.module}`, line {each.line}: {each.operator}" for each in survived)
        yield ""


# ---- contracts ----


def _contracts() -> Iterator[str]:
    found = symbolic.stored()
    counted = Counter(each.came for each in found)
    yield "## Contracts of the pure functions"
    yield ""
    yield from paragraph(
        "`tests/symbolic/contracts.py` states what the pure functions promise, as icontract's conditions. "
        "CrossHair executes them with symbols for values, and asks a solver for a counterexample. It has "
        "*confirmed* a contract where it has seen every path; where its time was over before, the contract is "
        "*unfinished*, and Hypothesis draws examples of it as of the others. `python -m tests.symbolic SECONDS` "
        f"searches anew; {symbolic.SECONDS} s of a processor for each is what this is from."
    )
    yield ""
    yield ", ".join(f"{came.value}: {counted[came]}" for came in symbolic.Came) + "."
    yield ""
    yield "| contract | came out as |"
    yield "|---|---|"
    yield from (f"| {each.contract.replace('_', ' ')} | {each.came.value} |" for each in found)
    yield ""


def write() -> None:
    """Write the document."""
    PAGE.write_text(as_text())


if __name__ == "__main__":
    write()
