"""The relations that hold between the numbers in answers to query-migrate, joined from the only tables that state them.

They are what QEMU 5.2.0 kept in every one of some 370 000 answers. Much that looks like a relation is none. The
times of a completed migration are missing for a moment, and for ever after a snapshot or a failover from COLO. Sent
and remaining bytes do not add up to the total. Counters are read without a lock while a thread increases them, so
that two of them belong to slightly different moments; those of XBZRLE and of compression are never reset. Hence the
scopes and tolerances. Where a tolerance is seldom needed, the formula asks first without it. The evidence says how
many of how many answers, or pairs of answers, broke the relation.
"""

from __future__ import annotations

from migspec.spec.numbers.extras import OTHERS, THROTTLE
from migspec.spec.numbers.ram import MONOTONE, PASSES, SIZES
from migspec.spec.numbers.relation import Relation
from migspec.spec.numbers.stream import STREAM
from migspec.spec.numbers.times import RATES, TIMES

RELATIONS: tuple[Relation, ...] = (
    *SIZES,
    *MONOTONE,
    *STREAM,
    *PASSES,
    *TIMES,
    *RATES,
    *THROTTLE,
    *OTHERS,
)
"""Every relation."""
