"""Contracts: which case happens, that icontract looks at them in order, and that what a model does wrong is caught."""

from collections.abc import Callable
from dataclasses import replace

import icontract
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference_impl.plain import Bare, Plain, call, line
from tests.spec.states import READY, walks

from migspec.properties.strategies import DrawnRequest, sequences
from migspec.reference_impl.calls import Call, Failure, Reply, Return
from migspec.reference_impl.commands import METHODS
from migspec.reference_impl.contracts import (
    Broken,
    Method,
    NoAnswerError,
    Refused,
    applies,
    is_refusal,
    is_shown,
    outcome,
    owed_by,
    possible,
    refusal_of,
    refusals,
    settled,
)
from migspec.spec.commands import CONTRACTS, answers, envelope
from migspec.spec.contracts import Answer, Words
from migspec.spec.invariants import INVARIANTS
from migspec.spec.parameters import DEFAULTS, changes_of, judge_changes
from migspec.spec.requests import understand
from migspec.spec.rows import QEMU_5_2_0, SEED, Standing
from migspec.spec.rules import CASES
from migspec.spec.schema import ABSENT
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import VARIABLES, assign
from migspec.spec.vocabulary import ErrorClass

each_method = pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.command)

LETS = st.sets(st.sampled_from(sorted(CASES)), max_size=12).map(frozenset)
SESSIONS = st.sampled_from(VARIABLES["session"].values)
STATES = st.tuples(walks(), SESSIONS).map(lambda drawn: assign(drawn[0][-1], {"session": drawn[1]}))
"""States that a process can reach, seen from any monitor."""


def calls_of(drawn: list[DrawnRequest]) -> list[Call]:
    arguments = [request.message.get("arguments", ABSENT) for request in drawn]
    return [call(request.command, given) for request, given in zip(drawn, arguments, strict=True)]


HUMAN = st.sampled_from(
    ["migrate unix:/s", "migrate bad", "savevm s", "loadvm s", "info migrate", "stop", "migrate_set_parameter x 1"]
).map(line)
CALLS = st.builds(
    lambda drawn, human: [*calls_of(drawn), *human], sequences(SCHEMA, longest=4), st.lists(HUMAN, max_size=1)
)

few = settings(max_examples=40)
"""For what walks the relation first, which takes most of the time."""


def predicted(vm: Plain, asked: Call) -> Answer:
    """The answer that happens, found without `outcome`: the first that is certain or that the world lets."""
    request = asked.request
    every = list(answers(request, vm.state, QEMU_5_2_0))
    certain = None
    if request.perhaps_out_of_range:
        certain = judge_changes(changes_of(asked.command, asked.given()), vm.values).certain
    for answer in every:
        perhaps = [refusal.text for refusal in request.perhaps_out_of_range]
        if answer.case.id.endswith(".range") and not answer.case.final and perhaps:
            if certain is not None and answer.expect.words == Words(frozenset({certain.text})):
                return answer
        elif answer.case.final or answer.case.id in vm.lets:
            return answer
    return every[-1]


def fits(answer: Answer, reply: Reply) -> bool:
    if isinstance(reply, Failure):
        words = answer.expect.words
        return words is not None and words.admit(reply.text) and reply.error_class is answer.expect.error_class
    return answer.expect.words is None


# -- which case happens --


@few
@given(STATES, LETS, CALLS)
def test_replies_states_and_events_are_those_that_the_specification_predicts(
    state: int, lets: frozenset[str], asked: list[Call]
) -> None:
    vm = Plain(state, lets=lets)
    for each in asked:
        vm.owed = ()
        answer = predicted(vm, each)
        is_known = each.request.known or each.request.command in CONTRACTS or each.request.monitor_command
        reply = vm.execute(each)
        if not is_known and answer.case not in envelope.CONTRACT.cases:
            assert isinstance(reply, Failure)
            assert reply.text == f"The command {each.command} has not been found"
            continue
        if each.request.monitor_command and answer.case not in envelope.CONTRACT.cases:
            assert isinstance(reply, Return)
            assert reply.value == ("" if answer.expect.words is None else reply.value)
        else:
            assert fits(answer, reply), answer.case.id
        assert vm.state & answer.state == vm.state
        owed = (*answer.case.leaves, *answer.emits)
        told = [item for item in owed if vm.value("cap.events") == "yes" or not item.startswith("MIGRATION")]
        assert vm.owed == tuple(item.removeprefix("!") for item in told)


@few
@given(STATES, LETS, CALLS, st.sampled_from([QEMU_5_2_0, SEED]))
def test_with_contracts_and_without_the_same_happens(
    state: int, lets: frozenset[str], asked: list[Call], profile: str
) -> None:
    checked, bare = Plain(state, lets=lets, profile=profile), Bare(state, lets=lets, profile=profile)
    for each in asked:
        assert checked.execute(each) == bare.execute(each)
        assert (checked.state, checked.owed, checked.values) == (bare.state, bare.owed, bare.values)


def test_a_case_that_is_open_happens_if_the_world_decides_so() -> None:
    asked = call("cont")
    assert outcome(Plain(READY), asked).case.id == "cont.no-effect"
    assert outcome(Plain(READY, lets=frozenset({"cont.dump"})), asked).case.id == "cont.dump"


def test_of_alternatives_the_last_happens_if_no_other_does() -> None:
    asked = call("device_del", {"id": "d"})
    migrating = assign(READY, {"outgoing": "colo", "stage": "colo-running", "colo-thread": "yes"})
    assert outcome(Plain(migrating), asked).case.id == "device_del.accepted"
    hidden = call("device_add", {"driver": "d"})
    assert outcome(Plain(migrating), hidden).case.id == "device_add.refused"
    assert Plain(migrating).execute(hidden) == Failure("'d' is not a valid device model name")


def test_the_world_is_asked_of_nothing_that_is_certain() -> None:
    vm = Plain(READY)
    vm.execute(call("query-migrate"))
    vm.execute(call("migrate-pause"))
    assert vm.asked == []


@pytest.mark.parametrize(
    ("initial", "most", "text"),
    [
        (20, 19, "Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99"),
        (20, 20, None),
        (50, 49, "Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99"),
    ],
)
def test_a_check_against_a_value_in_force(initial: int, most: int, text: str | None) -> None:
    for vm in (Plain(READY), Bare(READY)):
        assert vm.execute(call("migrate-set-parameters", {"cpu-throttle-initial": initial})) == Return({})
        reply = vm.execute(call("migrate-set-parameters", {"max-cpu-throttle": most}))
        assert reply == (Failure(text) if text else Return({}))


def test_a_state_that_no_process_can_be_in_has_no_answer() -> None:
    impossible = READY & ~VARIABLES["run"].field
    asked = call("stop")
    with pytest.raises(NoAnswerError) as caught:
        Bare(impossible).execute(asked)
    assert caught.value.request is asked.request
    assert caught.value.state == impossible


def test_equal_requests_are_looked_up_once() -> None:
    possible.cache_clear()
    for _ in range(5):
        outcome(Plain(READY), call("query-migrate"))
    assert possible.cache_info().misses == 1


# -- the written profile --


def test_the_written_profile_takes_no_defect_where_there_is_another_way() -> None:
    ended = assign(READY, {"outgoing": "completed", "stage": "cleaning", "run": "postmigrate", "disks-gone": "yes"})
    asked = call("migrate", {"uri": "unix:/s"}).request
    ids = {profile: [a.case.id for a in possible(asked, ended, profile)] for profile in (QEMU_5_2_0, SEED)}
    assert [id_ for id_ in ids[QEMU_5_2_0] if id_ not in ids[SEED]] == ["migrate.too-early"]
    assert ids[SEED][-1] == "migrate.accepted"


def test_the_written_profile_takes_a_defect_that_nobody_has_another_way_for() -> None:
    asked = call("migrate-set-parameters", {"tls-authz": None})
    (answer,) = possible(asked.request, READY, SEED)
    assert answer.case.standing is Standing.DEFECT
    vm = Plain(READY, profile=SEED)
    vm.execute(asked)
    assert vm.value("life") == "aborted"


# -- the texts --


@few
@given(STATES, CALLS)
def test_the_text_of_every_error_is_one_that_the_specification_admits(state: int, asked: list[Call]) -> None:
    for each in asked:
        for answer in possible(each.request, state, QEMU_5_2_0):
            if answer.expect.words is not None:
                assert answer.expect.words.admit(refusal_of(answer, each).text), answer.case.id


def test_of_several_texts_the_one_about_the_first_argument_is_taken() -> None:
    for names in (("here", "there"), ("there", "here")):
        reply = Plain(READY).execute(call("stop", dict.fromkeys(names, 1)))
        assert reply == Failure(f"Parameter '{names[0]}' is unexpected")


# -- the order --


@each_method
def test_preconditions_stand_in_the_order_of_the_specification(method: Method) -> None:
    (group,) = vars(method.guarded)["__contract__"].__preconditions__
    contract = CONTRACTS.get(method.command)
    cases = [*envelope.CONTRACT.cases, *(contract.cases if contract else ())]
    listed = [f"{case.id}: {case.sentence}" for case in cases if is_refusal(case)]
    assert [precondition.description for precondition in group][: len(listed)] == listed
    assert len(group) == len(list(refusals(method.command)))


def test_icontract_evaluates_first_what_was_applied_first() -> None:
    seen = []

    def noting(name: str) -> Callable[[int], bool]:
        def condition(x: int) -> bool:
            seen.append(name)
            return x > 0

        return condition

    def function(x: int) -> int:
        return x

    for name in ("first", "second", "third"):
        function = icontract.require(noting(name), error=ValueError)(function)
    assert function(1) == 1
    assert seen == ["first", "second", "third"]
    with pytest.raises(ValueError, match="x was 0"):
        function(0)
    assert seen[3:] == ["first"]


@few
@given(STATES, CALLS)
def test_of_the_refusals_that_apply_the_first_is_raised(state: int, asked: list[Call]) -> None:
    vm = Plain(state)
    for each in asked:
        final = (case for case in refusals(each.request.command) if case.final)
        first = next((case for case in final if applies(case, each.request, vm.state, QEMU_5_2_0)), None)
        method = next((m for m in METHODS.values() if m.command == each.request.command), None)
        if method is None or first is None or each.request.perhaps_out_of_range:
            continue
        before = vm.state
        with pytest.raises(Refused) as caught:
            method.guarded(vm, each)
        assert caught.value.case is first or not caught.value.case.final
        assert vm.state == before


@each_method
def test_every_precondition_raises_the_error_of_its_case(method: Method) -> None:
    (group,) = vars(method.guarded)["__contract__"].__preconditions__
    for case, precondition in zip(refusals(method.command), group, strict=True):
        assert precondition.description == f"{case.id}: {case.sentence}"
        assert precondition.error_args == ["self", "call"]


# -- what is done wrong is caught --


class Wrong(Plain):
    """Carries a call out, and then spoils something."""

    def __init__(self, state: int, spoil: Callable[["Wrong", Return], Return]) -> None:
        super().__init__(state)
        self.spoil = spoil

    def carry_out(self, call: Call) -> Return:
        return self.spoil(self, super().carry_out(call))

    def put(self, **values: str) -> None:
        self._state = assign(self._state, values)


class BareWrong(Wrong, contracts=False):
    """The same, unnoticed."""


def wrong_state(vm: Wrong, result: Return) -> Return:
    vm.put(run="paused")
    return result


def wrong_reply(_vm: Wrong, _result: Return) -> Return:
    return Return({"status": "sleeping"})


def missing_event(vm: Wrong, result: Return) -> Return:
    vm.owed = vm.owed[:-1]
    return result


def other_event(vm: Wrong, result: Return) -> Return:
    vm.owed = (*vm.owed, "STOP")
    return result


def wrong_values(vm: Wrong, result: Return) -> Return:
    vm.values = {**DEFAULTS, "multifd-channels": 0}
    return result


MIGRATE = call("migrate", {"uri": "unix:/s"})


@pytest.mark.parametrize(
    ("spoil", "asked", "rule", "promise"),
    [
        (wrong_state, MIGRATE, "migrate.accepted", "state"),
        (wrong_state, call("query-status"), "query-status.answered", "state"),
        (wrong_reply, call("query-status"), "query-status.answered", "reply"),
        (wrong_reply, call("stop"), "stop.running", "reply"),
        (wrong_reply, line("stop"), "stop.running", "reply"),
        (missing_event, MIGRATE, "migrate.accepted", "events"),
        (missing_event, call("stop"), "stop.running", "events"),
        (other_event, MIGRATE, "migrate.accepted", "events"),
        (other_event, call("query-migrate"), "query-migrate.answered", "events"),
        (wrong_values, call("migrate_cancel"), "values.checked", "values that pass"),
    ],
)
def test_a_promise_that_is_not_kept_is_noticed(
    spoil: Callable[[Wrong, Return], Return], asked: Call, rule: str, promise: str
) -> None:
    with pytest.raises(Broken) as caught:
        Wrong(READY, spoil).execute(asked)
    assert (caught.value.rule, caught.value.promise) == (rule, promise)
    assert isinstance(BareWrong(READY, spoil).execute(asked), Return)


def test_an_error_that_is_not_answered_is_noticed() -> None:
    class Silent(Plain):
        def carry_out(self, call: Call) -> Return:
            answer = settled(self, call)
            self._state, self.owed = answer.state, owed_by(answer)
            return Return({})

    with pytest.raises(Broken) as caught:
        Silent(READY).execute(call("migrate", {"uri": "bad"}))
    assert (caught.value.rule, caught.value.promise) == ("migrate.uri.scheme", "reply")


def test_an_error_in_the_wrong_words_is_noticed() -> None:
    class Rude(Plain):
        def carry_out(self, call: Call) -> Return:
            try:
                return super().carry_out(call)
            except Refused as refused:
                raise Refused(refused.case, replace(refused.failure, text="No.")) from refused

    with pytest.raises(Broken) as caught:
        Rude(READY).execute(call("migrate", {"uri": "bad"}))
    assert caught.value.found == Failure("No.")


def test_a_refusal_that_changes_something_is_noticed() -> None:
    class Restless(Plain):
        def refusal(self, answer: Answer, call: Call) -> Failure:
            self.owed += ("STOP",)
            return super().refusal(answer, call)

    with pytest.raises(Broken) as caught:
        Restless(READY).execute(call("migrate-pause"))
    assert caught.value.promise == "nothing changed"


def test_what_always_holds_is_looked_at_before_and_after() -> None:
    astray = assign(READY, {"stage": "held"})
    for spoilt in (
        Plain(astray),
        Plain(READY & ~VARIABLES["run"].field),
        Plain(assign(READY, {"run": ("paused", "running")})),
    ):
        with pytest.raises(Broken) as caught:
            spoilt.execute(call("query-migrate"))
        assert caught.value.rule in ("outgoing.none.stage", "state.known")

    class Falling(Plain):
        def resolve(self, state: int, call: Call) -> int:
            return assign(super().resolve(state, call), {"stage": "held"})

    falling = Falling(assign(READY, {"run": "paused"}), lets=frozenset({"savevm.stopped"}))
    with pytest.raises(Broken) as caught:
        falling.execute(line("savevm s"))
    assert caught.value.rule == "outgoing.completed.stage"


def test_every_invariant_is_one_of_the_class() -> None:
    listed = [contract.description for contract in vars(Plain)["__invariants__"]]
    assert listed[-len(INVARIANTS) :] == [f"{invariant.id}: {invariant.sentence}" for invariant in INVARIANTS]
    assert "__invariants__" not in vars(Bare)


# -- calls within calls --


def test_a_call_within_a_call_is_refused_as_any_other() -> None:
    class Inner(Plain):
        def carry_out(self, call: Call) -> Return:
            carried_out.append(call)
            return super().carry_out(call)

    carried_out: list[Call] = []
    replies: list[Reply] = []
    inner = Inner(assign(READY, {"run": "internal-error"}))

    class Outer(Plain):
        def carry_out(self, call: Call) -> Return:
            replies.append(inner.execute(call))
            return super().carry_out(call)

    assert Outer(READY).execute(call("cont")) == Return({})
    assert replies == [Failure("Resetting the Virtual Machine is required", ErrorClass.GENERIC_ERROR)]
    assert carried_out == []


def test_cases_of_other_profiles_are_not_shown() -> None:
    case = replace(envelope.PASSES, profiles=frozenset({SEED}))
    assert not is_shown(case, QEMU_5_2_0)
    defect = next(
        case for contract in CONTRACTS.values() for case in contract.cases if case.standing is Standing.DEFECT
    )
    assert is_shown(defect, QEMU_5_2_0)
    assert not is_shown(defect, SEED)
    assert not applies(defect, understand("migrate", ABSENT, SCHEMA), READY, SEED)
