"""Why the corpus has no message that exercises a rule, or none of an entity of the schema: each has its reason here.

The ledger of the corpus shows these reasons, and so does `migspec show`.  A test finds a rule without message and
reason, and a reason for what is exercised after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UNEXERCISED: Final[Mapping[str, str]] = {}
"""The reasons, by rule id."""

UNSEEN_ENTITIES: Final[Mapping[str, str]] = {}
"""The reasons, by the name of an entity of the schema."""

IN_HINDSIGHT: Final[Mapping[str, str]] = {}
"""Of those rules, the ones that some trace does need, though no single message of it: the trace, by rule id."""
