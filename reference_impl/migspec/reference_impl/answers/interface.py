"""The schema that is served: that of the profile, the neighbours that it lacks, and QEMU's order of both.

The specification's schema is that of migration.  A client also asks who it talks to, and the guest and its devices have
events; what is served of that is added here, so that query-qmp-schema, query-commands and query-events tell the truth.
Everything in `NEIGHBOURS` has the form that it has in QEMU 5.2.0 (held against what a real one tells of itself).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from migspec.spec.profiles import PROFILES
from migspec.spec.schema import (
    Command,
    Entity,
    Enum,
    EnumValue,
    Event,
    Member,
    Origin,
    Ref,
    Schema,
    Struct,
    Type,
    Union,
)
from migspec.spec.schema.model import BOOLEAN, INT, INT64, STRING, UINT64, Alternate, Array

ANY: Final = Alternate("any", ())
"""Any value at all: no branch says of which type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasedUnion(Union):
    """A union that has members besides the one that decides: those of `base`, the discriminator among them."""

    base: tuple[Member, ...]


def _struct(name: str, doc: str, *members: Member) -> Struct:
    return Struct(name=name, doc=doc, since=None, origin=Origin.EXTERNAL, members=members)


def _enum(name: str, doc: str, words: str) -> Enum:
    values = tuple(EnumValue(word, "") for word in words.split())
    return Enum(name=name, doc=doc, since=None, origin=Origin.EXTERNAL, values=values)


def _command(
    name: str, doc: str, *arguments: Member, returns: Type | None = None, features: tuple[str, ...] = ()
) -> Command:
    return Command(
        name=name,
        doc=doc,
        since=None,
        origin=Origin.EXTERNAL,
        arguments=arguments,
        returns=returns,
        features=features,
    )


def _event(name: str, doc: str, *data: Member) -> Event:
    return Event(name=name, doc=doc, since=None, origin=Origin.EXTERNAL, data=data)


_PANIC: Final = (
    _enum("GuestPanicAction", "What becomes of a guest that panicked.", "pause poweroff run"),
    _enum("GuestPanicInformationType", "Who tells of a panic.", "hyper-v s390"),
    _struct(
        "GuestPanicInformationHyperV",
        "What a guest of Hyper-V's kind tells.",
        *(Member(f"arg{number}", UINT64, "A number for the guest's maker.") for number in range(1, 6)),
    ),
    _enum("S390CrashReason", "Why an s390 guest stopped.", "unknown disabled-wait extint-loop pgmint-loop opint-loop"),
    _struct(
        "GuestPanicInformationS390",
        "What an s390 guest tells.",
        Member("core", INT, "The processor."),
        Member("psw-mask", UINT64, "Its status word, the mask."),
        Member("psw-addr", UINT64, "Its status word, the address."),
        Member("reason", Ref("S390CrashReason"), "Why."),
    ),
    Union(
        name="GuestPanicInformation",
        doc="What a guest that panicked tells of it.",
        since=None,
        origin=Origin.EXTERNAL,
        discriminator=Member("type", Ref("GuestPanicInformationType"), "Who tells it."),
        branches=(("hyper-v", "GuestPanicInformationHyperV"), ("s390", "GuestPanicInformationS390")),
    ),
)

_GUEST: Final = (
    _event("SUSPEND", "The guest sleeps."),
    _event("WAKEUP", "The guest wakes up."),
    _enum("WatchdogAction", "What a watchdog does.", "reset shutdown poweroff pause debug none inject-nmi"),
    _event("WATCHDOG", "A watchdog has run out.", Member("action", Ref("WatchdogAction"), "What it does.")),
    *_PANIC,
    _event(
        "GUEST_PANICKED",
        "The guest reports a panic.",
        Member("action", Ref("GuestPanicAction"), "What becomes of it."),
        Member("info", Ref("GuestPanicInformation"), "What it tells of it.", optional=True),
    ),
    _enum("IoOperationType", "What is done to a disk.", "read write"),
    _enum("BlockErrorAction", "What an error of a disk leads to.", "ignore report stop"),
    _event(
        "BLOCK_IO_ERROR",
        "A disk has an error.",
        Member("device", STRING, "The disk."),
        Member("node-name", STRING, "Its node.", optional=True),
        Member("operation", Ref("IoOperationType"), "What was tried."),
        Member("action", Ref("BlockErrorAction"), "What it leads to."),
        Member("nospace", BOOLEAN, "Whether the host's disk is full.", optional=True),
        Member("reason", STRING, "The error, in words."),
    ),
)

_INTROSPECTION: Final = (
    _enum("SchemaMetaType", "A kind of entry.", "builtin enum array object alternate command event"),
    _enum("JSONType", "A type of JSON's.", "string number int boolean null object array value"),
    _struct("SchemaInfoBuiltin", "A type without parts.", Member("json-type", Ref("JSONType"), "Of its values.")),
    _struct("SchemaInfoEnum", "A set of words.", Member("values", Array(STRING), "The words.")),
    _struct("SchemaInfoArray", "A list.", Member("element-type", STRING, "Of its elements.")),
    _struct(
        "SchemaInfoObjectMember",
        "A member of an object.",
        Member("name", STRING, "Its name."),
        Member("type", STRING, "The name of its type."),
        Member("default", ANY, "There if it may be left out.", optional=True),
        Member("features", Array(STRING), "Its marks.", optional=True),
    ),
    _struct(
        "SchemaInfoObjectVariant",
        "A branch of an object.",
        Member("case", STRING, "The word that it goes with."),
        Member("type", STRING, "The name of the type with its members."),
    ),
    _struct(
        "SchemaInfoObject",
        "An object.",
        Member("members", Array(Ref("SchemaInfoObjectMember")), "What is always in it."),
        Member("tag", STRING, "The member that decides.", optional=True),
        Member("variants", Array(Ref("SchemaInfoObjectVariant")), "Its branches.", optional=True),
    ),
    _struct("SchemaInfoAlternateMember", "A type of several.", Member("type", STRING, "Its name.")),
    _struct(
        "SchemaInfoAlternate",
        "A value of several types.",
        Member("members", Array(Ref("SchemaInfoAlternateMember")), "The types."),
    ),
    _struct(
        "SchemaInfoCommand",
        "A command.",
        Member("arg-type", STRING, "The name of the type of its arguments."),
        Member("ret-type", STRING, "The name of the type of what it returns."),
        Member("allow-oob", BOOLEAN, "Whether it may be sent out of band.", optional=True),
    ),
    _struct("SchemaInfoEvent", "An event.", Member("arg-type", STRING, "The name of the type of its data.")),
    BasedUnion(
        name="SchemaInfo",
        doc="An entry of a schema.",
        since=None,
        origin=Origin.EXTERNAL,
        base=(
            Member("name", STRING, "What it is called."),
            Member("meta-type", Ref("SchemaMetaType"), "Its kind."),
            Member("features", Array(STRING), "Its marks.", optional=True),
        ),
        discriminator=Member("meta-type", Ref("SchemaMetaType"), "Its kind."),
        branches=(
            ("builtin", "SchemaInfoBuiltin"),
            ("enum", "SchemaInfoEnum"),
            ("array", "SchemaInfoArray"),
            ("object", "SchemaInfoObject"),
            ("alternate", "SchemaInfoAlternate"),
            ("command", "SchemaInfoCommand"),
            ("event", "SchemaInfoEvent"),
        ),
    ),
    _command("query-qmp-schema", "Tell the whole schema.", returns=Array(Ref("SchemaInfo"))),
    _struct("CommandInfo", "A command.", Member("name", STRING, "Its name.")),
    _command("query-commands", "List the commands.", returns=Array(Ref("CommandInfo"))),
    _struct("EventInfo", "An event.", Member("name", STRING, "Its name.")),
    _command("query-events", "List the events.", returns=Array(Ref("EventInfo")), features=("deprecated",)),
)

_TARGETS: Final = (
    "aarch64 alpha arm avr cris hppa i386 lm32 m68k microblaze microblazeel mips mips64 mips64el mipsel moxie nios2"
    " or1k ppc ppc64 riscv32 riscv64 rx s390x sh4 sh4eb sparc sparc64 tricore unicore32 x86_64 xtensa xtensaeb"
)

_MACHINE: Final = (
    _command(
        "device_add",
        "Plug a device in; it takes the device's properties besides.",
        Member("driver", STRING, "The kind of device."),
        Member("bus", STRING, "The bus.", optional=True),
        Member("id", STRING, "What it is to be called.", optional=True),
    ),
    _command("device_del", "Ask the guest to let a device go.", Member("id", STRING, "The device.")),
    _enum("SysEmuTarget", "A kind of processor.", _TARGETS),
    _struct("TargetInfo", "What the guest's processors are.", Member("arch", Ref("SysEmuTarget"), "Their kind.")),
    _command("query-target", "Tell what the guest's processors are.", returns=Ref("TargetInfo")),
    _struct("UuidInfo", "The guest's UUID.", Member("UUID", STRING, "The UUID.")),
    _command("query-uuid", "Tell the guest's UUID.", returns=Ref("UuidInfo")),
    _command("system_reset", "Reset the guest."),
    _command("system_wakeup", "Wake the guest up."),
    _struct(
        "KvmInfo",
        "The kernel's help.",
        Member("enabled", BOOLEAN, "Whether it is used."),
        Member("present", BOOLEAN, "Whether the build knows it."),
    ),
    _command("query-kvm", "Tell whether the kernel runs the guest.", returns=Ref("KvmInfo")),
    _struct("NameInfo", "The guest's name.", Member("name", STRING, "The name.", optional=True)),
    _command("query-name", "Tell the guest's name.", returns=Ref("NameInfo")),
    _struct(
        "IOThreadInfo",
        "A thread for input and output.",
        Member("id", STRING, "What it is called."),
        Member("thread-id", INT, "The host's number for it."),
        Member("poll-max-ns", INT64, "How long it polls at most, in nanoseconds."),
        Member("poll-grow", INT64, "By what that grows."),
        Member("poll-shrink", INT64, "By what that shrinks."),
    ),
    _command("query-iothreads", "List the threads for input and output.", returns=Array(Ref("IOThreadInfo"))),
    _command(
        "human-monitor-command",
        "Execute a line for the human monitor.",
        Member("command-line", STRING, "The line."),
        Member("cpu-index", INT, "The processor that it is about.", optional=True),
        returns=STRING,
        features=("savevm-monitor-nodes",),
    ),
)

NEIGHBOURS: Final[tuple[Entity, ...]] = (*_GUEST, *_INTROSPECTION, *_MACHINE)
"""What is served besides the specification's schema, with its types."""

_BEFORE: Final = (
    "query-status",
    "SHUTDOWN",
    "RESET",
    "STOP",
    "RESUME",
    "SUSPEND",
    "WAKEUP",
    "WATCHDOG",
    "GUEST_PANICKED",
    "BLOCK_IO_ERROR",
)
_AFTER: Final = (
    "qmp_capabilities",
    "query-version",
    "query-commands",
    "query-events",
    "quit",
    "query-qmp-schema",
    "device_add",
    "device_del",
    "query-target",
    "query-uuid",
    "system_reset",
    "system_wakeup",
    "query-kvm",
    "query-name",
    "query-iothreads",
    "stop",
    "cont",
    "human-monitor-command",
    "getfd",
    "closefd",
)
_BEHIND: Final[Mapping[str, tuple[str, ...]]] = {
    "xen-save-devices-state": ("xen-set-global-dirty-log", "xen-load-devices-state"),
}
"""Commands that come right behind one of the migration schema's."""

_MEMBERS_BEHIND: Final[Mapping[str, tuple[str, str]]] = {"MigrationInfo": ("vfio", "disk")}
"""Members that a release has right behind another one."""


@lru_cache(maxsize=8)
def served(profile: str) -> Schema:
    """The schema that a process of this profile serves, in QEMU's order; always the same object.

    Raises `KeyError` for a profile that does not exist.
    """
    schema = PROFILES[profile].schema
    known = {entity.name: _in_place(entity) for entity in (*schema.entities, *NEIGHBOURS)}
    inside = [entity.name for entity in schema.entities if entity.origin is Origin.SEED]
    order = [*_BEFORE, *(name for found in inside for name in (found, *_BEHIND.get(found, ()))), *_AFTER]
    # types follow: where they stand does not matter
    names = dict.fromkeys((*order, *known))
    return Schema(profile, tuple(known[name] for name in names if name in known))


def _in_place(entity: Entity) -> Entity:
    if not isinstance(entity, Struct) or entity.name not in _MEMBERS_BEHIND:
        return entity
    late, before = _MEMBERS_BEHIND[entity.name]
    members = {member.name: member for member in entity.members}
    moved = members.pop(late, None)
    if moved is None:
        return entity
    names = [name for found in members for name in ((found, late) if found == before else (found,))]
    return replace(entity, members=tuple(moved if name == late else members[name] for name in names))
