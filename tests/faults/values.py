"""Sample faults in the values of the migration parameters."""

from __future__ import annotations

from tests.faults.fault import Fault, in_trace, src
from tests.faults.mutations import accepted, altered, refused, without

LIMITS = "parameters-at-their-limits"

_READ = "query-migrate-parameters"
_SET = "migrate-set-parameters"

VALUES = in_trace(
    LIMITS,
    src,
    Fault("value-not-stored", f"{_READ}.announce-initial", altered(src.reply(_READ, 2), "return.announce-initial", 50)),
    Fault("value-not-cut", f"{_READ}.compress-level", altered(src.reply(_READ, 5), "return.compress-level", 9)),
    Fault(
        "value-changed-unasked",
        f"{_READ}.tls-creds",
        altered(src.reply(_READ, 4), "return.tls-creds", "tls0"),
    ),
    Fault("parameter-not-told", f"{_READ}.complete", without(src.reply(_READ, 3), "return.max-bandwidth")),
    Fault("value-out-of-range-accepted", f"{_SET}.announce-initial.range", accepted(src.reply(_SET, 2))),
    Fault(
        "value-in-range-refused",
        f"{_SET}.accepted",
        refused(src.reply(_SET, 1), "Parameter 'announce_initial' expects is invalid, it must be less than 100000 ms"),
        most=2,
    ),
    Fault(
        "range-with-another-text",
        f"{_SET}.compress-level.range",
        refused(src.reply(_SET, 7), "Parameter 'compress_level' expects a value between 0 and 9"),
    ),
)
"""Values of parameters."""
