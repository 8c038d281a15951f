"""What a search may ask when a case needs a request.

These are the requests of the corpus, values that are just out of range, and each capability, switched on and off: there
are some that no recording switches on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain, product
from typing import Any

import msgspec
from tests.faults.corruptions import CORPUS, lines_of
from tests.mutants.mutant import OPEN

from migspec.spec.commands import CONTRACTS
from migspec.spec.contracts import Case
from migspec.spec.parameters import CHECKS, SET
from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.vocabulary import MigrationCapability

MOST = 40
"""Requests of one command that are kept, the first ones."""

Asked = tuple[str, Mapping[str, Any] | None, bool]
"""A command as it is sent, its arguments, and whether it is sent out of band."""


def _messages() -> Iterator[Asked]:
    for path in sorted(CORPUS.glob("*.jsonl*")):
        for line in lines_of(path.name):
            message = line.get("msg")
            if line.get("dir") != "->" or not isinstance(message, dict):
                continue
            oob = "exec-oob" in message
            command = message.get("exec-oob" if oob else "execute")
            arguments = message.get("arguments")
            if isinstance(command, str) and (arguments is None or isinstance(arguments, dict)):
                yield command, arguments, oob


def _out_of_range() -> Iterator[Asked]:
    for check in CHECKS:
        yield SET, {check.parameter.value: check.most + 1}, False


def _switched() -> Iterator[Asked]:
    for capability, state in product(MigrationCapability, (True, False)):
        yield "migrate-set-capabilities", {"capabilities": [{"capability": capability.value, "state": state}]}, False


@cache
def every() -> Mapping[str, tuple[Asked, ...]]:
    """What may be asked, by the command that carries it out; that of a line for the human monitor is the line's."""
    found: dict[str, dict[bytes, Asked]] = {}
    for asked in chain(_messages(), _out_of_range(), _switched()):
        found.setdefault(_understood(asked).command, {}).setdefault(msgspec.json.encode(asked), asked)
    return {command: tuple(asked.values()) for command, asked in found.items()}


@cache
def recorded() -> Mapping[str, tuple[Asked, ...]]:
    """The first of these."""
    return {command: asked[:MOST] for command, asked in every().items()}


@cache
def recorded_requests() -> Mapping[str, tuple[Request, ...]]:
    """The same, understood."""
    return {command: tuple(map(_understood, every)) for command, every in recorded().items()}


def fitting(command: str, case: Case, changed: str = "") -> tuple[Asked, ...]:
    """The requests to which a case may be the answer, and which it lets change a variable, if one is named."""
    shared = (asked for of, asked in every().items() if command != OPEN or of not in CONTRACTS)
    chosen = every().get(command) or tuple(chain.from_iterable(shared))
    return tuple(
        asked
        for asked in chosen
        if case.asks(request := _understood(asked)) and (not changed or changed in case.effect(request))
    )


def _understood(asked: Asked) -> Request:
    command, arguments, oob = asked
    return understand(command, ABSENT if arguments is None else dict(arguments), QEMU_5_2_0, oob=oob)
