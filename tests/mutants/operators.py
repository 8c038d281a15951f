"""The mutants of rows and of contracts, generated from the tables of the release.

Everything is done to every row and case to which it can be done. Ids are stable: they name the rule and the part of
it, never a position, unless a part of that name occurs more than once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise

from tests.mutants.mutant import ENVELOPE, OPEN, Mutant, Place, changed_row, contract_at
from tests.mutants.requests import recorded_requests

from migspec.reference_impl.calls import Failure
from migspec.spec.commands import CONTRACTS, envelope
from migspec.spec.conditions import ALWAYS, Condition, Conjunction, Literal
from migspec.spec.contracts import Case, When
from migspec.spec.lifecycle import ROWS
from migspec.spec.requests import Request
from migspec.spec.rows import QEMU_5_2_0, Row
from migspec.spec.vocabulary import ErrorClass

RELEASE_ROWS: tuple[Row, ...] = tuple(row for row in ROWS if QEMU_5_2_0 in row.profiles)
"""The rows of the release."""
ROW_OF: Mapping[str, Row] = {row.id: row for row in RELEASE_ROWS}
"""The same by id."""

Emits = tuple[str, ...]
Values = str | tuple[str, ...]


# ---- guards ----


def negations(when: Condition) -> Iterator[tuple[str, Condition]]:
    """A guard negated as a whole, and with each of its literals negated, unless that is the same."""
    if when == ALWAYS or not when.cases:
        return
    yield "", (~when).named(f"not ({when.name})")
    several = len(when.cases) > 1
    if not several and len(when.cases[0].literals) == 1:
        return
    for number, case in enumerate(when.cases, 1):
        for literal in case.literals:
            name = f"{literal.variable.name}{f'#{number}' if several else ''}"
            yield name, _with_case(when, case, _negated(case, literal))


def _negated(case: Conjunction, literal: Literal) -> Conjunction:
    return Conjunction(tuple(other.negated() if other is literal else other for other in case.literals))


def _with_case(when: Condition, old: Conjunction, new: Conjunction) -> Condition:
    return Condition(f"{when.name}, mutated", tuple(new if case is old else case for case in when.cases))


# ---- what is emitted ----


def _named(emits: Iterable[str]) -> Iterator[tuple[int, str]]:
    """What is emitted with a name for each, the second of a name being told from the first."""
    seen: Counter[str] = Counter()
    for index, item in enumerate(emits):
        seen[item] += 1
        name = item.removeprefix("!")
        yield index, name if seen[item] == 1 else f"{name}#{seen[item]}"


def emissions(emits: Emits) -> Iterator[tuple[str, str, Emits]]:
    """The operator, the part, and what is emitted instead."""
    names = dict(_named(emits))
    for index, name in names.items():
        rest = (*emits[:index], *emits[index + 1 :])
        if name.startswith("="):
            yield "change.dropped", name, rest
        else:
            yield "event.omitted", name, rest
            yield "event.doubled", name, (*emits[: index + 1], *emits[index:])
    for first, second in pairwise(names):
        if emits[first] != emits[second]:
            swapped = [*emits]
            swapped[first], swapped[second] = swapped[second], swapped[first]
            yield "event.reordered", f"{names[first]}<->{names[second]}", tuple(swapped)


# ---- rows ----


def of_row(row: Row) -> Iterator[Mutant]:
    """Every mutant of a row."""
    yield Mutant("row.dropped", row.id, rows={row.id: None})
    for detail, when in negations(row.when):
        yield changed_row("guard.negated", row, detail, when=when)
    for operator, detail, emits in emissions(row.emits):
        yield changed_row(operator, row, detail, emits=emits)
    for operator, detail, leaves in emissions(row.leaves):
        yield changed_row(operator, row, detail, leaves=leaves)
    for name, _ in row.then:
        yield changed_row("change.dropped", row, name, then=tuple(pair for pair in row.then if pair[0] != name))


# ---- cases ----


def places() -> Iterator[tuple[Place, Case]]:
    """Every case of the release with its place; not the one by which a request passes on to its own contract."""
    for command in (ENVELOPE, *CONTRACTS, OPEN):
        for index, case in enumerate(contract_at(command).cases):
            if QEMU_5_2_0 in case.profiles and case is not envelope.PASSES:
                yield Place(command, index), case


@cache
def case_of() -> Mapping[str, tuple[Place, Case]]:
    """Every case by its id."""
    return {case.id: (place, case) for place, case in places()}


def _negated_when(case: Case) -> Iterator[tuple[str, When]]:
    when = case.when
    if isinstance(when, Condition):
        yield from negations(when)
    else:
        yield "", _negated_for(when)


def _negated_for(when: Callable[[Request], Condition]) -> Callable[[Request], Condition]:
    return lambda request: ~when(request)


def _less(case: Case, name: str) -> Callable[[Request], Mapping[str, Values]]:
    return lambda request: {key: value for key, value in case.effect(request).items() if key != name}


@cache
def _changes() -> Mapping[tuple[str, int], tuple[str, ...]]:
    """What each case changes, by its place: a case that looks at the request is shown those of the corpus."""
    found: dict[tuple[str, int], dict[str, None]] = {}
    asked = recorded_requests()
    for place, case in places():
        names = found.setdefault((place.command, place.index), {})
        if not callable(case.then):
            names.update(dict.fromkeys(case.then))
            continue
        for request in asked.get(place.command, ()):
            if case.asks(request):
                names.update(dict.fromkeys(case.effect(request)))
    return {key: tuple(names) for key, names in found.items()}


def of_case(place: Place, case: Case) -> Iterator[Mutant]:
    """Every mutant of a case, but for its words."""

    def changed(operator: str, detail: str, new: Case | None) -> Mutant:
        return Mutant(operator, case.id, detail, place=place, case=new)

    yield changed("refusal.skipped" if case.words is not None else "case.skipped", "", None)
    for detail, when in _negated_when(case):
        yield changed("guard.negated", detail, replace(case, when=when))
    for operator, detail, emits in emissions(case.emits):
        yield changed(operator, detail, replace(case, emits=emits))
    for operator, detail, leaves in emissions(case.leaves):
        yield changed(operator, detail, replace(case, leaves=leaves))
    for name in _changes()[place.command, place.index]:
        yield changed("change.dropped", name, replace(case, then=_less(case, name)))


def _other_text(failure: Failure) -> Failure:
    return replace(failure, text=f"Sorry: {failure.text}")


def _other_class(failure: Failure) -> Failure:
    generic = failure.error_class is ErrorClass.GENERIC_ERROR
    return replace(failure, error_class=ErrorClass.COMMAND_NOT_FOUND if generic else ErrorClass.GENERIC_ERROR)


def of_words(case: Case) -> Iterator[Mutant]:
    """The mutants of the words of a case that is answered by an error."""
    if case.words is not None:
        yield Mutant("refusal.text", case.id, wording=_other_text)
        yield Mutant("refusal.class", case.id, wording=_other_class)


# ---- all of them ----


def of_tables() -> Iterator[Mutant]:
    """Every mutant of rows and contracts; of two with one id, the second is told from the first."""
    seen: Counter[str] = Counter()
    for mutant in _every():
        seen[mutant.id] += 1
        if seen[mutant.id] == 1:
            yield mutant
        elif mutant.wording is None:
            yield replace(mutant, detail=f"{mutant.detail}~{seen[mutant.id]}")


def _every() -> Iterator[Mutant]:
    for row in RELEASE_ROWS:
        yield from of_row(row)
    for place, case in places():
        yield from of_case(place, case)
        yield from of_words(case)
