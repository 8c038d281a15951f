"""The transition relation: what a VM can do by itself, as tables of rows.

`outgoing` holds precopy and cancellation, `channels` multifd, `postcopy` the switch, the loss and the
recovery of a stream, `colo` fault tolerance, `incoming` the destination, `guest` the run state and the end of
the process, `crashes` how else a process may end, `written` the relation that the schema's text alone
implies. What commands do is in `migspec.spec.commands`.
"""

from __future__ import annotations

from migspec.spec.lifecycle import channels, colo, crashes, guest, incoming, outgoing, postcopy, written
from migspec.spec.rows import Row

ROWS: tuple[Row, ...] = (
    *outgoing.ROWS,
    *channels.ROWS,
    *postcopy.ROWS,
    *colo.ROWS,
    *incoming.ROWS,
    *guest.ROWS,
    *crashes.ROWS,
    *written.ROWS,
)
"""Every row of every profile."""
