"""The methods: that there is one for every command, and that calls find theirs."""

import inspect
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.plain import Bare, Plain, call, line
from tests.spec.states import READY

from migspec.reference_impl.answers.general import ANSWERS
from migspec.reference_impl.calls import Call, Failure, Return
from migspec.reference_impl.commands import METHODS, NAMES, Commands
from migspec.reference_impl.contracts import ENABLED, Method, Refused
from migspec.spec.commands import CONTRACTS
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import FRESH, assign
from migspec.spec.vocabulary import ErrorClass

OPENING = {"human-monitor-command", *ANSWERS}
"""What clients ask beside the schema."""
MOVING = {"system_reset", "system_wakeup"}
"""What a client may do to the guest beside the contracts."""

each_method = pytest.mark.parametrize("name", METHODS)
both = pytest.mark.parametrize("kind", [Plain, Bare])


def test_there_is_a_method_for_every_command_and_for_no_other() -> None:
    assert set(NAMES) == {*SCHEMA.commands, *CONTRACTS, *OPENING, *MOVING}
    assert len(METHODS) == len(NAMES)


@each_method
def test_a_method_has_the_name_of_its_command_and_says_what_it_does(name: str) -> None:
    method = METHODS[name]
    assert name == method.command.replace("-", "_")
    assert method.__doc__ is not None
    assert "Clause: " in method.__doc__ or "Observed on QEMU 5.2.0." in method.__doc__
    assert ("Clause: " in method.__doc__) is (method.command in SCHEMA.commands) or method.command in CONTRACTS
    assert isinstance(inspect.getattr_static(Commands, name), Method)


@each_method
def test_a_method_takes_a_call_and_returns_what_it_answers(name: str) -> None:
    for kind in (Plain, Bare):
        signature = inspect.signature(getattr(kind, name))
        assert list(signature.parameters) == ["self", "call"]
        assert signature.return_annotation is Return


def test_a_class_is_under_contract_if_it_says_so() -> None:
    class Unsaid(Plain):
        pass

    assert (Plain.contracts, Bare.contracts, Unsaid.contracts) == (True, False, ENABLED)
    assert vars(Plain)["migrate"] is not vars(Bare)["migrate"]


@pytest.mark.parametrize(("setting", "enabled"), [("off", False), ("on", True), (None, True)])
def test_the_environment_says_so_where_a_class_does_not(setting: str | None, enabled: bool) -> None:
    others = {name: value for name, value in os.environ.items() if name != "MIGSPEC_CONTRACTS"}
    environment = others if setting is None else {**others, "MIGSPEC_CONTRACTS": setting}
    program = (
        "from migspec.reference_impl.commands import Commands\n"
        "class Unsaid(Commands): pass\n"
        "print(Unsaid.contracts, hasattr(Unsaid, '__invariants__'))"
    )
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [str(enabled)] * 2


@both
def test_a_method_raises_what_execute_answers(kind: type[Plain]) -> None:
    asked = call("migrate-pause")
    with pytest.raises(Refused) as caught:
        kind(READY).migrate_pause(asked)
    assert kind(READY).execute(asked) == caught.value.failure
    assert caught.value.case.id == "migrate-pause.not-postcopy"


@both
@given(st.text(max_size=8).filter(lambda name: name not in NAMES))
def test_an_unknown_command_is_not_found(kind: type[Plain], name: str) -> None:
    missing = Failure(f"The command {name} has not been found", ErrorClass.COMMAND_NOT_FOUND)
    assert kind(READY).execute(call(name)) == missing


@pytest.mark.parametrize("name", ["savevm", "loadvm"])
@both
def test_a_command_of_the_human_monitor_alone_is_not_found(kind: type[Plain], name: str) -> None:
    missing = Failure(f"The command {name} has not been found", ErrorClass.COMMAND_NOT_FOUND)
    assert kind(READY).execute(call(name)) == missing
    assert isinstance(kind(READY).execute(line(f"{name} s")), Return)


@pytest.mark.parametrize("asked", [call("query-status"), call("no-such-command"), line("stop"), call("savevm")])
@both
def test_negotiation_comes_before_all_else(kind: type[Plain], asked: Call) -> None:
    expected = "Expecting capabilities negotiation with 'qmp_capabilities'"
    vm = kind(FRESH)
    assert vm.execute(asked) == Failure(expected, ErrorClass.COMMAND_NOT_FOUND)
    assert vm.execute(call("qmp_capabilities")) == Return({})
    assert vm.execute(call("query-status")) == Return({"status": "running", "running": True, "singlestep": False})


@both
def test_errors_of_the_human_monitor_are_texts(kind: type[Plain]) -> None:
    vm = kind(assign(READY, {"run": "inmigrate", "load": "listening"}))
    told = vm.execute(line("migrate unix:/s"))
    assert told == Return("Error: Guest is waiting for an incoming migration\r\n")
    # an attempt that fails has its events all the same
    vm = kind(READY)
    assert vm.execute(line("migrate bad")) == Return("Error: Parameter 'uri' expects a valid migration protocol\r\n")
    assert vm.owed == ("MIGRATION:setup", "MIGRATION:failed")
    assert vm.execute(line("info migrate")) == Return("")


@both
def test_a_failed_attempt_is_an_error_with_effects(kind: type[Plain]) -> None:
    vm = kind(READY)
    with pytest.raises(Refused) as caught:
        vm.migrate(call("migrate", {"uri": "bad"}))
    assert caught.value.case.id == "migrate.uri.scheme"
    assert (vm.value("outgoing"), vm.value("stage")) == ("failed", "idle")


@both
def test_commands_that_nobody_has_a_contract_of_succeed(kind: type[Plain]) -> None:
    for name in (*OPENING - {"human-monitor-command"} - set(SCHEMA.commands), *MOVING):
        vm = kind(READY)
        assert vm.execute(call(name)) == Return({})
        assert vm.state == READY
