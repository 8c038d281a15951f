"""The contract of a command of the specification as an icontract contract on the method that executes it.

The specification lists the cases of a command; `outcome` is the one that happens.  A refusal becomes an
`icontract.require` of the method, with the error of the wire as its `error`; what the case promises of the reply, of
the state after it and of the events that it owes become `icontract.ensure`s.

icontract evaluates stacked preconditions innermost first, that is in the order in which the decorators are *applied*.
They are applied in the order of the specification, the common checks of the envelope first, so the refusal that is
raised is the first one that applies.  Final refusals are evaluated by themselves, from the specification's own
predicates; of one that may happen or not the outcome tells, for it has asked the world.

Contracts cost time, so they can be switched off: where the environment has ``MIGSPEC_CONTRACTS=off``, or for a class by
itself (`migspec.reference_impl.commands.Commands`).  The same refusals are given then, from the outcome alone.

The schema's text promises next to nothing of a command, so a process of the written profile keeps the contracts of the
release that the schema belongs to, less what the specification calls a known defect.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, reduce, wraps
from types import MethodType
from typing import Any, Final, Self, TypeVar, overload

import icontract

from migspec.reference_impl.answers.words import UNDEFINED, text_of
from migspec.reference_impl.calls import Call, Failure, Reply, Return
from migspec.spec.commands import CONTRACTS, answers, envelope, machine
from migspec.spec.commands.queries import contradictions
from migspec.spec.commands.settings import range_rule
from migspec.spec.contracts import Answer, Case
from migspec.spec.invariants import INVARIANTS, Invariant, broken, is_known, unknown
from migspec.spec.parameters import Value, changes_of, judge_changes
from migspec.spec.profiles import PROFILES
from migspec.spec.requests import Request
from migspec.spec.rows import QEMU_5_2_0, SEED, Standing
from migspec.spec.rules import RULES
from migspec.spec.schema.validate import validate_reply
from migspec.spec.state import VARIABLES, describe
from migspec.spec.steps import announced
from migspec.spec.vocabulary import ErrorClass

ENABLED: Final = os.environ.get("MIGSPEC_CONTRACTS", "on") != "off"
"""Whether contracts are checked where a class does not say."""

_CACHED: Final = 4096


class Refused(icontract.ViolationError):
    """A command is refused by `case`, a precondition that the call does not keep; `failure` is what answers it."""

    def __init__(self, case: Case, failure: Failure) -> None:
        super().__init__(f"{case.id}: {failure.text}")
        self.case = case
        self.failure = failure


class Broken(icontract.ViolationError):
    """The model has not kept a promise: `rule` is what makes it, `expected` what it promises, `found` what there is."""

    def __init__(self, rule: str, promise: str, expected: object, found: object) -> None:
        super().__init__(f"{rule}: {promise} expected {expected}, found {found}")
        self.rule = rule
        self.promise = promise
        self.expected = expected
        self.found = found


class NoAnswerError(Exception):
    """The specification has no answer to `request` in `state`: one that no process can be in."""

    def __init__(self, request: Request, state: int) -> None:
        super().__init__(f"no case applies to {request.command} in this state")
        self.request = request
        self.state = state


class Subject(ABC):
    """What a contract looks at: a modelled process whose monitor has a call to be executed.

    `profile` is the profile that it answers to, `values` are the parameters in force.
    """

    profile: str
    values: Mapping[str, Value]

    @property
    @abstractmethod
    def state(self) -> int:
        """The fully known state; its variable `session` is that of the monitor whose call is executed."""

    @abstractmethod
    def decides(self, case: Case, call: Call) -> bool:
        """Whether the world lets a case happen whose happening the specification leaves open.

        It is asked before the call is executed, and must give the same answer until then.
        """

    @abstractmethod
    def resolve(self, state: int, call: Call) -> int:
        """`state`, of which a case has left some variable open, with everything decided."""

    @abstractmethod
    def carry_out(self, call: Call) -> Return:
        """Execute a call that is not refused: take its `outcome` as a step, and return what it answers.

        Raises `Refused` where the outcome is an error that has effects, such as an attempt that fails for its address.
        """

    @abstractmethod
    def owed_for(self, call: Call) -> tuple[str, ...]:
        """What the thread that executes a call owes, in order: events, and changes as `=variable:value`; no replies."""

    def refusal(self, answer: Answer, call: Call) -> Failure:
        """The error of an answer that is one, in words that the world may complete."""
        return refusal_of(answer, call)


S = TypeVar("S", bound=Subject)


# --- which case happens


@lru_cache(maxsize=_CACHED)
def possible(request: Request, state: int, profile: str) -> tuple[Answer, ...]:
    """Every answer that a request may have in a fully known state, in the order of the specification."""
    every = tuple(answers(request, state, QEMU_5_2_0))
    shown = tuple(answer for answer in every if is_shown(answer.case, profile))
    # where there is nothing but a defect, nobody has said what should be instead
    return shown or every


def is_shown(case: Case, profile: str) -> bool:
    """Whether a process of this profile may go the way of a case."""
    return QEMU_5_2_0 in case.profiles and (profile != SEED or case.standing is not Standing.DEFECT)


def outcome(subject: Subject, call: Call) -> Answer:
    """The one answer of the specification that happens; its state may have variables that are yet to be resolved.

    The cases are gone through in order.  A final one happens where it applies, any other if the world lets it, and the
    last one if no other has.  Raises `NoAnswerError` where there is none.
    """
    every = possible(call.request, subject.state, subject.profile)
    for answer in every[:-1]:
        if _happens(answer.case, subject, call):
            return answer
    if not every:
        raise NoAnswerError(call.request, subject.state)
    return every[-1]


def _happens(case: Case, subject: Subject, call: Call) -> bool:
    by_values = _by_values(case, call, subject.values) if call.request.perhaps_out_of_range else None
    return subject.decides(case, call) if by_values is None else by_values


def _by_values(case: Case, call: Call, values: Mapping[str, Value]) -> bool | None:
    """Whether a refusal that depends on the values in force happens; None if the case is no such refusal."""
    request = call.request
    if case.id not in {range_rule(request.command, refusal.parameter) for refusal in request.perhaps_out_of_range}:
        return None
    certain = judge_changes(changes_of(request.command, call.given()), values).certain
    return certain is not None and case.id == range_rule(request.command, certain.parameter)


def is_refusal(case: Case) -> bool:
    """Whether a case answers with an error and does nothing else."""
    return case.words is not None and not case.then and not case.emits


def refusal_of(answer: Answer, call: Call) -> Failure:
    """The error of an answer that is one, in words that the specification admits."""
    words = answer.expect.words
    text = text_of(words, rule=answer.case.id, state=answer.state, given=call.given()) if words else UNDEFINED
    return Failure(text, answer.expect.error_class or ErrorClass.GENERIC_ERROR)


# --- the contract as decorators

Function = Callable[..., Any]
Decorators = tuple[Callable[[Function], Function], ...]


def refusals(command: str) -> Iterator[Case]:
    """The refusals that a command may meet, in order: those of the envelope, then its own."""
    for contract in (envelope.CONTRACT, CONTRACTS.get(command, machine.OPEN)):
        yield from (case for case in contract.cases if is_refusal(case))


def applies(case: Case, request: Request, state: int, profile: str) -> bool:
    """Whether a case is possible in a fully known state, whatever the cases before it."""
    return is_shown(case, profile) and case.asks(request) and case.condition(request).holds(state)


def requirement(case: Case) -> icontract.require:
    """The precondition that a refusal does not happen; where it does, `Refused` is raised."""

    def does_not_apply(self: Subject, call: Call) -> bool:
        return not applies(case, call.request, self.state, self.profile)

    def does_not_happen(answer: Answer) -> bool:
        return answer.case is not case

    def refused(self: Subject, call: Call) -> Refused:
        told = Answer(case, self.state, (), case.expect(call.request, self.state))
        return Refused(case, self.refusal(told, call))

    condition = does_not_apply if case.final else does_not_happen
    return icontract.require(condition, description=f"{case.id}: {case.sentence}", error=refused)


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before a call was executed: the state, and what was owed."""

    state: int
    owed: tuple[str, ...]


def _has_form(self: Subject, call: Call, answer: Answer, result: Reply) -> bool:
    return fault_of(self, call, answer, result) is None


def _formless(self: Subject, call: Call, answer: Answer, result: Reply) -> Broken:
    return Broken(answer.case.id, "reply", answer.expect, fault_of(self, call, answer, result))


def _leaves_state(self: Subject, answer: Answer) -> bool:
    return self.state == answer.state


def _strayed(self: Subject, answer: Answer) -> Broken:
    return Broken(answer.case.id, "state", *differences(answer.state, self.state))


def _owes_events(self: Subject, call: Call, answer: Answer, before: Before) -> bool:
    return self.owed_for(call) == (*before.owed, *owed_by(answer))


def _owes_others(self: Subject, call: Call, answer: Answer, before: Before) -> Broken:
    return Broken(answer.case.id, "events", (*before.owed, *owed_by(answer)), self.owed_for(call))


PROMISES: Final = (
    icontract.ensure(_has_form, description="The reply is of the form that the case promises.", error=_formless),
    icontract.ensure(_leaves_state, description="The state is the one that the case leaves.", error=_strayed),
    icontract.ensure(_owes_events, description="The events are those of the case, in order.", error=_owes_others),
)
"""What every command promises when it is not refused."""


def owed_by(answer: Answer) -> tuple[str, ...]:
    """The events and deferred changes that are owed for an answer in its own, fully known state, whoever owes them."""
    told = (*answer.case.leaves, *answer.emits)
    return tuple(item for _, owed in announced(answer.state, told) for item in owed if isinstance(item, str))


def fault_of(subject: Subject, call: Call, answer: Answer, reply: Reply) -> object | None:
    """What a reply has that the answer does not promise; None if it is as it should be."""
    words = answer.expect.words
    if not answer.case.replies:
        return None
    if isinstance(reply, Failure):
        fits = words is not None and words.admit(reply.text) and reply.error_class is answer.expect.error_class
        return None if fits else reply
    if words is not None:
        return reply
    if call.request.monitor_command:
        return None if isinstance(reply.value, str) else reply
    schema = PROFILES[subject.profile].schema
    definition = schema.commands.get(call.request.command)
    if definition is None:
        return None
    for fault in validate_reply(reply.value, definition, schema):
        return fault
    told = contradictions(call.request.command, reply.value)
    return next((fault for fault in told if subject.profile in RULES[fault[0]].profiles), None)


def differences(expected: int, found: int) -> tuple[dict[str, str], dict[str, str]]:
    """The variables in which two states differ, with the values that they have in either."""
    names = [name for name, variable in VARIABLES.items() if (expected ^ found) & variable.field]
    return describe(expected, names), describe(found, names)


@dataclass(frozen=True, slots=True)
class Method:
    """A method that executes a command, in two ways that refuse the same.

    `guarded` is under the command's contract, `bare` is not.
    """

    command: str
    guarded: Function
    bare: Function
    __doc__: str | None

    @overload
    def __get__(self, subject: None, owner: type) -> Self: ...
    @overload
    def __get__(self, subject: Subject, owner: type) -> Callable[[Call], Return]: ...
    def __get__(self, subject: Subject | None, owner: type) -> Self | Callable[[Call], Return]:
        return self if subject is None else MethodType(self.guarded, subject)


def under_contract(command: str) -> Callable[[Callable[[S, Call], Return]], Method]:
    """Put the method that executes a command under the command's contract.

    The method is called with a call and returns what the command answers.  It raises `Refused` where a case of the
    contract refuses the call, and, under contract, `Broken` where the model has not done what the case promises.
    """

    def decorate(body: Callable[[S, Call], Return]) -> Method:
        def executed(self: S, call: Call, answer: Answer, before: Before) -> Reply:
            # icontract checks nothing in a call of the same method within a call, be it of another process
            if is_refusal(answer.case):
                raise Refused(answer.case, self.refusal(answer, call))
            try:
                return body(self, call)
            except Refused as refused:
                return refused.failure

        # the first that is applied is the first that is evaluated
        stack: Decorators = (*map(requirement, refusals(command)), *PROMISES)
        checked: Function = reduce(lambda function, decorator: decorator(function), stack, executed)

        @wraps(body)
        def guarded(self: S, call: Call) -> Return:
            answer = settled(self, call)
            before = Before(self.state, self.owed_for(call))
            try:
                reply = checked(self, call, answer, before)
            except Refused as refused:
                after = Before(self.state, self.owed_for(call))
                if after != before:
                    raise Broken(refused.case.id, "nothing changed", before, after) from refused
                raise
            return _returned(answer, reply)

        @wraps(body)
        def bare(self: S, call: Call) -> Return:
            answer = outcome(self, call)
            if is_refusal(answer.case):
                raise Refused(answer.case, self.refusal(answer, call))
            return body(self, call)

        guarded.__dict__["__contract__"] = checked
        return Method(command, guarded, bare, body.__doc__)

    return decorate


def _returned(answer: Answer, reply: Reply) -> Return:
    if isinstance(reply, Failure):
        raise Refused(answer.case, reply)
    return reply


def settled(subject: Subject, call: Call) -> Answer:
    """The outcome of a call, with what it leaves open resolved."""
    answer = outcome(subject, call)
    return answer if is_known(answer.state) else replace(answer, state=subject.resolve(answer.state, call))


# --- what always holds


def _invariant(invariant: Invariant) -> icontract.invariant:
    def holds(self: Subject) -> bool:
        return invariant not in broken(self.state)

    def violated(self: Subject) -> Broken:
        return Broken(invariant.id, invariant.sentence, invariant.then, describe(self.state, invariant.variables))

    return icontract.invariant(holds, description=f"{invariant.id}: {invariant.sentence}", error=violated)


def _knows_all(self: Subject) -> bool:
    return is_known(self.state)


def _unknown(self: Subject) -> Broken:
    return Broken("state.known", "one value each", "one value", describe(self.state, unknown(self.state)))


def _values_pass(self: Subject) -> bool:
    return fault_of_values(tuple(self.values.items())) is None


def _impossible_values(self: Subject) -> Broken:
    return Broken("values.checked", "values that pass", None, fault_of_values(tuple(self.values.items())))


@lru_cache(maxsize=_CACHED)
def fault_of_values(values: tuple[tuple[str, Value], ...]) -> str | None:
    """The text with which the parameters in force would be refused if they were new; None if they would not."""
    certain = judge_changes(dict(values), {}).certain
    return certain.text if certain else None


ALWAYS_TRUE: Final = (
    icontract.invariant(_knows_all, description="Every variable has exactly one value.", error=_unknown),
    icontract.invariant(_values_pass, description="Parameters in force pass their checks.", error=_impossible_values),
    *map(_invariant, INVARIANTS),
)
"""The class invariants of a modelled process."""


def invariably(methods: Mapping[str, Function]) -> tuple[Mapping[str, Function], Mapping[str, list[Any]]]:
    """Methods that check what always holds before and after, and the attributes that their class needs for that.

    icontract would guard all that is public in a class, however small; a process is looked at far more often than it
    is asked, so only these methods are.
    """
    template = reduce(lambda cls, decorator: decorator(cls), ALWAYS_TRUE, type("Template", (), dict(methods)))
    needed = {name: value for name, value in vars(template).items() if name.startswith("__invariants")}
    return {name: vars(template)[name] for name in methods}, needed
