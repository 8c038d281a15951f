"""Contracts of the commands that start, pause and recover an incoming migration.

Texts and order: observed on QEMU 5.2.0.
"""

from __future__ import annotations

from migspec.spec.conditions import where
from migspec.spec.contracts import Case, Contract, Words, refusal
from migspec.spec.requests import Request
from migspec.spec.uri import UriKind
from migspec.spec.vocabulary import MigrationStatus

_DEFERRED = where({"defer": "yes"}, "the process was started with -incoming defer")
_ACCEPTED = where({"accepted": "yes"}, "a migrate-incoming has succeeded")
_SOURCE_IN_POSTCOPY = where({"outgoing": MigrationStatus.POSTCOPY_ACTIVE}, "the outgoing side is in postcopy-active")
_DESTINATION_IN_POSTCOPY = where(
    {"incoming": MigrationStatus.POSTCOPY_ACTIVE}, "the incoming side is in postcopy-active"
)
_DESTINATION_PAUSED = where({"incoming": MigrationStatus.POSTCOPY_PAUSED}, "the incoming side is in postcopy-paused")
_RECOVER_ASKED = where({"recover-asked": "yes"}, "migrate-recover was given since the pause")


def _refused(request: Request) -> bool:
    return request.incoming is not None and bool(request.incoming.refusals)


def _accepted(request: Request) -> bool:
    return request.incoming is not None and request.incoming.may_pass


def _listens_on_socket(request: Request) -> bool:
    return request.incoming is not None and request.incoming.kind in (UriKind.TCP, UriKind.UNIX, UriKind.VSOCK)


def _listening(request: Request) -> dict[str, str | tuple[str, ...]]:
    address = "yes" if _listens_on_socket(request) else "no"
    return {"accepted": "yes", "load": "listening", "has-address": address}


def _recovering(request: Request) -> dict[str, str | tuple[str, ...]]:
    """A new address is put before the old ones, which stay."""
    address = {"has-address": "yes"} if _listens_on_socket(request) else {}
    return {"recover-asked": "yes", "load": "recovering", **address}


def _words(request: Request, _state: int) -> Words:
    refusals = request.incoming.refusals if request.incoming else ()
    return Words(
        frozenset(r.text for r in refusals if r.exact),
        tuple(r.text for r in refusals if not r.exact),
    )


MIGRATE_INCOMING = Contract(
    "migrate-incoming",
    (
        refusal(
            "migrate-incoming.not-deferred",
            "The process must have been started with -incoming defer.",
            "For use with '-incoming defer'",
            when=~_DEFERRED,
            clause="migrate-incoming",
            evidence="96 recorded",
        ),
        refusal(
            "migrate-incoming.repeated",
            "It can succeed once.",
            "The incoming migration has already been started",
            when=_ACCEPTED,
            evidence="46 recorded",
        ),
        Case(
            "migrate-incoming.uri",
            "A URI that cannot be listened on is refused after the event; another may be tried.",
            asks=_refused,
            emits=("!MIGRATION:setup",),
            words=_words,
            clause="migrate-incoming.uri",
            evidence="33 recorded",
        ),
        Case(
            "migrate-incoming.accepted",
            "The process listens. The event is no status: it is sent even with the capability events off.",
            asks=_accepted,
            when=where({"load": "deferred"}, "the process does not listen yet"),
            then=_listening,
            emits=("!MIGRATION:setup",),
            clause="migrate-incoming",
            evidence="579 recorded",
        ),
    ),
)

MIGRATE_PAUSE = Contract(
    "migrate-pause",
    (
        refusal(
            "migrate-pause.not-postcopy",
            "Only postcopy can be paused.",
            "migrate-pause is currently only supported during postcopy-active state",
            when=~(_SOURCE_IN_POSTCOPY | _DESTINATION_IN_POSTCOPY),
            clause="migrate-pause",
            evidence="150 recorded",
        ),
        refusal(
            "migrate-pause.no-shutdown",
            "A transport may refuse to be shut, as one whose peer is gone does.",
            Words(frozenset({"Failed to pause source migration", "Failed to pause destination migration"})),
            final=False,
            evidence="recorded on the source only",
        ),
        Case(
            "migrate-pause.accepted",
            "The channel is shut; the thread notices a moment later, over a pipe never.",
            clause="migrate-pause",
            evidence="39 recorded",
        ),
    ),
)

MIGRATE_RECOVER = Contract(
    "migrate-recover",
    (
        refusal(
            "migrate-recover.not-paused",
            "Only a paused incoming migration can be recovered.",
            "Migrate recover can only be run when postcopy is paused.",
            when=~_DESTINATION_PAUSED,
            clause="migrate-recover",
            evidence="136 recorded",
        ),
        refusal(
            "migrate-recover.repeated",
            "It can be given once a pause, whatever became of it.",
            "Migrate recovery is triggered already",
            when=_RECOVER_ASKED,
            evidence="10 recorded",
        ),
        Case(
            "migrate-recover.uri",
            "A URI that cannot be listened on is refused after the event, and uses up the one try.",
            asks=_refused,
            then={"recover-asked": "yes"},
            emits=("!MIGRATION:setup",),
            words=_words,
            clause="migrate-recover.uri",
        ),
        Case(
            "migrate-recover.accepted",
            "The process listens for the source's second connection.",
            asks=_accepted,
            then=_recovering,
            emits=("!MIGRATION:setup",),
            clause="migrate-recover",
            evidence="50 recorded",
        ),
    ),
)

CONTRACTS: tuple[Contract, ...] = (MIGRATE_INCOMING, MIGRATE_PAUSE, MIGRATE_RECOVER)
"""The contracts of this module."""
