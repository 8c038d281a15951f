"""Contracts of the commands that start, steer and end an outgoing migration.

Texts and order: observed on QEMU 5.2.0.
"""

from __future__ import annotations

from functools import lru_cache

from migspec.spec import uri
from migspec.spec.conditions import ALWAYS, Condition, where
from migspec.spec.contracts import Case, Contract, Words, refusal
from migspec.spec.lifecycle.cancel import CANCELLATIONS
from migspec.spec.lifecycle.guards import (
    BLOCK_ON,
    IN_PROGRESS,
    POSTCOPY_ALLOWED,
    RELEASE_RAM_ON,
)
from migspec.spec.requests import Request
from migspec.spec.rows import Standing
from migspec.spec.state import VARIABLES
from migspec.spec.vocabulary import MigrationStatus, RunState

IN_PROGRESS_TEXT = "There's a migration process in progress"

WITHOUT_BLOCK_MIGRATION = "QEMU compiled without old-style (blk/-b, inc/-i) block migration"

NO_BLOCK_MIGRATION = where({"block-migration": "no"}, "the build lacks block migration")
WAITING_GUEST = where({"run": RunState.INMIGRATE}, "the guest waits for an incoming migration")
_PAUSED = where({"outgoing": MigrationStatus.POSTCOPY_PAUSED}, "the outgoing migration is in postcopy-paused")
_INCREMENTAL_ON = where({"block-incremental": "yes"}, "the parameter block-incremental is true")
_LENT = where({"block-options": ("lent", "leaked")}, "block options were switched on by migrate itself")
_POISONED = where({"poisoned": "yes"}, "an earlier resume failed to connect")
_NOT_POISONED = ~_POISONED


def _fresh(request: Request) -> bool:
    return not request.resume


def _resume(request: Request) -> bool:
    return request.resume


def _uses_blocks(request: Request) -> bool:
    return request.block or request.incremental


def _uri_words(stage: uri.Stage | None, request: Request) -> Words:
    verdict = request.outgoing
    refusals = [r for r in verdict.refusals if stage is None or r.stage is stage] if verdict else []
    return Words(
        frozenset(r.text for r in refusals if r.exact),
        tuple(r.text for r in refusals if not r.exact),
    )


def _may_refuse(stage: uri.Stage, request: Request) -> bool:
    return request.outgoing is not None and any(r.stage is stage for r in request.outgoing.refusals)


def _passes(request: Request, *kinds: uri.UriKind) -> bool:
    verdict = request.outgoing
    return verdict is not None and verdict.may_pass and verdict.kind in kinds


_ASYNCHRONOUS = (uri.UriKind.UNIX, uri.UriKind.TCP, uri.UriKind.VSOCK)
_SYNCHRONOUS = (uri.UriKind.EXEC, uri.UriKind.FD, uri.UriKind.RDMA)


_FORGOTTEN = ("was-running", "switch-asked", "failover", "resuming", "poisoned", "error-known", "threads-changed")


def _new_attempt(request: Request) -> dict[str, str | tuple[str, ...]]:
    """What every accepted attempt forgets of the one before."""
    forgotten: dict[str, str | tuple[str, ...]] = dict.fromkeys(_FORGOTTEN, "no")
    if _uses_blocks(request):
        forgotten |= {"block-options": "lent", "cap.block": "yes"}
    if request.incremental:
        forgotten["block-incremental"] = "yes"
    return forgotten


def _connecting(request: Request) -> dict[str, str | tuple[str, ...]]:
    piped = "yes" if _passes(request, uri.UriKind.EXEC, uri.UriKind.FD) else "no"
    return _new_attempt(request) | {"outgoing": "setup", "stage": "connecting", "piped": piped}


def _failed_for_scheme(request: Request) -> dict[str, str | tuple[str, ...]]:
    return _new_attempt(request) | {"outgoing": "failed", "stage": "idle"}


def _failed_for_scheme_returning(request: Request) -> dict[str, str | tuple[str, ...]]:
    returned = {"block-options": "none", "cap.block": "no", "block-incremental": "no"}
    return _failed_for_scheme(request) | returned


def _has_lent(request: Request) -> Condition:
    """The condition that migrate itself has block options on when it fails: those of an earlier attempt count."""
    return ALWAYS if _uses_blocks(request) else _LENT


def _failed_for_body(request: Request) -> dict[str, str | tuple[str, ...]]:
    leaked = {"block-options": "leaked"} if _uses_blocks(request) else {}
    return _new_attempt(request) | {"outgoing": "failed", "stage": "idle", "error-known": "yes"} | leaked


MIGRATE = Contract(
    "migrate",
    (
        refusal(
            "migrate.resume.not-paused",
            "Only a paused migration can be resumed.",
            "Cannot resume if there is no paused migration",
            asks=_resume,
            when=~_PAUSED,
            clause="migrate.resume",
            evidence="in every status",
        ),
        refusal(
            "migrate.resume.release-ram",
            "A migration whose source freed the pages that it had sent cannot be resumed.",
            "Postcopy recovery cannot work when release-ram capability is set",
            asks=_resume,
            when=RELEASE_RAM_ON,
            clause="MigrationCapability.release-ram",
        ),
        refusal(
            "migrate.resume.uri",
            "A resume with a bad URI changes nothing and can be tried again.",
            lambda request, _state: _uri_words(None, request),
            asks=lambda request: request.resume and bool(request.outgoing and not request.outgoing.may_pass),
        ),
        refusal(
            "migrate.resume.uri.perhaps",
            "Whether a resume's URI is refused may depend on the host.",
            lambda request, _state: _uri_words(None, request),
            asks=lambda request: bool(request.resume and request.outgoing and request.outgoing.refusals),
            final=False,
        ),
        Case(
            "migrate.resume.accepted",
            "The resume is accepted; its connection is made afterwards.",
            asks=lambda request: request.resume and _passes(request, *_ASYNCHRONOUS),
            then={"resuming": "yes"},
            clause="migrate.resume",
        ),
        Case(
            "migrate.resume.connected",
            "Over a pipe or a descriptor the resume is connected before the reply.",
            asks=lambda request: request.resume and _passes(request, *_SYNCHRONOUS),
            when=_NOT_POISONED,
            then={"outgoing": "postcopy-recover", "resuming": "no"},
            emits=("MIGRATION:postcopy-recover", "=stage:resuming"),
            clause="migrate.resume",
        ),
        Case(
            "migrate.resume.aborts",
            "A resume after one that failed to connect aborts the process.",
            asks=lambda request: request.resume and _passes(request, *_SYNCHRONOUS),
            when=_POISONED,
            then={"life": "aborted"},
            standing=Standing.DEFECT,
        ),
        refusal(
            "migrate.in-progress",
            "There is one outgoing migration at a time.",
            IN_PROGRESS_TEXT,
            asks=_fresh,
            when=IN_PROGRESS,
            evidence="121 recorded",
        ),
        refusal(
            "migrate.inmigrate",
            "A guest that waits for its state has none to send.",
            "Guest is waiting for an incoming migration",
            asks=_fresh,
            when=WAITING_GUEST,
        ),
        refusal(
            "migrate.blocked",
            "A device or a disk may forbid migration; a blocker has its own words.",
            Words(
                beginnings=("State blocked by non-migratable device '",),
                containing="igrat",
                except_for=frozenset(
                    {
                        IN_PROGRESS_TEXT,
                        "Guest is waiting for an incoming migration",
                        "Cannot resume if there is no paused migration",
                        "Command options are incompatible with current migration capabilities",
                        "Parameter 'uri' expects a valid migration protocol",
                    }
                ),
            ),
            asks=_fresh,
            final=False,
        ),
        refusal(
            "migrate.block-options",
            "blk and inc do not go together with the capability or the parameter that they stand for.",
            "Command options are incompatible with current migration capabilities",
            asks=lambda request: _fresh(request) and _uses_blocks(request),
            when=(BLOCK_ON | _INCREMENTAL_ON).named("block migration is configured already"),
            clause="migrate.blk",
        ),
        refusal(
            "migrate.block-build",
            "A build may lack block migration.",
            WITHOUT_BLOCK_MIGRATION,
            asks=lambda request: _fresh(request) and _uses_blocks(request),
            when=NO_BLOCK_MIGRATION,
            clause="migrate.blk",
            evidence="read in the release's source; its own build has it",
        ),
        Case(
            "migrate.uri.scheme",
            "An unknown scheme fails an attempt that had begun, and leaves no error-desc.",
            asks=lambda request: _fresh(request) and _may_refuse(uri.Stage.SCHEME, request),
            when=lambda request: ~_has_lent(request),
            then=_failed_for_scheme,
            emits=("MIGRATION:setup", "MIGRATION:failed"),
            words=lambda request, _state: _uri_words(uri.Stage.SCHEME, request),
            clause="migrate.uri",
            evidence="85 recorded",
        ),
        Case(
            "migrate.uri.scheme.returned",
            "It takes back the block options that this attempt or an earlier one switched on for itself.",
            asks=lambda request: _fresh(request) and _may_refuse(uri.Stage.SCHEME, request),
            when=_has_lent,
            then=_failed_for_scheme_returning,
            emits=("MIGRATION:setup", "MIGRATION:failed"),
            words=lambda request, _state: _uri_words(uri.Stage.SCHEME, request),
            clause="migrate.uri",
        ),
        Case(
            "migrate.uri.body",
            "A malformed address fails an attempt that had begun, and leaves its text as error-desc.",
            asks=lambda request: _fresh(request) and _may_refuse(uri.Stage.BODY, request),
            then=_failed_for_body,
            emits=("MIGRATION:setup", "MIGRATION:failed"),
            words=lambda request, _state: _uri_words(uri.Stage.BODY, request),
            clause="migrate.uri",
            evidence="50 recorded",
        ),
        Case(
            "migrate.too-early",
            "A migration that begins before the one before it is cleaned up may end the process.",
            asks=lambda request: _fresh(request) and bool(request.outgoing and request.outgoing.may_pass),
            when=where({"stage": ("ending", "cleaning")}, "the last migration is not cleaned up"),
            then={"outgoing": "setup", "life": ("aborted", "crashed")},
            emits=("MIGRATION:setup",),
            standing=Standing.DEFECT,
            evidence="6 of at most 40",
        ),
        Case(
            "migrate.accepted",
            "The migration is accepted; its connection is made afterwards.",
            asks=lambda request: _fresh(request) and _passes(request, *_ASYNCHRONOUS),
            then=_connecting,
            emits=("MIGRATION:setup",),
            clause="migrate",
            evidence="`setup` before the reply in 583 of 583",
        ),
        Case(
            "migrate.connected",
            "Over a pipe or a descriptor the migration thread starts before the reply.",
            asks=lambda request: _fresh(request) and _passes(request, *_SYNCHRONOUS),
            then=_connecting,
            emits=("MIGRATION:setup", "=stage:setting-up"),
            clause="migrate",
        ),
        Case(
            "migrate.connected.failed",
            "Over a pipe or a descriptor, credentials that are missing fail the migration before the reply accepts it.",
            asks=lambda request: _fresh(request) and _passes(request, *_SYNCHRONOUS),
            then=lambda request: _connecting(request) | {"outgoing": "failed", "stage": "idle", "error-known": "yes"},
            emits=("MIGRATION:setup", "MIGRATION:failed"),
            clause="MigrationParameter.tls-creds",
            evidence="10 of 10 over a command with an unknown tls-creds",
        ),
        Case(
            "migrate.connected.unplug",
            "As before, and the guest is asked to give up a failover primary.",
            asks=lambda request: _fresh(request) and _passes(request, *_SYNCHRONOUS),
            then=_connecting,
            emits=("MIGRATION:setup", "UNPLUG_PRIMARY", "=failover:yes", "=stage:setting-up"),
            clause="UNPLUG_PRIMARY",
        ),
    ),
)

MIGRATE_CANCEL = Contract(
    "migrate_cancel",
    (
        Case(
            "migrate_cancel.idle",
            "Without a migration in progress nothing happens; that includes COLO.",
            when=~IN_PROGRESS,
            standing=Standing.DOCUMENTED,
            clause="migrate_cancel",
            evidence="294 recorded outside COLO",
        ),
        *(
            Case(
                f"migrate_cancel.{way.name}",
                way.sentence,
                when=way.when,
                then=dict(way.then),
                emits=way.emits,
                leaves=way.leaves,
                standing=way.standing,
                clause=way.clause,
                evidence=way.evidence,
            )
            for way in CANCELLATIONS
        ),
    ),
)


@lru_cache(maxsize=256)
def _same_state(request: Request) -> Condition:
    return where({"outgoing": request.expected_state or "none"}, "the outgoing status is the one that was named")


def _other_state(request: Request) -> Condition:
    return ~_same_state(request)


def _not_in_state(_request: Request, state: int) -> Words:
    status = VARIABLES["outgoing"].known(state)
    return Words(frozenset({f"Migration not in expected state: {status}"}))


MIGRATE_CONTINUE = Contract(
    "migrate-continue",
    (
        refusal(
            "migrate-continue.other-state",
            "The named status must be the outgoing one.",
            _not_in_state,
            when=_other_state,
            split_on="outgoing",
            clause="migrate-continue.state",
        ),
        Case(
            "migrate-continue.accepted",
            "A status that is named right ends the wait in pre-switchover, and in any other one nothing.",
            when=_same_state,
            then={"continued": "yes"},
            clause="migrate-continue",
            evidence="52 recorded, 32 of them in pre-switchover",
        ),
    ),
)

MIGRATE_START_POSTCOPY = Contract(
    "migrate-start-postcopy",
    (
        refusal(
            "migrate-start-postcopy.capability",
            "Postcopy needs its capability, or that of dirty bitmaps.",
            "Enable postcopy with migrate_set_capability before the start of migration",
            when=~POSTCOPY_ALLOWED,
            clause="migrate-start-postcopy",
            evidence="also in status none",
        ),
        refusal(
            "migrate-start-postcopy.not-started",
            "A migration must have been started at some time.",
            "Postcopy must be started after migration has been started",
            when=where({"outgoing": "none"}, "there was no outgoing migration"),
            clause="migrate-start-postcopy",
        ),
        Case(
            "migrate-start-postcopy.accepted",
            "The request is kept until the thread finds it, or until the next migration.",
            when=IN_PROGRESS,
            then={"switch-asked": "yes"},
            clause="migrate-start-postcopy",
            evidence="may come as early as setup",
        ),
        Case(
            "migrate-start-postcopy.no-effect",
            "After the end of a migration the request has no effect.",
            when=~IN_PROGRESS,
            clause="migrate-start-postcopy",
            evidence="26 recorded",
        ),
    ),
)

CONTRACTS: tuple[Contract, ...] = (
    MIGRATE,
    MIGRATE_CANCEL,
    MIGRATE_CONTINUE,
    MIGRATE_START_POSTCOPY,
)
"""The contracts of this module."""
