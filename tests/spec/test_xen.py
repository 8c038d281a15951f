"""The commands of Xen and replication: in which words they are refused, and what they do to guest and disks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import READY, request, value

from migspec.spec.commands import answers, xen
from migspec.spec.contracts import Answer
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import assign
from migspec.spec.vocabulary import ErrorClass

STOPPED = assign(READY, {"run": "paused"})
OF_REPLICATION = ("xen-set-replication", "query-xen-replication-status", "xen-colo-do-checkpoint")


def given_answers(command: str, state: int, **arguments: object) -> list[Answer]:
    return list(answers(request(command, arguments), state, QEMU_5_2_0))


def refused(found: list[Answer], text: str) -> bool:
    return any(answer.expect.words is not None and answer.expect.words.admit(text) for answer in found)


def done(found: list[Answer]) -> list[Answer]:
    return [answer for answer in found if not answer.expect.is_error]


@given(st.text(), st.sampled_from((None, True, False)))
def test_a_running_guest_is_stopped_for_a_save_whatever_comes_of_it(path: str, live: bool | None) -> None:
    found = given_answers("xen-save-devices-state", READY, filename=path, **({} if live is None else {"live": live}))
    assert {(answer.emits, answer.state) for answer in found} == {(("STOP", "RESUME"), READY)}
    assert refused(found, f"Unable to open {path}: No such file or directory")
    assert refused(found, "An IO error has occurred")
    assert not refused(found, f"Could not create '{path}': No such file or directory")
    assert len(done(found)) == 1


@pytest.mark.parametrize("live", [None, True, False])
def test_a_stopped_guest_gives_up_its_disks_once(live: bool | None) -> None:
    arguments = {"filename": "/f"} | ({} if live is None else {"live": live})
    (saved,) = done(given_answers("xen-save-devices-state", STOPPED, **arguments))
    assert saved.emits == ()
    assert value(saved.state, "disks-gone") == ("no" if live is False else "yes")
    again = done(given_answers("xen-save-devices-state", saved.state, **arguments))
    assert any(answer.case.replies for answer in again)
    assert any(value(answer.state, "life") == "aborted" for answer in again) == (live is not False)
    assert all(answer.case.replies == (value(answer.state, "life") == "alive") for answer in again)


def test_a_load_asks_for_a_stopped_guest_first() -> None:
    (running,) = given_answers("xen-load-devices-state", READY, filename="/f")
    assert refused([running], "Cannot update device state while vm is running")
    found = given_answers("xen-load-devices-state", STOPPED, filename="/f")
    assert refused(found, "Unable to open /f: Permission denied")
    assert refused(found, "An IO error has occurred")
    assert len(done(found)) == 1


@pytest.mark.parametrize("enable", [True, False])
@pytest.mark.parametrize("failover", [None, True, False])
def test_a_failover_is_only_for_stopping(enable: bool, failover: bool | None) -> None:
    arguments = {"enable": enable, "primary": True} | ({} if failover is None else {"failover": failover})
    found = given_answers("xen-set-replication", READY, **arguments)
    assert bool(done(found)) == (not enable or failover is None)
    if enable and failover is not None:
        assert refused(found, "Parameter 'failover' is only for stopping replication")
        assert not refused(found, "anything else")


@pytest.mark.parametrize("command", [name for name in SCHEMA.commands if name.startswith(("xen", "query-xen"))])
def test_a_build_without_replication_lacks_its_commands_whatever_their_arguments(command: str) -> None:
    found = given_answers(command, assign(READY, {"replication": "no"}), bogus=1)
    missing = ErrorClass.COMMAND_NOT_FOUND in {answer.expect.error_class for answer in found}
    assert missing == (command in OF_REPLICATION)
    if missing:
        assert refused(found, f"The command {command} has not been found")
        assert not done(found)


@pytest.mark.parametrize(
    ("answer", "sound"),
    [
        ({"error": False}, True),
        ({"error": True, "desc": "x"}, True),
        ({"error": True}, False),
        ({"error": False, "desc": "x"}, False),
    ],
)
def test_a_description_comes_with_an_error(answer: dict[str, object], sound: bool) -> None:
    assert (xen.contradictions(answer) == []) == sound
