"""The contract of migrate-set-capabilities, whose checks look at the capabilities that would result.

Texts and order: observed on QEMU 5.2.0.
"""

from __future__ import annotations

from functools import lru_cache

from migspec.spec.commands.outgoing import (
    IN_PROGRESS_TEXT,
    NO_BLOCK_MIGRATION,
    WAITING_GUEST,
    WITHOUT_BLOCK_MIGRATION,
)
from migspec.spec.conditions import ALWAYS, NEVER, Condition, where
from migspec.spec.contracts import Case, Contract, refusal
from migspec.spec.lifecycle.guards import IN_PROGRESS, capability
from migspec.spec.requests import Request
from migspec.spec.vocabulary import MigrationCapability

WITHOUT_REPLICATION = "QEMU compiled without replication module can't enable COLO"

_NO_REPLICATION = where({"replication": "no"}, "the build lacks replication")


def _turns_on_postcopy(request: Request) -> bool:
    return request.sets("postcopy-ram") is True


def _result_has(request: Request, name: str) -> Condition:
    """The condition that a capability is on after the request: the checks see nothing but the final table."""
    setting = request.sets(name)
    if setting is None:
        return capability(name)
    return ALWAYS.named(f"{name} is switched on") if setting else NEVER


@lru_cache(maxsize=256)
def _block_without_build(request: Request) -> Condition:
    return _result_has(request, "block") & NO_BLOCK_MIGRATION


@lru_cache(maxsize=256)
def _colo_without_build(request: Request) -> Condition:
    return _result_has(request, "x-colo") & _NO_REPLICATION


@lru_cache(maxsize=256)
def _postcopy_with_shared(request: Request) -> Condition:
    both = _result_has(request, "postcopy-ram") & _result_has(request, "x-ignore-shared")
    return both.named("postcopy-ram and x-ignore-shared are both on in the result")


def _new_settings(request: Request) -> dict[str, str | tuple[str, ...]]:
    known = set(MigrationCapability)
    settings: dict[str, str | tuple[str, ...]] = {
        f"cap.{name}": "yes" if on else "no" for name, on in request.capabilities if name in known
    }
    # the measurement is set up by a later check of the host, which the capability must have come before
    return settings | {"blocktime": ("no", "yes")} if request.sets("postcopy-blocktime") else settings


_LOADING = where({"incoming": "active"}, "a stream is being loaded")


def _needs_threads(request: Request) -> bool:
    return request.sets("multifd") is True or request.sets("compress") is True


MIGRATE_SET_CAPABILITIES = Contract(
    "migrate-set-capabilities",
    (
        refusal(
            "migrate-set-capabilities.in-progress",
            "Capabilities stay while an outgoing migration is in progress, even in an empty list.",
            IN_PROGRESS_TEXT,
            when=IN_PROGRESS,
            evidence="99 recorded; an incoming migration does not count",
        ),
        refusal(
            "migrate-set-capabilities.build-block",
            "A build may lack block migration.",
            WITHOUT_BLOCK_MIGRATION,
            when=_block_without_build,
            clause="MigrationCapability.block",
            evidence="read in the release's source; its own build has it",
        ),
        refusal(
            "migrate-set-capabilities.build-colo",
            "A build without replication has no COLO.",
            WITHOUT_REPLICATION,
            when=_colo_without_build,
            clause="MigrationCapability.x-colo",
            evidence="read in the release's source; its own build has it",
        ),
        refusal(
            "migrate-set-capabilities.postcopy-host",
            "A waiting destination asks its host whether it can do postcopy.",
            "Postcopy is not supported",
            asks=_turns_on_postcopy,
            when=WAITING_GUEST & capability("postcopy-ram", on=False),
            final=False,
            clause="MigrationCapability.postcopy-ram",
        ),
        refusal(
            "migrate-set-capabilities.postcopy-shared",
            "Postcopy does not go together with memory that is not sent.",
            "Postcopy is not compatible with ignore-shared",
            when=_postcopy_with_shared,
            clause="MigrationCapability.x-ignore-shared",
        ),
        Case(
            "migrate-set-capabilities.while-loading",
            "A destination that loads accepts what it can no longer prepare for.",
            asks=_needs_threads,
            when=_LOADING,
            then=lambda request: _new_settings(request) | {"switched-late": "yes"},
            clause="migrate-set-capabilities",
        ),
        Case(
            "migrate-set-capabilities.accepted",
            "The whole list takes effect, the last entry of a capability counting.",
            when=lambda request: ~_LOADING if _needs_threads(request) else ALWAYS,
            then=_new_settings,
            clause="migrate-set-capabilities",
            evidence="1 985 recorded",
        ),
    ),
)

CONTRACTS: tuple[Contract, ...] = (MIGRATE_SET_CAPABILITIES,)
"""The contracts of this module."""
