"""The values of a VM's parameters, as its monitors set and read them.

Parameters are registers that several monitors may write and read at the same time. A command takes effect somewhere
between its request and its reply, and the commands of one monitor take effect in their order; nothing else is known. So
what a query may answer is what some write has stored that is *not surely overwritten*: no other write lies surely
between the two. Where there is one monitor this is the last value written. What is read is known from then on, just as
if it had been written.

Before the first write or read of a trace nothing is known, not even in a fresh process: the command line may have
preset any value. What another client may do, and what the human monitor is told, counts as writes of something unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from migspec.spec.commands.settings import range_rule
from migspec.spec.parameters import (
    CHECKS,
    PARAMETERS,
    READ,
    READ_BY,
    SET,
    SHORTHANDS,
    UNKNOWN,
    Unknown,
    Value,
    changes_of,
    judge_changes,
    missing,
    monitor_changes,
    peculiarities,
    read_values,
    written_changes,
)
from migspec.spec.rows import SEED
from migspec.spec.schema import Absent
from migspec.spec.vocabulary import MigrationParameter
from migspec.traces.messages import Message, decode_any

HUMAN = "human-monitor-command"

WRITERS: frozenset[str] = frozenset({SET, *SHORTHANDS, HUMAN})
"""The commands that may set parameters."""

READERS: frozenset[str] = frozenset({READ, *READ_BY})
"""The commands that read them."""

_BEFORE = -1
_LATER = 1 << 62
NOBODY = -1
"""Stands for the monitor of what was not done on any of the trace's."""


class Span(NamedTuple):
    """When something happened: after the line `sent` and before the line `answered`, in the order of a monitor."""

    monitor: int
    sent: int
    answered: int = _LATER

    def surely_before(self, other: Span) -> bool:
        """Whether this happened before the other, whatever was going on inside the VM."""
        if self.monitor == other.monitor and self.monitor != NOBODY:
            return self.sent < other.sent
        return self.answered < other.sent


class Write(NamedTuple):
    """A value and when it was stored."""

    span: Span
    value: Value | Unknown


class Fault(NamedTuple):
    """A rule and how it was broken, or, with `defect`, that it was made use of."""

    rule: str
    told: str
    defect: bool = False


_BEGINNING = Write(Span(NOBODY, _BEFORE, _BEFORE), UNKNOWN)

_APART = MigrationParameter.BLOCK_INCREMENTAL.value
"""Known to the states, for a migration sets and resets it by itself."""


class Settings:
    """The parameters of one VM; `exercise` is told the line and the rule of each answer that needed one.

    With `trusting` false there may be clients that are not seen, and nothing is ever certain.
    """

    def __init__(self, profile: str, exercise: Callable[[int, str], None], *, trusting: bool = True) -> None:
        self._promised = written_changes if profile == SEED else changes_of
        self._is_release = profile != SEED
        self._exercise = exercise
        self._trusting = trusting
        self._history: dict[str, list[Write]] = {}
        self._open: dict[Span, Mapping[str, Any]] = {}
        self._late: set[int] = set()
        self.forget()

    def forget(self) -> None:
        """Forget everything: what follows may be another process, or anything may have happened."""
        self._history = {name: [_BEGINNING] for name in PARAMETERS if name != _APART}
        self._open.clear()
        self._late.clear()

    def late(self, monitor: int) -> None:
        """Note a monitor that is older than the trace: what it was told before may still have its effect."""
        self._late.add(monitor)
        self._write(Span(monitor, _BEFORE), dict.fromkeys(PARAMETERS, UNKNOWN))

    def caught_up(self, monitors: Iterable[int], line: int) -> None:
        """Note that what these monitors were told before the trace is done."""
        for monitor in self._late.intersection(monitors):
            self._late.discard(monitor)
            self._end(Span(monitor, _BEFORE), line)

    def unwatched(self, since: int, until: int) -> None:
        """Note lines between which another client may have set anything."""
        self._write(Span(NOBODY, since, until), dict.fromkeys(PARAMETERS, UNKNOWN))

    def asked(self, monitor: int, line: int, command: str, arguments: bytes) -> None:
        """Note that a command was sent that may set parameters; its arguments fit the schema."""
        given = decode_any(arguments) if arguments else {}
        changes = self._changes(command, given)
        if changes or command != HUMAN:
            span = Span(monitor, line)
            self._open[span] = given
            self._write(span, changes)

    def answered(self, span: Span, command: str, message: Message, oldest: int) -> Iterator[Fault]:
        """What is wrong with the reply to a command that sets or reads parameters; it fits the schema.

        `oldest` is the line of the oldest request that is still open.
        """
        if command in READERS:
            if message.error is None:
                yield from self._read(span, command, decode_any(message.returned))
            return
        given = self._open.pop(Span(span.monitor, span.sent), None)
        if given is None:
            return
        happened: bool | None = message.error is None
        if self._is_release and command != HUMAN:
            yield from self._outcome(span, command, given, message)
            if happened and judge_changes(changes_of(command, given), {}).certain is not None:
                happened = None
        self._end(Span(span.monitor, span.sent), span.answered, happened=happened)
        self._prune(oldest)

    def certain(self, name: str, span: Span) -> Value | None:
        """The value that a parameter surely had all through `span`; None if there is none such."""
        possible = self._possible(name, span)
        value = next(iter(possible)) if len(possible) == 1 else UNKNOWN
        return None if value is UNKNOWN else value

    # ---- writes ----

    def _changes(self, command: str, given: Mapping[str, Any]) -> Mapping[str, Value | Unknown]:
        if command == HUMAN:
            return dict.fromkeys(monitor_changes(given.get("command-line", "")), UNKNOWN)
        return self._promised(command, given)

    def _write(self, span: Span, changes: Mapping[str, Value | Unknown]) -> None:
        for name, value in changes.items():
            if name != _APART:
                self._history[name].append(Write(span, value))

    def _end(self, begun: Span, line: int, *, happened: bool | None = True) -> None:
        """Note that what was begun is done, or was refused; None where it was to be refused, and was not."""
        ended = begun._replace(answered=line)
        for name, history in self._history.items():
            if any(write.span == begun for write in history):
                self._history[name] = [
                    Write(ended, UNKNOWN if happened is None else write.value) if write.span == begun else write
                    for write in history
                    if happened is not False or write.span != begun
                ]

    def _prune(self, oldest: int) -> None:
        """Drop the writes that no answer can show any more, whose request may be as old as `oldest`."""
        for name, history in self._history.items():
            done = [write.span for write in history if write.span.answered < oldest]
            self._history[name] = [w for w in history if not any(w.span.surely_before(span) for span in done)]

    def _outcome(self, span: Span, command: str, given: Mapping[str, Any], message: Message) -> Iterator[Fault]:
        """What is wrong with a success or refusal that depends on the values in force."""
        changes = changes_of(command, given)
        doubts = judge_changes(changes, {}).possible
        if doubts:
            known = {name: self._known(name, span) for name in _COMPARED}
            verdict = judge_changes(changes, known)
            told = " and ".join(
                f"{name} is {value}" for name, value in {**known, **changes}.items() if name in _COMPARED
            )
            refused = message.error is not None and message.error.desc in {doubt.text for doubt in doubts}
            if message.error is None and verdict.certain is not None:
                rule = range_rule(command, verdict.certain.parameter)
                yield Fault(rule, f"The request was accepted, though {told}.")
            elif refused and verdict.certain is None and not verdict.possible:
                yield Fault(range_rule(command, doubts[0].parameter), f"The request was refused, though {told}.")
        if message.error is None and command == SET:
            for kind, name in peculiarities(given):
                yield Fault(f"{SET}.{kind}", f"{name} was set to {given[name]}: {_PECULIAR[kind]}.", defect=True)

    # ---- reads ----

    def _read(self, span: Span, command: str, answer: Any) -> Iterator[Fault]:
        if command == READ:
            values, rule = read_values(answer), READ + ".{}"
            self._exercise(span.answered, f"{READ}.complete")
            lacking = missing(answer)
            if lacking:
                yield Fault(f"{READ}.complete", f"The answer lacks {', '.join(lacking)}.")
        else:
            name = READ_BY[command].value
            stored = PARAMETERS[name].stored(answer)
            values, rule = {name: stored}, f"{command}.value"
        for name, value in values.items():
            if name == _APART:
                continue
            possible = self._possible(name, span)
            wrong = UNKNOWN not in possible and value not in possible
            if wrong:
                yield Fault(rule.format(name), self._told(name, value, possible))
            if UNKNOWN not in possible:
                self._exercise(span.answered, rule.format(name))
            if possible != {value}:
                # after a wrong answer either may be the truth, which the next one will tell
                kept = (*possible, value) if wrong else (value,)
                self._history[name].extend(Write(span, one) for one in kept)

    def _told(self, name: str, value: Value, possible: set[Value | Unknown]) -> str:
        lines = {write.value: write.span.sent for write in self._history[name]}
        known = " or ".join(f"{_shown(v)} (line {lines[v]})" for v in possible)
        return f"{name} is {_shown(value)}, and was {known}."

    def _known(self, name: str, span: Span) -> Value | Unknown:
        value = self.certain(name, span)
        return UNKNOWN if value is None else value

    def _possible(self, name: str, span: Span) -> set[Value | Unknown]:
        """Every value that may be in force somewhere in `span`."""
        if not self._trusting:
            return {UNKNOWN}
        history = self._history[name]
        if len(history) == 1:
            return {history[0].value}
        others = [w for w in history if (w.span.monitor, w.span.sent) != (span.monitor, span.sent)]
        before = [w.span for w in others if w.span.answered != _LATER and w.span.surely_before(span)]
        return {
            w.value
            for w in others
            if not span.surely_before(w.span) and not any(w.span.surely_before(later) for later in before)
        }


_COMPARED = tuple(
    name.value for check in CHECKS if check.least_is is not None for name in (check.least_is, check.parameter)
)
"""The parameters that are compared with each other."""

_PECULIAR: Mapping[str, str] = {
    "narrowed": "it is cut to the width of its storage",
    "ignored": "it keeps its value all the same",
}


def _shown(value: Value | Unknown) -> str:
    if isinstance(value, Absent):
        return "not set"
    return "anything" if isinstance(value, Unknown) else msgspec.json.encode(value).decode()
