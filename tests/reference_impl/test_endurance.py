"""A week of polling leaves nothing behind."""

import gc
import subprocess
import sys

import pytest
from tests.bench.model import Bare, ask, negotiated

WEEK = 7 * 24 * 3600.0
"""Seconds."""
POLLS = 4_000
SLACK = 200
"""Blocks of memory by which caches may still grow; a leak of one block a poll would be twenty times as many."""

_A_WEEK = """
import gc, sys
from tests.bench.model import Bare, ask, negotiated
machine, host = negotiated(Bare, connected=True)
def poll(times, pause):
    for _ in range(times):
        machine.advance(machine.now + pause)
        ask(machine, "query-migrate", None)
    gc.collect()
    return sys.getallocatedblocks()
before = poll(10_000, 0.1)
after = poll(7 * 24 * 3600 * 10, 0.1)
print(host.replies, after - before)
"""


@pytest.mark.parametrize("connected", [False, True])
def test_a_week_in_large_steps(connected: bool) -> None:
    machine, _ = negotiated(Bare, connected=connected)

    def poll(times: int) -> int:
        for number in range(times):
            machine.advance(machine.now + WEEK / POLLS)
            ask(machine, ("query-migrate", "query-status")[number % 2], None)
        gc.collect()
        return sys.getallocatedblocks()

    before = poll(POLLS // 4)
    assert poll(POLLS) - before < SLACK


@pytest.mark.soak
def test_a_week_of_ten_polls_a_second() -> None:
    done = subprocess.run([sys.executable, "-c", _A_WEEK], capture_output=True, text=True, check=True)
    replies, grown = map(int, done.stdout.split())
    print(f"{replies} polls, {grown} blocks of memory more")
    assert replies > WEEK * 10
    # caches fill, and numbers that have grown take another word; a leak would show in every poll
    assert grown < replies / 1000
