"""The form of a command's contract, and its evaluation.

A contract is an ordered list of *cases*. A case that is a refusal excludes all cases after it wherever
its condition holds; the first that applies answers. The cases after the last refusal are alternatives:
which of them happens depends on what the specification does not decide (a race, the host, a name
lookup). A case says what changes, which events come before the reply, and what the reply is.

The same cases are conditions and outcomes for a model that knows its state and for a checker that knows it in
part: a half-known state is split over the cases that it allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from migspec.spec.conditions import ALWAYS, Condition
from migspec.spec.requests import Request
from migspec.spec.rows import QEMU_5_2_0, SEED, Standing, Thread, sent_by
from migspec.spec.state import VARIABLES, assign
from migspec.spec.vocabulary import ErrorClass


@dataclass(frozen=True, slots=True)
class Words:
    """The texts that an error may have.

    A text is meant if it is one of `exact`, has one of `beginnings`, or, without being one of `except_for`, contains
    `containing`; or whatever else it is, with `anything`.
    """

    exact: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()
    anything: bool = False
    except_for: frozenset[str] = frozenset()
    containing: str = ""

    def admit(self, text: str) -> bool:
        """Whether an error with the description `text` is meant."""
        if text in self.exact or text.startswith(self.beginnings or ("\0",)):
            return True
        if self.anything:
            return text not in self.except_for
        return bool(self.containing) and self.containing in text and text not in self.except_for

    def __str__(self) -> str:
        parts = [f"“{text}”" for text in sorted(self.exact)] + [f"“{text}…”" for text in self.beginnings]
        if self.containing:
            parts.append(f"a text with “{self.containing}”")
        if self.anything:
            parts.append("any text")
        return " or ".join(parts)


@dataclass(frozen=True, slots=True)
class Expect:
    """What the reply of an executed command must be.

    `rule` is the id of the case that says so. With `words` the reply is an error of `error_class` with such
    a text. `query` names the query whose answer depends on `seen`, the part of the state at the time of the
    execution; with `torn` it tells of another status than it shows, see `migspec.spec.commands.queries`.
    With `loose` a success may return anything, without it and without `query` an empty object.
    """

    rule: str
    error_class: ErrorClass | None = None
    words: Words | None = None
    query: str = ""
    seen: int = 0
    loose: bool = False
    torn: str = ""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # as with requests, the parts are hashed once
        object.__setattr__(self, "_hash", hash((self.rule, self.words, self.query, self.seen, self.torn)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def is_error(self) -> bool:
        """Whether the command is refused."""
        return self.words is not None

    def __str__(self) -> str:
        if self.words is not None:
            return f"error {self.error_class.value if self.error_class else 'of any class'}: {self.words}"
        return f"the answer to {self.query}" if self.query else "success"


Asks = Callable[[Request], bool]
When = Condition | Callable[[Request], Condition]
Then = Mapping[str, str | tuple[str, ...]] | Callable[[Request], Mapping[str, str | tuple[str, ...]]]
Texts = Words | Callable[[Request, int], Words]


def _every(_request: Request) -> bool:
    return True


@dataclass(frozen=True)
class Case:
    """One way in which a command may go.

    It applies to the requests that `asks` picks, in the states of `when`, and changes what `then` says, a
    choice where the outcome is open. `emits` are the events owed before the reply, and `leaves` those left to
    the migration thread, in the notation of `migspec.spec.rows.Row`. With `words` the reply is an error of
    `error_class`, without it a success, of any content with `loose`; without `replies` the process ends before
    it sends any. A `final` case excludes all cases after it wherever it applies. `split_on` names a variable
    whose value decides the texts. The rest says what the case is founded on: `clause` is the part of the schema,
    `evidence` what was recorded of it.
    """

    id: str
    sentence: str
    asks: Asks = _every
    when: When = ALWAYS
    then: Then = field(default_factory=dict)
    emits: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    words: Texts | None = None
    error_class: ErrorClass = ErrorClass.GENERIC_ERROR
    final: bool = False
    loose: bool = False
    replies: bool = True
    split_on: str = ""
    standing: Standing = Standing.OBSERVED
    profiles: frozenset[str] = frozenset({QEMU_5_2_0})
    clause: str = ""
    evidence: str = ""

    @property
    def sends(self) -> tuple[tuple[Thread, str], ...]:
        """Every event that is shown for the case, with the thread that sends it when the main loop executes it."""
        return sent_by(Thread.MIGRATION, self.leaves) + sent_by(Thread.MAIN, self.emits)

    @property
    def events(self) -> tuple[str, ...]:
        """Every event that is shown for the case, whoever sends it."""
        return tuple(event for _, event in self.sends)

    def condition(self, request: Request) -> Condition:
        """The condition on the state under which the case applies to `request`."""
        return self.when(request) if callable(self.when) else self.when

    def effect(self, request: Request) -> Mapping[str, str | tuple[str, ...]]:
        """What the case changes."""
        return self.then(request) if callable(self.then) else self.then

    def expect(self, request: Request, state: int) -> Expect:
        """What the reply must be when the case applies in `state`."""
        if self.words is None:
            return Expect(self.id, loose=self.loose)
        words = self.words(request, state) if callable(self.words) else self.words
        return Expect(self.id, self.error_class, words)


def is_choosy(case: Case) -> bool:
    """Whether a case looks at what is asked, and does not apply to every request."""
    return case.asks is not _every


def refusal(
    rule: str,
    sentence: str,
    text: str | Texts,
    *,
    asks: Asks = _every,
    when: When = ALWAYS,
    final: bool = True,
    error_class: ErrorClass = ErrorClass.GENERIC_ERROR,
    split_on: str = "",
    profiles: Iterable[str] = (QEMU_5_2_0,),
    standing: Standing = Standing.OBSERVED,
    clause: str = "",
    evidence: str = "",
) -> Case:
    """A case that answers with an error and changes nothing.

    With `final` false it is possible where it applies, but not certain.
    """
    words = Words(frozenset({text})) if isinstance(text, str) else text
    return Case(
        rule,
        sentence,
        asks,
        when,
        words=words,
        error_class=error_class,
        final=final,
        split_on=split_on,
        profiles=frozenset(profiles),
        standing=standing,
        clause=clause,
        evidence=evidence,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible execution of a command.

    `case` is the case that applied, `state` the state after it, `emits` the events owed before the reply,
    and `expect` what the reply must be.
    """

    case: Case
    state: int
    emits: tuple[str, ...]
    expect: Expect


@dataclass(frozen=True)
class Contract:
    """All cases of one command, in order.

    With `query` the answers of successes depend on the state. A contract is `aside` if its cases look at and change
    only variables that have nothing to do with any migration, and announce nothing: it may be executed at any time.
    """

    command: str
    cases: tuple[Case, ...]
    query: str = ""
    aside: bool = False

    def answers(self, request: Request, state: int, profile: str) -> Iterator[Answer]:
        """Every way in which `request` may go in `state`, first refusal first."""
        states = [state]
        for case in self._of(profile):
            if not case.asks(request):
                continue
            condition = case.condition(request)
            for before in states:
                for assumed in condition.assume(before):
                    yield from self._apply(case, request, assumed)
            if case.final:
                otherwise = ~condition
                states = list(dict.fromkeys(after for s in states for after in otherwise.assume(s)))
                if not states:
                    return

    def _of(self, profile: str) -> tuple[Case, ...]:
        return self._by_profile.get(profile, ())

    @cached_property
    def _by_profile(self) -> Mapping[str, tuple[Case, ...]]:
        return {p: tuple(c for c in self.cases if p in c.profiles) for p in (SEED, QEMU_5_2_0)}

    def _apply(self, case: Case, request: Request, state: int) -> Iterator[Answer]:
        for part in _split(state, case.split_on):
            after = assign(part, case.effect(request))
            expect = case.expect(request, part)
            if self.query and not expect.is_error:
                expect = Expect(case.id, query=self.query, seen=part & SEEN)
            yield Answer(case, after, case.emits, expect)


def _split(state: int, name: str) -> Iterator[int]:
    """`state` once for each value that the named variable may have."""
    if not name:
        yield state
        return
    variable = VARIABLES[name]
    for value in variable.of(state):
        yield state & ~variable.field | variable.bits((value,))


SEEN: int = sum(
    VARIABLES[name].field
    for name in (
        "outgoing",
        "incoming",
        "load",
        "run",
        "error-known",
        "stage",
        "cap.block",
        "block-incremental",
        "colo-failover",
        "colo-last",
        "dirty-rate",
    )
)
"""The variables that a query shows and that another thread may change before its reply is sent."""
