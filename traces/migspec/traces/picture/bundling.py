"""Polling, put together: the same questions with the same answers, again and again, become one mark.

An *exchange* is a question with its answer as the next message of that VM. Exchanges that differ in nothing but
numbers are alike, and a client that asks for several things in turn repeats a round of up to four of them. Nothing
else is put together: not what moves the VM, not what the judge found fault with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from migspec.traces.picture.marks import Kind, Mark
from migspec.traces.picture.texts import likeness
from migspec.traces.picture.watching import Seen, State

LONGEST_ROUND: Final = 4
"""Questions that a client may ask in turn for its polling to be noticed."""

_Likeness = tuple[str, str, str]


class Exchange(NamedTuple):
    """A question and its answer."""

    asked: Mark
    answered: Mark


@dataclass(slots=True)
class Question:
    """One of the questions of a polling client: how often it was asked, with the first and the last exchange."""

    first: Exchange
    last: Exchange
    count: int = 1


@dataclass(slots=True)
class Polling:
    """Rounds of questions, from the first question to the last answer."""

    questions: dict[_Likeness, Question]
    first: Mark
    last: Mark

    @property
    def count(self) -> int:
        """How many exchanges there are."""
        return sum(question.count for question in self.questions.values())

    @property
    def seen(self) -> list[Seen]:
        """What the last answer tells."""
        return self.last.seen or self.last_question.seen

    @property
    def last_question(self) -> Mark:
        """The question that the last answer is to."""
        return next(q.last.asked for q in self.questions.values() if q.last.answered is self.last)


Kept = Mark | Polling
"""What is shown as one mark."""


class Bundler:
    """Puts the polling of one VM together; `apart` are lines that stay by themselves."""

    def __init__(self, apart: frozenset[int]) -> None:
        self._apart = apart
        self._state: State | None = None
        self._question: Mark | None = None
        self._round: deque[tuple[_Likeness, Exchange]] = deque()
        self._polling: Polling | None = None

    def add(self, mark: Mark) -> Iterator[Kept]:
        """Take the next mark, and give what is complete."""
        before, state = self._state, mark.state or self._state
        self._state = state
        question, self._question = self._question, None
        is_quiet = state == before and mark.line not in self._apart and not mark.steps
        if question is not None and is_quiet and mark.kind is Kind.REPLY and mark.asked == question.line:
            yield from self._exchange(Exchange(question, mark))
            return
        if question is not None:
            yield from self._flush()
            yield question
        if is_quiet and mark.kind is Kind.REQUEST and mark.title.startswith("query-"):
            self._question = mark
            return
        yield from self._flush()
        yield mark

    def finish(self) -> Iterator[Kept]:
        """Give the rest."""
        yield from self._flush()
        if self._question is not None:
            yield self._question

    def _exchange(self, exchange: Exchange) -> Iterator[Kept]:
        asked, answered = exchange
        alike = (asked.mon, likeness(asked.text), likeness(answered.text))
        if self._polling is not None:
            if self._join(self._polling, alike, exchange):
                return
            yield from self._flush()
        position = next((i for i, (known, _) in enumerate(self._round) if known == alike), None)
        if position is None:
            self._round.append((alike, exchange))
            if len(self._round) > LONGEST_ROUND:
                yield from self._round.popleft()[1]
            return
        for _ in range(position):
            yield from self._round.popleft()[1]
        questions = {known: Question(earlier, earlier) for known, earlier in self._round}
        self._polling = Polling(questions, self._round[0][1].asked, exchange.answered)
        self._round.clear()
        self._join(self._polling, alike, exchange)

    def _join(self, polling: Polling, alike: _Likeness, exchange: Exchange) -> bool:
        question = polling.questions.get(alike)
        if question is None:
            return False
        question.count += 1
        question.last = exchange
        polling.last = exchange.answered
        return True

    def _flush(self) -> Iterator[Kept]:
        if self._polling is not None:
            yield self._polling
            self._polling = None
        while self._round:
            yield from self._round.popleft()[1]
