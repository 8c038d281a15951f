"""Faults that happen to machines in virtual time: what each preset promises, every action, every kind of trigger."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference_impl.faults.pairs import MakePair, Pair, recover

from migspec.reference_impl.amendments import DEFECTS
from migspec.reference_impl.calls import Failure
from migspec.reference_impl.faults import FaultError, Faults
from migspec.reference_impl.faults.words import KNOWN_DEFECTS, PRESETS, ROW_IDS
from migspec.reference_impl.host import Exit
from migspec.reference_impl.link.messages import Kill, Resume
from migspec.reference_impl.options import Options
from migspec.reference_impl.scheduling import Choice, Steady, Take
from migspec.reference_impl.virtual import NoReplyError, World
from migspec.spec.conditions import ALWAYS
from migspec.spec.rows import SEED, Row
from migspec.spec.state import ANYTHING, FRESH, VARIABLES

Postcopy = Callable[[], Pair]

# --- the presets


def test_without_faults_a_migration_completes(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.migrate()
    pair.settle()
    assert pair.source.statuses == ["setup", "active", "STOP", "completed"]
    assert pair.destination.statuses == ["setup", "active", "RESUME", "completed"]


@pytest.mark.parametrize("memory", [128 << 20, 64 << 30])
def test_a_link_lost_at_40_per_cent(make_pair: MakePair, memory: int) -> None:
    pair = make_pair(options=Options(memory=memory))
    pair.source.faults.add("link-lost")
    pair.migrate()
    pair.settle()
    assert pair.source.statuses == ["setup", "active", "failed"]
    assert pair.destination.statuses == ["setup", "active", "failed"]
    assert pair.destination.host.machine.exit is Exit.FAILED
    attempt = pair.source.host.machine.source.attempt
    assert attempt is not None
    assert attempt.work.left() / memory == pytest.approx(0.6, abs=0.01)
    shown = pair.source.client.value("query-migrate")
    assert shown["status"] == "failed"


def test_a_refused_connection(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("connection-refused")
    pair.migrate()
    pair.settle()
    assert pair.source.statuses == ["setup", "failed"]
    shown = pair.source.client.value("query-migrate")
    assert shown["error-desc"] == "Failed to connect to '127.0.0.1:4444': Connection refused"
    # one connection alone is refused, and the destination still waits
    pair.source.client.value("migrate", {"uri": "tcp:127.0.0.1:4444"})
    pair.settle()
    assert pair.source.statuses[-1] == "completed"


def test_a_destination_that_dies_in_pre_switchover(make_pair: MakePair) -> None:
    pair = make_pair(["pause-before-switchover"])
    pair.source.faults.add("destination-dies")
    pair.migrate()
    pair.settle()
    assert pair.source.statuses == ["setup", "active", "STOP", "pre-switchover"]
    assert pair.destination.host.machine.exit is Exit.KILLED
    pair.source.client.value("migrate-continue", {"state": "pre-switchover"})
    pair.settle()
    assert pair.source.statuses[4:] == ["device", "failed", "RESUME"]


def test_a_migration_that_hangs_in_setup(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("hangs-in-setup")
    pair.migrate()
    pair.settle()
    assert pair.source.statuses == ["setup"]
    pair.source.client.value("migrate_cancel")
    pair.settle()
    assert pair.source.statuses == ["setup", "cancelling"]
    pair.source.faults.clear()
    pair.settle()
    assert pair.source.statuses[:2] + pair.source.statuses[-1:] == ["setup", "cancelling", "cancelled"]


def test_answers_that_come_late(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("answers-late")
    pair.migrate()
    began = pair.world.now
    pair.source.client.value("query-status")
    assert pair.world.now >= began + 2
    pair.settle()
    assert pair.source.statuses == ["setup", "active", "STOP", "completed"]


def test_late_answers_to_requests_that_come_together_wait_for_each_other(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("late=2")
    began = pair.world.now
    for _ in range(3):
        pair.source.client.send("query-status")
    assert pair.world.settle(until=lambda: len(pair.source.client.replies) == 3)
    assert pair.world.now >= began + 6


def test_a_recovery_whose_connection_is_lost(make_postcopy: Postcopy) -> None:
    pair = make_postcopy()
    pair.source.faults.add("recovery-lost")
    pair.source.client.value("migrate-pause")
    pair.run(1)
    recover(pair)
    pair.run(30)
    assert pair.source.statuses[-2:] == ["postcopy-paused", "postcopy-recover"]
    assert pair.destination.statuses[-2:] == ["setup", "postcopy-recover"]
    assert pair.destination.host.machine.exit is Exit.CRASHED


@pytest.mark.parametrize(
    ("capabilities", "events"),
    [
        ([], ["setup", "active", "STOP", "failed", "RESUME"]),
        (["pause-before-switchover"], ["setup", "active", "STOP", "pre-switchover", "device", "failed", "RESUME"]),
    ],
)
def test_a_device_stage_that_fails(make_pair: MakePair, capabilities: Sequence[str], events: Sequence[str]) -> None:
    pair = make_pair(capabilities)
    pair.source.faults.add("device-fails")
    pair.migrate()
    pair.settle()
    if capabilities:
        pair.source.client.value("migrate-continue", {"state": "pre-switchover"})
        pair.settle()
    assert pair.source.statuses == events
    assert pair.destination.host.machine.exit is Exit.FAILED


def test_every_preset_has_a_test() -> None:
    assert set(PRESETS) == {
        "link-lost",
        "connection-refused",
        "destination-dies",
        "hangs-in-setup",
        "answers-late",
        "recovery-lost",
        "device-fails",
    }


# --- the known defects


class Witness(Steady):
    """Notes the rows that are taken."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def pick(self, choices: Sequence[Choice]) -> Choice:
        choice = super().pick(choices)
        if isinstance(choice, Take):
            self.taken.append(choice.row.id)
        return choice


def a_state_for(row: Row) -> int:
    """One state in which a row is allowed, as like a fresh process as can be."""
    assumed = ANYTHING if row.when is ALWAYS else next(iter(row.when.assume(ANYTHING)))
    state = 0
    for variable in VARIABLES.values():
        bits = assumed & variable.field
        state |= bits & FRESH or bits & -bits
    assert row.when.holds(state)
    return state


@pytest.mark.parametrize("row", DEFECTS)
def test_each_known_defect_can_be_ordered_where_the_relation_has_it(row: str) -> None:
    witness = Witness()
    host = World().start("vm", Options(), witness)
    machine = host.machine
    machine.source.refused_at_once("")
    machine.c = machine.c.moved(a_state_for(ROW_IDS[row]))
    Faults(machine).add(row)
    machine.advance(0.0)
    assert witness.taken[:1] == [row]
    assert f"take:{row}" not in machine.wishes


@pytest.mark.parametrize("row", DEFECTS)
def test_a_defect_that_the_relation_does_not_have_here_waits(row: str) -> None:
    witness = Witness()
    host = World().start("vm", Options(), witness)
    assert not ROW_IDS[row].when.holds(host.machine.c.state)
    Faults(host.machine).add(row)
    host.machine.advance(10.0)
    assert witness.taken == []
    assert f"take:{row}" in host.machine.wishes


def test_the_written_profile_has_no_defects() -> None:
    host = World().start("vm", Options(profile=SEED))
    with pytest.raises(FaultError) as caught:
        Faults(host.machine).add("now:cut; outgoing.cancel-crashes")
    assert caught.value.found == "outgoing.cancel-crashes"
    assert caught.value.position == 9
    assert not host.machine.wishes


def test_a_case_that_is_a_defect_can_be_ordered(make_pair: MakePair) -> None:
    assert "migrate_cancel.device-first" in KNOWN_DEFECTS
    pair = make_pair(["pause-before-switchover"])
    pair.source.faults.add("migrate_cancel.device-first")
    pair.migrate()
    pair.settle()
    pair.source.client.value("migrate_cancel")
    pair.settle()
    assert pair.source.statuses[3:6] == ["pre-switchover", "cancelling", "device"]


# --- actions


def test_a_killed_process_says_nothing_more(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("command=query-migrate:kill")
    pair.migrate()
    with pytest.raises(NoReplyError):
        pair.source.client.value("query-migrate")
    assert pair.source.host.machine.exit is Exit.KILLED
    assert pair.source.statuses == ["setup"]


def test_a_signal_ends_a_process_in_order(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("after=3s:terminate")
    pair.settle()
    assert pair.source.host.machine.exit is Exit.QUIT
    assert pair.source.statuses == ["SHUTDOWN"]
    assert pair.world.now >= 3


def test_a_main_loop_that_hangs_answers_when_it_is_let_go(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("command=query-status#2:hang; after=5s:clear")
    pair.source.client.value("query-status")
    assert pair.world.now < 1
    pair.source.client.value("query-status")
    assert pair.world.now >= 5


def test_a_load_that_hangs(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.destination.faults.add("incoming=active:hang")
    pair.migrate()
    pair.settle()
    assert pair.destination.statuses == ["setup", "active"]
    pair.destination.client.value("query-migrate")


def test_a_destination_that_fails(make_pair: MakePair) -> None:
    pair = make_pair(["return-path"])
    pair.destination.faults.add("incoming=active:fail")
    pair.migrate()
    pair.settle()
    assert pair.destination.statuses == ["setup", "active", "failed"]
    assert pair.destination.host.machine.exit is Exit.FAILED
    assert pair.source.statuses[-1] in ("failed", "RESUME")


def test_a_failure_waits_until_there_can_be_one(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("fail")
    pair.settle()
    assert pair.source.statuses == []
    pair.migrate()
    pair.settle()
    assert "failed" in pair.source.statuses
    assert "completed" not in pair.source.statuses


@pytest.mark.parametrize("script", ["now:refuse", "load=listening:refuse"])
def test_a_destination_that_listens_no_more(make_pair: MakePair, script: str) -> None:
    pair = make_pair()
    pair.destination.faults.add(script)
    pair.migrate()
    pair.settle()
    assert pair.source.statuses == ["setup", "failed"]


def test_a_refusal_in_other_words(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("command=migrate#every:refuse=Network: unreachable")
    pair.migrate()
    pair.settle()
    assert pair.source.client.value("query-migrate")["error-desc"] == "Network: unreachable"


def test_a_refused_recovery_leaves_the_migration_paused(make_postcopy: Postcopy) -> None:
    pair = make_postcopy()
    pair.source.faults.add("refuse")
    pair.source.client.value("migrate-pause")
    pair.run(1)
    recover(pair)
    pair.run(30)
    assert pair.source.statuses[-1] == pair.destination.statuses[-2] == "postcopy-paused"
    assert pair.source.host.reports == ["Failed to connect to '127.0.0.1:4445': Connection refused"]


def test_a_peer_that_dies_in_postcopy(make_postcopy: Postcopy) -> None:
    pair = make_postcopy()
    pair.destination.faults.add("kill-peer")
    pair.run(5)
    assert pair.source.host.machine.exit is Exit.KILLED
    assert pair.destination.statuses[-1] == "postcopy-paused"


def test_a_peer_that_dies_after_a_recovery(make_postcopy: Postcopy) -> None:
    pair = make_postcopy()
    pair.world.cut("source", "destination")
    pair.run(5)
    recover(pair)
    pair.run(1)
    assert pair.source.value("outgoing") == pair.destination.value("incoming") == "postcopy-active"
    pair.source.faults.add("kill-peer")
    pair.run(5)
    assert pair.destination.host.machine.exit is Exit.KILLED


def test_only_who_has_shown_to_be_a_source_can_kill(make_postcopy: Postcopy) -> None:
    pair = make_postcopy()
    machine = pair.destination.host.machine
    pair.world.cut("source", "destination")
    pair.run(5)
    pair.destination.client.value("migrate-recover", {"uri": "tcp:127.0.0.1:4445"})
    stranger = pair.world.new_channel()
    machine.received(stranger, Kill())
    machine.accepted(stranger)
    machine.received(stranger, Kill())
    assert machine.exit is None
    machine.received(stranger, Resume())
    machine.received(stranger, Kill())
    assert machine.exit is Exit.KILLED


def test_the_guest_and_the_host_have_troubles(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("guest=BLOCK_IO_ERROR; host=blocked")
    pair.run(1)
    assert pair.source.statuses[0] == "BLOCK_IO_ERROR"
    assert isinstance(pair.source.client.ask("migrate", {"uri": "tcp:127.0.0.1:4444"}), Failure)


@pytest.mark.parametrize("script", ["cut", "kill-peer"])
def test_what_cannot_be_done_is_reported(make_pair: MakePair, script: str) -> None:
    pair = make_pair()
    pair.source.faults.add(script)
    pair.run(1)
    assert pair.source.host.reports == [
        f"fault now:{script}: there is no connection to {'a peer' if '-' in script else 'cut'}"
    ]


# --- triggers


def test_a_fault_happens_once_or_each_time(make_pair: MakePair) -> None:
    for script, late in (("command=query-status:late=1s", 1.0), ("command=query-status#2:late=1s", 0.0)):
        pair = make_pair()
        pair.source.faults.add(script)
        pair.source.client.value("query-status")
        assert pair.source.host.machine.reply_delay == late
        pair.source.faults.add("clear")
        pair.run(1)
        pair.source.client.value("query-status")
        assert pair.source.host.machine.reply_delay == 1.0 - late
    pair = make_pair()
    pair.source.faults.add("command=query-status#every:late=1s; after=2s#every:clear")
    for _ in range(3):
        pair.source.client.send("query-status")
        pair.run(0.5)
        assert pair.source.host.machine.reply_delay == 1.0
        pair.run(1.5)
        assert pair.source.host.machine.reply_delay == 0.0
    assert len(pair.source.faults.armed) == 2


def test_a_value_counts_whenever_it_comes_anew(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("run=paused#2:late=1s")
    for late in (0.0, 1.0):
        pair.source.client.value("stop")
        pair.run(2)
        assert pair.source.host.machine.reply_delay == late
        pair.source.client.value("cont")


def test_a_value_that_is_there_already_counts(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("run=running:late=1s")
    pair.run(0.1)
    assert pair.source.host.machine.reply_delay == 1.0


def test_an_event_is_a_trigger(make_pair: MakePair) -> None:
    pair = make_pair()
    pair.source.faults.add("event=STOP:late=1s")
    pair.run(1)
    assert pair.source.host.machine.reply_delay == 0.0
    pair.source.client.value("stop")
    assert pair.source.host.machine.reply_delay == 1.0


@settings(max_examples=20)
@given(st.integers(1, 99), st.sampled_from(["idle", "uniform:50M", "zero:0.1+hot:16M:100M"]), st.integers(20, 36))
def test_a_share_is_met_whatever_the_guest(percent: int, workload: str, power: int) -> None:
    world = World()
    memory = max(64 << 20, 1 << power)
    source = world.start("source", Options(memory=memory, workload=workload))
    destination = world.start("destination", Options(memory=memory, incoming="defer"))
    faults = Faults(source.machine)
    faults.add(f"at={percent}%:cut")
    destination.client().value("migrate-incoming", {"uri": "tcp:a:1"})
    source.client().value("migrate", {"uri": "tcp:a:1"})
    world.settle(longest=1000)
    attempt = source.machine.source.attempt
    assert attempt is not None
    assert source.machine.value("outgoing") == "failed"
    assert not faults.armed
    assert 1 - attempt.work.left() / memory == pytest.approx(percent / 100, abs=0.02)


def test_a_machine_without_faults_is_woken_for_nothing() -> None:
    host = World().start("vm", Options())
    faults = Faults(host.machine)
    assert host.machine.due() is None
    faults.add("outgoing=active:cut; at=40%:cut; event=STOP:kill")
    host.machine.advance(0.0)
    assert host.machine.due() is None
    faults.add("after=2s:hang")
    host.machine.advance(0.0)
    assert host.machine.due() == 2.0
