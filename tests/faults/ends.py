"""Sample faults in the ends of processes."""

from __future__ import annotations

from tests.faults.fault import Fault, dst, in_trace, src
from tests.faults.mutations import ended, exiting
from tests.faults.traces import CANCEL, PRECOPY

QUIT = "source-quits-in-active"

_PROGRESS = src.reply("query-migrate")

ENDS = (
    *in_trace(
        PRECOPY,
        src,
        Fault("crash-out-of-nowhere", "process.terminated", ended(_PROGRESS, -11)),
        Fault("exit-without-quit", "process.terminated", ended(src.status("active"), 0)),
        Fault("failure-out-of-nowhere", "process.terminated", ended(_PROGRESS, 1)),
    ),
    *in_trace(
        CANCEL,
        dst,
        Fault("destination-crashes", "process.terminated", exiting(dst.end(), -11)),
        Fault("destination-exits-in-peace", "process.terminated", exiting(dst.end(), 0)),
    ),
    *in_trace(
        QUIT,
        src,
        Fault(
            "quit-ends-in-failure",
            "process.terminated",
            exiting(src.end(), 1),
            gap="an incoming postcopy from before the trace may fail unseen while the process exits",
        ),
    ),
)
"""The ends of processes."""
