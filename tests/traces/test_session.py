"""A reply belongs to the request that it answers: of its monitor, of its connection, and not answered already."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.traces.corpus import CORPUS

from migspec.traces.session import Message, read

GREETING: dict[str, Any] = {"QMP": {"version": {}, "capabilities": []}}
ASKED: dict[str, Any] = {"execute": "query-status"}
CANCEL: dict[str, Any] = {"execute": "migrate_cancel"}
REFUSED: dict[str, Any] = {"error": {"class": "GenericError", "desc": "no"}}


def answered(path: Path, *messages: tuple[str, str, dict[str, Any]]) -> list[tuple[int, int | None]]:
    """The replies of a session of one VM, by monitor, each with what it answers, by their places."""
    lines = [{"vm": "a", "mon": mon, "dir": way, "msg": message} for mon, way, message in messages]
    header = {"format": "qmp-trace", "version": 1}
    path.write_text("".join(f"{json.dumps(line)}\n" for line in (header, *lines)))
    replies = [m for m in read(path).messages if "return" in m.said or "error" in m.said]
    return [(reply.line - 2, None if reply.request is None else reply.request.line - 2) for reply in replies]


def test_two_monitors_may_use_one_id(tmp_path: Path) -> None:
    one, other = {**ASKED, "id": 1}, {**CANCEL, "id": 1}
    reply = {"return": {}, "id": 1}
    found = answered(tmp_path / "t.jsonl", ("x", "->", one), ("y", "->", other), ("y", "<-", reply), ("x", "<-", reply))
    assert found == [(2, 1), (3, 0)]


def test_what_was_refused_is_not_answered_again(tmp_path: Path) -> None:
    found = answered(
        tmp_path / "t.jsonl", ("x", "->", CANCEL), ("x", "<-", REFUSED), ("x", "->", ASKED), ("x", "<-", {"return": {}})
    )
    assert found == [(1, 0), (3, 2)]


def test_a_new_connection_answers_nothing_of_the_old_one(tmp_path: Path) -> None:
    found = answered(
        tmp_path / "t.jsonl",
        ("x", "->", CANCEL),
        ("x", "<-", GREETING),
        ("x", "->", ASKED),
        ("x", "<-", {"return": {}}),
    )
    assert found == [(3, 2)]
    assert answered(tmp_path / "u.jsonl", ("x", "->", CANCEL), ("x", "<-", GREETING), ("x", "<-", REFUSED)) == [
        (2, None)
    ]


@given(st.sampled_from(sorted(CORPUS.glob("qemu-5.2.0/*.jsonl"))))
def test_a_request_of_a_recording_is_answered_once_and_later(path: Path) -> None:
    requests: list[Message] = []
    for message in read(path).messages:
        if message.request is not None:
            assert message.request.is_request
            assert message.request.vm == message.vm
            assert message.request.line < message.line
            assert message.command == message.request.command
            requests.append(message.request)
    lines = [request.line for request in requests]
    assert len(lines) == len(set(lines))
