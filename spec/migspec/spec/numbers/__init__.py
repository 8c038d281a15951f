"""What is true of the numbers in answers to query-migrate.

`formula` is the language in which relations are written, `relation` what one is and where it applies. `ram`, `stream`,
`times` and `extras` are the tables, joined in `relations`, and `common` what several of them use. `disturbances` tells
what keeps two answers from being compared.
"""

from __future__ import annotations

from migspec.spec.numbers.relations import RELATIONS

__all__ = ["RELATIONS"]
