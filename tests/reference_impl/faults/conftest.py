"""The fixtures that all tests of faults share."""

from tests.reference_impl.faults.pairs import make_pair, make_postcopy

__all__ = ["make_pair", "make_postcopy"]
