"""The measurement of the dirty rate, which has a thread of its own and moves nothing else.

Nothing announces these steps, and only the two commands of the dirty rate look at them. A judge may therefore take
them when it meets such a command, and not before.
"""

from __future__ import annotations

from migspec.spec.conditions import where
from migspec.spec.rows import Row, Thread, row
from migspec.spec.state import Measurement

ROWS: tuple[Row, ...] = (
    row(
        "dirty-rate.begins",
        "The thread that was started for it begins the measurement.",
        Thread.DIRTY_RATE,
        when=where({"dirty-rate": Measurement.ORDERED}, "a measurement was asked for"),
        then={"dirty-rate": Measurement.MEASURING},
        clause="DirtyRateStatus.measuring",
        evidence="a query meanwhile was told `unstarted`, with the times of the measurement before",
    ),
    row(
        "dirty-rate.ends",
        "The measurement is done.",
        Thread.DIRTY_RATE,
        when=where({"dirty-rate": Measurement.MEASURING}, "a measurement is under way"),
        then={"dirty-rate": Measurement.MEASURED},
        clause="DirtyRateStatus.measured",
    ),
)
"""The steps of a measurement."""
