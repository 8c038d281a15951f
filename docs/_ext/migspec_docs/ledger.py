"""What the ledger of the corpus says of a rule: how many recorded messages exercise it, and if none does, why."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

PROJECT: Final = Path(__file__).resolve().parents[3]
"""The folder of the project."""
CORPUS: Final = PROJECT / "traces/corpus"
"""The recorded sessions, with the ledger."""


@cache
def _sections() -> tuple[Mapping[str, Mapping[str, Any]], ...]:
    """The counts of the rules, a section for each profile, those of releases before that of the written contract."""
    whole = msgspec.json.decode((CORPUS / "LEDGER.json").read_bytes())
    return tuple(whole[name] for name in sorted(whole) if name != "entities" and isinstance(whole[name], dict))


@cache
def _entry(rule: str) -> Mapping[str, Any]:
    """What is said of a rule: in the first section in which it was exercised, or else in the first that has it."""
    found = [section[rule] for section in _sections() if rule in section]
    return next((entry for entry in found if entry["exercised"]), found[0] if found else {})


def times_exercised(rule: str) -> int:
    """How many recorded messages exercise a rule."""
    return int(_entry(rule).get("exercised", 0))


def reason(rule: str) -> str:
    """Why none does; empty if one does."""
    return str(_entry(rule).get("reason") or "")
