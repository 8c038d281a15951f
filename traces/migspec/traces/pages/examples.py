"""The examples that the package is shipped with: for each rule and entity a message of the corpus, and a count.

`make ledger` writes them; nothing is read from the repository when the program runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from migspec.traces.pages.rendering import Page, Value
from migspec.traces.unexercised import IN_HINDSIGHT, UNEXERCISED, UNSEEN_ENTITIES

FILE = "examples.json"

OF_THE_CORPUS: frozenset[str] = frozenset({"exercised", "because", "in hindsight", "example", "messages"})
"""The members of a page that are told here."""

_UNKNOWN = "not counted since the last `make ledger`"


@cache
def _examples() -> Mapping[str, Any]:
    text = resources.files("migspec.traces").joinpath(FILE).read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def of_rule(rule: str) -> Page:
    """How often the corpus exercised a rule, with an example; or why it did not."""
    page = _told(_examples()["rules"].get(rule), UNEXERCISED.get(rule))
    if rule in IN_HINDSIGHT:
        page["in hindsight"] = f"the trace {IN_HINDSIGHT[rule]} cannot be explained without it"
    return page


def times_exercised(rule: str) -> int:
    """How many messages of the corpus exercise a rule."""
    found: Mapping[str, Any] = _examples()["rules"].get(rule, {})
    return int(found.get("exercised", 0))


def of_entity(name: str) -> Page:
    """How many messages of the corpus show an entity, with an example; or why none does."""
    return _told(_examples()["entities"].get(name), UNSEEN_ENTITIES.get(name))


def _told(entry: Mapping[str, Any] | None, reason: str | None) -> Page:
    if entry is None:
        return {"exercised": "never", "because": reason or _UNKNOWN}
    count = entry["exercised"]
    return {
        "exercised": f"by {count} {'message' if count == 1 else 'messages'} of the corpus",
        "example": f"{entry['trace']}, line {entry['line']}",
        "messages": [_message(*message) for message in entry["messages"]],
    }


def _message(vm: str, direction: str, message: object) -> Value:
    return f"{vm} {direction} {json.dumps(message, ensure_ascii=False)}"
