"""Which rules a message exercises: those without which nothing that is possible explains it.

A set of hypotheses is closed over hidden steps, and a hypothesis of the closure may be reached in many ways.  A rule
is *needed* there if every way applies it; what a message needs is what is needed wherever it may be shown.  Ways that
another rule opens as well make neither of the two needed, so a count of needed rules never claims too much.

Rules are kept as bits of an integer while they are joined and intersected, which happens for every hypothesis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from migspec.spec.contracts import Expect
from migspec.spec.parameters import READ
from migspec.spec.rules import ANSWERED_BY, CASES, MESSAGE_RULES, RULES
from migspec.spec.schema import QEMU_5_2_0
from migspec.spec.schema.reach import reachable
from migspec.spec.vocabulary import MigrationParameter

_NAMES: list[str] = []
_BITS: dict[str, int] = {}

EVERY: Final = -1
"""All rules: what is needed where no way leads."""

_REPLY = ("envelope.message", "envelope.id", "envelope.reply.order", "envelope.reply.unrequested")
_EVENT = ("envelope.message", "envelope.timestamp")
_GREETING = ("envelope.message", "envelope.greeting")


def bit(rule: str) -> int:
    """The bit of a rule; none for the step of no rule."""
    if not rule:
        return 0
    found = _BITS.get(rule)
    if found is None:
        found = _BITS[rule] = 1 << len(_NAMES)
        _NAMES.append(rule)
    return found


def bits(rules: Iterable[str]) -> int:
    """The bits of several rules."""
    result = 0
    for rule in rules:
        result |= bit(rule)
    return result


def names(rules: int) -> frozenset[str]:
    """The rules of these bits."""
    return frozenset(name for place, name in enumerate(_NAMES) if rules >> place & 1)


_CASES: Final = bits(CASES)


_OF_QUERY: Mapping[str, int] = {
    **{query: bits(rules) for query, rules in ANSWERED_BY.items()},
    READ: bit(f"{READ}.{MigrationParameter.BLOCK_INCREMENTAL.value}"),
}
"""The rules on the content of an answer that the state decides about, by query."""


def shown_by_event(needed: int) -> int:
    """What an event exercises, given what is needed where it may be shown.

    The case of a command is exercised by its reply, or by the end of the process if that comes instead.
    """
    return needed & ~_CASES


def shown_by_reply(needed: int, expect: Expect) -> int:
    """What a reply exercises that was due as `expect`: the case that says so, and what led to it."""
    passed = 0 if expect.rule.startswith("envelope.") else bit("envelope.passes")
    return needed & ~_CASES | bit(expect.rule) | passed | _of_query(expect.query)


def _of_query(query: str) -> int:
    return _OF_QUERY.get(query, 0)


def held_of_reply(command: str, types: Iterable[str], *, success: bool) -> frozenset[str]:
    """The rules that a reply to `command` with values of these types is held against, whatever explains it."""
    content = (f"schema.{command}", *ANSWERED_BY.get(command, ())) if success else ()
    return _known((*_REPLY, *content, *(f"schema.{name}" for name in types)))


@lru_cache(maxsize=1024)
def held_of_event(name: str) -> frozenset[str]:
    """The rules that an event of this name is held against, whatever explains it; no member of one is optional."""
    return _known((*_EVENT, *(f"schema.{entity}" for entity in (name, *reachable(QEMU_5_2_0, name)))))


def held_of_greeting() -> frozenset[str]:
    """The rules that any greeting is held against."""
    return _known(_GREETING)


def _known(rules: Iterable[str]) -> frozenset[str]:
    return frozenset(rule for rule in rules if rule in RULES)


assert {*_REPLY, *_EVENT, *_GREETING} <= {rule.id for rule in MESSAGE_RULES}
