"""Migrations of modelled machines in virtual time: what a client sees of them, and what the judge says."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from tests.bench.model import Bare, negotiated
from tests.reference_impl.recording import judged

from migspec.reference_impl.calls import Complaint, Failure, Return
from migspec.reference_impl.host import Exit
from migspec.reference_impl.options import MIB, Disk, Options
from migspec.reference_impl.virtual import Client, World
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import SEED
from migspec.spec.vocabulary import ErrorClass
from migspec.traces.findings import Verdict

ADDRESS = "unix:/tmp/model.sock"


def pair(
    *capabilities: str, workload: str = "idle", memory: int = 128 * MIB, bandwidth: int = 1250 * MIB
) -> tuple[World, Client, Client]:
    world = World()
    options = Options(workload=workload, memory=memory, bandwidth=bandwidth)
    src = world.start("src", options).client()
    dst = world.start("dst", replace(options, incoming="defer")).client()
    on = [{"capability": name, "state": True} for name in ("events", *capabilities)]
    for client in (src, dst):
        client.value("migrate-set-capabilities", {"capabilities": on})
    dst.value("migrate-incoming", {"uri": ADDRESS})
    return world, src, dst


def statuses(client: Client) -> list[str]:
    return [str(data["status"]) for name, data in client.events if name == "MIGRATION"]


def names(client: Client) -> list[str]:
    shown = {"MIGRATION": "{status}", "MIGRATION_PASS": "P{pass}"}
    return [shown.get(name, name).format(**data) for name, data in client.events]


def reach(client: Client, status: str) -> None:
    assert client.host.world.settle(until=lambda: status in statuses(client)), f"{status} not in {names(client)}"


def assert_conforms(world: World, folder: Path) -> None:
    report = judged(world, folder)
    assert report.verdict is Verdict.CONFORMS, [str(finding) for finding in report.findings]


def test_a_precopy_looks_like_a_real_one(tmp_path: Path) -> None:
    world, src, dst = pair()
    src.value("migrate", {"uri": ADDRESS})
    while src.value("query-migrate")["status"] != "completed":
        world.run(world.now + 0.01)
    reach(dst, "completed")
    assert names(src)[:3] == ["setup", "P1", "active"]
    assert names(src)[-3:] == ["STOP", f"P{src.host.machine.passes}", "completed"]
    assert names(dst) == ["setup", "active", "RESUME", "completed"]
    world.run(world.now + 1)
    assert src.value("query-status")["status"] == "postmigrate"
    assert dst.value("query-status")["status"] == "running"
    src.value("query-migrate"), dst.value("query-migrate")
    assert_conforms(world, tmp_path)


def test_a_postcopy_loses_its_link_and_recovers(tmp_path: Path) -> None:
    world, src, dst = pair("postcopy-ram", workload="uniform:400M", memory=512 * MIB, bandwidth=100 * MIB)
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "active")
    src.value("migrate-start-postcopy")
    reach(src, "postcopy-active")
    reach(dst, "postcopy-active")
    world.run(world.now + 0.5)
    src.value("query-migrate")
    world.cut("src", "dst")
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    src.value("query-migrate")
    dst.value("migrate-recover", {"uri": ADDRESS + ".2"})
    src.value("migrate", {"uri": ADDRESS + ".2", "resume": True})
    reach(src, "completed")
    reach(dst, "completed")
    src.value("query-migrate")
    assert statuses(src) == [
        "setup",
        "active",
        "postcopy-active",
        "postcopy-paused",
        "postcopy-recover",
        "postcopy-active",
        "completed",
    ]
    assert_conforms(world, tmp_path)


@pytest.mark.parametrize("after", [0.0, 0.001, 0.05, 0.3])
def test_a_cancelled_migration_ends(tmp_path: Path, after: float) -> None:
    world, src, dst = pair(workload="uniform:400M", bandwidth=100 * MIB)
    src.value("migrate", {"uri": ADDRESS})
    world.run(world.now + after)
    src.value("migrate_cancel")
    reach(src, "cancelled")
    world.run(world.now + 1)
    assert src.value("query-status")["running"]
    assert dst.host.machine.exit is not None
    assert_conforms(world, tmp_path)


def test_a_pause_before_the_switch_over_waits_for_the_client(tmp_path: Path) -> None:
    world, src, dst = pair("pause-before-switchover")
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "pre-switchover")
    world.run(world.now + 5)
    assert src.value("query-migrate")["status"] == "pre-switchover"
    src.value("migrate-continue", {"state": "pre-switchover"})
    reach(src, "completed")
    reach(dst, "completed")
    assert_conforms(world, tmp_path)


def test_colo_takes_checkpoints_until_one_side_takes_over(tmp_path: Path) -> None:
    world, src, dst = pair("x-colo", workload="uniform:10M")
    for client in (src, dst):
        client.value("migrate-set-parameters", {"x-checkpoint-delay": 500})
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "colo")
    reach(dst, "colo")
    world.run(world.now + 3)
    assert names(src).count("STOP") > 2
    src.value("query-colo-status")
    dst.value("x-colo-lost-heartbeat")
    reach(dst, "completed")
    world.run(world.now + 1)
    assert dst.value("query-colo-status")["reason"] == "request"
    src.value("x-colo-lost-heartbeat")
    reach(src, "completed")
    world.run(world.now + 1)
    assert src.value("query-status")["running"]
    assert_conforms(world, tmp_path)


def test_nobody_listens(tmp_path: Path) -> None:
    world, src, _ = pair()
    src.value("migrate", {"uri": "unix:/tmp/nobody.sock"})
    reach(src, "failed")
    answer = src.value("query-migrate")
    assert answer["error-desc"] == "Failed to connect to '/tmp/nobody.sock': No such file or directory"
    assert_conforms(world, tmp_path)


@pytest.mark.parametrize("address", ["foo:bar", "tcp:nowhere", "unix:"])
def test_a_process_that_cannot_listen_ends_at_once(address: str) -> None:
    host = World().start("dst", Options(incoming=address))
    assert host.machine.exit is Exit.FAILED
    assert host.reports[0].startswith(f"-incoming {address}: ")


def test_a_guest_with_a_primary_gives_it_up_first(tmp_path: Path) -> None:
    world = World()
    src = world.start("src", Options(failover=True)).client()
    dst = world.start("dst", Options(incoming=ADDRESS)).client()
    src.value("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True}]})
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "completed")
    assert names(src)[:5] == ["setup", "UNPLUG_PRIMARY", "P1", "wait-unplug", "active"]
    dst.value("query-migrate")
    assert_conforms(world, tmp_path)


def test_a_snapshot_uses_the_outgoing_side(tmp_path: Path) -> None:
    world = World()
    src = world.start("src", Options(disks=(Disk("d0", MIB),))).client()
    src.value("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True}]})
    assert src.value("human-monitor-command", {"command-line": "savevm one"}) == ""
    assert names(src) == ["STOP", "setup", "P1", "P2", "completed", "RESUME"]
    src.value("query-migrate")
    assert src.value("human-monitor-command", {"command-line": "loadvm one"}) == ""
    assert src.value("human-monitor-command", {"command-line": "loadvm two"}).startswith("Error: ")
    assert_conforms(world, tmp_path)


def test_a_snapshot_is_not_taken_while_the_guest_migrates(tmp_path: Path) -> None:
    world = World()
    src = world.start("src", Options(disks=(Disk("d0", MIB),), workload="uniform:400M")).client()
    world.start("dst", Options(incoming=ADDRESS, disks=(Disk("d0", MIB),), workload="uniform:400M"))
    src.value("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True}]})
    src.value("migrate-set-parameters", {"max-bandwidth": 40000})
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "active")
    said = src.value("human-monitor-command", {"command-line": "savevm one"})
    assert said == "Error: There's a migration process in progress\r\n"
    assert names(src)[-2:] == ["STOP", "RESUME"]
    assert src.value("human-monitor-command", {"command-line": "stop"}) == ""
    assert_conforms(world, tmp_path)


def test_a_snapshot_that_is_not_there_stops_a_running_guest(tmp_path: Path) -> None:
    world = World()
    src = world.start("src", Options(disks=(Disk("d0", MIB),))).client()
    said = src.value("human-monitor-command", {"command-line": "loadvm one"})
    assert said == "Error: Device 'd0' does not have the requested snapshot 'one'\r\n"
    assert src.value("query-status")["status"] == "restore-vm"
    assert src.value("human-monitor-command", {"command-line": "loadvm one"}) == said
    assert_conforms(world, tmp_path)


def test_a_guest_that_does_not_sleep_is_not_woken(tmp_path: Path) -> None:
    world = World()
    src = world.start("src", Options()).client()
    assert src.ask("system_wakeup") == Failure("Unable to wake up: guest is not in suspended state")
    assert src.ask("device_del", {"id": "x"}) == Failure("Device 'x' not found", ErrorClass.DEVICE_NOT_FOUND)
    assert_conforms(world, tmp_path)


def test_a_return_path_takes_the_first_word_of_colo_for_an_error(tmp_path: Path) -> None:
    world, src, dst = pair("x-colo", "return-path")
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "failed")
    world.run(world.now + 1)
    assert names(src)[-1] == "RESUME"
    assert names(dst) == ["setup", "active", "colo", "RESUME", "COLO_EXIT"]
    assert dst.value("query-migrate")["status"] == "colo"
    assert_conforms(world, tmp_path)


def test_the_seed_profile_has_no_defects(tmp_path: Path) -> None:
    """After a resume that found nobody, the next one works."""
    world = World()
    options = Options(profile=SEED, workload="uniform:400M", memory=512 * MIB, bandwidth=100 * MIB)
    src = world.start("src", options).client()
    dst = world.start("dst", replace(options, incoming="defer")).client()
    on = [{"capability": name, "state": True} for name in ("events", "postcopy-ram")]
    for client in (src, dst):
        client.value("migrate-set-capabilities", {"capabilities": on})
    dst.value("migrate-incoming", {"uri": ADDRESS})
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "active")
    src.value("migrate-start-postcopy")
    reach(dst, "postcopy-active")
    world.cut("src", "dst")
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    src.value("migrate", {"uri": "unix:/nobody", "resume": True})
    world.run(world.now + 1)
    dst.value("migrate-recover", {"uri": ADDRESS})
    src.value("migrate", {"uri": ADDRESS, "resume": True})
    reach(src, "completed")
    report = judged(world, tmp_path, SEED)
    assert report.verdict is Verdict.CONFORMS, [str(finding) for finding in report.findings]


def test_a_line_for_the_human_monitor_is_answered_whatever_it_says() -> None:
    client = World().start("src", Options()).client()
    for line in (
        "migrate_set_parameter max-b 5",
        "migrate_set_parameter -d x y",
        'migrate_set_parameter x "',
        "-",
        '"',
    ):
        assert isinstance(client.value("human-monitor-command", {"command-line": line}), str)
    assert client.value("human-monitor-command", {"command-line": "migrate_set_parameter downtime-limit 7"}) == ""
    assert client.value("query-migrate-parameters")["downtime-limit"] == 7


def test_every_query_of_the_seed_is_answered() -> None:
    client = World().start("src", Options(profile=SEED)).client()
    for name, command in PROFILES[SEED].schema.commands.items():
        if name.startswith("query-"):
            assert isinstance(client.ask(name), Return), command


def test_settings_of_the_destination_count_when_the_stream_begins() -> None:
    _, src, dst = pair("postcopy-ram", "postcopy-blocktime", workload="uniform:400M", bandwidth=100 * MIB)
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "active")
    src.value("migrate-start-postcopy")
    reach(dst, "completed")
    assert dst.value("query-migrate")["postcopy-blocktime"] > 0
    arrival = dst.host.machine.destination
    assert len(arrival.announced) == src.value("query-migrate-parameters")["announce-rounds"]


def test_a_disk_that_is_not_there_cannot_be_migrated() -> None:
    world = World()
    src = world.start("src", Options(disks=(Disk("d0", MIB),))).client()
    dst = world.start("dst", Options(incoming=ADDRESS))
    src.value("migrate", {"uri": ADDRESS, "blk": True})
    world.run(world.now + 5)
    assert dst.machine.exit is Exit.FAILED
    assert dst.reports == ["Error unknown block device d0"]
    assert src.value("query-migrate")["status"] == "failed"


def test_bitmaps_that_have_come_travel_on(tmp_path: Path) -> None:
    world = World()
    on = [{"capability": name, "state": True} for name in ("events", "dirty-bitmaps")]
    disk = Disk("d0", MIB)
    options = (Options(disks=(replace(disk, bitmaps=("b0",)),)), *(Options(incoming="defer", disks=(disk,)),) * 2)
    hops = [world.start(f"vm{number}", option).client() for number, option in enumerate(options)]
    for client in hops:
        client.value("migrate-set-capabilities", {"capabilities": on})
    for number, (source, destination) in enumerate(pairwise(hops)):
        destination.value("migrate-incoming", {"uri": f"unix:/hop{number}"})
        source.value("migrate", {"uri": f"unix:/hop{number}"})
        reach(destination, "completed")
        world.run(world.now + 1)
    assert hops[-1].host.machine.destination.bitmaps == (("d0", "b0"),)
    assert_conforms(world, tmp_path)


def test_a_signal_ends_a_process_that_idles() -> None:
    world = World()
    src = world.start("src", Options()).client()
    src.host.machine.terminate()
    world.settle(longest=1)
    assert src.host.machine.exit is Exit.QUIT
    assert src.events[-1] == ("SHUTDOWN", {"guest": False, "reason": "host-signal"})


def test_a_guest_that_suspends_shows_it_at_once(tmp_path: Path) -> None:
    world = World()
    src = world.start("src", Options()).client()
    src.host.machine.wish("SUSPEND")
    world.run(1)
    assert src.value("query-status")["status"] == "suspended"
    assert names(src) == ["SUSPEND"]
    assert_conforms(world, tmp_path)


def test_a_source_may_ask_to_go_on_before_the_destination_has_noticed_its_connection(tmp_path: Path) -> None:
    world, src, dst = pair("postcopy-ram", workload="uniform:400M", memory=512 * MIB, bandwidth=100 * MIB)
    src.value("migrate", {"uri": ADDRESS})
    reach(src, "active")
    src.value("migrate-start-postcopy")
    reach(dst, "postcopy-active")
    world.cut("src", "dst")
    reach(src, "postcopy-paused")
    reach(dst, "postcopy-paused")
    dst.host.machine.wish("hold:recovering")
    dst.value("migrate-recover", {"uri": ADDRESS})
    src.value("migrate", {"uri": ADDRESS, "resume": True})
    reach(src, "postcopy-recover")
    world.run(world.now + 1)
    dst.host.machine.wishes.discard("hold:recovering")
    dst.value("query-migrate")
    reach(src, "completed")
    reach(dst, "completed")
    assert_conforms(world, tmp_path)


@pytest.mark.parametrize(("oob", "answers"), [(False, 0), (True, 1)])
def test_what_is_sent_out_of_band_is_answered_while_the_main_loop_stands(oob: bool, answers: int) -> None:
    machine, host = negotiated(Bare, connected=False)
    machine.wish("hold:main")
    before = host.replies
    machine.submit(0, Complaint(Failure("wrong"), oob=oob))
    machine.advance(1.0)
    assert host.replies - before == answers
