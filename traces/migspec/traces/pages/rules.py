"""The page of a rule: what it says, where it comes from, what it changes and sends, and who showed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from migspec.spec.conditions import ALWAYS, Condition
from migspec.spec.contracts import Case, Contract, Words, is_choosy
from migspec.spec.lifecycle import ROWS
from migspec.spec.requests import Request
from migspec.spec.rows import Row
from migspec.spec.rules import EVERY_CONTRACT, Rule
from migspec.spec.schema import Schema
from migspec.spec.state import FRESH, Life
from migspec.traces.pages import examples
from migspec.traces.pages.definitions import in_a_line
from migspec.traces.pages.probes import asked
from migspec.traces.pages.rendering import Named, Page, Value

_ROWS: Mapping[str, Row] = {row.id: row for row in ROWS}

_ENDS = frozenset({Life.ABORTED, Life.CRASHED})
_ANY = "any command"
_DEPENDS = "depends on the request"


def page_of_rule(rule: Rule, schema: Schema) -> Page:
    """All that is known about a rule."""
    page: Page = {
        "rule": rule.id,
        "says": rule.sentence,
        "standing": rule.standing.value,
        "profiles": sorted(rule.profiles) or "none: it says something of a trace, not of a VM",
        "schema": in_a_line(rule.clause, schema) or rule.clause,
    }
    row = _ROWS.get(rule.id)
    if row is not None:
        page |= _row(row)
    cases = [_placed(case, place, contract) for case, place, contract in _cases_of(rule.id)]
    if cases:
        page["cases"] = cases
    elif row is None:
        page["if"] = rule.needs
    for name in _FURTHER:
        page[name] = getattr(rule, name, None)
    page["evidence"] = rule.evidence
    return page | examples.of_rule(rule.id)


_FURTHER = ("formula",)
"""Further members that some rules have, each told under its own name."""


def case_entry(case: Case, command: str) -> Page:
    """A case as an entry in the list of its command's."""
    return {
        "rule": case.id,
        "says": case.sentence,
        **_case(case, command),
        "standing": case.standing.value,
        "evidence": case.evidence,
    }


def changes_and_events(row: Row) -> Page:
    """What a row needs, changes and sends."""
    return {
        "if": str(row.when),
        "changes": _changes(dict(row.then)),
        "events": [*_events(row.emits), *left_in_words(row.leaves)],
    }


def _row(row: Row) -> Page:
    return {"step of": f"the thread {row.thread.value}", **changes_and_events(row)}


def _cases_of(rule: str) -> Iterator[tuple[Case, int, Contract]]:
    seen: set[tuple[str, int]] = set()
    for contract in EVERY_CONTRACT:
        for place, case in enumerate(contract.cases, 1):
            if case.id == rule and (contract.command, place) not in seen:
                seen.add((contract.command, place))
                yield case, place, contract


def _placed(case: Case, place: int, contract: Contract) -> Page:
    place_of = f"{place} of {len(contract.cases)} cases of {contract.command or _ANY}"
    return {"case": place_of, "profiles": sorted(case.profiles), **_case(case, contract.command)}


def _case(case: Case, command: str) -> Page:
    probe = next(asked(case, command), None)
    effect = _effect(case, probe)
    return {
        "if": _condition(case, probe),
        "answer": _answer(case, command, effect),
        "binding": _binding(case),
        "changes": _changes(effect),
        "events": [*_events(case.emits, before="the reply"), *left_in_words(case.leaves)],
    }


def _binding(case: Case) -> str:
    if case.words is None:
        return ""
    return "in any case, before all that follows" if case.final else "perhaps: it is not certain"


def _condition(case: Case, probe: Request | None) -> str:
    asks = ["what is asked is as said"] if is_choosy(case) else []
    if isinstance(case.when, Condition):
        return " and ".join([*asks, *_in_words(case.when)]) or str(ALWAYS)
    if probe is None:
        return _DEPENDS
    return " and ".join([*asks, *_in_words(case.condition(probe))] or [str(ALWAYS)]) + " (for example)"


def _in_words(condition: Condition) -> list[str]:
    """The condition, its name before what it means; nothing where it always holds."""
    text = str(condition)
    if text == str(ALWAYS):
        return []
    return [f"{condition.name}: {text}" if condition.name and condition.name != text else text]


def _effect(case: Case, probe: Request | None) -> Mapping[str, str | tuple[str, ...]]:
    if not callable(case.then):
        return case.then
    return case.effect(probe) if probe is not None else {}


def _answer(case: Case, command: str, effect: Mapping[str, str | tuple[str, ...]]) -> list[Value]:
    if case.words is None and _ENDS.intersection(_values(effect.get("life", ()))):
        return ["none: the process ends"]
    if case.words is None:
        return ["success, with any content" if case.loose else "success"]
    name = case.error_class.value
    if isinstance(case.words, Words):
        return [f"{name} {text}" for text in texts_of(case.words)]
    found: dict[str, None] = {}
    for probe in asked(case, command):
        for text in texts_of(case.words(probe, FRESH)):
            found[f"{name} {text} (for example)"] = None
    return list(found) or [f"{name}, with a text that {_DEPENDS}"]


def texts_of(words: Words) -> Iterator[str]:
    """The texts that an error may have, quoted as a page quotes them."""
    for text in sorted(words.exact):
        yield f"“{text}”"
    for beginning in words.beginnings:
        yield f"“{beginning}…”"
    if words.containing:
        yield f"any text with “{words.containing}” that is not of another case"
    if words.anything:
        yield "with any text"


def event_in_words(item: str) -> Named:
    """An event that is owed as `item`."""
    name, _, detail = item.removeprefix("!").partition(":")
    always = " even with the capability events off" if item.startswith("!") else ""
    return Named(name, f" {detail}".rstrip() + always)


def left_in_words(leaves: Iterable[str]) -> list[Named]:
    """The events that the migration thread sends for a step, which has got ahead of it."""
    told = map(event_in_words, leaves)
    return [Named(event.name, f"{event.rest}, from the migration thread, whenever it comes to that") for event in told]


def _changes(effect: Mapping[str, str | tuple[str, ...]]) -> list[Value]:
    return [f"{name} := {' or '.join(_values(value))}" for name, value in effect.items()]


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _events(emits: tuple[str, ...], before: str = "") -> list[Value]:
    """What is sent, in order; a change that waits its turn among events stands where it comes."""
    told: list[Value] = []
    for item in emits:
        if item.startswith("="):
            variable, _, value = item[1:].partition(":")
            told.append(f"(then {variable} := {value})")
            continue
        told.append(event_in_words(item))
    if told and before:
        told.append(f"({before})")
    return told
