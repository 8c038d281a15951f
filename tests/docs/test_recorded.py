"""What the corpus shows is counted by the status shown last, and together where several cases explain it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.corpus import CORPUS

from migspec.spec.requests import understand
from migspec.spec.schema import ABSENT
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.outlook import STATUSES, Side
from migspec_docs.recorded import SUCCESS, Asked, asked_in, explaining, shares

EVENTS_ON = {"capabilities": [{"capability": "events", "state": True}]}
GREETING: dict[str, Any] = {"QMP": {"version": {}, "capabilities": []}}
CANCEL = {"execute": "migrate_cancel"}


def event(status: str) -> dict[str, Any]:
    return {"event": "MIGRATION", "data": {"status": status}, "timestamp": {}}


def trace(path: Path, *messages: tuple[str, dict[str, Any]], role: str = "source") -> Path:
    header = {"format": "qmp-trace", "version": 1, "vms": {"a": {"role": role}}}
    lines = [{"vm": "a", "dir": way, "msg": message} for way, message in messages]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in (header, *lines)))
    return path


def session(path: Path, *messages: tuple[str, dict[str, Any]], role: str = "source") -> list[Asked]:
    """What is found in a session that begins as usual, with the events on."""
    beginning = (
        ("<-", GREETING),
        ("->", {"execute": "migrate-set-capabilities", "arguments": EVENTS_ON, "id": 0}),
        ("<-", {"return": {}, "id": 0}),
    )
    return list(asked_in(trace(path, *beginning, *messages, role=role)))[1:]


def test_a_request_is_asked_in_the_last_status_shown(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    (found,) = session(
        path, ("<-", event("active")), ("->", CANCEL), ("<-", event("cancelling")), ("<-", {"return": {}})
    )
    assert (found.side, found.status, found.answer) == (Side.OUTGOING, "active", SUCCESS)
    assert "MIGRATION:cancelling" in found.events
    assert explaining(found.request, found.side, found.status, found.answer, found.events) == {
        "migrate_cancel.accepted"
    }


def test_a_destination_is_one_until_it_migrates_itself(tmp_path: Path) -> None:
    migrate = {"execute": "migrate", "arguments": {"uri": "unix:/x"}, "id": 1}
    asked = session(
        tmp_path / "t.jsonl",
        ("<-", event("completed")),
        ("->", {**CANCEL, "id": 2}),
        ("<-", {"return": {}, "id": 2}),
        ("->", migrate),
        ("<-", event("setup")),
        ("<-", {"return": {}, "id": 1}),
        ("->", {**CANCEL, "id": 3}),
        ("<-", {"return": {}, "id": 3}),
        role="destination",
    )
    assert [(found.side.value, found.status) for found in asked] == [
        ("incoming", "completed"),
        ("incoming", "completed"),
        ("outgoing", "setup"),
    ]


def test_listening_is_no_status(tmp_path: Path) -> None:
    listen = {"execute": "migrate-incoming", "arguments": {"uri": "unix:/x"}}
    query = {"execute": "query-status"}
    asked = session(
        tmp_path / "t.jsonl",
        ("->", listen),
        ("<-", event("setup")),
        ("<-", {"return": {}}),
        ("->", query),
        ("<-", {"return": {}}),
        role="destination",
    )
    assert [found.status for found in asked] == ["none", "none"]


def test_what_nothing_tells_is_not_counted(tmp_path: Path) -> None:
    """With the events off nobody knows what has become of a migration."""
    migrate = {"execute": "migrate", "arguments": {"uri": "unix:/x"}}
    path = trace(
        tmp_path / "t.jsonl",
        ("<-", GREETING),
        ("->", migrate),
        ("<-", {"return": {}}),
        ("->", CANCEL),
        ("<-", {"return": {}}),
    )
    assert [found.request.command for found in asked_in(path)] == ["migrate"]


@pytest.mark.parametrize("side", Side)
def test_an_answer_that_no_case_gives_is_explained_by_none(side: Side) -> None:
    request = understand("migrate_cancel", ABSENT, SCHEMA)
    for status in STATUSES[side]:
        assert explaining(request, side, status, "no such text", frozenset()) == frozenset()


@settings(max_examples=25)
@given(st.sampled_from(sorted(CORPUS.glob("qemu-5.2.0/*.jsonl"))))
def test_most_answers_of_a_recording_are_explained_by_the_status_shown_before(path: Path) -> None:
    """Only what a change overtakes is not; and what is explained is explained by rules that there are."""
    for found in asked_in(path):
        rules = explaining(found.request, found.side, found.status, found.answer, found.events)
        assert rules <= CATALOGUE.keys()
        if found.request.command == "query-status":
            assert rules == {"query-status.answered"}


def test_shares_count_requests_and_sessions(tmp_path: Path) -> None:
    for name in ("a", "b"):
        session(tmp_path / f"{name}.jsonl", ("->", {**CANCEL, "id": 1}), ("<-", {"return": {}, "id": 1}))
    found = shares(tmp_path)[Side.OUTGOING, "none"][frozenset({"migrate_cancel.idle"})]
    assert (found.requests, found.traces) == (2, {"a.jsonl", "b.jsonl"})


def test_what_several_cases_explain_is_counted_for_all_of_them(tmp_path: Path) -> None:
    """That the thread got ahead may show after the reply, so a cancellation in pre-switchover may be either."""
    messages = (("<-", event("pre-switchover")), ("->", {**CANCEL, "id": 1}), ("<-", event("cancelling")))
    session(tmp_path / "a.jsonl", *messages, ("<-", {"return": {}, "id": 1}))
    (rules,) = shares(tmp_path)[Side.OUTGOING, "pre-switchover"]
    assert {"migrate_cancel.accepted", "migrate_cancel.device-first"} <= rules
