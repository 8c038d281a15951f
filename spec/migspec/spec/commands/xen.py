"""Contracts of the commands that Xen and disk replication need; they work on any VM.

Texts and order: observed on QEMU 5.2.0. What the host's file system says is the host's.
"""

from __future__ import annotations

from collections.abc import Mapping

from migspec.spec.contracts import Case, Contract, Words, refusal
from migspec.spec.lifecycle.guards import DISKS_MAY_BE_AWAY, GUEST_RUNS, GUEST_STOPPED
from migspec.spec.requests import Request
from migspec.spec.rows import Standing

QUERY = "query-xen-replication-status"

IO_ERROR = "An IO error has occurred"

_ANYTHING = Words(anything=True)


def _unopened(request: Request, _state: int) -> Words:
    """The text with which a file that cannot be opened is refused; the reason is the host's."""
    return Words(beginnings=(f"Unable to open {request.argument('filename')}: ",))


def _unwritten(request: Request, state: int) -> Words:
    return Words(frozenset({IO_ERROR}), _unopened(request, state).beginnings)


def _gives_up_disks(request: Request) -> bool:
    return request.argument("live") is not False


def _keeps_disks(request: Request) -> bool:
    return not _gives_up_disks(request)


_STOPPED_FOR_IT = ("STOP", "RESUME")

XEN_SAVE_DEVICES_STATE = Contract(
    "xen-save-devices-state",
    (
        Case(
            "xen-save-devices-state.running",
            "A running guest is stopped for the duration.",
            when=GUEST_RUNS,
            emits=_STOPPED_FOR_IT,
            clause="xen-save-devices-state",
        ),
        Case(
            "xen-save-devices-state.running.failed",
            "A running guest is stopped for the duration, also when the file cannot be written.",
            when=GUEST_RUNS,
            emits=_STOPPED_FOR_IT,
            words=_unwritten,
            clause="xen-save-devices-state.filename",
        ),
        refusal(
            "xen-save-devices-state.stopped.failed",
            "A guest that does not run stays as it is when the file cannot be written.",
            _unwritten,
            when=GUEST_STOPPED,
            final=False,
            clause="xen-save-devices-state.filename",
        ),
        refusal(
            "xen-save-devices-state.stopped.disks",
            "The disks of a guest that does not run could not be given up.",
            Words(beginnings=("qmp_xen_save_devices_state: bdrv_inactivate_all() failed (",)),
            asks=_gives_up_disks,
            when=GUEST_STOPPED,
            final=False,
            evidence="1 of 1 with a disk that cannot write its tables",
        ),
        Case(
            "xen-save-devices-state.stopped.again",
            "A guest that does not run cannot give up its disks once more: the process aborts.",
            asks=_gives_up_disks,
            when=GUEST_STOPPED & DISKS_MAY_BE_AWAY,
            then={"life": "aborted"},
            replies=False,
            standing=Standing.DEFECT,
            clause="xen-save-devices-state.live",
            evidence="on every run with a disk; so does a guest that waits for its state",
        ),
        Case(
            "xen-save-devices-state.stopped",
            "A guest that does not run stays as it is, and gives up its disks.",
            asks=_gives_up_disks,
            when=GUEST_STOPPED,
            then={"disks-gone": "yes"},
            clause="xen-save-devices-state.live",
        ),
        Case(
            "xen-save-devices-state.stopped.kept",
            "A guest that does not run keeps its disks where the save is not for a live migration.",
            asks=_keeps_disks,
            when=GUEST_STOPPED,
            clause="xen-save-devices-state.live",
        ),
    ),
)

XEN_LOAD_DEVICES_STATE = Contract(
    "xen-load-devices-state",
    (
        refusal(
            "xen-load-devices-state.running",
            "The guest must be stopped first.",
            "Cannot update device state while vm is running",
            when=GUEST_RUNS,
        ),
        refusal(
            "xen-load-devices-state.failed",
            "The file cannot be opened, or is not what the devices expect.",
            _unwritten,
            final=False,
            evidence="9 of 9 on a guest without memory of its own in the file",
        ),
        Case("xen-load-devices-state.accepted", "The devices have the state of the file."),
    ),
)

XEN_SET_REPLICATION = Contract(
    "xen-set-replication",
    (
        refusal(
            "xen-set-replication.failover",
            "Only the end of replication may be a failover.",
            "Parameter 'failover' is only for stopping replication",
            asks=lambda request: request.argument("enable") is True and request.argument("failover") is not None,
            clause="xen-set-replication.failover",
            evidence="also for a failover of false",
        ),
        refusal(
            "xen-set-replication.refused",
            "A disk that replicates may refuse in words of its own.",
            _ANYTHING,
            final=False,
            asks=lambda request: request.argument("failover") is not True,
            evidence="in the wrong mode, and without the disks below",
        ),
        Case(
            "xen-set-replication.accepted",
            "Replication is started or stopped, where there is any.",
            then={"replication": "yes"},
            clause="xen-set-replication",
        ),
    ),
    aside=True,
)

QUERY_XEN_REPLICATION_STATUS = Contract(
    QUERY,
    (
        Case(
            "query-xen-replication-status.answered",
            "The query is answered.",
            then={"replication": "yes"},
            loose=True,
            clause="query-xen-replication-status",
        ),
    ),
    aside=True,
)

XEN_COLO_DO_CHECKPOINT = Contract(
    "xen-colo-do-checkpoint",
    (
        refusal(
            "xen-colo-do-checkpoint.refused",
            "A disk that replicates, or a filter, may refuse in words of its own.",
            _ANYTHING,
            final=False,
            evidence="of a secondary that does not replicate",
        ),
        Case(
            "xen-colo-do-checkpoint.accepted",
            "Replication has taken a checkpoint, where there is any.",
            then={"replication": "yes"},
            clause="xen-colo-do-checkpoint",
        ),
    ),
    aside=True,
)

XEN_SET_GLOBAL_DIRTY_LOG = Contract(
    "xen-set-global-dirty-log",
    (Case("xen-set-global-dirty-log.accepted", "Always done."),),
    aside=True,
)


def contradictions(answer: Mapping[str, object]) -> list[tuple[str, str]]:
    """What an answer to query-xen-replication-status contradicts in itself: the rule, and what is wrong."""
    if ("desc" in answer) is not (answer.get("error") is True):
        there = "there" if "desc" in answer else "not there"
        return [("query-xen-replication-status.desc", f"desc is {there}, and error is {answer.get('error')}")]
    return []


CONTRACTS: tuple[Contract, ...] = (
    XEN_SAVE_DEVICES_STATE,
    XEN_LOAD_DEVICES_STATE,
    XEN_SET_REPLICATION,
    QUERY_XEN_REPLICATION_STATUS,
    XEN_COLO_DO_CHECKPOINT,
    XEN_SET_GLOBAL_DIRTY_LOG,
)
"""The contracts of this module."""
