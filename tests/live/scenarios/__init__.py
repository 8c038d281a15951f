"""What to record: deterministic sessions, each meant to show one thing, by theme.

Importing this package fills the table.
"""

from tests.live.scenarios import (
    addresses,
    arguments,
    blockers,
    cancel,
    chains,
    colo,
    crashes,
    deaths,
    device,
    failover,
    features,
    guests,
    interface,
    mismatch,
    monitors,
    neighbours,
    postcopy,
    precopy,
    recovery,
    switchover,
    tls,
    wire,
)
from tests.live.scenarios.table import SCENARIOS, Scenario

__all__ = [
    "SCENARIOS",
    "Scenario",
    "addresses",
    "arguments",
    "blockers",
    "cancel",
    "chains",
    "colo",
    "crashes",
    "deaths",
    "device",
    "failover",
    "features",
    "guests",
    "interface",
    "mismatch",
    "monitors",
    "neighbours",
    "postcopy",
    "precopy",
    "recovery",
    "switchover",
    "tls",
    "wire",
]
