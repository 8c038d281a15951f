"""Which case of a command happens where the specification leaves that open, and what open effects come to.

A contract says which answers are possible; which of them is given may depend on the host, on a race, or on what the
state does not hold.  Here is what the modelled world says.  A case that the table does not name happens whenever its
contract lets it; of several alternatives the first that happens is the one.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from migspec.reference_impl.answers.assignments import Assignment, assignment
from migspec.reference_impl.answers.lines import complaint, words_of
from migspec.reference_impl.answers.words import NO_DISK
from migspec.reference_impl.calls import Call
from migspec.reference_impl.gates.gate import Ground
from migspec.spec.parameters import Value, changes_of
from migspec.spec.requests import THREAD_COUNTS
from migspec.spec.rows import SEED
from migspec.spec.uri import UriKind
from migspec.spec.vocabulary import MigrationCapability, MigrationParameter, MigrationStatus, RunState


class World(Ground, Protocol):
    """The machine whose command is looked at."""

    @property
    def values(self) -> Mapping[str, Value]:
        """The parameters in force."""

    @property
    def descriptors(self) -> Mapping[tuple[int, str], int]:
        """The file descriptors that were handed over, by the monitor and the name, which belongs to it alone."""

    @property
    def asking(self) -> int:
        """The monitor whose request is executed, or was last."""

    @property
    def in_progress(self) -> bool:
        """Whether an outgoing migration is in progress."""

    @property
    def snapshots(self) -> frozenset[str]:
        """The snapshots that were saved."""

    def cannot_listen(self, call: Call) -> str:
        """Why the address of a call cannot be listened on, empty if it can; asking listens, once a call."""

    def cannot_write(self, call: Call) -> str:
        """Why the file that a call names cannot be written, empty if it can."""


Decision = Callable[[World, Call], bool]


def never(_world: World, _call: Call) -> bool:
    """Not in this world."""
    return False


def address_of(call: Call) -> str:
    """The migration address that a call names, be it a line for the human monitor; empty if it names none."""
    if call.request.monitor_command:
        return next((word for word in arguments_of(call) if not word.startswith("-")), "")
    return str(call.given().get("uri", ""))


def arguments_of(call: Call) -> tuple[str, ...]:
    """The words behind the command in a line for the human monitor."""
    return words_of(line_of(call))[1:]


def line_of(call: Call) -> str:
    """The line for the human monitor that a call has, empty if it has none."""
    return str(call.given().get("command-line", ""))


def on_wish(wish: str) -> Decision:
    """If a fault script has asked for it."""
    return lambda world, call: world.wanted(wish)


def has_disks(world: World, _call: Call) -> bool:
    """With disks."""
    return bool(world.options.disks)


def no_disks(world: World, _call: Call) -> bool:
    """Without any disk."""
    return not world.options.disks


def fails_for_body(world: World, call: Call) -> bool:
    """What follows the scheme is malformed or not known here, and there is no RDMA hardware."""
    verdict = call.request.outgoing
    if verdict is None:
        return False
    if not verdict.may_pass or verdict.kind is UriKind.RDMA:
        return True
    return verdict.kind is UriKind.FD and descriptor_of(world, call) is None


def descriptor_of(world: World, call: Call) -> int | None:
    """The descriptor that the address of a call names; None if it names none that is known."""
    key = key_of_descriptor(world, call)
    return None if key is None else world.descriptors[key]


def key_of_descriptor(world: World, call: Call) -> tuple[int, str] | None:
    """The monitor and the name of that descriptor; None if the address names none that is known."""
    address = address_of(call)
    key = world.asking, address.removeprefix("fd:")
    return key if address.startswith("fd:") and key in world.descriptors else None


def has_bad_scheme(_world: World, call: Call) -> bool:
    """The scheme is none."""
    verdict = call.request.outgoing
    return verdict is not None and verdict.kind is UriKind.UNKNOWN


def connects_plainly(world: World, _call: Call) -> bool:
    """Without credentials, and without a primary to be unplugged."""
    return not world.values[MigrationParameter.TLS_CREDS] and not world.stands_by


def has_credentials(world: World, _call: Call) -> bool:
    """With credentials, of which a modelled process has none."""
    return bool(world.values[MigrationParameter.TLS_CREDS])


def cannot_listen(world: World, call: Call) -> bool:
    """The address cannot be listened on."""
    return bool(world.cannot_listen(call))


def cannot_be_shut(world: World, _call: Call) -> bool:
    """The connection of the side that is in postcopy is gone already; that of a unix socket can be shut again."""
    if world.value("outgoing") == MigrationStatus.POSTCOPY_ACTIVE:
        attempt = world.source.attempt
        return attempt is not None and _is_tcp(attempt.address) and not world.source.can_shut
    return any(map(_is_tcp, world.destination.addresses[:1])) and not world.destination.can_shut


def _is_tcp(address: str) -> bool:
    return address.startswith("tcp:") and not address.startswith("tcp:unix:")


def without_descriptor(_world: World, call: Call) -> bool:
    """No descriptor came with the request."""
    return not call.descriptors


def is_unknown_descriptor(world: World, call: Call) -> bool:
    """No descriptor has that name."""
    return (world.asking, call.given().get("fdname")) not in world.descriptors


def has_no_port(_world: World, call: Call) -> bool:
    """The SPICE server refuses a port of -1 alone."""
    return call.given().get("port") == -1 and "tls-port" not in call.given()


def is_not_written(world: World, call: Call) -> bool:
    """The file cannot be written."""
    return bool(world.cannot_write(call))


def is_written(world: World, call: Call) -> bool:
    """The file can be written."""
    return not world.cannot_write(call)


def is_not_loaded(world: World, call: Call) -> bool:
    """The file has not been saved by this process."""
    return call.given().get("filename") not in world.snapshots


def why_no_snapshot(world: World, call: Call) -> str:
    """Why the snapshot that a line names cannot be loaded, empty if it can: the first disk that lacks it is named."""
    disks, names = world.options.disks, arguments_of(call)[:1]
    if not disks:
        return NO_DISK
    if world.snapshots.isdisjoint(names):
        return f"Device '{disks[0].node}' does not have the requested snapshot '{''.join(names)}'"
    return ""


def leaves_guest_alone(world: World, call: Call) -> bool:
    """There is no such snapshot, and no running guest that the release stops before it looks for one."""
    stops = world.value("run") == RunState.RUNNING and world.options.profile != SEED
    return not stops and bool(why_no_snapshot(world, call))


def loads_snapshot(world: World, call: Call) -> bool:
    """There is such a snapshot, and no fault script that keeps it from being loaded."""
    return not why_no_snapshot(world, call) and not world.wanted("snapshot-fails")


def is_awake(world: World, _call: Call) -> bool:
    """The guest has not suspended itself."""
    return world.value("run") != RunState.SUSPENDED


def is_always(_world: World, _call: Call) -> bool:
    """Wherever the contract lets it."""
    return True


DECISIONS: Final[Mapping[str, Decision]] = {
    "qmp_capabilities.unavailable": never,
    "envelope.arguments.build": never,
    "command.refused": never,
    "cont.dump": on_wish("dump"),
    "cont.disk": on_wish("disk-locked"),
    "savevm.refused": no_disks,
    "savevm.interrupted": lambda world, _call: world.in_progress,
    "savevm.running": lambda world, _call: not world.wanted("snapshot-fails"),
    "savevm.stopped": lambda world, _call: not world.wanted("snapshot-fails"),
    "loadvm.refused": leaves_guest_alone,
    "loadvm.running": loads_snapshot,
    "system_wakeup.awake": is_awake,
    "migrate.resume.uri.perhaps": fails_for_body,
    "migrate.blocked": on_wish("blocked"),
    "migrate.uri.scheme": has_bad_scheme,
    "migrate.uri.scheme.returned": has_bad_scheme,
    "migrate.uri.body": fails_for_body,
    "migrate.too-early": on_wish("too-early"),
    "migrate.connected": connects_plainly,
    "migrate.connected.failed": has_credentials,
    "migrate_cancel.device-first": never,
    "migrate_cancel.postcopy-first": never,
    "migrate-pause.no-shutdown": cannot_be_shut,
    "migrate-incoming.uri": cannot_listen,
    "migrate-recover.uri": cannot_listen,
    "migrate-set-capabilities.postcopy-host": never,
    "client_migrate_info.spice": has_no_port,
    "getfd.without-descriptor": without_descriptor,
    "closefd.unknown": is_unknown_descriptor,
    "device_add.migrating": is_always,
    "device_add.refused": is_always,
    "device_del.migrating": never,
    "device_del.unknown": is_always,
    "device_del.refused": is_always,
    "calc-dirty-rate.begins-meanwhile": never,
    "xen-save-devices-state.running": is_written,
    "xen-save-devices-state.stopped.failed": is_not_written,
    "xen-save-devices-state.stopped.disks": never,
    "xen-save-devices-state.stopped.again": has_disks,
    "xen-load-devices-state.failed": is_not_loaded,
    "xen-set-replication.refused": never,
    "xen-colo-do-checkpoint.refused": never,
}
"""What the world says of the cases that a contract leaves open, by id."""


def effect(world: World, call: Call, variable: str, choices: tuple[str, ...]) -> str:
    """The value that a variable takes where a case leaves a choice of `choices`."""
    decide = _EFFECTS.get(variable)
    wanted = decide(world, call) if decide is not None else choices[0]
    return wanted if wanted in choices else choices[0]


def assigned(world: World, call: Call) -> Assignment:
    """What a call that sets parameters comes to, be it a line for the human monitor."""
    if not call.request.monitor_command:
        return Assignment(changes_of(call.command, call.given()))
    if complaint(line_of(call)) is not None:
        return Assignment()
    name, word = arguments_of(call)
    return assignment(name, word, world.values)


def _changes_threads(world: World, call: Call) -> str:
    changed = assigned(world, call).changes
    return "yes" if any(world.values[name] != value for name, value in changes_of_threads(changed)) else "no"


def changes_of_threads(changes: Mapping[str, Value]) -> list[tuple[str, Value]]:
    """The changes that concern the number of threads or channels."""
    return [(name, value) for name, value in changes.items() if name in THREAD_COUNTS]


def _measures_blocktime(world: World, call: Call) -> str:
    waits = world.value("run") == RunState.INMIGRATE
    return "yes" if waits and call.request.sets(MigrationCapability.POSTCOPY_BLOCKTIME) else world.value("blocktime")


def _block_incremental(world: World, call: Call) -> str:
    changed = assigned(world, call).changes.get(MigrationParameter.BLOCK_INCREMENTAL)
    return world.value("block-incremental") if changed is None else ("yes" if changed else "no")


_EFFECTS: Final[Mapping[str, Callable[[World, Call], str]]] = {
    "threads-changed": _changes_threads,
    "blocktime": _measures_blocktime,
    "block-incremental": _block_incremental,
    "error-known": lambda _world, _call: "no",
    "life": lambda _world, _call: "crashed",
}
"""What an effect comes to that a case leaves open, by the variable."""
