"""When the modelled world lets a row of the specification happen.

A row says from which states a thread may take a step; a gate says at what time the world around this one machine lets
it: once the connection is there, a pass is sent, the peer has answered, or a moment after the thread's last step.  Each
row has one gate, in the table of its side; `OPENINGS` joins them.

`gate` holds the form of a gate and those that many rows share.
"""

from collections.abc import Mapping

from migspec.reference_impl.gates import colo, incoming, outgoing, postcopy, process
from migspec.reference_impl.gates.gate import Opening

OPENINGS: Mapping[str, Opening] = {
    **outgoing.OPENINGS,
    **postcopy.OPENINGS,
    **incoming.OPENINGS,
    **colo.OPENINGS,
    **process.OPENINGS,
}
"""The opening of every row of the releases, by the row's id."""
