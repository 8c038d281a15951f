"""Migrations of modelled VMs in virtual time, each played as a script says and written down as a trace.

They are the traces of `migspec vectors`, which must be the same on every machine: there is no real QEMU everywhere, and
recordings are not installed with the package. The model does what the specification allows, so all of them conform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from migspec.cli.fuzzing.virtual import NAMES, RELEASES, line_of
from migspec.properties.explorer.environment import ASKS, Ask
from migspec.reference_impl.faults import Faults
from migspec.reference_impl.options import MIB, Options
from migspec.reference_impl.virtual import Client, World
from migspec.spec.composition import Side
from migspec.spec.parameters import READ, SET
from migspec.spec.rows import QEMU_5_2_0
from migspec.traces.format import Header, VmInfo, header_line
from migspec.traces.vectors.graph import Rest
from migspec.traces.vectors.requests import LOOK, OOB, switched
from migspec.traces.vectors.verdicts import Recorded

_ADDRESS: Final = "unix:/virtual/migration"
_RECOVERY: Final = "unix:/virtual/recovery"
_BUSY: Final = "zero:0.5+hot:16M:200M"
_VMS: Final = {NAMES[side]: VmInfo(side.value, "migspec", RELEASES[QEMU_5_2_0]) for side in Side}


class UnplayedError(Exception):
    """A scene did not come to what it waits for: `scene` is its name, `status` what was awaited."""

    def __init__(self, scene: str, status: str) -> None:
        super().__init__(f"the scene {scene} has not come to {status}")
        self.scene = scene
        self.status = status


@dataclass(frozen=True, slots=True)
class Reach:
    """Time goes on until a status is announced, if it was not before."""

    status: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What the client of a side does; the `second` one connects when it is its turn for the first time."""

    side: Side
    does: Ask | Reach
    second: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """The machines that are there are asked what they are doing."""


Step = Turn | Look | Rest
"""What happens next in a scene."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene: what is done in it, in order, with the capabilities that both sides have on besides events.

    The source runs its guest, with this workload, and the destination waits for migrate-incoming. `fault` is what
    happens to the source, as a script of faults.
    """

    name: str
    sentence: str
    steps: tuple[Step, ...]
    capabilities: tuple[str, ...] = ()
    workload: str = _BUSY
    fault: str = ""


def recordings() -> Iterator[Recorded]:
    """Every scene as a trace.

    Raises `UnplayedError` if a scene does not come to its end.
    """
    for scene in SCENES:
        yield played(scene)


def played(scene: Scene) -> Recorded:
    """A scene as a trace.

    Raises `UnplayedError` if it does not come to its end.
    """
    world = World()
    options = Options(memory=128 * MIB, workload=scene.workload, bandwidth=100 * MIB, profile=QEMU_5_2_0)
    source = world.start(NAMES[Side.SOURCE], options).client()
    destination = world.start(NAMES[Side.DESTINATION], replace(options, incoming="defer")).client()
    if scene.fault:
        Faults(source.host.machine).add(scene.fault)
    clients = {(Side.SOURCE, False): source, (Side.DESTINATION, False): destination}
    for client in (source, destination):
        _ask(client, switched("events", *scene.capabilities))
    for step in scene.steps:
        match step:
            case Rest(seconds):
                world.run(world.now + seconds)
            case Look():
                for client in (source, destination):
                    for ask in LOOK if client.host.machine.exit is None else ():
                        _ask(client, ask)
            case Turn(side, does, second):
                if (side, second) not in clients:
                    clients[side, second] = clients[side, False].host.connect()
                client = clients[side, second]
                if isinstance(does, Ask):
                    _ask(client, does)
                elif not _has_reached(client, does.status):
                    raise UnplayedError(scene.name, does.status)
    header = header_line(Header(_VMS, scene.name, scene.sentence))
    return Recorded(scene.name, scene.sentence, (header, *map(line_of, world.record)))


def _ask(client: Client, ask: Ask) -> None:
    client.ask(ask.command, ask.arguments, oob=ask.oob)


def _has_reached(client: Client, status: str) -> bool:
    """Let time go on until a status is announced; whether it is."""

    def announced() -> bool:
        return any(name == "MIGRATION" and data["status"] == status for name, data in client.events)

    return client.host.world.settle(until=announced)


# ---- the scenes ----


def _source(*does: Ask | Reach) -> tuple[Turn, ...]:
    return tuple(Turn(Side.SOURCE, each) for each in does)


def _destination(*does: Ask | Reach) -> tuple[Turn, ...]:
    return tuple(Turn(Side.DESTINATION, each) for each in does)


def _second(*asks: Ask) -> tuple[Turn, ...]:
    """What is asked on another monitor of the source."""
    return tuple(Turn(Side.SOURCE, ask, second=True) for ask in asks)


def _set(**parameters: int) -> Ask:
    return Ask(SET, {name.replace("_", "-"): value for name, value in parameters.items()})


_LOOK: Final = Look()
_REST: Final = Rest(0.2)
_MIGRATE: Final = Ask("migrate", {"uri": _ADDRESS})
_BEGIN: Final = (*_destination(Ask("migrate-incoming", {"uri": _ADDRESS})), *_source(_MIGRATE))
_RECOVER: Final = Ask("migrate-recover", {"uri": _RECOVERY})
_CAPABILITIES: Final = Ask("query-migrate-capabilities")
_QUERY: Final = ASKS["query-migrate"]
_COLO: Final = Ask("query-colo-status")
_MEASURE: Final = Ask("calc-dirty-rate", {"calc-time": 1})
_RATE: Final = Ask("query-dirty-rate")

_POLLED: Final[tuple[Step, ...]] = (
    _LOOK,
    *_BEGIN,
    *(Rest(0.15), _LOOK) * 4,
    *_destination(Reach("completed")),
    *(_REST, _LOOK),
    *_source(ASKS["quit"]),
    _REST,
)

SCENES: Final[tuple[Scene, ...]] = (
    Scene("precopy", "A precopy that is polled, and completes.", _POLLED),
    Scene(
        "held",
        "A precopy that waits in pre-switchover.",
        (
            *_BEGIN,
            *_source(Reach("pre-switchover")),
            _LOOK,
            *_source(Ask("migrate-continue", {"state": "device"}), ASKS["continue"], Reach("completed")),
            *(_REST, _LOOK),
        ),
        ("pause-before-switchover",),
    ),
    Scene(
        "cancelled",
        "A precopy that is cancelled.",
        (
            *_BEGIN,
            *_source(Reach("active"), switched(), _MIGRATE, ASKS["cancel"], Reach("cancelled")),
            *(_REST, _LOOK),
        ),
    ),
    Scene(
        "nobody-listens",
        "Two migrations that fail at their addresses.",
        (
            *_source(Ask("migrate", {"uri": "bad"})),
            _LOOK,
            *_source(_MIGRATE),
            *(_REST, _LOOK),
            *_source(ASKS["cancel"]),
        ),
    ),
    Scene(
        "postcopy",
        "A precopy that is switched to postcopy.",
        (
            *_BEGIN,
            *_source(Reach("active")),
            Rest(0.1),
            *_source(ASKS["start-postcopy"], Reach("postcopy-active")),
            _LOOK,
            *_source(Reach("completed")),
            *(_REST, _LOOK),
        ),
        ("postcopy-ram",),
    ),
    Scene(
        "recovery",
        "A postcopy that is paused, and recovers.",
        (
            *_BEGIN,
            *_source(Reach("active"), ASKS["start-postcopy"]),
            *_destination(Reach("postcopy-active")),
            _LOOK,
            *_source(ASKS["pause"], Reach("postcopy-paused")),
            *_destination(Reach("postcopy-paused")),
            _LOOK,
            *_source(Ask("migrate", {"uri": "bad", "resume": True})),
            *_destination(_RECOVER, _RECOVER),
            *_source(Ask("migrate", {"uri": _RECOVERY, "resume": True}), Reach("completed")),
            *(_REST, _LOOK),
        ),
        ("postcopy-ram",),
    ),
    Scene(
        "colo",
        "COLO, until the primary is told to take over.",
        (
            *_BEGIN,
            *_source(Reach("colo")),
            Rest(0.5),
            *_source(_COLO),
            *_destination(_COLO),
            *_source(ASKS["take-over"]),
            Rest(0.5),
            *_source(_COLO),
            _LOOK,
        ),
        ("x-colo",),
    ),
    Scene(
        "device-fails",
        "A precopy that fails in the end.",
        (*_BEGIN, *_source(Reach("failed")), _REST, _LOOK),
        fault="device-fails",
    ),
    Scene("multifd", "A precopy over several channels.", _POLLED, ("multifd",)),
    Scene(
        "slowed",
        "A precopy that slows its guest down.",
        _POLLED,
        ("auto-converge",),
        workload="zero:0.5+hot:64M:150M",
    ),
    Scene(
        "settings",
        "Capabilities and parameters, set and read.",
        (
            *_source(
                _CAPABILITIES,
                Ask(READ),
                _set(max_bandwidth=1 << 26, downtime_limit=100),
                _set(multifd_channels=0),
                _set(cpu_throttle_initial=50, max_cpu_throttle=40),
                Ask(READ),
                Ask("migrate-set-cache-size", {"value": 1 << 20}),
                Ask("query-migrate-cache-size"),
                switched("xbzrle"),
                _CAPABILITIES,
                Ask("migrate", {"ur": "x"}),
            ),
            *_BEGIN,
            *_source(Reach("completed"), _QUERY),
        ),
        workload="idle",
    ),
    Scene(
        "guest",
        "A guest that is stopped and continued on either side.",
        (
            *_source(ASKS["stop"], ASKS["query-status"], ASKS["cont"], ASKS["query-status"]),
            *_source(ASKS["start-postcopy"], ASKS["pause"]),
            *_destination(ASKS["stop"]),
            *_BEGIN,
            *_source(Reach("active"), ASKS["stop"], ASKS["cont"], Reach("completed")),
            *(_REST, _LOOK),
            *_destination(ASKS["cont"]),
            _LOOK,
        ),
    ),
    Scene(
        "dirty-rate",
        "A measurement of the dirty rate.",
        (
            *_source(_RATE, Ask("calc-dirty-rate", {"calc-time": 0}), _MEASURE),
            Rest(0.5),
            *_source(_MEASURE, _RATE),
            Rest(1.0),
            *_source(_RATE),
        ),
    ),
    Scene(
        "two-monitors",
        "A source with two monitors, one of them with out-of-band execution.",
        (
            *_second(ASKS["query-status"], OOB),
            *_BEGIN,
            *_second(Ask("migrate-pause", oob=True)),
            *_source(Reach("completed")),
            *_second(_QUERY),
            *_source(_QUERY),
        ),
    ),
)
"""Every scene."""
