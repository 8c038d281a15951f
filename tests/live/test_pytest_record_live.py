"""The fixture `migspec_record` in a test of others that migrates between two real QEMUs."""

import json
import os
import sys

import pytest
from tests.live.process import QemuProcess
from tests.live.qemu import QemuInstall

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.live

THEIRS = """
import time

import pytest
from qemu.qmp.legacy import QEMUMonitorProtocol

EVENTS = [{{"capability": "events", "state": True}}]


@pytest.fixture
def monitors(migspec_record):
    addresses = {{"source": "{source}", "destination": "{destination}"}}
    clients = [QEMUMonitorProtocol(migspec_record.record(role, address, role)) for role, address in addresses.items()]
    for client in clients:
        client.connect()
        client.cmd("migrate-set-capabilities", capabilities=EVENTS)
    yield clients
    for client in clients:
        client.close()


def test_migration(monitors):
    source, destination = monitors
    destination.cmd("migrate-incoming", uri="unix:{folder}/m")
    source.cmd("migrate", uri="unix:{folder}/m")
    while source.cmd("query-migrate")["status"] != "completed":
        time.sleep(0.01)
    while destination.cmd("query-status")["status"] != "running":
        time.sleep(0.01)


def test_invention(monitors, migspec_record):
    migspec_record.message("source", "<-", {{"return": {{}}, "id": "of nobody"}})
"""


def test_a_migration_is_recorded_and_judged(
    qemu52: QemuInstall, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with QemuProcess(qemu52) as source, QemuProcess(qemu52, "-incoming", "defer") as destination:
        pytester.makepyfile(
            test_theirs=THEIRS.format(
                source=f"unix:{source.sockets[0]}",
                destination=f"unix:{destination.sockets[0]}",
                folder=destination.folder,
            )
        )
        done = pytester.runpytest_subprocess("-p", "migspec.pytest_record", "--migspec-keep", "kept", "-rP")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        ["*migspec.jsonl:*: source: *[[]envelope.reply.unrequested[]]", "*migspec.jsonl: conforms (qemu-5.2.0, *"]
    )
    (trace,) = (pytester.path / "kept").glob("*test_migration*")
    header, *lines = map(json.loads, trace.read_text().splitlines())
    assert header["vms"] == {"source": {"role": "source"}, "destination": {"role": "destination"}}
    statuses = {(line["vm"], line["msg"]["data"]["status"]) for line in lines if _is_migration(line)}
    assert {("source", "completed"), ("destination", "completed")} <= statuses
    assert [line["by"] for line in lines if "end" in line] == ["client", "client"]


def _is_migration(line: dict[str, dict[str, object]]) -> bool:
    return line.get("msg", {}).get("event") == "MIGRATION"
