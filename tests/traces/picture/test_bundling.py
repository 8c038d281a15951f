"""Polling is put together, and nothing is lost by it."""

import json
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from migspec.traces.picture.bundling import Bundler, Kept, Polling
from migspec.traces.picture.marks import Mark, Reader

EXCHANGES = {
    "status": ("query-status", {"status": "running"}),
    "active": ("query-migrate", {"status": "active", "ram": {"remaining": 7}}),
    "completed": ("query-migrate", {"status": "completed"}),
    "stop": ("stop", {}),
    "names": ("query-name", {"name": "vm"}),
}


def marks_of(words: Iterable[str]) -> list[Mark]:
    """Marks for exchanges by their names, and for an event by any other word."""
    reader, lines = Reader(), iter(range(1, 10_000))
    marks: list[Mark] = []
    for word in words:
        if word in EXCHANGES:
            command, returned = EXCHANGES[word]
            messages = [("->", {"execute": command, "id": len(marks)}), ("<-", {"return": returned, "id": len(marks)})]
        else:
            messages = [("<-", {"event": word})]
        for direction, message in messages:
            line = json.dumps({"vm": "a", "dir": direction, "msg": message}).encode()
            mark = reader.mark(next(lines), line)
            assert mark is not None
            marks.append(mark)
    return marks


def bundled(marks: Iterable[Mark], apart: frozenset[int] = frozenset()) -> list[Kept]:
    bundler = Bundler(apart)
    return [kept for mark in marks for kept in bundler.add(mark)] + list(bundler.finish())


def shapes(kept: Iterable[Kept]) -> list[str | int]:
    return [each.count if isinstance(each, Polling) else each.title for each in kept]


WORDS = st.lists(st.sampled_from([*EXCHANGES, "STOP", "RESUME"]), max_size=16)


@given(WORDS)
def test_every_message_is_in_one_mark_and_in_order(words: list[str]) -> None:
    marks = marks_of(words)
    kept = bundled(marks)
    assert sum(2 * each.count if isinstance(each, Polling) else 1 for each in kept) == len(marks)
    ends = [(k.first.line, k.last.line) if isinstance(k, Polling) else (k.line, k.line) for k in kept]
    assert [line for pair in ends for line in pair] == sorted(line for pair in ends for line in pair)


@given(WORDS)
def test_only_questions_that_repeat_themselves_are_put_together(words: list[str]) -> None:
    for each in bundled(marks_of(words)):
        if isinstance(each, Polling):
            assert each.count > len(each.questions) or each.count >= 2
            titles = {question.first.asked.title for question in each.questions.values()}
            assert "stop" not in titles


def test_the_same_question_again_and_again_is_one_mark() -> None:
    (kept,) = bundled(marks_of(["active"] * 9))
    assert isinstance(kept, Polling)
    (question,) = kept.questions.values()
    assert (kept.count, kept.first.line, kept.last.line) == (9, 1, 18)
    assert (question.first.answered.line, question.last.asked.line) == (2, 17)


def test_a_round_of_questions_is_one_mark() -> None:
    assert shapes(bundled(marks_of(["status", "active", "names"] * 4))) == [12]


def test_another_answer_begins_another_mark() -> None:
    assert shapes(bundled(marks_of(["active"] * 3 + ["completed"] * 2))) == [3, 2]


def test_an_event_comes_between() -> None:
    assert shapes(bundled(marks_of(["active", "active", "STOP", "active", "active"]))) == [2, "STOP", 2]


def test_what_is_asked_once_stays_two_marks() -> None:
    assert shapes(bundled(marks_of(["status", "active"]))) == ["query-status"] * 2 + ["query-migrate"] * 2


def test_what_the_judge_found_fault_with_stays_apart() -> None:
    kept = bundled(marks_of(["active"] * 6), apart=frozenset({6}))
    assert shapes(kept) == [2, "query-migrate", "query-migrate", 3]
