"""What the schema's text alone promises of its commands.

It names hardly any refusal and no error text, so a command may be refused with any words; what it does
promise is that migrate_cancel succeeds whatever the state, and that capabilities take effect.
"""

from __future__ import annotations

from dataclasses import replace

from migspec.spec.commands.capabilities import MIGRATE_SET_CAPABILITIES
from migspec.spec.commands.machine import QMP_CAPABILITIES
from migspec.spec.conditions import where
from migspec.spec.contracts import Case, Contract, Words, refusal
from migspec.spec.requests import Request
from migspec.spec.rows import SEED, Standing
from migspec.spec.state import Session

_ANYTHING = Words(anything=True)
_WRITTEN = frozenset({SEED})


def _unknown_settings(request: Request) -> dict[str, str | tuple[str, ...]]:
    """After a refusal the text does not say which settings hold."""
    return dict.fromkeys(MIGRATE_SET_CAPABILITIES.cases[-1].effect(request), ("no", "yes"))


_REFUSED = refusal("written.refused", "The text does not say when.", _ANYTHING, final=False, profiles=(SEED,))
_ACCEPTED = Case("written.accepted", "The command succeeds.", profiles=_WRITTEN, loose=True)

_REFUSED_EARLY = refusal(
    "written.refused-early",
    "Before the negotiation is over, and with arguments that do not fit, any command is refused.",
    _ANYTHING,
    asks=lambda request: bool(request.argument_errors) or request.oob,
    final=False,
    profiles=(SEED,),
)
_REFUSED_IN_NEGOTIATION = replace(
    _REFUSED_EARLY, asks=lambda _request: True, when=where({"session": Session.NEGOTIATING})
)

OPEN = Contract("", (_REFUSED, _ACCEPTED))
"""The contract of a command of which the text promises nothing."""

CONTRACTS: dict[str, Contract] = {
    contract.command: contract
    for contract in (
        Contract(
            "migrate_cancel",
            (
                _REFUSED_EARLY,
                _REFUSED_IN_NEGOTIATION,
                Case(
                    "written.migrate_cancel",
                    "It succeeds even if no migration is running.",
                    profiles=_WRITTEN,
                    standing=Standing.DOCUMENTED,
                    clause="migrate_cancel",
                ),
            ),
        ),
        Contract(
            "migrate-set-capabilities",
            (
                replace(_REFUSED, then=_unknown_settings),
                replace(MIGRATE_SET_CAPABILITIES.cases[-1], profiles=_WRITTEN),
            ),
        ),
        Contract(
            "qmp_capabilities",
            (_REFUSED, *(replace(case, profiles=_WRITTEN) for case in QMP_CAPABILITIES.cases)),
        ),
        Contract("quit", (replace(_ACCEPTED, then={"life": "quitting"}),)),
        Contract("query-migrate-capabilities", (_REFUSED, _ACCEPTED), query="query-migrate-capabilities"),
    )
}
"""The commands of which it promises something."""
