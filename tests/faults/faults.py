"""The sample faults: each puts one thing wrong into a recorded trace and says where and as what it must be found.

The faults are in tables by what they are faults in, one module each, and are joined here.  Within a table they are
grouped by the trace that a fault starts from and the VM that has it.  An entry is the fault's name, the rule that the
checker has to name, and the mutation; what the checker says about each is kept as text in `golden`.  A fault that the
checker cannot find yet is listed too, with the reason.
"""

from __future__ import annotations

from tests.faults.ends import ENDS
from tests.faults.events import EVENTS, FORM
from tests.faults.fault import Fault
from tests.faults.interface import INTERFACE
from tests.faults.mutations import as_text
from tests.faults.numbers import NUMBERS
from tests.faults.queries import QUERIES
from tests.faults.replies import REPLIES
from tests.faults.values import VALUES
from tests.faults.wire import WIRE

FAULTS: tuple[Fault, ...] = (
    *EVENTS,
    *REPLIES,
    *QUERIES,
    *INTERFACE,
    *VALUES,
    *FORM,
    *ENDS,
    *WIRE,
    *NUMBERS,
)
"""Every sample fault."""


def demo() -> str:
    """The trace that the demonstration judges: a completed precopy whose source lets its guest run again."""
    (fault,) = (fault for fault in FAULTS if fault.name == "resume-after-completion")
    header, *lines = fault.faulty().lines
    note = "A running guest migrates; after the completion it runs again on the source, too."
    return as_text([{**header, "scenario": "demo", "note": note}, *lines])
