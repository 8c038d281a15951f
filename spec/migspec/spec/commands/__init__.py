"""The contracts of the commands, by name.

`envelope` holds what every command meets before its own checks, `outgoing` and `incoming` the commands
of the two sides, `capabilities` and `settings` how those and the parameters are set, `machine` those of the guest and
the process, `colo` and `dirty_rate` what their names say, `xen` those of Xen and replication, `neighbours` what else
a client needs for a migration, `queries` the answers that depend on the state, `written` what the schema's text alone
promises.
"""

from __future__ import annotations

from collections.abc import Iterator

from migspec.spec.commands import (
    capabilities,
    colo,
    dirty_rate,
    envelope,
    incoming,
    machine,
    neighbours,
    outgoing,
    queries,
    settings,
    written,
    xen,
)
from migspec.spec.contracts import Answer, Contract
from migspec.spec.requests import Request
from migspec.spec.rows import SEED

CONTRACTS: dict[str, Contract] = {
    contract.command: contract
    for contract in (
        *outgoing.CONTRACTS,
        *capabilities.CONTRACTS,
        *incoming.CONTRACTS,
        *machine.CONTRACTS,
        *settings.CONTRACTS,
        *colo.CONTRACTS,
        *dirty_rate.CONTRACTS,
        *xen.CONTRACTS,
        *neighbours.CONTRACTS,
        *queries.CONTRACTS,
    )
}
"""The contracts of the releases."""


def contract_of(command: str, profile: str) -> Contract:
    """The contract by which `profile` judges `command`, its own or the one that leaves everything open."""
    if profile == SEED:
        return written.CONTRACTS.get(command, written.OPEN)
    return CONTRACTS.get(command, machine.OPEN)


def answers(request: Request, state: int, profile: str) -> Iterator[Answer]:
    """Every way in which `request` may go in `state`: the common checks first, then its own contract.

    The state's variable `session` is that of the monitor on which the request was made.
    """
    open_states = []
    for answer in envelope.CONTRACT.answers(request, state, profile):
        if answer.case is envelope.PASSES:
            open_states.append(answer.state)
        else:
            yield answer
    is_unknown = request.command in machine.ONLY_HUMAN and not request.monitor_command
    contract = contract_of("" if is_unknown else request.command, profile)
    for passed in open_states:
        yield from contract.answers(request, passed, profile)
