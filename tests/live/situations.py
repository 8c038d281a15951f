"""The situations in which a QEMU is sent random requests: idle, and either side of a migration that goes on and on.

Each is a row of `SITUATIONS`: how it is brought about, the state that the VM is then in, and what may not be sent in it
because it would end the situation. That is decided by `objection`, mostly from the contracts themselves: a request is
left out if one of them says that it may move what the situation consists in.

A migration is held by its bandwidth: memory is large, and what may be sent of it in a second is little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import migrate, open_pair, reach, tune
from tests.live.session import Session, Vm

from migspec.properties.strategies import DrawnRequest
from migspec.spec.commands import answers
from migspec.spec.parameters import DEFAULTS, SET, Value, changes_of, judge_changes, own_fault
from migspec.spec.profiles import PROFILES
from migspec.spec.requests import understand
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import ABSENT
from migspec.spec.state import FRESH, VARIABLES, Load, Stage, assign
from migspec.spec.state import Session as Negotiation
from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.spec.vocabulary import MigrationStatus, RunState

SCHEMA: Final = PROFILES[QEMU_5_2_0].schema

HOLDING: Final = range(10, 16_385)
"""The values of `max-bandwidth`, in bytes a second, that hold a migration; fewer than 10 are no limit.

There is a limit for every tenth of a second, and one page may exceed it. With the longest `downtime-limit` that is
enough to send some 110 MiB while the guest stands still, a fraction of its memory.
"""

_LARGE: Final = ("-m", "1G")


@dataclass(frozen=True, slots=True)
class Situation:
    """What a VM is in when the requests come, on a monitor that is ready.

    `prepare` brings it about in a session of `vms`, with some capabilities on, and returns the monitors of all VMs;
    the requests go to `asked`. `begins` and `set_before` are what is then different from a fresh process: variables of
    the state, and parameters. `kept` are the variables that no request may change, `also_kept` further reasons for not
    sending one. `status` is what every VM has to show from the beginning to the end. `capabilities` has the sets of
    those that are on, one for each process in turn.
    """

    name: str
    note: str
    vms: Mapping[str, Vm]
    asked: str
    prepare: Callable[[Session, tuple[str, ...]], Mapping[str, Monitor]]
    kept: frozenset[str]
    begins: Mapping[str, str] = field(default_factory=dict)
    set_before: Mapping[str, Value] = field(default_factory=dict)
    status: str | None = None
    capabilities: tuple[tuple[str, ...], ...] = ((),)
    also_kept: Mapping[str, Callable[[DrawnRequest, int], bool]] = field(default_factory=dict)

    def state(self, capabilities: tuple[str, ...]) -> int:
        """The state in which the VM is when it gets the first request."""
        on = {f"cap.{name}": "yes" for name in capabilities}
        return assign(FRESH, {"session": Negotiation.READY, **self.begins, **on})

    def values(self) -> dict[str, Value]:
        """The parameters that are then in force."""
        return {**DEFAULTS, **self.set_before}


# -- what is not sent --


def objection(situation: Situation, drawn: DrawnRequest, state: int) -> str:
    """Why a request would end the situation of a VM in this state; empty if it does no harm.

    One that is refused for its form does none, unless another build would accept it.
    """
    request = understand(drawn.command, drawn.message.get("arguments", ABSENT), SCHEMA)
    if not request.may_pass or not request.known:
        return ""
    for answer in answers(request, state, QEMU_5_2_0):
        for name in sorted(situation.kept):
            variable = VARIABLES[name]
            if variable.of(answer.state) != variable.of(state):
                return f"{name} may change"
    reasons = {**_NEVER, **situation.also_kept}
    return next((reason for reason, applies in reasons.items() if applies(drawn, state)), "")


def _is_file_of_devices(drawn: DrawnRequest, _state: int) -> bool:
    return drawn.command in ("xen-load-devices-state", "xen-save-devices-state")


_NEVER: Final = {"a file would be written or loaded": _is_file_of_devices}


def _changes(drawn: DrawnRequest) -> Mapping[str, Value]:
    """The parameters that a request of a valid form stores; none if it is refused in any case."""
    given = drawn.message.get("arguments", {})
    if own_fault(drawn.command, given):
        return {}
    stored = changes_of(drawn.command, given)
    return {} if judge_changes(stored, {}).certain else stored


def _lets_go(drawn: DrawnRequest, _state: int) -> bool:
    return _changes(drawn).get(P.MAX_BANDWIDTH, HOLDING[0]) not in HOLDING


_COUNTS: Final = {
    P.MULTIFD_CHANNELS: C.MULTIFD,
    P.COMPRESS_THREADS: C.COMPRESS,
    P.DECOMPRESS_THREADS: C.COMPRESS,
}
"""The capability that each number of threads or channels belongs to."""


def _changes_threads_in_use(drawn: DrawnRequest, state: int) -> bool:
    return drawn.command == SET and any(
        VARIABLES[f"cap.{capability.value}"].known(state) != "no"
        for name, capability in _COUNTS.items()
        if name in _changes(drawn)
    )


_THREADS = {"the number of threads in use would change, a known defect": _changes_threads_in_use}

# -- how a situation is brought about --


def _begin_idle(session: Session, capabilities: tuple[str, ...]) -> Mapping[str, Monitor]:
    return {"vm": session.monitor("vm", capabilities=capabilities)}


def _hold(session: Session, capabilities: tuple[str, ...]) -> Mapping[str, Monitor]:
    src, dst, uri = open_pair(session, *(name for name in capabilities if name != C.EVENTS))
    tune(src, **{P.MAX_BANDWIDTH.value.replace("-", "_"): HOLDING[0]})
    migrate(src, uri)
    reach(src, MigrationStatus.ACTIVE)
    reach(dst, MigrationStatus.ACTIVE)
    # the description of the memory is sent before the source is active, and read between two of these
    for _ in range(3):
        dst.execute("query-status")
    return {"src": src, "dst": dst}


_PAIR: Final = {"src": Vm(_LARGE), "dst": Vm(_LARGE, incoming="defer")}

_SETS: Final = tuple(
    (C.EVENTS.value, *(capability.value for capability in chosen))
    for chosen in (
        (),
        (C.XBZRLE, C.AUTO_CONVERGE, C.RETURN_PATH),
        (C.COMPRESS, C.PAUSE_BEFORE_SWITCHOVER),
        (C.MULTIFD, C.VALIDATE_UUID),
        (C.POSTCOPY_RAM, C.POSTCOPY_BLOCKTIME, C.RELEASE_RAM),
        (C.DIRTY_BITMAPS, C.ZERO_BLOCKS, C.LATE_BLOCK_ACTIVATE),
        (C.X_IGNORE_SHARED, C.RDMA_PIN_ALL),
    )
)

# -- the table --

_ALIVE: Final = frozenset({"life", "session", "dirty-rate"})
"""A measurement of the dirty rate has a thread of its own, whose steps nothing announces."""

IDLE: Final = Situation(
    "idle",
    "Random requests to a VM that has just started without options.",
    {"vm": Vm()},
    "vm",
    _begin_idle,
    _ALIVE | {"stage", "load"},
)
"""A migration may fail for its address, but not begin."""

SOURCE: Final = Situation(
    "source",
    "Random requests to the source of a migration that goes on and on.",
    _PAIR,
    "src",
    _hold,
    _ALIVE | {"outgoing", "incoming", "stage", "load", "switch-asked"},
    {"outgoing": MigrationStatus.ACTIVE, "stage": Stage.ITERATING},
    {P.MAX_BANDWIDTH.value: HOLDING[0]},
    MigrationStatus.ACTIVE,
    _SETS,
    {"the bandwidth would let the migration go": _lets_go, **_THREADS},
)
"""The guest may be stopped and started, which the migration does not mind."""

DESTINATION: Final = Situation(
    "destination",
    "Random requests to the destination of a migration that goes on and on.",
    _PAIR,
    "dst",
    _hold,
    _ALIVE | {"outgoing", "incoming", "stage", "load", "switched-late"},
    {
        "incoming": MigrationStatus.ACTIVE,
        "load": Load.LOADING,
        "run": RunState.INMIGRATE,
        "defer": "yes",
        "accepted": "yes",
        "has-address": "yes",
    },
    {},
    MigrationStatus.ACTIVE,
    _SETS,
    _THREADS,
)
"""Whether its guest will start may change; it does not come to it."""

SITUATIONS: Final[Mapping[str, Situation]] = {one.name: one for one in (IDLE, SOURCE, DESTINATION)}
"""All of them, by name."""
