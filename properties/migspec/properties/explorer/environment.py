"""Environments: what surrounds the two VMs of a migration, bounded so that their states can be counted.

A migration by itself is finite but for the passes that it makes; clients, the network and whoever kills processes are
not. An environment says how the two VMs were started, which requests their clients may make and how often, and what
else may befall them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType

from migspec.spec.composition import Side
from migspec.spec.composition.link import WIRE_UP, Wire, link_is
from migspec.spec.conditions import Condition
from migspec.spec.requests import Request, understand
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import ABSENT
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import FRESH, assign
from migspec.spec.vocabulary import RunState

ADDRESS = "tcp:127.0.0.1:49152"
"""Where the destination listens."""
ADDRESS_OF_RECOVERY = "tcp:127.0.0.1:49153"
"""Where it listens after a pause."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a client makes it."""

    command: str
    arguments: Mapping[str, object] | None = None
    oob: bool = False

    @property
    def request(self) -> Request:
        """The same as a command's contract sees it."""
        given = ABSENT if self.arguments is None else dict(self.arguments)
        return understand(self.command, given, SCHEMA, oob=self.oob)

    @property
    def message(self) -> dict[str, object]:
        """The same as it crosses the wire."""
        message: dict[str, object] = {"exec-oob" if self.oob else "execute": self.command}
        return message if self.arguments is None else message | {"arguments": dict(self.arguments)}


ASKS: Mapping[str, Ask] = {
    "migrate": Ask("migrate", {"uri": ADDRESS}),
    "resume": Ask("migrate", {"uri": ADDRESS_OF_RECOVERY, "resume": True}),
    "cancel": Ask("migrate_cancel"),
    "continue": Ask("migrate-continue", {"state": "pre-switchover"}),
    "start-postcopy": Ask("migrate-start-postcopy"),
    "pause": Ask("migrate-pause"),
    "incoming": Ask("migrate-incoming", {"uri": ADDRESS}),
    "recover": Ask("migrate-recover", {"uri": ADDRESS_OF_RECOVERY}),
    "stop": Ask("stop"),
    "cont": Ask("cont"),
    "quit": Ask("quit"),
    "take-over": Ask("x-colo-lost-heartbeat"),
    "migrate-block": Ask("migrate", {"uri": ADDRESS, "blk": True}),
    "migrate-file": Ask("migrate", {"uri": "exec:cat >/dev/null"}),
    "migrate-badly": Ask("migrate", {"uri": "nowhere"}),
    "migrate-block-badly": Ask("migrate", {"uri": "tcp:nowhere", "blk": True}),
    "recover-badly": Ask("migrate-recover", {"uri": "nowhere"}),
    "more-channels": Ask("migrate-set-parameters", {"multifd-channels": 8}),
    "multifd-on": Ask("migrate-set-capabilities", {"capabilities": [{"capability": "multifd", "state": True}]}),
    "query-migrate": Ask("query-migrate"),
    "query-status": Ask("query-status"),
}
"""The requests that an environment may allow, by a short name."""

LOSS = "loss"
"""The connection breaks."""
GARBLE = "garble"
"""The stream is such that the destination cannot load it."""
RESTART = "restart"
"""A destination whose process has ended is started anew, and listens."""
KILLS: Mapping[Side, str] = {side: f"kill-{side}" for side in Side}
"""A process is killed."""


@dataclass(frozen=True, slots=True)
class Befallen:
    """What befalls the link: where it may happen, and what becomes of the link."""

    when: Condition
    then: Mapping[str, str]


BEFALLS: Mapping[str, Befallen] = {
    LOSS: Befallen(WIRE_UP, {"wire": Wire.LOST}),
    GARBLE: Befallen(WIRE_UP & link_is({"sound": "yes"}), {"sound": "no"}),
}
"""Everything that may befall the link."""

MOST = 3
"""How often one thing may happen at most: its counter has two bits."""


@dataclass(frozen=True)
class Environment:
    """An environment.

    `source` and `destination` are how these VMs were started, as far as it differs from a fresh process of a complete
    build with the capability `events` on; `capabilities` are the settings of both among which the client has chosen,
    each a list of those that are on, and `runs` the run states that the guest of the source may be in.

    `asks` says how often a client may make each request, `befalls` how often `LOSS`, `GARBLE`, `RESTART` and `KILLS`
    may happen, and `troubles` how often the guest or the host of a side may show each event of
    `migspec.spec.steps.INSTANT_EVENTS`.  `without` are rules that cannot come to pass, since what they need is not
    there: disks, a failover pair, faults of the host.  `pipelined` is how many requests a client may have open.
    """

    name: str
    sentence: str
    asks: Mapping[Side, Mapping[str, int]]
    capabilities: tuple[tuple[str, ...], ...] = ((),)
    runs: tuple[str, ...] = (RunState.RUNNING,)
    source: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    destination: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"load": "listening"}))
    befalls: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    troubles: Mapping[Side, Mapping[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    without: frozenset[str] = frozenset()
    pipelined: int = 1
    profile: str = QEMU_5_2_0

    def states(self, side: Side) -> tuple[int, ...]:
        """How a VM may have been started: one state for each choice of capabilities, and of what its guest does."""
        base = assign(FRESH, {"session": ("negotiating", "ready", "oob"), "cap.events": "yes"})
        if side is Side.SOURCE:
            owns: list[Mapping[str, str]] = [{"run": run, **self.source} for run in self.runs]
        else:
            owns = [{"run": "inmigrate", "has-address": "yes", **self.destination}] * len(self.runs)
        return tuple(
            assign(base, {**{f"cap.{name}": "yes" for name in chosen}, **own})
            for chosen, own in product(self.capabilities, owns)
        )

    def beginnings(self) -> tuple[tuple[int, int], ...]:
        """How both may have been started: with the same capabilities."""
        return tuple(zip(self.states(Side.SOURCE), self.states(Side.DESTINATION), strict=True))

    def counters(self) -> Mapping[str, int]:
        """Everything that is counted, with how often it may happen."""
        asked = {f"{side}:{name}": times for side in Side for name, times in self.asks.get(side, {}).items()}
        shown = {f"{side}:{event}": times for side in Side for event, times in self.troubles.get(side, {}).items()}
        return {**asked, **self.befalls, **shown}
