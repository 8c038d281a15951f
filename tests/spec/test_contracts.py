"""The contracts: what each command answers in each status, in which words, and what it changes and announces."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import (
    READY,
    REQUESTS,
    Predicate,
    completions,
    conditions,
    known_states,
    partial_states,
    request,
    value,
    walks,
)

from migspec.properties.strategies import JSON, arguments_of
from migspec.spec.commands import CONTRACTS, answers, contract_of, written
from migspec.spec.conditions import Condition, where
from migspec.spec.contracts import SEEN, Answer, Case, Contract, Words, refusal
from migspec.spec.requests import Request
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema import Command
from migspec.spec.state import ANYTHING, VARIABLES, assign
from migspec.spec.vocabulary import ErrorClass, MigrationCapability, MigrationStatus

IN_PROGRESS = "There's a migration process in progress"
NOT_PAUSED = "Cannot resume if there is no paused migration"
NOT_STARTED = "Postcopy must be started after migration has been started"
NO_POSTCOPY = "Enable postcopy with migrate_set_capability before the start of migration"
NOT_IN_POSTCOPY = "migrate-pause is currently only supported during postcopy-active state"
NOT_RECOVERABLE = "Migrate recover can only be run when postcopy is paused."
NOT_IN_COLO = "The feature 'colo' is not enabled"

RUNNING = frozenset(
    {
        MigrationStatus.SETUP,
        MigrationStatus.WAIT_UNPLUG,
        MigrationStatus.ACTIVE,
        MigrationStatus.PRE_SWITCHOVER,
        MigrationStatus.DEVICE,
        MigrationStatus.POSTCOPY_ACTIVE,
        MigrationStatus.POSTCOPY_PAUSED,
        MigrationStatus.POSTCOPY_RECOVER,
        MigrationStatus.CANCELLING,
    }
)
"""The statuses of an outgoing migration in progress, written out once more on purpose."""


def given_answers(asked: Request, state: int) -> list[Answer]:
    return list(answers(asked, state, QEMU_5_2_0))


def texts(found: list[Answer]) -> set[str]:
    """The exact texts of the refusals."""
    return {text for answer in found if answer.expect.words for text in answer.expect.words.exact}


def succeeds(found: list[Answer]) -> bool:
    return any(not answer.expect.is_error for answer in found)


def assert_refused(asked: Request, state: int, text: str) -> None:
    """The one answer is an error with this text, and nothing changes or is announced."""
    (answer,) = given_answers(asked, state)
    assert answer.expect.error_class is ErrorClass.GENERIC_ERROR
    assert answer.expect.words == Words(frozenset({text}))
    assert answer.state == state
    assert answer.emits == ()


# -- the answer of every command in every outgoing status --

Expected = Mapping[str, str | None]
"""For each status the text of the refusal, None where the command succeeds."""


def everywhere(text: str | None, **exceptions: str | None) -> Expected:
    return {status: exceptions.get(status.name, text) for status in MigrationStatus}


GATED: Expected = {status: IN_PROGRESS if status in RUNNING else None for status in MigrationStatus}

MATRIX: Mapping[str, tuple[Request, Expected]] = {
    "migrate": (request("migrate", {"uri": "unix:/s"}), GATED),
    "migrate over a pipe": (request("migrate", {"uri": "exec:cat"}), GATED),
    "migrate to resume": (
        request("migrate", {"uri": "unix:/s", "resume": True}),
        everywhere(NOT_PAUSED, POSTCOPY_PAUSED=None),
    ),
    "migrate_cancel": (request("migrate_cancel"), everywhere(None)),
    **{
        f"migrate-continue {named}": (
            request("migrate-continue", {"state": named}),
            {
                status: None if status is named else f"Migration not in expected state: {status}"
                for status in MigrationStatus
            },
        )
        for named in MigrationStatus
    },
    "migrate-pause": (request("migrate-pause"), everywhere(NOT_IN_POSTCOPY, POSTCOPY_ACTIVE=None)),
    "migrate-recover": (request("migrate-recover", {"uri": "unix:/d"}), everywhere(NOT_RECOVERABLE)),
    "migrate-set-capabilities": (
        request("migrate-set-capabilities", {"capabilities": [{"capability": "xbzrle", "state": True}]}),
        GATED,
    ),
    "migrate-set-capabilities without any": (request("migrate-set-capabilities", {"capabilities": []}), GATED),
    "x-colo-lost-heartbeat": (request("x-colo-lost-heartbeat"), everywhere(NOT_IN_COLO, COLO=None)),
}

SETTINGS = ((), ("postcopy-ram",), ("dirty-bitmaps",), ("pause-before-switchover", "x-colo", "multifd"))


@pytest.mark.parametrize("on", SETTINGS, ids=lambda on: "+".join(on) or "plain")
@pytest.mark.parametrize("status", MigrationStatus)
@pytest.mark.parametrize("name", MATRIX)
def test_matrix(name: str, status: MigrationStatus, on: tuple[str, ...]) -> None:
    asked, expected = MATRIX[name]
    state = assign(READY, {"outgoing": status, **{f"cap.{capability}": "yes" for capability in on}})
    text = expected[status]
    if text is None:
        assert succeeds(given_answers(asked, state))
    else:
        assert_refused(asked, state, text)


@pytest.mark.parametrize("on", SETTINGS, ids=lambda on: "+".join(on) or "plain")
@pytest.mark.parametrize("status", MigrationStatus)
def test_start_postcopy_needs_a_capability_first_and_a_migration_then(
    status: MigrationStatus, on: tuple[str, ...]
) -> None:
    asked = request("migrate-start-postcopy")
    state = assign(READY, {"outgoing": status, **{f"cap.{capability}": "yes" for capability in on}})
    if not {"postcopy-ram", "dirty-bitmaps"} & set(on):
        assert_refused(asked, state, NO_POSTCOPY)
    elif status is MigrationStatus.NONE:
        assert_refused(asked, state, NOT_STARTED)
    else:
        (answer,) = given_answers(asked, state)
        assert not answer.expect.is_error
        assert value(answer.state, "switch-asked") == ("yes" if status in RUNNING else "no")


@pytest.mark.parametrize("status", MigrationStatus)
def test_cancel_announces_itself_while_a_migration_is_in_progress(status: MigrationStatus) -> None:
    found = given_answers(request("migrate_cancel"), assign(READY, {"outgoing": status}))
    after = {(value(answer.state, "outgoing"), answer.emits) for answer in found}
    assert after == {("cancelling", ("MIGRATION:cancelling",)) if status in RUNNING else (status, ())}


@pytest.mark.parametrize(
    ("stage", "ahead"), [("held", "MIGRATION:device"), ("postcopy-held", "MIGRATION:postcopy-active")]
)
def test_cancel_may_wake_the_thread_before_it_changes_the_status(stage: str, ahead: str) -> None:
    state = assign(READY, {"outgoing": "pre-switchover", "stage": stage})
    found = given_answers(request("migrate_cancel"), state)
    assert {(answer.case.leaves, answer.emits) for answer in found} == {
        ((), ("MIGRATION:cancelling",)),
        ((ahead,), ("MIGRATION:cancelling",)),
    }


# -- the incoming side, which most commands do not look at --


@pytest.mark.parametrize("status", ["none", "active", "postcopy-active", "postcopy-paused", "completed", "colo"])
def test_destination(status: str) -> None:
    waiting = assign(READY, {"incoming": status, "run": "inmigrate"})
    started = assign(waiting, {"run": "running"})
    migrate = request("migrate", {"uri": "unix:/s"})
    assert texts(given_answers(migrate, waiting)) >= {"Guest is waiting for an incoming migration"}
    assert not succeeds(given_answers(migrate, waiting))
    assert succeeds(given_answers(migrate, started))
    assert succeeds(given_answers(request("migrate_cancel"), waiting))
    assert succeeds(given_answers(request("migrate-continue", {"state": "none"}), waiting))
    assert succeeds(given_answers(request("migrate-pause"), started)) == (status == "postcopy-active")
    recover = request("migrate-recover", {"uri": "unix:/d"})
    assert succeeds(given_answers(recover, started)) == (status == "postcopy-paused")
    assert succeeds(given_answers(request("x-colo-lost-heartbeat"), started)) == (status == "colo")


INCOMING_URIS = {
    "defer": "Incoming migration already deferred",
    "foo:bar": "unknown migration protocol: foo:bar",
    "": "unknown migration protocol: ",
    "unix:": "invalid Unix socket address",
    "tcp:": "error parsing address ''",
}


@pytest.mark.parametrize("address", INCOMING_URIS)
def test_a_bad_address_is_refused_after_the_event_and_another_may_follow(address: str) -> None:
    state = assign(READY, {"defer": "yes", "load": "deferred", "run": "inmigrate"})
    (answer,) = given_answers(request("migrate-incoming", {"uri": address}), state)
    assert texts([answer]) == {INCOMING_URIS[address]}
    assert answer.emits == ("!MIGRATION:setup",)
    assert answer.state == state


def test_incoming_succeeds_once_and_only_after_defer() -> None:
    asked = request("migrate-incoming", {"uri": "exec:cat"})
    bad = request("migrate-incoming", {"uri": "bad"})
    assert_refused(asked, READY, "For use with '-incoming defer'")
    assert_refused(bad, READY, "For use with '-incoming defer'")
    deferred = assign(READY, {"defer": "yes", "load": "deferred", "run": "inmigrate"})
    (accepted,) = (answer for answer in given_answers(asked, deferred) if not answer.expect.is_error)
    assert accepted.emits == ("!MIGRATION:setup",)
    for again in (asked, bad):
        assert_refused(again, accepted.state, "The incoming migration has already been started")


def test_recover_is_used_up_by_a_bad_address() -> None:
    paused = assign(READY, {"incoming": "postcopy-paused", "load": "paused"})
    (answer,) = given_answers(request("migrate-recover", {"uri": "bad"}), paused)
    assert texts([answer]) == {"unknown migration protocol: bad"}
    assert answer.emits == ("!MIGRATION:setup",)
    again = request("migrate-recover", {"uri": "unix:/d"})
    assert_refused(again, answer.state, "Migrate recovery is triggered already")


# -- migrate in detail --


@pytest.mark.parametrize(
    ("address", "text", "error_known"),
    [
        ("bad", "Parameter 'uri' expects a valid migration protocol", "no"),
        ("unix:", "invalid Unix socket address", "yes"),
        ("tcp::", "error parsing port in address ':'", "yes"),
    ],
)
@pytest.mark.parametrize("status", [status for status in MigrationStatus if status not in RUNNING])
def test_a_bad_address_fails_an_attempt_that_had_begun(status: str, address: str, text: str, error_known: str) -> None:
    found = given_answers(request("migrate", {"uri": address}), assign(READY, {"outgoing": status}))
    (answer,) = (answer for answer in found if answer.case.id != "migrate.blocked")
    assert texts([answer]) == {text}
    assert answer.emits == ("MIGRATION:setup", "MIGRATION:failed")
    assert value(answer.state, "outgoing") == "failed"
    assert value(answer.state, "error-known") == error_known


@pytest.mark.parametrize("address", ["bad", "unix:"])
def test_a_resume_with_a_bad_address_changes_nothing(address: str) -> None:
    paused = assign(READY, {"outgoing": "postcopy-paused", "stage": "paused"})
    found = given_answers(request("migrate", {"uri": address, "resume": True}), paused)
    assert not succeeds(found)
    assert {(answer.state, answer.emits) for answer in found} == {(paused, ())}


def test_a_resume_looks_at_release_ram_after_the_status() -> None:
    asked = request("migrate", {"uri": "bad", "resume": True})
    assert_refused(asked, assign(READY, {"cap.release-ram": "yes"}), NOT_PAUSED)
    paused = assign(READY, {"cap.release-ram": "yes", "outgoing": "postcopy-paused"})
    assert_refused(asked, paused, "Postcopy recovery cannot work when release-ram capability is set")


@pytest.mark.parametrize("already", ["cap.block", "block-incremental"])
@pytest.mark.parametrize("option", ["blk", "inc"])
def test_block_options_and_what_they_stand_for_exclude_each_other(option: str, already: str) -> None:
    asked = request("migrate", {"uri": "bad", option: True})
    found = given_answers(asked, assign(READY, {already: "yes"}))
    assert texts(found) == {"Command options are incompatible with current migration capabilities"}
    assert {answer.emits for answer in found} == {()}


@pytest.mark.parametrize("loan", ["none", "lent", "leaked"])
@pytest.mark.parametrize("option", [None, "blk", "inc"])
def test_an_unknown_scheme_takes_back_the_block_options_of_migrate_itself(option: str | None, loan: str) -> None:
    """Those of an earlier attempt too; what the client has switched on stays."""
    given = {"block-options": loan, "cap.block": "no" if option else "yes", "block-incremental": "no"}
    asked = request("migrate", {"uri": "none"} | ({option: True} if option else {}))
    found = [answer for answer in given_answers(asked, assign(READY, given)) if answer.case.id != "migrate.blocked"]
    after = {(value(answer.state, "block-options"), value(answer.state, "cap.block")) for answer in found}
    assert after == {("none", "yes" if loan == "none" and option is None else "no")}


def test_postcopy_and_memory_that_is_not_sent_exclude_each_other_in_the_result() -> None:
    def asked(**settings: bool) -> Request:
        entries = [{"capability": name.replace("_", "-"), "state": on} for name, on in settings.items()]
        return request("migrate-set-capabilities", {"capabilities": entries})

    text = "Postcopy is not compatible with ignore-shared"
    assert_refused(asked(postcopy_ram=True, x_ignore_shared=True), READY, text)
    assert_refused(asked(postcopy_ram=True), assign(READY, {"cap.x-ignore-shared": "yes"}), text)
    assert succeeds(
        given_answers(asked(postcopy_ram=True, x_ignore_shared=False), assign(READY, {"cap.x-ignore-shared": "yes"}))
    )


@given(st.lists(st.tuples(st.sampled_from(MigrationCapability), st.booleans()), max_size=4))
def test_accepted_settings_take_effect_the_last_one_counting(settings: list[tuple[str, bool]]) -> None:
    entries = [{"capability": name, "state": on} for name, on in settings]
    found = given_answers(request("migrate-set-capabilities", {"capabilities": entries}), READY)
    expected = assign(READY, {f"cap.{name}": "yes" if on else "no" for name, on in settings})
    if dict(settings).get(MigrationCapability.POSTCOPY_BLOCKTIME):
        # whether the measurement is set up depends on what follows
        expected = assign(expected, {"blocktime": ("no", "yes")})
    assert {answer.state for answer in found if not answer.expect.is_error} <= {expected}
    assert {answer.state for answer in found if answer.expect.is_error} <= {READY}


@pytest.mark.parametrize(
    ("run", "text"),
    [
        ("finish-migrate", "Migration is not finalized yet"),
        ("shutdown", "Resetting the Virtual Machine is required"),
        ("internal-error", "Resetting the Virtual Machine is required"),
    ],
)
def test_cont_refused(run: str, text: str) -> None:
    state = assign(READY, {"run": run})
    *others, answer = given_answers(request("cont"), state)
    assert [other.case.id for other in others] == ["cont.dump"]  # which no state excludes
    assert texts([answer]) == {text}
    assert answer.state == state


# -- what all commands have in common --


def test_envelope_comes_first_and_in_its_order() -> None:
    negotiating = assign(READY, {"session": "negotiating"})
    bad = request("migrate", {"uri": 7}, oob=True)
    assert_refused(bad, negotiating, "QMP input member 'exec-oob' is unexpected")
    (early,) = given_answers(replace(bad, oob=False), negotiating)
    assert early.expect.error_class is ErrorClass.COMMAND_NOT_FOUND
    assert texts([early]) == {"Expecting capabilities negotiation with 'qmp_capabilities'"}
    negotiated = assign(READY, {"session": "oob"})
    assert_refused(bad, negotiated, "The command migrate does not support OOB")
    assert_refused(replace(bad, oob=False), negotiated, "Invalid parameter type for 'uri', expected: string")
    assert_refused(request("qmp_capabilities", {"x": 1}), READY, "Parameter 'x' is unexpected")
    (late,) = given_answers(request("qmp_capabilities"), READY)
    assert late.expect.error_class is ErrorClass.COMMAND_NOT_FOUND
    assert texts([late]) == {"Capabilities negotiation is already complete, command ignored"}


@given(
    st.sampled_from(tuple(SCHEMA.commands.values())).flatmap(
        lambda command: st.tuples(st.just(command), arguments_of(command, SCHEMA) | JSON)
    ),
    walks(),
    st.sampled_from((SEED, QEMU_5_2_0)),
)
def test_every_request_is_answered_in_every_state(drawn: tuple[Command, object], path: list[int], profile: str) -> None:
    command, arguments = drawn
    assert list(answers(request(command.name, arguments), path[-1], profile))


LINES = st.lists(
    st.sampled_from(
        [
            "migrate",
            "migrate_cancel",
            "migrate_continue",
            "migrate_incoming",
            "migrate_recover",
            "migrate_set_capability",
            "stop",
            "cont",
            "quit",
            "savevm",
            "loadvm",
            "migrate_set_parameter",
            "info",
            "-r",
            "-d",
            "-b",
            "on",
            "off",
            "maybe",
            "events",
            "active",
            "bad",
            "unix:/s",
            "'",
        ]
    ),
    max_size=4,
).map(" ".join)


@given(LINES | st.text(), walks())
def test_every_line_for_the_human_monitor_is_answered_in_every_state(line: str, path: list[int]) -> None:
    assert given_answers(request("human-monitor-command", {"command-line": line}), path[-1])


@given(st.sampled_from(REQUESTS), walks())
def test_a_known_state_meets_at_most_one_certain_refusal_and_nothing_after_it(asked: Request, path: list[int]) -> None:
    found = given_answers(asked, path[-1])
    assert found
    certain = [answer for answer in found if answer.case.final]
    assert certain in ([], found[-1:])
    if not certain:
        assert any(not answer.expect.is_error or answer.emits for answer in found)


@given(st.sampled_from(REQUESTS), walks())
def test_a_refusal_changes_nothing_unless_an_attempt_had_begun(asked: Request, path: list[int]) -> None:
    for answer in given_answers(asked, path[-1]):
        if answer.expect.is_error and not answer.emits:
            assert answer.state == path[-1]


# -- half-known states --

OPEN = ("outgoing", "run", "cap.postcopy-ram", "poisoned", "defer", "recover-asked")


def outcomes(asked: Request, state: int, profile: str) -> set[tuple[object, ...]]:
    return {
        (answer.case.id, answer.emits, answer.expect.error_class, answer.expect.words, after)
        for answer in answers(asked, state, profile)
        for after in completions(answer.state)
    }


@given(st.sampled_from(REQUESTS), partial_states(OPEN), st.sampled_from((SEED, QEMU_5_2_0)))
def test_a_half_known_state_has_the_answers_of_the_known_states_in_it(asked: Request, state: int, profile: str) -> None:
    known = completions(state)
    assert outcomes(asked, state, profile) == set().union(*(outcomes(asked, one, profile) for one in known))


@given(partial_states(OPEN))
def test_a_query_shows_the_state_in_which_it_was_executed(state: int) -> None:
    (answer,) = given_answers(request("query-migrate"), state)
    assert answer.expect.query == "query-migrate"
    assert answer.expect.seen == state & SEEN
    assert answer.state == state


# -- the form --

NAMES = ("continued", "session")


@given(conditions(NAMES), conditions(NAMES), known_states(NAMES))
def test_cases_are_tried_in_their_order(
    first: tuple[Condition, Predicate], second: tuple[Condition, Predicate], state: int
) -> None:
    contract = Contract(
        "x",
        (
            refusal("x.first", "First.", "1", when=first[0]),
            refusal("x.second", "Second.", "2", when=second[0]),
            Case("x.third", "Third."),
        ),
    )
    found = {answer.case.id for answer in contract.answers(Request("x"), state, QEMU_5_2_0)}
    expected = "x.first" if first[1](state) else "x.second" if second[1](state) else "x.third"
    assert found == {expected}


def test_a_case_of_another_profile_is_passed_over() -> None:
    contract = Contract("x", (refusal("x.no", "No.", "no"), Case("x.yes", "Yes.", profiles=frozenset({SEED}))))
    for profile, expected in ((SEED, ["x.yes"]), (QEMU_5_2_0, ["x.no"]), ("other", [])):
        assert [answer.case.id for answer in contract.answers(Request("x"), READY, profile)] == expected


def test_a_split_tells_the_texts_apart() -> None:
    contract = Contract(
        "x",
        (
            refusal(
                "x.no",
                "No.",
                lambda _request, state: Words(frozenset({value(state, "run")})),
                when=where({"run": ("paused", "running")}),
                split_on="run",
            ),
        ),
    )
    found = list(contract.answers(Request("x"), ANYTHING, QEMU_5_2_0))
    assert texts(found) == {"paused", "running"}
    assert all(texts([answer]) == {VARIABLES["run"].known(answer.state)} for answer in found)


def test_contract_of_a_profile() -> None:
    assert contract_of("migrate", QEMU_5_2_0) is CONTRACTS["migrate"]
    assert contract_of("migrate", SEED) is written.OPEN
    assert contract_of("query-version", QEMU_5_2_0).cases[0].id == "command.refused"


@pytest.mark.parametrize("name", ["savevm", "loadvm"])
def test_qmp_does_not_know_what_only_the_human_monitor_has(name: str) -> None:
    found = given_answers(request(name), READY)
    assert {answer.case.id for answer in found} == {"command.refused", "command.accepted"}
    assert {answer.state for answer in found} == {READY}
    human = given_answers(request("human-monitor-command", {"command-line": f"{name} s"}), READY)
    assert f"{name}.running" in {answer.case.id for answer in human}


# -- words --


@given(st.text(), st.text(min_size=1))
def test_words_admit_exact_texts_and_beginnings(text: str, more: str) -> None:
    assert Words(frozenset({text})).admit(text)
    assert not Words(frozenset({text})).admit(text + more)
    assert Words(beginnings=(text,)).admit(text + more)
    assert not Words().admit(text)
    assert Words(anything=True).admit(text)


def test_words_that_contain_something() -> None:
    words = Words(containing="igrat", except_for=frozenset({"migration"}))
    assert words.admit("does not support migration")
    assert not words.admit("migration")
    assert not words.admit("motion")


def test_texts_of_words() -> None:
    assert str(Words(frozenset({"b", "a"}), ("c",))) == "“a” or “b” or “c…”"
    assert str(Words(containing="x", anything=True)) == "a text with “x” or any text"
