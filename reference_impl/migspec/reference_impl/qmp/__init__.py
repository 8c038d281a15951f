"""A QMP server without sockets: bytes in, calls out; replies and events in, bytes out.

`connection` is one monitor connection with its queue, `items` what can go wrong with what it hands on, `reading` makes
that of JSON values, and `printing` prints as QEMU 5.2 does.
"""

from migspec.reference_impl.qmp.connection import Connection
from migspec.reference_impl.qmp.items import OutOfTurnError

__all__ = ["Connection", "OutOfTurnError"]
