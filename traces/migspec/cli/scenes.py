"""Migrations of modelled VMs in virtual time, each played as a script says and written down as a trace.

They are the traces of `migspec vectors`, which must be the same on every machine: there is no real QEMU everywhere, and
recordings are not installed with the package. The model does what the specification allows, so all of them conform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from migspec.cli.fuzzing.virtual import line_of
from migspec.reference_impl.faults import Faults
from migspec.reference_impl.options import MIB, Options
from migspec.reference_impl.virtual import Client, World
from migspec.spec.rows import QEMU_5_2_0
from migspec.traces.format import Header, VmInfo, header_fields
from migspec.traces.vectors.verdicts import Recorded

_ADDRESS: Final = "unix:/virtual/migration"
_RECOVERY: Final = "unix:/virtual/recovery"
_BUSY: Final = "zero:0.5+hot:16M:200M"
_RELEASE: Final = "5.2.0"


class UnplayedError(Exception):
    """A scene did not come to what it waits for: `scene` is its name, `status` what was awaited."""

    def __init__(self, scene: str, status: str) -> None:
        super().__init__(f"the scene {scene} has not come to {status}")
        self.scene = scene
        self.status = status


class Scene:
    """Two machines and their clients: the source runs its guest, and the destination waits for migrate-incoming."""

    def __init__(self, name: str, *capabilities: str, workload: str = _BUSY, fault: str = "") -> None:
        self.world = World()
        self._name = name
        options = Options(memory=128 * MIB, workload=workload, bandwidth=100 * MIB, profile=QEMU_5_2_0)
        self.source = self.world.start("src", options).client()
        self.destination = self.world.start("dst", replace(options, incoming="defer")).client()
        if fault:
            Faults(self.source.host.machine).add(fault)
        self.switch_on("events", *capabilities)

    def switch_on(self, *capabilities: str) -> None:
        """Switch capabilities on, on both sides."""
        settings = [{"capability": name, "state": True} for name in capabilities]
        for client in (self.source, self.destination):
            client.ask("migrate-set-capabilities", {"capabilities": settings})

    def migrate(self, **more: object) -> None:
        """Let the destination listen, and the source begin."""
        self.destination.ask("migrate-incoming", {"uri": _ADDRESS})
        self.source.ask("migrate", {"uri": _ADDRESS, **more})

    def reach(self, client: Client, status: str) -> None:
        """Let time go on until a status was announced.

        Raises `UnplayedError` if it never is.
        """

        def announced() -> bool:
            return any(name == "MIGRATION" and data["status"] == status for name, data in client.events)

        if not self.world.settle(until=announced):
            raise UnplayedError(self._name, status)

    def rest(self, seconds: float = 0.2) -> None:
        """Let time go on."""
        self.world.run(self.world.now + seconds)

    def look(self) -> None:
        """Ask both machines what they are doing, if they are there."""
        for client in (self.source, self.destination):
            if client.host.machine.exit is None:
                client.ask("query-migrate")
                client.ask("query-status")

    def lines(self, sentence: str) -> list[bytes]:
        """The trace."""
        vms = {
            "src": VmInfo("source", "migspec", _RELEASE),
            "dst": VmInfo("destination", "migspec", _RELEASE),
        }
        header = Header(vms, self._name, sentence)
        return [msgspec.json.encode(header_fields(header)), *map(line_of, self.world.record)]


# ---- the scenes ----


def _precopy(scene: Scene) -> None:
    scene.look()
    scene.migrate()
    for _ in range(4):
        scene.rest(0.15)
        scene.look()
    scene.reach(scene.destination, "completed")
    scene.rest()
    scene.look()
    scene.source.ask("quit")
    scene.rest()


def _held(scene: Scene) -> None:
    scene.migrate()
    scene.reach(scene.source, "pre-switchover")
    scene.look()
    for asked in ({"state": "device"}, {"state": "pre-switchover"}):
        scene.source.ask("migrate-continue", asked)
    scene.reach(scene.source, "completed")
    scene.rest()
    scene.look()


def _cancelled(scene: Scene) -> None:
    scene.migrate()
    scene.reach(scene.source, "active")
    scene.source.ask("migrate-set-capabilities", {"capabilities": []})
    scene.source.ask("migrate", {"uri": _ADDRESS})
    scene.source.ask("migrate_cancel")
    scene.reach(scene.source, "cancelled")
    scene.rest()
    scene.look()


def _nobody_listens(scene: Scene) -> None:
    scene.source.ask("migrate", {"uri": "bad"})
    scene.look()
    scene.source.ask("migrate", {"uri": _ADDRESS})
    scene.rest()
    scene.look()
    scene.source.ask("migrate_cancel")


def _postcopy(scene: Scene) -> None:
    scene.migrate()
    scene.reach(scene.source, "active")
    scene.rest(0.1)
    scene.source.ask("migrate-start-postcopy")
    scene.reach(scene.source, "postcopy-active")
    scene.look()
    scene.reach(scene.source, "completed")
    scene.rest()
    scene.look()


def _recovery(scene: Scene) -> None:
    scene.migrate()
    scene.reach(scene.source, "active")
    scene.source.ask("migrate-start-postcopy")
    scene.reach(scene.destination, "postcopy-active")
    scene.look()
    scene.source.ask("migrate-pause")
    scene.reach(scene.source, "postcopy-paused")
    scene.reach(scene.destination, "postcopy-paused")
    scene.look()
    scene.source.ask("migrate", {"uri": "bad", "resume": True})
    scene.destination.ask("migrate-recover", {"uri": _RECOVERY})
    scene.destination.ask("migrate-recover", {"uri": _RECOVERY})
    scene.source.ask("migrate", {"uri": _RECOVERY, "resume": True})
    scene.reach(scene.source, "completed")
    scene.rest()
    scene.look()


def _colo(scene: Scene) -> None:
    scene.migrate()
    scene.reach(scene.source, "colo")
    scene.rest(0.5)
    for client in (scene.source, scene.destination):
        client.ask("query-colo-status")
    scene.source.ask("x-colo-lost-heartbeat")
    scene.rest(0.5)
    scene.source.ask("query-colo-status")
    scene.look()


def _device_fails(scene: Scene) -> None:
    scene.migrate()
    scene.reach(scene.source, "failed")
    scene.rest()
    scene.look()


def _settings(scene: Scene) -> None:
    ask = scene.source.ask
    ask("query-migrate-capabilities")
    ask("query-migrate-parameters")
    ask("migrate-set-parameters", {"max-bandwidth": 1 << 26, "downtime-limit": 100})
    ask("migrate-set-parameters", {"multifd-channels": 0})
    ask("migrate-set-parameters", {"cpu-throttle-initial": 50, "max-cpu-throttle": 40})
    ask("query-migrate-parameters")
    ask("migrate-set-cache-size", {"value": 1 << 20})
    ask("query-migrate-cache-size")
    ask("migrate-set-capabilities", {"capabilities": [{"capability": "xbzrle", "state": True}]})
    ask("query-migrate-capabilities")
    ask("migrate", {"ur": "x"})
    scene.migrate()
    scene.reach(scene.source, "completed")
    ask("query-migrate")


def _guest(scene: Scene) -> None:
    ask = scene.source.ask
    for command in ("stop", "query-status", "cont", "query-status", "migrate-start-postcopy", "migrate-pause"):
        ask(command)
    scene.destination.ask("stop")
    scene.migrate()
    scene.reach(scene.source, "active")
    ask("stop")
    ask("cont")
    scene.reach(scene.source, "completed")
    scene.rest()
    scene.look()
    scene.destination.ask("cont")
    scene.look()


def _dirty_rate(scene: Scene) -> None:
    ask = scene.source.ask
    ask("query-dirty-rate")
    ask("calc-dirty-rate", {"calc-time": 0})
    ask("calc-dirty-rate", {"calc-time": 1})
    scene.rest(0.5)
    ask("calc-dirty-rate", {"calc-time": 1})
    ask("query-dirty-rate")
    scene.rest(1.0)
    ask("query-dirty-rate")


def _two_monitors(scene: Scene) -> None:
    second = scene.source.host.connect()
    second.ask("query-status")
    second.ask("qmp_capabilities", {"enable": ["oob"]})
    scene.migrate()
    second.ask("migrate-pause", oob=True)
    scene.reach(scene.source, "completed")
    second.ask("query-migrate")
    scene.source.ask("query-migrate")


_Play = Callable[[Scene], None]

_SCENES: Final[Mapping[str, tuple[str, _Play, tuple[str, ...], Mapping[str, Any]]]] = {
    "precopy": ("A precopy that is polled, and completes.", _precopy, (), {}),
    "held": ("A precopy that waits in pre-switchover.", _held, ("pause-before-switchover",), {}),
    "cancelled": ("A precopy that is cancelled.", _cancelled, (), {}),
    "nobody-listens": ("Two migrations that fail at their addresses.", _nobody_listens, (), {}),
    "postcopy": ("A precopy that is switched to postcopy.", _postcopy, ("postcopy-ram",), {}),
    "recovery": ("A postcopy that is paused, and recovers.", _recovery, ("postcopy-ram",), {}),
    "colo": ("COLO, until the primary is told to take over.", _colo, ("x-colo",), {}),
    "device-fails": ("A precopy that fails in the end.", _device_fails, (), {"fault": "device-fails"}),
    "multifd": ("A precopy over several channels.", _precopy, ("multifd",), {}),
    "slowed": (
        "A precopy that slows its guest down.",
        _precopy,
        ("auto-converge",),
        {"workload": "zero:0.5+hot:64M:150M"},
    ),
    "settings": ("Capabilities and parameters, set and read.", _settings, (), {"workload": "idle"}),
    "guest": ("A guest that is stopped and continued on either side.", _guest, (), {}),
    "dirty-rate": ("A measurement of the dirty rate.", _dirty_rate, (), {}),
    "two-monitors": ("A source with two monitors, one of them with out-of-band execution.", _two_monitors, (), {}),
}


def recordings() -> Iterator[Recorded]:
    """Every scene as a trace.

    Raises `UnplayedError` if a scene does not come to its end.
    """
    for name, (sentence, play, capabilities, more) in _SCENES.items():
        scene = Scene(name, *capabilities, **more)
        play(scene)
        yield Recorded(name, sentence, tuple(scene.lines(sentence)))
