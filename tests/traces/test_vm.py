"""One VM, judged: conversations that conform, and beside each what a single change makes of it.

`conforms` fails with the findings.  Line 1 is the header; a wire's `fresh()` takes the lines 2 to 8.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.talk import IN_PROGRESS, NO_ID, SOCKET, Talk, Wire, conforms, found, outgoing, run_state

from migspec.traces.findings import Grade

ONLY_IN_POSTCOPY = "migrate-pause is currently only supported during postcopy-active state"


def source(**how: bool) -> tuple[Talk, Wire]:
    """A fresh VM, just connected to."""
    talk = Talk()
    return talk, talk.wire().fresh(**how)


def migrating() -> tuple[Talk, Wire]:
    talk, src = source()
    src.request("migrate", uri="unix:/s").status("setup").reply().status("1", "active")
    return talk, src


# ---- one migration ----


def completed() -> Talk:
    talk, src = migrating()
    src.shows("active").runs("running").status("2", "STOP", "3", "completed").shows("completed").runs("postmigrate")
    return talk


def cancelled() -> Talk:
    talk, src = migrating()
    src.request("migrate_cancel").status("cancelling").reply().status("2", "cancelled").shows("cancelled")
    return talk


def pipelined() -> Talk:
    talk, src = source()
    src.request("migrate", uri="unix:/s").request("migrate_cancel").request("query-migrate")
    src.status("setup").reply().status("cancelling").reply().reply(outgoing("cancelling")).status("1", "cancelled")
    return talk


def refused() -> Talk:
    talk, src = migrating()
    src.request("migrate", uri="unix:/t").error(IN_PROGRESS).shows("active")
    return talk


def events_off() -> Talk:
    talk, src = source(events=False)
    src.done("migrate", uri="unix:/s").shows("setup").shows("active").event("STOP").shows("completed")
    return talk


def events_switched_on_late() -> Talk:
    talk = Talk()
    dst = talk.wire("dst").listening(events=False).done("query-migrate", {"status": "active", **SOCKET})
    dst.capabilities(events=True).status("RESUME", "completed").done("query-migrate", {"status": "completed"})
    return talk


def held() -> Talk:
    talk, src = source()
    src.capabilities(pause_before_switchover=True)
    src.request("migrate", uri="unix:/s").status("setup").reply().status("1", "active", "STOP", "pre-switchover")
    src.done("migrate-continue", state="pre-switchover").status("device", "2", "completed").shows("completed")
    return talk


def by_hand() -> Talk:
    talk, src = source()
    src.request("human-monitor-command", command_line="migrate -d unix:/s").status("setup").reply("")
    src.status("1", "active").done("human-monitor-command", "Migration status: active", command_line="info migrate")
    src.request("human-monitor-command", command_line="migrate_cancel").status("cancelling").reply("")
    return talk


def snapshot() -> Talk:
    talk, src = source()
    src.request("human-monitor-command", command_line="savevm x")
    src.status("STOP", "setup", "1", "2", "completed", "RESUME").reply("").runs("running")
    return talk


def overtaken() -> Talk:
    talk, src = source(oob=True)
    src.request("query-status", identity="slow").request("migrate-pause", oob=True, identity="quick")
    src.error(ONLY_IN_POSTCOPY, identity="quick").reply(run_state("running"), identity="slow")
    return talk


def reconnected() -> Talk:
    talk, src = migrating()
    src.end(by="client").greeting().done("qmp_capabilities").shows("completed").runs("postmigrate")
    return talk


def restarted() -> Talk:
    talk, src = migrating()
    src.status("STOP", "2", "completed").done("quit").event("SHUTDOWN", guest=False, reason="host-qmp-quit")
    src.end(code=0).greeting().done("qmp_capabilities").shows().runs("running")
    return talk


def begun_late() -> Talk:
    talk = Talk()
    talk.wire().reply(identity=99).shows("active").status("STOP", "7", "completed").shows("completed")
    return talk


def left_with_a_request_open() -> Talk:
    talk, src = source()
    src.request("query-status").end(by="client").greeting().done("qmp_capabilities").shows().runs("running")
    return talk


def failed_destination() -> Talk:
    talk = Talk()
    talk.wire("dst").listening().status("active", "failed").end(code=1)
    return talk


CONVERSATIONS = (
    completed,
    cancelled,
    pipelined,
    refused,
    events_off,
    events_switched_on_late,
    held,
    by_hand,
    snapshot,
    overtaken,
    reconnected,
    restarted,
    begun_late,
    left_with_a_request_open,
    failed_destination,
)


@pytest.mark.parametrize("made", CONVERSATIONS)
def test_a_conversation_conforms(made: Callable[[], Talk]) -> None:
    conforms(made())


@pytest.mark.parametrize("made", [completed, cancelled, pipelined, held, begun_late, failed_destination])
def test_it_conforms_wherever_it_ends(made: Callable[[], Talk]) -> None:
    whole = made()
    for last in range(2, whole.line):
        conforms(whole.until(last))


def test_rules_that_messages_needed_are_counted() -> None:
    exercised = completed().judge().exercised
    assert exercised["migrate.accepted"] == exercised["outgoing.active-to-completed"] == 1
    assert exercised["envelope.greeting"] == exercised["schema.STOP"] == 1
    assert exercised["migration-pass.count"] == 2
    assert "outgoing.cancelling-to-cancelled" not in exercised


# ---- twins with one change ----


@pytest.mark.parametrize(
    ("made", "event", "status"),
    [
        (completed, "STOP", ""),
        (completed, "MIGRATION", "completed"),
        (cancelled, "MIGRATION", "cancelling"),
        (held, "MIGRATION", "pre-switchover"),
        (snapshot, "STOP", ""),
    ],
)
def test_a_missing_event_is_found_after_its_place(made: Callable[[], Talk], event: str, status: str) -> None:
    whole = made()
    place = whole.where(event, status)
    told = whole.without(place).violations()
    assert told
    assert told[0][0] >= place


@pytest.mark.parametrize(
    ("made", "event", "status"),
    [
        (completed, "MIGRATION", "setup"),
        (completed, "MIGRATION", "active"),
        (completed, "MIGRATION", "completed"),
        (cancelled, "MIGRATION", "cancelling"),
        (held, "MIGRATION", "pre-switchover"),
        (snapshot, "MIGRATION", "completed"),
    ],
)
def test_a_repeated_event_is_found(made: Callable[[], Talk], event: str, status: str) -> None:
    whole = made()
    place = whole.where(event, status)
    told = whole.repeated(place).until(place + 1).violations()
    assert [line for line, _ in told] == [place + 1]


def test_an_event_while_events_are_off() -> None:
    talk, src = source(events=False)
    src.capabilities(events=False).done("migrate", uri="unix:/s").event("STOP").status("completed")
    assert talk.violations() == [(talk.line, "outgoing.active-to-completed")]


def test_an_event_that_nobody_asked_for() -> None:
    talk, src = source()
    src.status("setup")
    assert [line for line, _ in talk.violations()] == [talk.line]


def test_a_run_state_that_cannot_be() -> None:
    talk, src = migrating()
    src.status("STOP", "2", "completed").runs("running")
    assert talk.violations() == [(talk.line, "query-status.run")]


def test_capabilities_are_as_they_were_set() -> None:
    talk, src = source()
    src.capabilities(xbzrle=True)
    names = ("xbzrle", "events")
    src.done("query-migrate-capabilities", [{"capability": name, "state": name == "events"} for name in names])
    told = talk.violations()
    assert (talk.line, "query-migrate-capabilities.settings") in told


def test_without_a_gap_what_was_missed_is_missed() -> None:
    talk, src = migrating()
    src.request("query-status").status("STOP", "17", "completed").reply(run_state("postmigrate")).shows("completed")
    assert talk.violations() == [(talk.where("STOP") + 1, "migration-pass.count")]


def test_the_same_process_forgets_nothing_when_a_client_comes_again() -> None:
    talk, src = migrating()
    src.status("STOP", "2", "completed").end(by="client").greeting().done("qmp_capabilities").shows()
    assert talk.violations() == [(talk.line, "query-migrate.status")]


def test_another_process_may_answer_after_the_server_has_closed() -> None:
    talk, src = migrating()
    src.status("STOP", "2", "completed").end(by="server").greeting().done("qmp_capabilities").shows()
    conforms(talk)


def test_another_process_knows_nothing_of_the_old_one_s_migration() -> None:
    talk = restarted()
    src = talk.wire()
    src.status("STOP")
    assert [line for line, _ in talk.violations()] == [talk.line]


def test_a_late_reply_is_forgiven_once_only() -> None:
    talk = Talk()
    talk.wire().shows("active").reply(identity=99)
    assert talk.violations() == [(talk.line, "envelope.reply.unrequested")]


@pytest.mark.parametrize("code", [0, -11])
def test_an_exit_code_that_does_not_fit(code: int) -> None:
    talk = Talk()
    talk.wire("dst").listening().status("active", "failed").end(code=code)
    assert talk.violations() == [(talk.line, "process.terminated")]


def test_a_reply_with_another_id() -> None:
    talk, src = source()
    src.request("query-status", identity=1).reply(run_state("running"), identity=2)
    assert talk.violations() == [(talk.line, "envelope.id")]


def test_a_boolean_is_no_number() -> None:
    talk, src = source()
    src.request("query-status", identity=1).reply(run_state("running"), identity=True)
    assert talk.violations() == [(talk.line, "envelope.id")]


def test_a_reply_without_its_id() -> None:
    talk, src = source()
    src.request("query-status", identity=1).reply(run_state("running"), identity=NO_ID)
    assert talk.violations() == [(talk.line, "envelope.id")]


def test_replies_in_the_wrong_order() -> None:
    talk, src = source()
    src.request("query-status", identity=1).request("query-migrate", identity=2).reply({}, identity=2).reply(
        run_state("running"), identity=1
    )
    assert (talk.line - 1, "envelope.reply.order") in talk.violations()


@pytest.mark.parametrize("passed", [2, 4])
def test_passes_count_up_by_one(passed: int) -> None:
    talk, src = migrating()
    src.status("2", str(passed))
    assert talk.violations() == [(talk.line, "migration-pass.count")]


# ---- what a defect is ----


# ---- connections that end with a request open ----


def test_a_reply_that_was_due_when_the_client_left_never_comes() -> None:
    talk, src = source()
    src.request("stop").event("STOP").end(by="client").greeting().done("qmp_capabilities").runs("paused")
    conforms(talk)


def test_a_request_may_be_executed_when_its_client_leaves() -> None:
    talk, src = source()
    src.request("migrate", uri="unix:/s").end(by="client").greeting().done("qmp_capabilities").shows("active")
    conforms(talk)


# ---- several monitors ----

ON_BOTH = ("setup", "1", "active", "2", "STOP", "3", "completed")


def two_monitors() -> tuple[Talk, Wire, Wire]:
    talk = Talk()
    first, second = talk.wire(mon="first"), talk.wire(mon="second")
    first.fresh()
    second.greeting().done("qmp_capabilities")
    return talk, first, second


def interleaved(order: list[bool], *, silent: str = "") -> Talk:
    """A migration on two monitors, the lines of which come in this order; `silent` is not shown on the second."""
    talk, first, second = two_monitors()
    first.request("migrate", uri="unix:/s")
    ours = [*ON_BOTH[:1], "reply", *ON_BOTH[1:]]
    theirs = [event for event in ON_BOTH if event != silent]
    for is_first in [*order, *[True] * len(ours), *[False] * len(theirs)]:
        if is_first and ours:
            said = ours.pop(0)
            first.reply() if said == "reply" else first.status(said)
        elif not is_first and theirs:
            second.status(theirs.pop(0))
    return talk


@settings(max_examples=15)
@given(st.lists(st.booleans(), min_size=6, max_size=15))
def test_two_monitors_show_the_same_in_any_interleaving(order: list[bool]) -> None:
    conforms(interleaved(order))


@settings(max_examples=10)
@given(st.sampled_from(["setup", "1", "active", "STOP"]), st.lists(st.booleans(), max_size=12))
def test_an_event_that_one_of_two_monitors_lacks(silent: str, order: list[bool]) -> None:
    assert interleaved(order, silent=silent).violations()


def test_a_monitor_in_negotiation_is_told_nothing() -> None:
    talk = Talk()
    first, second = talk.wire(mon="first"), talk.wire(mon="second")
    first.fresh()
    second.greeting()
    first.request("migrate", uri="unix:/s").status("setup").reply().status("1", "active")
    second.done("qmp_capabilities")
    first.status("STOP", "2", "completed")
    second.status("STOP", "2", "completed")
    conforms(talk)
    second.status("completed")
    assert [line for line, _ in talk.violations()] == [talk.line]


def test_what_one_monitor_asks_changes_what_another_is_told() -> None:
    talk, first, second = two_monitors()
    first.done("migrate-set-parameters", downtime_limit=100)
    first.request("migrate", uri="unix:/s").status("setup").reply()
    second.status("setup").request("migrate", uri="unix:/t").error(IN_PROGRESS).shows("setup")
    conforms(talk)


def test_two_monitors_show_the_same_order() -> None:
    talk, first, second = two_monitors()
    first.request("migrate", uri="unix:/s").status("setup").reply().status("1", "active")
    second.status("setup", "active", "1")
    assert next(line for line, _ in talk.violations()) == talk.line - 1


# ---- input that is no request ----


def test_bad_input_is_answered_in_its_turn() -> None:
    talk, src = source()
    src.request("query-status", identity=1).raw('{"a":01').raw("}").request("query-status", identity=2)
    src.reply(run_state("running"), identity=1).error("JSON parse error, stray '01'", identity=NO_ID)
    src.error("JSON parse error, expecting value", identity=NO_ID).reply(run_state("running"), identity=2)
    conforms(talk)
    assert [rule for _, rule in talk.without(talk.line - 1).violations()] == ["envelope.json"]
    assert [rule for _, rule in talk.without(talk.line - 2).violations()] == ["envelope.json"]


def test_a_request_inside_open_bytes_is_part_of_them() -> None:
    talk, src = source()
    src.raw('{"execute": "stop", "id": [').say("->", {"execute": "query-status", "id": 1}).raw("]}")
    src.event("STOP").reply(identity=[{"execute": "query-status", "id": 1}]).runs("paused")
    conforms(talk)


@pytest.mark.parametrize("doubled", ["1", "completed"])
def test_what_a_migration_from_before_the_trace_may_have_done_is_no_excuse_for_a_vm_at_rest(doubled: str) -> None:
    talk = Talk()
    src = talk.wire().greeting().done("qmp_capabilities").capabilities(events=True)
    src.request("migrate", uri="unix:/s").status("setup").reply()
    for step in ("1", "active", "STOP", "2", "completed"):
        src.status(*(step,) * (1 + (step == doubled)))
        if step == doubled:
            second = talk.line
    conforms(talk)
    assert [line for line, _ in found(talk.judge(at_rest=True), Grade.VIOLATION)] == [second]


def test_the_answer_of_another_vm_is_not_taken_for_the_one_that_is_due() -> None:
    talk = Talk()
    one, other = talk.wire("src").fresh(), talk.wire("dst").fresh()
    for _ in range(3):
        other.request("query-migrate", identity=1)
        one.request("query-migrate", identity=1)
        other.reply({}, identity=1)
        one.reply({}, identity=1)
    conforms(talk)


def test_the_written_profile_is_silent_about_bad_input() -> None:
    talk, src = source()
    src.raw("}").error("Cannot parse this", identity=NO_ID)
    src.say("->", {"frobnicate": 1, "id": 7}).error("What is that?", identity=7)
    src.say("->", {"execute": "query-status", "arguments": [], "id": 8}).error("No list, please", identity=8)
    conforms(talk, profile="seed")
    assert len(talk.violations()) == 3


def test_by_the_written_profile_an_argument_that_it_does_not_know_is_refused_or_left_aside() -> None:
    talk, src = source()
    src.request("stop", later=True).error("Parameter 'later' is unexpected")
    conforms(talk, profile="seed")
    src.request("stop", later=True).event("STOP").reply().runs("paused")
    conforms(talk, profile="seed")
    assert talk.violations(profile="qemu-5.2.0")


def test_a_client_that_sends_what_only_servers_send() -> None:
    talk, src = source()
    for identity in (5, 6):
        src.say("->", {"execute": "query-status", "data": {}, "id": identity})
        src.error("QMP input member 'data' is unexpected", identity=identity).runs("running")
    conforms(talk)


def test_a_greeting_that_offers_nothing_grants_nothing() -> None:
    talk = Talk()
    src = talk.wire()
    version = {"qemu": {"major": 5, "minor": 2, "micro": 0}, "package": ""}
    src.say("<-", {"QMP": {"version": version, "capabilities": []}}).request("qmp_capabilities", enable=["oob"])
    conforms(talk)
    src.reply()
    assert talk.violations() == [(talk.line, "envelope.negotiation.offered")]


def test_bad_input_is_answered_and_breaks_nothing() -> None:
    talk, src = source()
    src.raw("}").error("JSON parse error, expecting value", identity=NO_ID)
    src.say("->", {"frobnicate": 1, "id": 7}).error("QMP input member 'frobnicate' is unexpected", identity=7)
    src.runs("running")
    conforms(talk)


def test_an_error_about_input_that_never_was() -> None:
    talk, src = source()
    src.error("JSON parse error, expecting value", identity=NO_ID)
    assert talk.violations() == [(talk.line, "envelope.json")]


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ({"return": {}, "id": 5, "more": 1}, "envelope.message"),
        ({"error": {"class": "GenericError"}, "id": 5}, "envelope.message"),
        ({"event": "STOP"}, "envelope.timestamp"),
        ({"event": "STOP", "timestamp": {"seconds": "1", "microseconds": 2}}, "envelope.message"),
        ({}, "envelope.message"),
        ([], "envelope.message"),
        (5, "envelope.message"),
        ({"return": {"status": "running"}, "id": 5}, "schema.stop"),
    ],
)
def test_a_malformed_message(message: object, rule: str) -> None:
    talk, src = source()
    src.request("stop", identity=5).say("<-", message)
    assert (talk.line, rule) in talk.violations()


# ---- answers that a change of the status overtakes ----


def torn() -> Talk:
    talk, src = migrating()
    src.event("STOP").request("query-migrate").status("2", "completed")
    src.reply({**outgoing("active"), "status": "completed"}).shows("completed")
    return talk


def test_an_answer_that_the_end_overtakes_is_a_known_defect() -> None:
    report = torn().judge()
    assert found(report, Grade.DEFECT) == [(torn().where("MIGRATION", "completed") + 1, "query-migrate.torn")]
    assert not found(report, Grade.VIOLATION)


def test_what_was_asked_after_the_end_is_not_overtaken_by_it() -> None:
    talk, src = migrating()
    src.status("STOP", "2", "completed").done("query-migrate", {**outgoing("active"), "status": "completed"})
    [(_, rule)] = talk.violations()
    assert rule == "query-migrate.members"


def test_no_answer_shows_a_status_that_only_the_main_loop_sets_with_members_of_another() -> None:
    talk, src = migrating()
    src.request("migrate_cancel").request("query-migrate").status("cancelling").reply().status("2", "cancelled")
    src.reply(outgoing("cancelling") | {"status": "cancelled"})
    [(_, rule)] = talk.violations()
    assert rule == "query-migrate.members"
