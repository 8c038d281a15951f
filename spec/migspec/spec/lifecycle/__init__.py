"""The transition relation: what a VM can do by itself, as tables of rows.

`outgoing` holds precopy and cancellation, `channels` multifd, `postcopy` the switch, the loss and the
recovery of a stream, `colo` fault tolerance, `incoming` the destination, `guest` the run state and the end of
the process, `crashes` how else a process may end, `dirty_rate` the measurement of that rate, `written` the relation
that the schema's text alone implies. What commands do is in `migspec.spec.commands`.
"""

from __future__ import annotations

from migspec.spec.lifecycle import channels, colo, crashes, dirty_rate, guest, incoming, outgoing, postcopy, written
from migspec.spec.rows import Row

ROWS: tuple[Row, ...] = (
    *outgoing.ROWS,
    *channels.ROWS,
    *postcopy.ROWS,
    *colo.ROWS,
    *incoming.ROWS,
    *guest.ROWS,
    *crashes.ROWS,
    *dirty_rate.ROWS,
    *written.ROWS,
)
"""Every row of every profile."""
