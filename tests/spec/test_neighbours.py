"""SPICE, descriptors and devices: the order and the words of their refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import READY, request

from migspec.spec.commands import CONTRACTS, answers
from migspec.spec.contracts import Contract
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.state import ANYTHING, assign
from migspec.spec.vocabulary import ErrorClass, MigrationStatus

IDLE = ("none", "completed", "failed", "cancelled")


def outcomes(command: str, arguments: object, state: int) -> dict[str, str]:
    """What may come out: texts of refusals with their class, and "" for a success."""
    found = {}
    for answer in answers(request(command, arguments), state, QEMU_5_2_0):
        words = answer.expect.words
        for text in words.exact if words else ("",):
            found[text] = "" if answer.expect.error_class is None else answer.expect.error_class.value
    return found


@given(
    st.sampled_from(("spice", "vnc", "SPICE", "")),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(("no", "yes")),
)
def test_spice_is_refused_in_this_order(protocol: str, port: int | None, tls: int | None, spice: str) -> None:
    ports = {name: value for name, value in (("port", port), ("tls-port", tls)) if value is not None}
    found = outcomes(
        "client_migrate_info", {"protocol": protocol, "hostname": "h", **ports}, assign(READY, {"spice": spice})
    )
    if protocol != "spice":
        assert found == {"Parameter 'protocol' expects spice": ErrorClass.GENERIC_ERROR}
    elif spice == "no":
        assert found == {"SPICE is not in use": ErrorClass.DEVICE_NOT_ACTIVE}
    elif not ports:
        assert found == {"Parameter 'port/tls-port' is missing": ErrorClass.GENERIC_ERROR}
    else:
        assert found == {"": "", "An undefined error has occurred": ErrorClass.GENERIC_ERROR}


def test_whether_spice_is_in_use_is_learned_for_good() -> None:
    asked = request("client_migrate_info", {"protocol": "spice", "hostname": "h", "port": 1})
    for answer in answers(asked, ANYTHING, QEMU_5_2_0):
        if answer.expect.words and "SPICE is not in use" in answer.expect.words.exact:
            assert outcomes("client_migrate_info", {"protocol": "spice", "hostname": "h"}, answer.state).keys() >= {
                "SPICE is not in use"
            }
            assert "" not in outcomes(
                "client_migrate_info", {"protocol": "spice", "hostname": "h", "port": 1}, answer.state
            )


@pytest.mark.parametrize("name", ["x", "9x", "", "x9"])
def test_descriptors(name: str) -> None:
    got = outcomes("getfd", {"fdname": name}, READY)
    digit = "Parameter 'fdname' expects a name not starting with a digit"
    assert got.keys() == {"No file descriptor supplied via SCM_RIGHTS", digit if name[:1] == "9" else ""}
    assert outcomes("closefd", {"fdname": name}, READY).keys() == {"", f"File descriptor named '{name}' not found"}


@pytest.mark.parametrize("status", MigrationStatus)
@pytest.mark.parametrize("command", ["device_add", "device_del"])
def test_devices_stay_while_the_machine_migrates(command: str, status: str) -> None:
    state = assign(READY, {"outgoing": status})
    found = list(answers(request(command, {"driver": "d", "id": "i"}), state, QEMU_5_2_0))
    text = f"{command} not allowed while migrating"
    assert any(a.expect.words is not None and a.expect.words.admit(text) for a in found) == (status not in IDLE)
    # a primary may be unplugged at any time
    plugged = any(not answer.expect.is_error for answer in found)
    assert plugged == (status in IDLE or command == "device_del")
    hidden = answers(request("device_add", {"driver": "d", "failover_pair_id": "n"}), state, QEMU_5_2_0)
    assert any(not answer.expect.is_error for answer in hidden)


def test_a_device_that_is_not_there_cannot_be_unplugged() -> None:
    found = outcomes("device_del", {"id": "i"}, READY)
    assert found["Device 'i' not found"] == ErrorClass.DEVICE_NOT_FOUND
    assert "Device 'None' not found" not in outcomes("device_del", {}, READY)


@pytest.mark.parametrize("contract", [c for c in CONTRACTS.values() if c.aside], ids=lambda contract: contract.command)
def test_what_is_aside_touches_nothing_that_a_migration_does(contract: Contract) -> None:
    own = {"dirty-rate", "spice", "replication"}
    for case in contract.cases:
        assert not case.emits
        asked = request(contract.command, {"protocol": "spice", "hostname": "h", "calc-time": 1, "enable": True})
        names = {literal.variable.name for part in case.condition(asked).cases for literal in part.literals}
        assert names | set(case.effect(asked)) <= own
