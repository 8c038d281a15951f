"""What is true of the numbers in answers to query-migrate.

`formula` is the language in which relations are written, `relation` what one is and where it applies, `relations`
the table of all, `disturbances` what keeps two answers from being compared.
"""

from __future__ import annotations

from migspec.spec.numbers.relations import RELATIONS

__all__ = ["RELATIONS"]
