"""What the world around a machine does because a command was executed: what it dials, shuts, keeps or forgets.

The state after a command is its contract's business.  An effect is looked up by the case that happened, or else by the
command.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from migspec.reference_impl.answers.lines import error
from migspec.reference_impl.answers.words import no_credentials
from migspec.reference_impl.calls import Call
from migspec.reference_impl.decisions import (
    World,
    address_of,
    arguments_of,
    assigned,
    changes_of_threads,
    key_of_descriptor,
    why_no_snapshot,
)
from migspec.reference_impl.gates.process import BY_CLIENT, MORE_THREADS, RESET
from migspec.spec.commands.outgoing import IN_PROGRESS_TEXT
from migspec.spec.parameters import SET, SHORTHANDS, Value
from migspec.spec.vocabulary import MigrationParameter, MigrationStatus


class Keeper(World, Protocol):
    """The machine, which keeps what commands leave behind."""

    values: Mapping[str, Value]
    descriptors: dict[tuple[int, str], int]
    snapshots: frozenset[str]
    wishes: set[str]
    ordered_seconds: int
    screen: str


Effect = Callable[[Keeper, Call, str], None]
"""What is done, given the call and the text of an error that answers it, if any."""


def begin(machine: Keeper, call: Call, _text: str) -> None:
    """Dial; credentials that nobody has fail the attempt first."""
    machine.wishes.discard(MORE_THREADS)
    credentials = machine.values[MigrationParameter.TLS_CREDS]
    machine.source.begin(address_of(call), call.request, _use_descriptor(machine, call), without=str(credentials))


def _use_descriptor(machine: Keeper, call: Call) -> int | None:
    """The descriptor that the address names, whose name is used up; None if it names none."""
    key = key_of_descriptor(machine, call)
    return None if key is None else machine.descriptors.pop(key)


def fail_at_once(machine: Keeper, _call: Call, text: str) -> None:
    """The attempt has failed, and the error is its error-desc."""
    machine.source.refused_at_once(text)


def fail_without_words(machine: Keeper, _call: Call, _text: str) -> None:
    """The attempt has failed, and leaves no error-desc."""
    machine.source.refused_at_once("")


def fail_for_credentials(machine: Keeper, _call: Call, _text: str) -> None:
    """The attempt has failed for credentials that nobody has."""
    machine.source.refused_at_once(no_credentials(str(machine.values[MigrationParameter.TLS_CREDS])))


def resume(machine: Keeper, call: Call, _text: str) -> None:
    """Dial anew for a paused migration."""
    machine.source.resume(address_of(call), _use_descriptor(machine, call))


def leave_colo(machine: Keeper, _call: Call, _text: str) -> None:
    """In COLO a cancellation shuts the connection and nothing else; elsewhere nothing is left to cancel."""
    if machine.value("outgoing") == MigrationStatus.COLO:
        machine.source.shut_stream()


def pause(machine: Keeper, _call: Call, _text: str) -> None:
    """Shut the connection of the side that is in postcopy."""
    if machine.value("outgoing") == MigrationStatus.POSTCOPY_ACTIVE:
        machine.source.pause()
    else:
        machine.destination.shut_stream()


def store(machine: Keeper, call: Call, _text: str) -> None:
    """Keep the new values."""
    asked = assigned(machine, call)
    machine.screen = asked.output
    changes = asked.changes
    under_way = machine.in_progress or machine.value("incoming") == MigrationStatus.ACTIVE
    before = machine.values
    if under_way and any(_number(value) > _number(before[name]) for name, value in changes_of_threads(changes)):
        machine.wishes.add(MORE_THREADS)
    machine.values = {**before, **changes}
    if MigrationParameter.X_CHECKPOINT_DELAY in changes:
        machine.source.hurry_checkpoint()


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0


def order_measurement(machine: Keeper, call: Call, _text: str) -> None:
    """Measure the dirty rate for so many seconds."""
    seconds = call.given().get("calc-time")
    machine.ordered_seconds = seconds if isinstance(seconds, int) else 0


def take_descriptor(machine: Keeper, call: Call, _text: str) -> None:
    """Keep a descriptor under its name."""
    machine.descriptors[machine.asking, str(call.given().get("fdname"))] = call.descriptors[0]


def drop_descriptor(machine: Keeper, call: Call, _text: str) -> None:
    """Forget a descriptor."""
    del machine.descriptors[machine.asking, str(call.given().get("fdname"))]


def reset(machine: Keeper, _call: Call, _text: str) -> None:
    """The guest is reset a little later."""
    machine.wishes |= {RESET, BY_CLIENT}


def wake(machine: Keeper, _call: Call, _text: str) -> None:
    """The guest wakes up a little later, if it sleeps."""
    machine.wishes.add("WAKEUP")


def keep_snapshot(machine: Keeper, call: Call, _text: str) -> None:
    """Remember that a state was saved."""
    if call.request.monitor_command:
        machine.snapshots |= {*arguments_of(call)[:1]}
    else:
        machine.snapshots |= {str(call.given().get("filename"))}


def snapshot(machine: Keeper, call: Call, text: str) -> None:
    """A snapshot uses the outgoing side for itself."""
    keep_snapshot(machine, call, text)
    machine.source.snapshot(MigrationStatus(machine.value("outgoing")))


def interrupt_snapshot(machine: Keeper, _call: Call, _text: str) -> None:
    """Say why a snapshot was not taken."""
    machine.screen = error(IN_PROGRESS_TEXT)


def lack_snapshot(machine: Keeper, call: Call, _text: str) -> None:
    """Say why a snapshot was not loaded."""
    machine.screen = error(why_no_snapshot(machine, call) or "Error -22 while loading VM state")


EFFECTS: Final[Mapping[str, Effect]] = {
    "migrate.accepted": begin,
    "migrate.connected": begin,
    "migrate.connected.unplug": begin,
    "migrate.connected.failed": fail_for_credentials,
    "migrate.uri.scheme": fail_without_words,
    "migrate.uri.scheme.returned": fail_without_words,
    "migrate.uri.body": fail_at_once,
    "migrate.resume.accepted": resume,
    "migrate.resume.connected": resume,
    "migrate_cancel.idle": leave_colo,
    "migrate-pause.accepted": pause,
    SET: store,
    **dict.fromkeys(SHORTHANDS, store),
    "calc-dirty-rate.accepted": order_measurement,
    "getfd.accepted": take_descriptor,
    "closefd.accepted": drop_descriptor,
    "system_reset": reset,
    "system_wakeup": wake,
    "xen-save-devices-state.running": keep_snapshot,
    "xen-save-devices-state.stopped": keep_snapshot,
    "xen-save-devices-state.stopped.kept": keep_snapshot,
    "savevm.interrupted": interrupt_snapshot,
    "loadvm.running.failed": lack_snapshot,
    "savevm.running": snapshot,
    "savevm.stopped": snapshot,
    "savevm.running.failed": snapshot,
    "savevm.stopped.failed": snapshot,
}
"""What is done, by the case that happened or by the command."""
