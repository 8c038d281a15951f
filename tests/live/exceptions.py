"""Where the model is known to be unlike QEMU, and why: what keeps scenarios from applying, or from being equal."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final


def _by_name(groups: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    assert len(set(chain(*groups.values()))) == sum(map(len, groups.values())), "a scenario has one reason"
    return MappingProxyType({name: reason for reason, names in groups.items() for name in names})


INAPPLICABLE: Final = _by_name(
    {
        "a model has no block layer and no dumps: its nodes and bitmaps are options": (
            "blocked-by-a-block-driver",
            "blocker-refused-meanwhile",
            "continued-during-a-dump",
            "bitmaps-in-precopy",
            "bitmaps-only-postcopy",
            "bitmaps-only-postcopy-broken",
        ),
        "a model answers a fault in an input that has not ended before the recorder has written the input down": (
            "bad-json-with-several-errors",
        ),
        "a model's stream is not as long as QEMU's, and the script looks at the file": ("save-to-descriptor",),
    }
)
"""Scenarios that cannot be run against the model for what they do, not for their options: why."""

DIFFERENT: Final = _by_name(
    {
        "QEMU 5.2's primary hangs in a checkpoint, for reasons outside of the protocol; a model's does if told to": (
            "colo-checkpoints",
            "colo-checkpoints-guest-never-started",
            "colo-takeover-by-the-secondary-after-checkpoints",
            "colo-takeover-by-the-hanging-primary",
        ),
        "QEMU 5.2 hangs, waiting for a channel or a thread; a model does if told to": (
            "multifd-from-a-command",
            "multifd-channels-lowered-at-source-hangs",
            "multifd-channels-raised-at-destination-hangs",
            "multifd-off-at-a-loading-destination-waits",
            "compress-off-at-a-loading-destination-fails",
        ),
        "the recorded build lacks zstd, which the modelled one has": ("bad-arguments", "bad-arguments-meanwhile"),
        "a model has no devices that could be plugged": (
            "colo-requests",
            "requests-in-wait-unplug",
            "hot-plugging-refused",
            "descriptors-and-devices",
        ),
        "the script kills the secondary once the primary goes on, at times before a model has told its own guest's"
        " start, which QEMU tells first": ("colo-takeover-ordered-repeatedly",),
        "a model's pipe is never full, so that all is written before a command ends": (
            "migrate-to-a-command-that-dies",
        ),
        "a race between the main loop and the migration thread that the model, being quicker or slower, decides"
        " otherwise": (
            "cancel-pipelined-with-migrate",
            "cancel-at-many-moments",
            "pipelined-commands",
            "pipelined-without-a-break",
            "odd-ids",
            "multifd-to-a-command-crashes",
            "source-quits-early-in-a-block-migration",
            "dirty-rate",
            "dirty-rate-asked-for-at-once",
            "dirty-rate-in-a-migration",
            "dirty-rate-ordered-twice-in-one-write",
            "dirty-rate-on-two-monitors",
            "answer-overtaken-by-a-failure",
            "postcopy-blocktime-polled-at-its-end",
            "colo-with-a-new-secondary",
            "colo-primary-terminated-after-the-failover",
            "colo-secondary-quits",
            "pause-right-after-the-switch",
            "pause-at-the-very-end",
            "pause-fails-when-the-peer-has-gone",
            "unseen-client",
            "unplug-primary-while-polling",
            "cancel-after-the-guest-stopped",
            "late-attach",
            "continue-repeated",
            "bad-input-and-a-pipeline",
        ),
        "the script keeps the main loop busy with a command of the human monitor that a model does not have": (
            "out-of-band-and-the-queue",
            "out-of-band-without-being-negotiated",
            "bad-input-in-the-queue",
        ),
        "a model's main loop waits neither for a page nor for the device stage": (
            "destination-monitor-waits-for-a-page",
            "device-keeps-the-monitor-waiting",
        ),
        "a stranger's bytes end a recovery in QEMU, and leave a model waiting": ("recovery-visited-by-a-stranger",),
        "a model has no snapshots and no device state in files, but what they do to the migration": (
            "snapshots",
            "device-state-saved-and-not-loaded",
            "device-state-in-files",
        ),
        "a model finds at once what QEMU finds when the devices are loaded, and so breaks the stream while pages are"
        " sent, which leaves an error": ("mismatch-of-processors", "mismatch-of-processors-with-return-path"),
        "a model's SPICE has no client": ("spice-in-use",),
        "a model that exits leaves requests that wait": (
            "requests-wait-when-the-source-quits",
            "requests-wait-when-an-idle-vm-quits",
        ),
        "a model's guest does not reset itself": ("precopy-reset-meanwhile",),
    }
)
"""Scenarios that the model does not do message by message: why."""

UNREACHED: Final = _by_name(
    {
        "the destination ends for what the model does not do: it hangs until the source is cancelled": (
            "multifd-off-at-a-loading-destination-waits",
        ),
        "a model's destination that has switched pauses where one that is still switching fails": (
            "pause-right-after-the-switch",
        ),
    }
)
"""Scenarios whose recorded status events the model cannot be brought to: why."""
