"""What is true of every state that a process can reach: named predicates over the variables of one VM.

Nothing states these; they follow from the rows and contracts of QEMU 5.2.0, its known defects included, and a test
walks the relation to see that they do.  They are class invariants of a model, and what a reader may rely on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from migspec.spec.conditions import Condition, where
from migspec.spec.lifecycle.guards import IN_PROGRESS
from migspec.spec.state import VARIABLES, Life
from migspec.spec.vocabulary import COLOMode, FailoverStatus, MigrationStatus, RunState


@dataclass(frozen=True)
class Invariant:
    """In every reachable state in which `when` holds, `then` holds too."""

    id: str
    sentence: str
    when: Condition
    then: Condition

    @property
    def condition(self) -> Condition:
        """What holds in every reachable state."""
        return (~self.when | self.then).named(self.sentence)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables that it speaks of, in their order."""
        cases = (*self.when.cases, *self.then.cases)
        spoken_of = {literal.variable.name for case in cases for literal in case.literals}
        return tuple(name for name in VARIABLES if name in spoken_of)

    def holds(self, state: int) -> bool:
        """Whether a fully known state keeps it."""
        return not self.when.holds(state) or self.then.holds(state)


_NEVER_OUTGOING = where({"outgoing": "none"}, "there was no outgoing migration")

STAGES: Mapping[str, tuple[str, ...]] = {
    "none": ("idle",),
    "setup": ("connecting", "setting-up", "set-up", "ending", "cleaning"),
    "wait-unplug": ("unplugging",),
    "active": (
        "iterating",
        "committed",
        "stopped",
        "saving",
        "saved",
        "switching",
        "postcopy-stopping",
        "postcopy-stopped",
        "postcopy-saving",
        "ending",
    ),
    "pre-switchover": ("held", "postcopy-held"),
    "device": ("saving", "saved", "stuck"),
    "postcopy-active": ("postcopy-stopping", "postcopy-stopped", "postcopy-saving", "iterating"),
    "postcopy-paused": ("paused",),
    "postcopy-recover": ("paused", "resuming"),
    "colo": ("colo-starting", "colo-running", "colo-stopped", "colo-saving", "colo-exited"),
    "completed": ("colo-leaving", "colo-left", "ending", "cleaning", "idle"),
    "cancelled": ("cleaning", "idle"),
}
"""The stages that go with an outgoing status.

`cancelling` and `failed` are not here: other threads set them, and the migration thread may be anywhere. `setup` in
`ending` or `cleaning` is a process that ends for having begun too early, a known defect; in `postcopy-recover` and
`cancelled` the stage follows the status.
"""

LOADS: Mapping[str, tuple[str, ...]] = {
    "none": ("none", "deferred", "listening"),
    "active": ("loading",),
    "postcopy-active": ("loading", "postcopy", "running"),
    "postcopy-paused": ("paused", "recovering"),
    "postcopy-recover": ("recovering", "recovered"),
    "colo": ("colo-starting", "colo-running", "colo-stopped", "colo-exited"),
    "completed": ("colo-leaving", "colo-left", "closing", "done"),
    "failed": ("loading", "postcopy", "running"),
}
"""How far the incoming side has got in each of its statuses; it has no others."""

_UNSTOPPED = (
    "connecting",
    "setting-up",
    "set-up",
    "unplugging",
    "iterating",
    "last-turn",
    "committed",
    "switching",
    "postcopy-stopping",
)
_IN_THE_SWITCH = ("switching", "postcopy-stopping", "postcopy-stopped", "postcopy-held")
_IN_POSTCOPY = ("postcopy-stopped", "postcopy-held", "postcopy-saving", "paused", "resuming")
_NOT_FAILED = tuple(
    status for status in MigrationStatus if status not in ("setup", "cancelling", "cancelled", "completed", "failed")
)

_OUTGOING: tuple[Invariant, ...] = (
    *(
        Invariant(
            f"outgoing.{status}.stage",
            f"With the outgoing status {status} go some stages only.",
            where({"outgoing": status}),
            where({"stage": stages}),
        )
        for status, stages in STAGES.items()
    ),
    Invariant(
        "outgoing.in-progress.stage",
        "A migration in progress, or in COLO, is worked on.",
        IN_PROGRESS | where({"outgoing": "colo"}),
        ~where({"stage": "idle"}),
    ),
    Invariant(
        "outgoing.none.notes",
        "What is noted of an attempt is noted of one that there was.",
        _NEVER_OUTGOING,
        where(
            {
                **dict.fromkeys(
                    (
                        "was-running",
                        "switch-asked",
                        "resuming",
                        "poisoned",
                        "error-known",
                        "failover",
                        "piped",
                        "colo-thread",
                    ),
                    "no",
                ),
                "block-options": "none",
            }
        ),
    ),
    Invariant(
        "outgoing.error.ended",
        "An error is known of an attempt that has failed, or been cancelled just then.",
        where({"outgoing": _NOT_FAILED}),
        where({"error-known": "no"}),
    ),
    Invariant(
        "outgoing.guest.there",
        "A guest that waits for its state is not sent away.",
        ~where({"stage": "idle"}),
        ~where({"run": RunState.INMIGRATE}),
    ),
    Invariant(
        "outgoing.guest.released",
        "A migration that has only to be cleaned up does not keep its guest in finish-migrate.",
        where({"stage": "cleaning"}),
        ~where({"run": RunState.FINISH_MIGRATE}),
    ),
    Invariant(
        "outgoing.was-running.stopped",
        "No attempt has stopped the guest before its switch-over.",
        where({"stage": _UNSTOPPED}),
        where({"was-running": "no"}),
    ),
    Invariant(
        "outgoing.postcopy.was-running",
        "A guest that was stopped for postcopy is not started again by a failure.",
        where({"stage": _IN_POSTCOPY}),
        where({"was-running": "no"}),
    ),
    Invariant(
        "outgoing.unplugging.failover",
        "A primary is waited for if the guest was asked to give it up.",
        where({"stage": "unplugging"}),
        where({"failover": "yes"}),
    ),
    Invariant(
        "outgoing.switch.asked",
        "The switch to postcopy was asked for.",
        where({"stage": _IN_THE_SWITCH}),
        where({"switch-asked": "yes"}),
    ),
    Invariant(
        "outgoing.pause.capability",
        "A migration that waits before the switch-over, or has, was told to.",
        where({"outgoing": ("pre-switchover", "device")}),
        where({"cap.pause-before-switchover": "yes"}),
    ),
    Invariant(
        "outgoing.resuming.paused",
        "A resume is made of a pause, or of one that has ended meanwhile.",
        where({"resuming": "yes"}) | where({"poisoned": "yes"}),
        where({"stage": ("paused", "ending", "cleaning", "idle")}),
    ),
    Invariant(
        "outgoing.colo.thread",
        "The thread of COLO has yet to report its end while it makes checkpoints.",
        where({"stage": ("colo-starting", "colo-running", "colo-stopped", "colo-saving")}),
        where({"colo-thread": "yes"}),
    ),
    Invariant(
        "outgoing.colo.reported",
        "A primary that is out of COLO, but for its guest, has reported it.",
        where({"stage": ("colo-exited", "colo-left")}),
        where({"colo-thread": "no"}),
    ),
)
"""What holds of the outgoing side."""

_INCOMING: tuple[Invariant, ...] = (
    *(
        Invariant(
            f"incoming.{status}.load",
            f"With the incoming status {status} goes only some of the work of loading.",
            where({"incoming": status}),
            where({"load": loads}),
        )
        for status, loads in LOADS.items()
    ),
    Invariant(
        "incoming.statuses",
        "Once something has connected, the incoming status is one of a few.",
        ~where({"incoming": "none"}),
        where({"incoming": tuple(status for status in LOADS if status != "none")}),
    ),
    Invariant(
        "incoming.guest.waits",
        "A guest waits for its state only in a process that is to get one, and no longer than until it has.",
        where({"run": RunState.INMIGRATE}),
        where({"load": ("deferred", "listening", "loading", "postcopy", "colo-starting", "colo-exited")}),
    ),
    Invariant(
        "incoming.deferred",
        "A process that waits for migrate-incoming was started to.",
        where({"load": "deferred"}),
        where({"defer": "yes", "accepted": "no", "has-address": "no"}),
    ),
    Invariant(
        "incoming.deferred.until-accepted",
        "A process that was started to wait for migrate-incoming does until that succeeds.",
        where({"defer": "yes", "accepted": "no"}),
        where({"load": "deferred"}),
    ),
    Invariant(
        "incoming.accepted",
        "migrate-incoming succeeds in a process that was started to wait for it.",
        where({"accepted": "yes"}),
        where({"defer": "yes"}),
    ),
    Invariant(
        "incoming.address",
        "Only a process that is or was to get a guest has listened.",
        where({"load": "none"}),
        where({"defer": "no", "has-address": "no", "recover-asked": "no", "switched-late": "no"}),
    ),
    Invariant(
        "incoming.recovery.asked",
        "A recovery was asked for.",
        where({"load": ("recovering", "recovered")}),
        where({"recover-asked": "yes"}),
    ),
    Invariant(
        "incoming.dying.failed",
        "A process exits by itself because its incoming migration failed.",
        where({"life": Life.DYING}),
        where({"incoming": "failed"}),
    ),
    Invariant(
        "incoming.failover.put-off",
        "Only a secondary puts a failover off.",
        where({"colo-failover": FailoverStatus.RELAUNCH}),
        where({"incoming": "colo"}),
    ),
    Invariant(
        "incoming.secondary.was",
        "Who was the secondary is in COLO, or has taken over.",
        where({"colo-last": COLOMode.SECONDARY}),
        where({"incoming": ("colo", "completed")}),
    ),
)
"""What holds of the incoming side."""

_PROCESS: tuple[Invariant, ...] = (
    Invariant(
        "capabilities.block.build",
        "Block migration is on only in a build that has it.",
        where({"cap.block": "yes"}) | ~where({"block-options": "none"}),
        where({"block-migration": "yes"}),
    ),
    Invariant(
        "capabilities.x-colo.build",
        "COLO is on only in a build that has replication.",
        where({"cap.x-colo": "yes"}),
        where({"replication": "yes"}),
    ),
    Invariant(
        "capabilities.postcopy.shared",
        "Postcopy and memory that is not sent are never on together.",
        where({"cap.postcopy-ram": "yes"}),
        where({"cap.x-ignore-shared": "no"}),
    ),
)
"""What holds of the process."""

INVARIANTS: tuple[Invariant, ...] = (*_OUTGOING, *_INCOMING, *_PROCESS)
"""Every invariant of a VM, in no order that matters."""


@lru_cache(maxsize=4096)
def broken(state: int) -> tuple[Invariant, ...]:
    """The invariants that a fully known state does not keep."""
    return tuple(invariant for invariant in INVARIANTS if not invariant.holds(state))


_FIELDS = tuple(variable.field for variable in VARIABLES.values())


@lru_cache(maxsize=4096)
def is_known(state: int) -> bool:
    """Whether every variable has exactly one value."""
    return state.bit_count() == len(_FIELDS) and all(state & field for field in _FIELDS)


def unknown(state: int) -> Iterator[str]:
    """The variables that have no value, or more than one."""
    return (name for name, variable in VARIABLES.items() if (state & variable.field).bit_count() != 1)
