"""Every step of the tables has its action in the module, and every action is that of a step."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from tests.tla import modules
from tests.tla.names import action_of

from migspec.properties.explorer.environment import ASKS
from migspec.properties.explorer.environments import ENVIRONMENTS
from migspec.spec.commands import CONTRACTS
from migspec.spec.composition import SENDING
from migspec.spec.contracts import is_choosy
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0, Thread
from migspec.spec.state import VARIABLES

TEXT = (modules.SPEC / "Migration.tla").read_text()

ASIDE = "the measurement of the dirty rate owes no message, and nothing else looks at it"
BUILD = "every environment has a complete build"
ARGUMENTS = "no request of the environments has such arguments"

LEFT_OUT: Mapping[str, str] = {
    **{row.id: ASIDE for row in ROWS if row.thread is Thread.DIRTY_RATE and QEMU_5_2_0 in row.profiles},
    "process.quit-with-request-aborts": "it is how an execution may go: the operator Execute has it",
    "migrate.block-build": BUILD,
    "migrate-set-capabilities.build-block": BUILD,
    "migrate-set-capabilities.build-colo": BUILD,
    "migrate-set-capabilities.postcopy-host": ARGUMENTS,
    "migrate.resume.uri": ARGUMENTS,
    "migrate.resume.uri.perhaps": ARGUMENTS,
    "migrate.resume.connected": ARGUMENTS,
    "migrate.resume.aborts": ARGUMENTS,
    "migrate-set-parameters.tls-authz-null": ARGUMENTS,
}
"""The steps that the module leaves out, each with the reason."""

QUERIES = frozenset(name for name, contract in CONTRACTS.items() if contract.query)
"""The commands whose answers depend on the state: the module has no queries."""

_SURROUNDINGS = frozenset({"ProcessEnd", "Ask", "Kill", "Restart", "Loss", "Garble", "Deliver", "DeferredChange"})


def _rows() -> set[str]:
    return {row.id for row in (*ROWS, *SENDING) if QEMU_5_2_0 in row.profiles}


def _cases() -> set[str]:
    """The cases that a request of the environments may meet."""
    requests = [ask.request for name, ask in ASKS.items() if ask.command not in QUERIES]
    return {
        case.id
        for request in requests
        for case in CONTRACTS[request.command].cases
        if QEMU_5_2_0 in case.profiles and (not is_choosy(case) or case.asks(request))
    }


def _actions() -> set[str]:
    """What the module calls its steps: what the disjunctions at its end name."""
    _, _, disjunctions = TEXT.partition("\nRepeats(s) ==")
    disjunctions, _, _ = disjunctions.partition("\nInit ==")
    named = set(re.findall(r"\\/ (?:\\E [^:]*: )*([A-Z]\w*)", disjunctions))
    groups = set(re.findall(r"^([A-Z]\w*)(?:\([^)]*\))? ==", disjunctions, re.MULTILINE))
    return named - groups - _SURROUNDINGS


def test_every_step_of_the_tables_has_its_action() -> None:
    wanted = {action_of(rule) for rule in (_rows() | _cases()) - set(LEFT_OUT)}
    assert _actions() == wanted


def test_nothing_is_left_out_that_is_there() -> None:
    assert not {rule for rule in LEFT_OUT if re.search(rf"^{action_of(rule)}\(", TEXT, re.MULTILINE)}


def test_what_is_left_out_is_in_the_tables() -> None:
    every = {case.id for contract in CONTRACTS.values() for case in contract.cases}
    assert set(LEFT_OUT) <= every | _rows()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_cannot_come_to_pass_is_asked_for(name: str) -> None:
    unknown = {rule for rule in ENVIRONMENTS[name].without if f'Possible("{rule}")' not in TEXT}
    assert unknown <= set(LEFT_OUT), "the module must ask whether these are possible"


def test_every_variable_is_there_or_constant() -> None:
    fresh = TEXT.partition("\nFresh ==")[2].partition("]\n")[0]
    assert set(re.findall(r"(\w+) \|->", fresh)) == {*modules.fields(), "caps"}
    assert set(VARIABLES) >= modules.LEFT_OUT
