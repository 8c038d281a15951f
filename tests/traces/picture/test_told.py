"""What messages tell by themselves."""

import json
from typing import Any

import pytest

from migspec.traces.picture.marks import Reader
from migspec.traces.picture.told import Told
from migspec.traces.picture.watching import State

MIGRATE = ("->", {"execute": "migrate", "arguments": {"uri": "fd:m"}, "id": 1})
INCOMING = ("->", {"execute": "migrate-incoming", "arguments": {"uri": "fd:m"}, "id": 1})
ASKS = ("->", {"execute": "query-migrate", "id": 2})
ACTIVE = ("<-", {"event": "MIGRATION", "data": {"status": "active"}})
COMPLETED = ("<-", {"return": {"status": "completed"}, "id": 2})


@pytest.mark.parametrize(
    ("messages", "state"),
    [
        ([], State()),
        ([MIGRATE, ACTIVE], State(outgoing="active")),
        ([INCOMING, ACTIVE], State(incoming="active")),
        ([MIGRATE, ACTIVE, ASKS, COMPLETED], State(outgoing="completed")),
        ([MIGRATE, ACTIVE, MIGRATE], State()),
        ([MIGRATE, ACTIVE, ("<-", {"event": "STOP"})], State(outgoing="active", run="stopped")),
        ([("<-", {"event": "RESUME"})], State(run="running")),
        ([("->", {"execute": "query-status"}), ("<-", {"return": {"status": "paused"}})], State(run="paused")),
        (
            [("->", {"execute": "query-status"}), ("<-", {"return": {"status": "inmigrate"}}), ACTIVE],
            State(incoming="active", run="inmigrate"),
        ),
        ([("->", {"execute": "query-status"}), ("<-", {"return": {"status": 7}})], State()),
        ([MIGRATE, ACTIVE, (None, {"gap": "lost"})], State()),
    ],
)
def test_the_last_word_counts(messages: list[tuple[str | None, Any]], state: State) -> None:
    reader, told = Reader(), Told()
    last = State()
    for number, (direction, message) in enumerate(messages, 1):
        line = {"vm": "a"} | ({"dir": direction, "msg": message} if direction else message)
        mark = reader.mark(number, json.dumps(line).encode())
        assert mark is not None
        last = told.add(mark)
    assert last == state
