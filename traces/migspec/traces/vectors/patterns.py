"""What a VM may show next, each kind of message as a pattern in plain JSON and as an observation that stands for it.

The automaton is asked about observations, of which there are endlessly many: errors have texts, and answers have
numbers.  So the replies that are due are gone through, and for each there is one observation, or a few, that stand for
all that may be told apart.  The automaton then says which of them are possible, and where they lead.  Where a pattern
does not tell some observations apart it stands for them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, product
from typing import Any, Final, NamedTuple

from migspec.spec.commands import CONTRACTS, colo, dirty_rate
from migspec.spec.commands.queries import BLOCKTIME, EXTRAS, REQUIRED, MigrateAnswer, contradictions
from migspec.spec.contracts import SEEN, Expect, Words
from migspec.spec.events import event_of, name_of
from migspec.spec.lifecycle import ROWS
from migspec.spec.parameters import READ, READ_BY
from migspec.spec.rows import SEED
from migspec.spec.schema import ABSENT
from migspec.spec.state import ENDINGS, VARIABLES, Life
from migspec.spec.steps import IO, LIFE, MAIN, Due
from migspec.spec.vocabulary import (
    COLOExitReason,
    COLOMode,
    DirtyRateStatus,
    MigrationCapability,
    MigrationStatus,
)
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.traces.automaton import Automaton, Node, Reached
from migspec.traces.hypotheses import Hypothesis, agree
from migspec.traces.observations import Emitted, Ended, Observation, Replied, Reply

Pattern = Mapping[str, Any]
"""A pattern, as `docs/vectors.md` describes it."""


@dataclass(frozen=True, slots=True)
class Possible:
    """Something that a VM may show: its pattern, the observations that stand for it, and the rules that say so."""

    pattern: Pattern
    observations: tuple[Observation, ...]
    rules: frozenset[str]


# ---- events ----

_OTHER: Final = "other"
"""What no event has as data."""

_EVERY: Final = sorted(
    {
        event
        for events_shown in chain(
            (row.events for row in ROWS),
            (case.events for contract in CONTRACTS.values() for case in contract.cases),
        )
        for event in events_shown
    }
)
"""Every event that is owed somewhere, by the name that rows have for it."""


def _decisive(owed: str) -> dict[str, object]:
    """The members of an event's data without which it would have another name."""
    name, data = event_of(owed, passes=2)
    told = data or {}
    return {member: told[member] for member in told if name_of(name, {**told, member: _OTHER}) != owed}


def event_pattern(owed: str) -> Pattern:
    """The pattern of the events that rows call so.

    Others of the same name that are told by more of their data are excluded.
    """
    name, _ = event_of(owed)
    data = _decisive(owed)
    narrower = (_decisive(other) for other in _EVERY if other != owed and event_of(other)[0] == name)
    unless = [other for other in narrower if data.items() < other.items()]
    return {"event": name, **({"data": data} if data else {}), **({"unless": unless} if unless else {})}


def events(automaton: Automaton, node: Node) -> Iterator[Possible]:
    """The events that may come next, but for those that a guest or host may bring about at any time.

    Under the written schema there are none of others: it leaves the order of all events open.
    """
    found: dict[str, set[str]] = {}
    for reached in automaton.closure(node):
        for thread, items in enumerate(reached.hypothesis.owed):
            if items and isinstance(items[0], str) and items[0][0] != "=":
                found.setdefault(items[0], set()).add(_owed_by(reached, thread))
    for event, rules in sorted(found.items()):
        yield Possible(event_pattern(event), (Emitted(0, event),), frozenset(rules - {""}))


def _owed_by(reached: Reached, thread: int) -> str:
    """The rule of the step since when a thread owes what it owes; empty where that is older than the last message."""
    while reached.before is not None and reached.before.hypothesis.owed[thread] == reached.hypothesis.owed[thread]:
        reached = reached.before
    return reached.rule


def ends(automaton: Automaton, node: Node) -> Iterator[Possible]:
    """The ways in which the process may end next, if nobody kills it."""
    lives = {life for reached in automaton.closure(node) for life in LIFE.of(reached.hypothesis.state)}
    if automaton.relation.profile == SEED:
        # the written schema says nothing of how a process ends
        if Life.QUITTING in lives:
            yield Possible({"exit": {}}, (Ended(0, exit=0),), frozenset())
        return
    for code, before in ENDINGS.items():
        if lives.intersection(before):
            yield Possible({"exit": {"is": [code]}}, (Ended(0, exit=code),), frozenset())


# ---- replies ----


class _Open(NamedTuple):
    """A reply that is due, and the hypothesis in which it is."""

    due: Due
    state: int


def _dues(automaton: Automaton, node: Node) -> Iterator[_Open]:
    """The replies that may be due next."""
    seen = set()
    for reached in automaton.closure(node):
        h: Hypothesis = reached.hypothesis
        for thread in (MAIN, IO):
            due = h.owed[thread][0] if h.owed[thread] else ""
            if isinstance(due, Due) and (due, h.state) not in seen:
                seen.add((due, h.state))
                yield _Open(due, h.state)


def replies(automaton: Automaton, node: Node, values: Mapping[str, object]) -> Iterator[Possible]:
    """The replies that may come next; `values` are the parameters in force, none where they are not known."""
    open_ = list(_dues(automaton, node))
    if not open_:
        return
    command, oob = open_[0].due.request.sent_as, open_[0].due.oob
    exact = automaton.relation.profile != SEED
    found: dict[str, Possible] = {}
    for pattern, reply in chain(_refusals(open_), _successes(command, open_, values, exact=exact)):
        rules = {due.expect.rule for due, state in open_ if any(True for _ in agree(due, reply, state))}
        if rules:
            shown = json.dumps(pattern, sort_keys=True)
            known = found.get(shown, Possible(pattern, (), frozenset()))
            replied = Replied(0, command, reply, 0 if oob else None)
            found[shown] = Possible(pattern, (*known.observations, replied), known.rules | rules)
    yield from found.values()


def _refusals(open_: Sequence[_Open]) -> Iterator[tuple[Pattern, Reply]]:
    """The errors that are due: exact texts before beginnings, and these before parts of texts, and any at all.

    Whoever takes the first that fits is right: an observation stands for all that fit none before it.
    """
    expected = dict.fromkeys(found.due.expect for found in open_ if found.due.expect.words is not None)
    exact = sorted({(_class(e), text) for e in expected for text in _words(e).exact})
    for error_class, text in exact:
        yield _error(error_class, {"is": [text]}), Reply(error_class, text)
    for e in expected:
        for text in _words(e).beginnings:
            yield _error(_class(e), {"begins": text}), Reply(_class(e), f"{text}?")
    for e in expected:
        words = _words(e)
        excluded = {"but": sorted(words.except_for)} if words.except_for else {}
        if words.containing:
            yield (
                _error(_class(e), {"contains": words.containing, **excluded}),
                Reply(_class(e), f"?{words.containing}?"),
            )
        if words.anything:
            yield _error("", excluded), Reply(_class(e), "?")


def _class(expect: Expect) -> str:
    return expect.error_class.value if expect.error_class else ""


def _words(expect: Expect) -> Words:
    return expect.words or Words()


def _error(error_class: str, text: Pattern) -> Pattern:
    return {"error": {**({"class": error_class} if error_class else {}), **({"desc": text} if text else {})}}


_EMPTY: Final[Pattern] = {"return": {"is": {}}}
_ANY: Final[Pattern] = {"return": {}}


def _successes(
    command: str, open_: Sequence[_Open], values: Mapping[str, object], *, exact: bool
) -> Iterator[tuple[Pattern, Reply]]:
    """The successes that are due, or might be: some of them fit none of the replies that are due."""
    expected = dict.fromkeys(found.due.expect for found in open_ if found.due.expect.words is None)
    queries = {e.query for e in expected if e.query}
    for query in sorted(queries):
        yield from _CONTENTS[query]([found for found in open_ if found.due.expect.query == query], values, exact)
    if any(not e.query and not e.loose for e in expected):
        yield _EMPTY, Reply(empty=True)
    if any(e.loose for e in expected):
        told = values.get(READ_BY[command]) if command in READ_BY else None
        yield (_ANY if told is None else _exactly(told)), Reply()


def _exactly(value: object) -> Pattern:
    return {"return": {"is": value}}


def _object(told: Mapping[str, object], also: Iterable[str]) -> Pattern:
    """The pattern of an object with these members, and others of which only the names are known."""
    return {"return": {"members": dict(told), "with": sorted(also)}}


# ---- the contents of answers ----


def _seen(found: _Open) -> int:
    """What the state was when the answer was made, as far as it is shown."""
    return found.state & ~SEEN | found.due.expect.seen


def _values(name: str, open_: Sequence[_Open]) -> list[str]:
    """The values that a variable may have had when an answer was made."""
    return sorted({value for found in open_ for value in VARIABLES[name].of(_seen(found))})


def _migrate(
    open_: Sequence[_Open], _values_in_force: Mapping[str, object], _exact: bool
) -> Iterator[tuple[Pattern, Reply]]:
    torn = {found.due.expect.torn.partition(":")[2] for found in open_ if found.due.expect.torn}
    statuses = dict.fromkeys((*_values("outgoing", open_), *_values("incoming", open_), *sorted(torn)))
    extras = [e.member for e in EXTRAS if any(e.present.assume(_seen(found)) for found in open_)]
    parts = [*({member} for member in extras), {"socket-address"}, BLOCKTIME]
    chosen = list(chain.from_iterable(combinations(parts, count) for count in range(len(parts) + 1)))
    for required in dict.fromkeys(REQUIRED.get(status, frozenset()) for status in statuses):
        for others in chosen:
            members = required.union(*others)
            for status in statuses:
                if status == MigrationStatus.NONE:
                    yield _object({}, members), Reply(answer=MigrateAnswer(None, members))
                yield _object({"status": status}, members), Reply(answer=MigrateAnswer(status, members))


def _status(
    open_: Sequence[_Open], _values_in_force: Mapping[str, object], _exact: bool
) -> Iterator[tuple[Pattern, Reply]]:
    for run in _values("run", open_):
        for running in (True, False):
            told = {"status": run, "running": running}
            if not any(contradictions("query-status", told)):
                yield _object(told, {"singlestep"}), Reply(run=run)


def _capabilities(
    open_: Sequence[_Open], _values_in_force: Mapping[str, object], exact: bool
) -> Iterator[tuple[Pattern, Reply]]:
    optional = MigrationCapability.BLOCK.value
    names = [name.value for name in MigrationCapability]
    choices = [[(name, value == "yes") for value in _values(f"cap.{name}", open_)] for name in names]
    wrong = [(name, not on) for (name, on), *others in choices if not others]
    # the written schema does not say that all are listed, and a later release has more of them
    possible = {"return": {"lacks": _settings(wrong)}} if wrong else _ANY
    for settings in product(*choices):
        for listed in (settings, tuple(entry for entry in settings if entry[0] != optional)):
            yield (_exactly(_settings(listed)) if exact else possible), Reply(settings=listed)


def _settings(listed: Iterable[tuple[str, bool]]) -> list[Mapping[str, object]]:
    return [{"capability": name, "state": on} for name, on in listed]


def _parameters(_open: Sequence[_Open], values: Mapping[str, object], _exact: bool) -> Iterator[tuple[Pattern, Reply]]:
    known = {name: value for name, value in values.items() if value is not ABSENT}
    for on in (False, True):
        told = {**known, P.BLOCK_INCREMENTAL.value: on}
        yield (_exactly(told) if values else _ANY), Reply(block_incremental=on)


def _colo(
    _open: Sequence[_Open], _values_in_force: Mapping[str, object], _exact: bool
) -> Iterator[tuple[Pattern, Reply]]:
    for mode, last, reason in product(COLOMode, COLOMode, COLOExitReason):
        told = {"mode": mode.value, "last-mode": last.value, "reason": reason.value}
        yield _exactly(told), Reply(shown=colo.ColoAnswer(mode, last, reason))


def _dirty_rate(
    _open: Sequence[_Open], _values_in_force: Mapping[str, object], _exact: bool
) -> Iterator[tuple[Pattern, Reply]]:
    for status, has_rate in product(DirtyRateStatus, (False, True)):
        others = {"start-time", "calc-time", *({"dirty-rate"} if has_rate else ())}
        yield _object({"status": status.value}, others), Reply(shown=dirty_rate.DirtyRateAnswer(status, has_rate))


_CONTENTS: Final[
    Mapping[str, Callable[[Sequence[_Open], Mapping[str, object], bool], Iterator[tuple[Pattern, Reply]]]]
] = {
    "query-migrate": _migrate,
    "query-status": _status,
    "query-migrate-capabilities": _capabilities,
    READ: _parameters,
    colo.QUERY: _colo,
    dirty_rate.QUERY: _dirty_rate,
}
"""What may be the answers to each query whose answer depends on the state, whether they fit it or not."""
