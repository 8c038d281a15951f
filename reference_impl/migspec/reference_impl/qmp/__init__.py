"""A QMP server without sockets: bytes in, calls out; replies and events in, bytes out.

`connection` is one monitor connection with its queue, `items` are what it hands on, `reading` makes them of JSON
values, and `printing` prints as QEMU 5.2 does.
"""

from migspec.reference_impl.qmp.connection import QUEUE, Connection
from migspec.reference_impl.qmp.items import Complaint, Item, OutOfTurnError

__all__ = ["QUEUE", "Complaint", "Connection", "Item", "OutOfTurnError"]
