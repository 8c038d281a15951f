"""The guest and the process: what changes the run state or ends the monitor without any migration.

A migration meets all of these, so a trace of one may contain them anywhere.
"""

from __future__ import annotations

from migspec.spec.conditions import where
from migspec.spec.lifecycle.guards import GUEST_RUNS, GUEST_STOPPED
from migspec.spec.rows import Row, Thread, row
from migspec.spec.vocabulary import RunState

_RUNNING_PROCESS = where({"life": ("alive", "quitting")}, "the process runs")
_QUITTING = where({"life": "quitting"}, "quit was accepted")
_STOP_DUE = where({"stop-due": "yes"}, "an event told that the guest stops")
_STAYS_ON_RESET = where(
    {"run": (RunState.RUNNING, RunState.INMIGRATE, RunState.FINISH_MIGRATE)},
    "the guest runs, waits for its state or is being migrated",
)

TROUBLES: tuple[str, ...] = ("BLOCK_IO_ERROR", "GUEST_PANICKED", "WATCHDOG", "SHUTDOWN:guest")
"""Events after which the guest may stop by its own doing."""

GUEST: tuple[Row, ...] = (
    *(
        row(
            f"guest.trouble.{event.lower().replace('_', '-').replace(':', '-by-')}",
            f"{event.partition(':')[0]} tells of something that may stop the guest.",
            Thread.CHANNEL,
            when=_RUNNING_PROCESS,
            then={
                "stop-due": "yes",
                "life": ("alive", "down") if event == "SHUTDOWN:guest" else ("alive", "quitting"),
            },
            emits=(event,),
        )
        for event in TROUBLES
    ),
    row(
        "guest.stops-by-itself",
        "The guest stops after such an event.",
        Thread.CHANNEL,
        when=GUEST_RUNS & _STOP_DUE,
        then={
            "run": (
                RunState.IO_ERROR,
                RunState.GUEST_PANICKED,
                RunState.WATCHDOG,
                RunState.SHUTDOWN,
                RunState.PAUSED,
                RunState.INTERNAL_ERROR,
            ),
            "stop-due": "no",
        },
        emits=("STOP",),
    ),
    row(
        "guest.suspends",
        "The guest suspends itself.",
        Thread.CHANNEL,
        when=GUEST_RUNS,
        then={"run": RunState.SUSPENDED},
        emits=("SUSPEND",),
    ),
    row(
        "guest.wakes",
        "The guest wakes up.",
        Thread.CHANNEL,
        when=where({"run": RunState.SUSPENDED}, "the guest is suspended"),
        then={"run": RunState.RUNNING},
        emits=("WAKEUP",),
    ),
    row(
        "guest.reset",
        "A guest that runs, waits for its state or is being migrated keeps its run state over a reset.",
        Thread.MAIN,
        when=_STAYS_ON_RESET,
        emits=("RESET",),
    ),
    row(
        "guest.reset.stopped",
        "A guest that is stopped is in prelaunch after a reset.",
        Thread.MAIN,
        when=GUEST_STOPPED & ~_STAYS_ON_RESET,
        then={"run": RunState.PRELAUNCH},
        emits=("RESET",),
    ),
)
"""What a guest does by itself, or is done to it."""

PROCESS: tuple[Row, ...] = (
    row(
        "process.quits",
        "The main loop ends after an accepted quit.",
        Thread.MAIN,
        when=_QUITTING,
        then={"life": "down"},
        emits=("SHUTDOWN:quit",),
        evidence="853 of 853 after the reply",
    ),
    row(
        "process.terminated",
        "A signal ends the process.",
        Thread.MAIN,
        when=_RUNNING_PROCESS,
        then={"life": "down"},
        emits=("SHUTDOWN:host",),
        evidence="30 recorded",
    ),
)
"""What ends the process."""

ROWS: tuple[Row, ...] = (*GUEST, *PROCESS)
"""All rows of the guest and the process."""
