"""Which requests and events change what the numbers are about.

Two answers can be compared only if nothing of this kind came between them. What is not known to leave the numbers
alone is taken to change them.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from migspec.spec.commands import CONTRACTS
from migspec.spec.requests import Request
from migspec.spec.schema import QEMU_5_2_0, Origin


class Influence(StrEnum):
    """What a request does to the numbers."""

    NONE = "none"
    """Nothing."""
    BEGINS = "begins"
    """It may begin another attempt; a line for the human monitor may do this and anything else."""
    RESUMES = "resumes"
    """It goes on with a paused postcopy."""
    CAPABILITIES = "capabilities"
    """It sets capabilities."""
    PARAMETERS = "parameters"
    """It sets parameters."""
    OTHER = "other"
    """It may change the memory or the devices of the VM."""


_SETTERS = {
    "migrate-set-capabilities": Influence.CAPABILITIES,
    "migrate-set-parameters": Influence.PARAMETERS,
    "migrate-set-cache-size": Influence.PARAMETERS,
    "migrate_set_downtime": Influence.PARAMETERS,
    "migrate_set_speed": Influence.PARAMETERS,
}

_HARMLESS: frozenset[str] = frozenset(
    name for name, command in QEMU_5_2_0.commands.items() if command.origin is Origin.SEED or name in CONTRACTS
)

DISTURBING_EVENTS: frozenset[str] = frozenset({"COLO_EXIT", "DEVICE_DELETED", "MEM_UNPLUG_ERROR", "RESET"})
"""Events after which memory may be of another size, or counted by another thread."""

DISTURBING_STATUSES: frozenset[str] = frozenset({"colo", "setup"})
"""Statuses whose announcement does the same: what was counted begins anew, or is counted a checkpoint at a time."""


@lru_cache(maxsize=4096)
def influence_of(request: Request) -> Influence:
    """What a request does to the numbers."""
    if request.monitor_command:
        return Influence.NONE if request.command in _HARMLESS - set(_SETTERS) - {"migrate"} else Influence.BEGINS
    if request.command == "migrate":
        return Influence.RESUMES if request.resume else Influence.BEGINS
    if request.command in _SETTERS:
        return _SETTERS[request.command]
    asks = request.command.startswith("query-")
    return Influence.NONE if asks or request.command in _HARMLESS else Influence.OTHER
