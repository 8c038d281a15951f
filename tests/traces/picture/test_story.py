"""What happened, in the words of the page."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from migspec.traces.findings import Finding, Grade, Report, Verdict
from migspec.traces.picture.marks import Reader
from migspec.traces.picture.story import Side, Story, duration, story_of, what_happened, whether_it_kept_to_it
from migspec.traces.picture.told import Told

Said = tuple[str, str, Any]
"""A VM, a direction, and what crossed."""


def told(*messages: Said) -> Story:
    """The story of some messages, one a second, with no more known of the statuses than they say."""
    reader = Reader()
    sides: dict[str, tuple[Side, Side]] = {}
    tellers: dict[str, Told] = {}
    for number, (vm, direction, message) in enumerate(messages, 1):
        line = {"vm": vm, "t": float(number)} | ({"dir": direction, "msg": message} if direction else message)
        mark = reader.mark(number, json.dumps(line).encode())
        assert mark is not None
        mark.told = tellers.setdefault(vm, Told()).add(mark)
        for side in sides.setdefault(vm, (Side(vm, "migrate", "outgoing"), Side(vm, "migrate-incoming", "incoming"))):
            side.add(mark)
    return story_of(sides)


def asks(vm: str, command: str, **arguments: Any) -> Said:
    return vm, "->", {"execute": command} | ({"arguments": arguments} if arguments else {})


def answers(vm: str, returned: Mapping[str, Any] = {}) -> Said:
    return vm, "<-", {"return": dict(returned)}


def refuses(vm: str) -> Said:
    return vm, "<-", {"error": {"class": "GenericError", "desc": "No."}}


def shows(vm: str, status: str) -> Said:
    return vm, "<-", {"event": "MIGRATION", "data": {"status": status}}


def ends(vm: str, code: int) -> Said:
    return vm, "", {"end": "eof", "exit": code}


BEGINS = (asks("a", "migrate", uri="unix:/m"), answers("a"), shows("a", "setup"), shows("a", "active"))
LISTENS = (asks("b", "migrate-incoming", uri="unix:/m"), answers("b"))


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([], "No migration took place."),
        ([asks("a", "migrate", uri="bad"), refuses("a")], "No migration took place, and migrate was refused once."),
        (LISTENS, "No migration took place. A VM waited for one."),
        ((*BEGINS, shows("a", "completed")), "The migration of a completed in 4 s."),
        ((*LISTENS, *BEGINS, shows("a", "completed")), "The migration from a to b completed in 4 s."),
        ((*LISTENS, shows("b", "active"), shows("b", "completed")), "A migration to b completed in 1 s."),
        (
            (asks("a", "migrate", uri="exec:cat"), answers("a"), shows("a", "active"), shows("a", "completed")),
            "The migration of a to a command completed in 3 s.",
        ),
        (
            (*BEGINS, shows("a", "completed"), asks("a", "query-migrate"), answers("a", {"downtime": 41})),
            "The migration of a completed in 4 s; the guest stood still for 41 ms.",
        ),
        (
            (*BEGINS, shows("a", "failed"), asks("a", "query-migrate"), answers("a", {"error-desc": "Lost"})),
            "The migration of a failed after 4 s: “Lost”.",
        ),
        ((*BEGINS, shows("a", "cancelling"), shows("a", "cancelled")), "The migration of a was cancelled after 5 s."),
        (BEGINS, "The migration of a was in the status active when the log ended."),
        (
            (*BEGINS, ends("a", -9)),
            "The migration of a was in the status active when the log ended: a ended, exit status -9.",
        ),
        (
            (*BEGINS, shows("a", "postcopy-active"), shows("a", "postcopy-paused")),
            "The migration of a had lost its connection in postcopy when the log ended.",
        ),
        (
            (*BEGINS, shows("a", "postcopy-active"), shows("a", "postcopy-paused"), shows("a", "completed")),
            "The migration of a completed by postcopy in 6 s, after its connection was lost once.",
        ),
        ([shows("a", "active"), shows("a", "completed")], "The migration of a completed."),
        (
            (*BEGINS, shows("a", "failed"), *BEGINS, shows("a", "completed")),
            "The migration of a failed after 4 s. The migration of a completed in 4 s.",
        ),
        (
            (*(*BEGINS, shows("a", "failed")) * 3, *BEGINS),
            "4 migrations took place: 3 failed, 1 not over at the end of the log.",
        ),
    ],
)
def test_the_migrations_of_a_log_in_plain_words(messages: tuple[Said, ...], sentence: str) -> None:
    assert what_happened(told(*messages), Verdict.CONFORMS) == sentence


def test_of_a_log_that_cannot_be_read_nothing_is_said() -> None:
    assert what_happened(told(), Verdict.UNREADABLE) == "Nothing is known of a migration."


def test_a_migration_that_the_answer_to_migrate_begins_is_not_over_because_an_earlier_one_is() -> None:
    story = told(*BEGINS, shows("a", "completed"), asks("a", "migrate", uri="unix:/n"), answers("a"))
    assert [journey.outcome for journey in story.departures] == ["completed", ""]


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (lambda: Report("t"), "Nothing that QEMU did is against its protocol."),
        (
            lambda: Report("t", findings=[Finding(1, "a", "r", Grade.DEFECT, "m")]),
            "Nothing that QEMU did is against its protocol. It showed 1 known defect of its release.",
        ),
        (
            lambda: Report("t", findings=[Finding(1, "a", "r", Grade.VIOLATION, "m")] * 2),
            "QEMU broke its protocol twice.",
        ),
        (
            lambda: Report("t", findings=[Finding(1, "a", "r", Grade.DOUBT, "m")]),
            "Whether QEMU kept to its protocol cannot be told: the log does not show enough.",
        ),
        (lambda: Report("t", error="e"), "The file cannot be read to its end as a log of QMP."),
    ],
)
def test_the_verdict_in_plain_words(report: Callable[[], Report], sentence: str) -> None:
    assert whether_it_kept_to_it(report()) == sentence


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0134, "13 ms"), (1.234, "1.23 s"), (99.4, "99.4 s"), (100.2, "1 min 40 s"), (7322, "2 h 2 min")],
)
def test_a_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words
