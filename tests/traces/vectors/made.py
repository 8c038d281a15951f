"""What the tests of this folder share: sequences with their graphs, made when they are first wanted."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.traces.vectors.driving import Object

from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0
from migspec.traces.vectors.sequences import CommandSequence, Sequences

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTED = (ROOT / "docs" / "vectors.md").read_text()
"""What people are told of the vectors."""

SMALL = ("greeted/qmp_capabilities", "fresh/stop", "fresh/quit", "fresh/migrate-6", "told/stop", "held/quit")
"""Sequences of several situations whose graphs take no time."""


@cache
def maker(profile: str = QEMU_5_2_0) -> Sequences:
    """What makes the sequences of a profile."""
    return Sequences(PROFILES[profile])


@cache
def listed(profile: str = QEMU_5_2_0) -> dict[str, CommandSequence]:
    """The sequences of a profile, by name."""
    every = list(maker(profile).every())
    found = {sequence.name: sequence for sequence in every}
    assert len(found) == len(every)
    return found


@cache
def made(name: str, profile: str = QEMU_5_2_0) -> Object:
    """A sequence with its graph."""
    return maker(profile).as_object(listed(profile)[name])


def events_of(sequence: Object) -> frozenset[str]:
    """The events that a graph judges."""
    return frozenset(m["event"] for place in sequence["places"] for m in place.get("moves", ()) if "event" in m)
