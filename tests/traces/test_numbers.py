"""The numbers of query-migrate in traces: which answers are compared, and with what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.traces.talk import RAM, Talk, Wire, outgoing

from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.traces.findings import Grade
from migspec.traces.numbers import MOST_TOLD, Answers, Numbers

ACTIVE = frozenset({"ram", "setup-time", "total-time", "expected-downtime"})
LESS = "query-migrate.ram.transferred.monotone"


def active(wire: Wire, transferred: int = 8_300, **ram: Any) -> Wire:
    """The answer of a migration in `active`."""
    return wire.done("query-migrate", outgoing("active", ram=RAM | {"transferred": transferred, **ram}))


def migrating(talk: Talk, mon: str = "") -> Wire:
    """A migration that is active."""
    wire = talk.wire(mon=mon).fresh()
    wire.request("migrate", uri="unix:/s").status("setup").reply()
    return wire.status("1", "active")


def rules(talk: Talk, **options: Any) -> list[str]:
    return [f.rule for f in talk.judge(**options).findings if f.grade is Grade.VIOLATION]


def test_two_answers_of_one_attempt_are_compared() -> None:
    talk = Talk()
    active(active(migrating(talk), 9_000), 8_999)
    report = talk.judge()
    assert [finding.rule for finding in report.findings] == [LESS]
    assert report.findings[0].message == (
        "ram.transferred is 8999; it should be at least ram.transferred in the answer before, which is 9000."
    )
    assert report.exercised[LESS] == 1


@pytest.mark.parametrize(
    "between",
    [
        lambda wire: wire.gap(),
        lambda wire: wire.done("human-monitor-command", "", command_line="info migrate"),
        lambda wire: wire.done("migrate-set-parameters", downtime_limit=1),
        lambda wire: wire.done("device_add", driver="x"),
    ],
    ids=["gap", "human-monitor", "parameters", "device"],
)
def test_nothing_is_compared_across_what_may_change_the_numbers(between: Callable[[Wire], Wire]) -> None:
    talk = Talk()
    active(between(active(migrating(talk), 9_000)), 8_999)
    assert LESS not in rules(talk)


def test_nothing_is_compared_where_other_clients_may_act() -> None:
    talk = Talk()
    active(active(migrating(talk), 9_000), 8_999)
    assert rules(talk, other_clients=True) == []


def test_each_monitor_is_compared_with_itself() -> None:
    talk = Talk()
    first = migrating(talk, "a")
    second = talk.wire(mon="b").connected(events=False)
    active(first, 9_000)
    active(second, 8_999)
    assert LESS not in rules(talk)
    active(first, 8_999)
    assert rules(talk) == [LESS]


def test_one_broken_relation_is_not_told_for_ever() -> None:
    talk = Talk()
    wire = migrating(talk)
    for _ in range(MOST_TOLD + 5):
        active(wire, skipped=1)
    found = [f for f in talk.judge().findings if f.rule == "query-migrate.ram.skipped"]
    assert len(found) == MOST_TOLD
    assert "no more" in found[-1].message


# ---- without a trace around it ----


class Book:
    """Numbers of one VM and what they report."""

    def __init__(self, **options: Any) -> None:
        self.found: list[tuple[int, str]] = []
        self.numbers = Numbers("qemu-5.2.0", lambda line, rule, told: self.found.append((line, rule)), **options)
        self.series = self.numbers.series()
        self.line = 1
        self.kinds: dict[tuple[str | None, frozenset[str]], Answers] = {}

    def request(self, command: str, *, success: bool = True, **arguments: Any) -> None:
        made: Request = understand(command, arguments or ABSENT, QEMU_5_2_0)
        self.line += 2
        self.numbers.asked(self.line - 1, made)
        self.numbers.answered(self.line, made, success=success)

    def answer(self, answer: Any) -> None:
        names = frozenset(answer.__dict__) - {"status"}
        members = frozenset(name.replace("_", "-") for name in names)
        kind = self.kinds.setdefault((answer.status, members), Answers(answer.status, members))
        self.line += 2
        self.numbers.judge(self.line, self.series, kind, answer, self.line - 1)

    @property
    def rules(self) -> list[str]:
        return [rule for _, rule in self.found]


class Answer:
    """An answer, its members as attributes."""

    def __init__(self, status: str | None, **members: Any) -> None:
        self.status = status
        for name, value in members.items():
            setattr(self, name, value)


class Ram:
    """Statistics."""

    def __init__(self, **changes: Any) -> None:
        for name, value in RAM.items():
            setattr(self, name.replace("-", "_"), value)
        for name, value in changes.items():
            setattr(self, name, value)


def progress(expected: int = 300, status: str = "active", **ram: Any) -> Answer:
    return Answer(status, setup_time=1, total_time=20, expected_downtime=expected, ram=Ram(**ram))


def test_a_parameter_counts_only_from_the_beginning_of_an_attempt() -> None:
    rule = "query-migrate.expected-downtime.first"

    def value(name: str, asked: int, line: int) -> int | None:
        assert asked < line
        return {"downtime-limit": 300}.get(name)

    late, steady, changed, unknown = (Book(value=value) for _ in range(4))
    late.answer(progress(301))
    steady.request("migrate", uri="unix:/s")
    steady.answer(progress(301))
    changed.request("migrate", uri="unix:/s")
    changed.request("migrate_set_speed", value=1)
    changed.answer(progress(301))
    unknown = Book()
    unknown.request("migrate", uri="unix:/s")
    unknown.answer(progress(301))
    assert [rule in book.rules for book in (late, steady, changed, unknown)] == [False, True, False, False]


@pytest.mark.parametrize("known", [True, False, None])
def test_a_capability_counts_if_it_was_set(known: bool | None) -> None:
    book = Book()
    if known is not None:
        book.request("migrate-set-capabilities", capabilities=[{"capability": "multifd", "state": known}])
    book.answer(progress(multifd_bytes=1))
    assert ("query-migrate.ram.multifd-bytes.off" in book.rules) is (known is False)


def test_what_an_attempt_had_stays_when_the_capability_is_switched_afterwards() -> None:
    book = Book()
    book.request("migrate-set-capabilities", capabilities=[{"capability": "multifd", "state": False}])
    book.answer(progress())
    book.request("migrate-set-capabilities", capabilities=[{"capability": "multifd", "state": True}])
    done = {"setup_time": 1, "total_time": 21, "downtime": 1}
    book.answer(Answer("completed", **done, ram=Ram(multifd_bytes=5)))
    assert book.rules == ["query-migrate.ram.multifd-bytes.off"]


def test_a_completed_migration_is_frozen_once_it_has_its_times() -> None:
    book = Book()
    for total, downtime in ((0, 0), (21, 3), (21, 3)):
        book.answer(Answer("completed", setup_time=1, total_time=total, downtime=downtime, ram=Ram()))
    assert book.rules == []
    book.answer(Answer("completed", setup_time=1, total_time=21, downtime=4, ram=Ram()))
    assert book.rules == ["query-migrate.completed.constant"]


def test_another_attempt_begins_anew() -> None:
    book = Book()
    book.answer(progress(transferred=9_000))
    book.request("migrate", uri="unix:/s")
    book.answer(progress(transferred=8_300))
    assert book.rules == []


def test_what_was_counted_is_kept_across_a_recovery_but_need_not_stand_still() -> None:
    book = Book()
    book.answer(progress(status="postcopy-paused", transferred=9_000))
    book.request("migrate", uri="unix:/s", resume=True)
    book.answer(progress(status="postcopy-paused", transferred=9_100))
    assert book.rules == []
    book.request("migrate", uri="unix:/s", resume=True)
    book.answer(progress(status="postcopy-active", transferred=9_099))
    assert book.rules == [LESS]
