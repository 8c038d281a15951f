"""Judging what a server says of itself: its greeting, the end of the negotiation, and the classes of its errors."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from migspec.spec.schema import Schema
from migspec.spec.schema.validate import LATER
from migspec.spec.vocabulary import ErrorClass, QmpCapability
from migspec.spec.wire.greeting import mismatches, offered
from migspec.traces.messages import decode_any

_UNAVAILABLE = f"Capability {QmpCapability.OOB} not available"


@lru_cache(maxsize=256)
def judge_greeting(greeting: bytes, schema: Schema, *, exact: bool) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    """What a greeting offers, None where it does not say, and everything that is wrong with it, in sentences.

    With `exact` it may have nothing that the schema does not know.
    """
    try:
        content = decode_any(greeting)
    except (msgspec.MsgspecError, RecursionError):
        return None, ("The content of the greeting cannot be read.",)
    faults = tuple(
        f"The greeting is malformed: {fault}."
        for fault in mismatches(content, schema)
        if exact or fault.kind not in LATER
    )
    return offered(content), faults


def judge_negotiation(offers: frozenset[str], refused: str | None) -> str:
    """What is wrong with the answer to a request for out-of-band execution, in a sentence; empty if nothing.

    `refused` is the text of the error; None for a success.
    """
    if refused is None and QmpCapability.OOB not in offers:
        return f"The capability {QmpCapability.OOB} is granted, which the greeting has not offered."
    if refused == _UNAVAILABLE and QmpCapability.OOB in offers:
        return f"The capability {QmpCapability.OOB} is refused, which the greeting has offered."
    return ""


def judge_class(name: str) -> str:
    """What is wrong with the class of an error, in a sentence; empty if nothing."""
    return "" if name in set(ErrorClass) else f"The class of this error is {name}; there are {', '.join(ErrorClass)}."
