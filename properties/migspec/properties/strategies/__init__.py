"""Hypothesis strategies for QMP: values, arguments, requests and sequences of them, all made from the schema's tables.

For whoever tests a QMP server, a client or a parser: `requests(schema)` is what most want. What is drawn from it says
whether it is meant to be valid, and which fault it has otherwise: one, so that what must be answered is certain. It is
the form that is valid: names, types and the range of the wire. Whether a VM then does what is asked is another matter.

The numbers lean to the edges: those of the types, and those of the parameters' own ranges, before and after they are
cut to the width in which they are stored. So do the lengths of names.
"""

from migspec.properties.strategies.messages import (
    IDS,
    DrawnRequest,
    arguments,
    requests,
    sequences,
)
from migspec.properties.strategies.named import (
    ADDRESSES,
    SPECIAL,
    addresses,
    bitmap_mappings,
    capability_lists,
    parameter_sets,
    parameter_values,
)
from migspec.properties.strategies.sending import (
    EVERY_FAULT,
    Drawn,
    DrawnValues,
    Fault,
    Sender,
    Special,
)
from migspec.properties.strategies.values import (
    EDGES,
    FRACTIONS,
    JSON,
    TEXT,
    Values,
    accepts,
    arguments_of,
    corrupted,
    objects_of,
    values_of,
)

__all__ = [
    "ADDRESSES",
    "EDGES",
    "EVERY_FAULT",
    "FRACTIONS",
    "IDS",
    "JSON",
    "SPECIAL",
    "TEXT",
    "Drawn",
    "DrawnRequest",
    "DrawnValues",
    "Fault",
    "Sender",
    "Special",
    "Values",
    "accepts",
    "addresses",
    "arguments",
    "arguments_of",
    "bitmap_mappings",
    "capability_lists",
    "corrupted",
    "objects_of",
    "parameter_sets",
    "parameter_values",
    "requests",
    "sequences",
    "values_of",
]
