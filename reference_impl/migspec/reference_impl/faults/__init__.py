"""Faults on demand: what is to go wrong with a machine, and when.

`script` is the language of fault scripts and `words` the table of what can be said in it, `watch` lets a script happen
to a machine, and `control` is the protocol with which a test does the same from outside.
"""

from migspec.reference_impl.faults.control import Control
from migspec.reference_impl.faults.model import Fault
from migspec.reference_impl.faults.script import FaultError, parse
from migspec.reference_impl.faults.watch import Faults

__all__ = ["Control", "Fault", "FaultError", "Faults", "parse"]
