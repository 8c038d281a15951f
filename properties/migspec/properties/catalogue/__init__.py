"""The properties of a migration, TLA-style: what must never happen, what must be possible, what must happen in the end.

`property` is their form, `safety`, `reachability` and `liveness` hold them. Each has an id, a sentence, the clause of
the schema that it comes from, and the exceptions that are known of QEMU 5.2.0, by design or as defects.
"""

from __future__ import annotations

from collections.abc import Mapping

from migspec.properties.catalogue.liveness import LIVENESS, UNFAIR
from migspec.properties.catalogue.property import Exempt, Property
from migspec.properties.catalogue.reachability import REACHABILITY
from migspec.properties.catalogue.safety import SAFETY

PROPERTIES: Mapping[str, Property] = {prop.id: prop for prop in (*SAFETY, *REACHABILITY, *LIVENESS)}
"""Every property, by its id."""

__all__ = ["LIVENESS", "PROPERTIES", "REACHABILITY", "SAFETY", "UNFAIR", "Exempt", "Property"]
