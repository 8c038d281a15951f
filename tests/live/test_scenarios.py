"""What real QEMU does is judged: a sample of the scenarios, of every theme, and of the random sessions."""

import json
from pathlib import Path

import pytest
from tests.live.corpus import ATTEMPTS
from tests.live.qemu import QemuInstall
from tests.live.scenarios import SCENARIOS
from tests.live.session import StateChange
from tests.live.soak import Outcome, run
from tests.live.whitebox import judge_and_compare

from migspec.traces.findings import Verdict

pytestmark = pytest.mark.live

SAMPLE = (
    "migrate-to-malformed-addresses",
    "destination-visited-by-a-stranger",
    "parameters-changed-meanwhile",
    "commands-in-a-fresh-vm",
    "cancel-in-active",
    "cancel-in-pre-switchover",
    "cancel-in-postcopy-active",
    "cancel-at-many-moments",
    "failure-then-success",
    "there-and-on",
    "both-sides-run",
    "source-killed-in-active",
    "destination-terminated-in-pre-switchover",
    "source-quits-in-postcopy-active",
    "multifd",
    "block-migration",
    "mismatch-of-memory-size-with-return-path",
    "events-off",
    "two-monitors-one-cancels",
    "pipelined-commands",
    "out-of-band",
    "snapshots",
    "human-monitor-to-the-end",
    "colo-failover-of-the-secondary",
    "postcopy-running-guest",
    "postcopy-pause-before-switchover",
    "precopy-unix",
    "precopy-guest-stopped-meanwhile",
    "recover-once",
    "recover-over-tcp",
    "pause-before-switchover",
    "continue-repeated",
    "tls-psk-over-unix",
    "requests-in-device",
    "blocked-by-a-block-driver",
    "multifd-from-a-command",
    "unplug-primary",
    "colo-takeover-by-both",
    "replication-of-the-primary",
    "replication-without-any",
    "bad-json-with-several-errors",
    "numbers-of-multifd",
    "guest-panics",
)
"""Scenarios of every theme."""

SEEDS = tuple(range(500, 525))
"""Random sessions."""

MISJUDGED = "active"
"""A status that the outgoing side of a VM without a migration cannot have."""


def attempt(install: QemuInstall, name: str, folder: Path) -> Outcome:
    """Run a session, once more if chance has it otherwise than meant."""
    for _ in range(ATTEMPTS):
        outcome = run(install, name, folder)
        if not outcome.missed:
            return outcome
    return outcome


def check(outcome: Outcome) -> None:
    assert not outcome.missed
    assert not outcome.faults
    assert outcome.report.verdict is Verdict.CONFORMS
    assert outcome.report.messages
    assert set(outcome.report.profiles.values()) == {"qemu-5.2.0"}


def test_sample_has_every_theme() -> None:
    themes = {scenario.act.__module__ for scenario in SCENARIOS.values()}
    assert themes == {SCENARIOS[name].act.__module__ for name in SAMPLE}


@pytest.mark.parametrize("name", SAMPLE)
def test_scenario(qemu52: QemuInstall, tmp_path: Path, name: str) -> None:
    check(attempt(qemu52, name, tmp_path))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_session(qemu52: QemuInstall, tmp_path: Path, seed: int) -> None:
    outcome = attempt(qemu52, f"walk-{seed}", tmp_path)
    check(outcome)
    assert outcome.comparison.points


def test_every_status_of_a_plain_migration_is_inferred(qemu52: QemuInstall, tmp_path: Path) -> None:
    outcome = attempt(qemu52, "precopy-unix", tmp_path)
    assert outcome.comparison.points >= 10
    assert outcome.comparison.agreements == outcome.comparison.points
    assert outcome.comparison.sharp


def test_log_that_the_trace_contradicts_is_told(qemu52: QemuInstall, tmp_path: Path) -> None:
    trace = tmp_path / "fresh.jsonl"
    session = SCENARIOS["commands-in-a-fresh-vm"].record(qemu52, trace)
    [vm, *_] = session.states
    begun = json.loads(trace.read_text().splitlines()[1])["t"]
    _, comparison = judge_and_compare(trace, session.states | {vm: [StateChange(begun + 1e-6, MISJUDGED)]})
    assert comparison.disagreements
    assert {found.vm for found in comparison.disagreements} == {vm}
    assert {found.logged for found in comparison.disagreements} == {MISJUDGED}
