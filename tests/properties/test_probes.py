"""Probes: what a VM answers is what its state says, and who is busy is not asked."""

from __future__ import annotations

import pytest
from tests.properties.probes import probe_of

from migspec.properties.explorer.environment import ASKS
from migspec.properties.explorer.local import Kind
from migspec.spec.commands.queries import BLOCKTIME, MigrateAnswer
from migspec.spec.state import FRESH, VARIABLES, assign
from migspec.spec.steps import NEGOTIATED, THREADS, Configuration, Monitor
from migspec.traces.observations import Replied, Sent

IDLE = Configuration(FRESH, ((),) * len(THREADS), (Monitor(session=NEGOTIATED),))


def test_a_fresh_vm_tells_of_no_migration() -> None:
    probe = probe_of(IDLE)
    assert probe is not None
    assert probe.migration == MigrateAnswer(None, frozenset())
    assert not any(on for _, on in probe.settings)


def test_what_is_switched_on_is_told() -> None:
    probe = probe_of(IDLE.moved(assign(FRESH, {"cap.postcopy-ram": "yes", "block-migration": "no"})))
    assert probe is not None
    assert [name for name, on in probe.settings if on] == ["postcopy-ram"]
    assert "block" not in dict(probe.settings)


@pytest.mark.parametrize(
    ("changes", "status", "members"),
    [
        (
            {"outgoing": "active", "stage": "iterating"},
            "active",
            {"setup-time", "total-time", "expected-downtime", "ram"},
        ),
        ({"outgoing": "failed", "error-known": "yes"}, "failed", {"error-desc"}),
        ({"outgoing": "failed", "error-known": "no"}, "failed", set()),
        ({"incoming": "active", "load": "loading", "has-address": "yes"}, "active", {"socket-address"}),
        ({"incoming": "completed", "load": "done", "blocktime": "yes"}, "completed", set(BLOCKTIME)),
        ({"incoming": "completed", "load": "done", "outgoing": "setup"}, "setup", set()),
    ],
)
def test_the_outgoing_part_is_told_before_the_incoming(changes: dict[str, str], status: str, members: set[str]) -> None:
    probe = probe_of(IDLE.moved(assign(FRESH, changes)))
    assert probe is not None
    assert probe.migration == MigrateAnswer(status, frozenset(members))


def test_every_question_has_its_answer() -> None:
    probe = probe_of(IDLE)
    assert probe is not None
    assert probe.kind is Kind.REPLY
    asked = [seen.request.command for seen in probe.observations if isinstance(seen, Sent)]
    answered = [seen.command for seen in probe.observations if isinstance(seen, Replied)]
    assert asked == answered
    assert str(probe).startswith("told status absent with nothing else, run state running")


def test_who_is_busy_or_ends_is_not_asked() -> None:
    request = ASKS["cancel"].request
    assert probe_of(IDLE.with_monitor(0, IDLE.monitors[0].asked(request))) is None
    assert probe_of(IDLE.with_monitor(0, IDLE.monitors[0]._replace(connected=False))) is None
    quitting = next(value for value in VARIABLES["life"].values if value not in VARIABLES["life"].of(FRESH))
    assert probe_of(IDLE.moved(assign(FRESH, {"life": quitting}))) is None
