"""The search for what is wrong: a state machine of Hypothesis that does everything to a pair of VMs, in any order.

`subject` says what it needs of a pair of VMs and of a judge, `machine` has the rules and `performing` how each is done,
`session` one run with what is seen and judged in it, `watching` what a client can know, `observed` the properties,
`program` runs as programs that can be printed and done again, `shrinking` makes such a program shorter, and `search`
makes many runs.
"""

from migspec.properties.stateful.machine import Explorer, machine
from migspec.properties.stateful.observed import PROPERTIES, KnownDefect, Meddling, Observed
from migspec.properties.stateful.performing import Listener
from migspec.properties.stateful.program import Program, Step, as_script, perform
from migspec.properties.stateful.search import Known, Outcome, search
from migspec.properties.stateful.session import Arena, BrokenError, Run
from migspec.properties.stateful.shrinking import attempts, replayed, shrunk
from migspec.properties.stateful.subject import (
    Arguments,
    Event,
    Grade,
    Judge,
    Judgement,
    Objection,
    Reply,
    Setup,
    Subject,
    SubjectError,
)

__all__ = [
    "PROPERTIES",
    "Arena",
    "Arguments",
    "BrokenError",
    "Event",
    "Explorer",
    "Grade",
    "Judge",
    "Judgement",
    "Known",
    "KnownDefect",
    "Listener",
    "Meddling",
    "Objection",
    "Observed",
    "Outcome",
    "Program",
    "Reply",
    "Run",
    "Setup",
    "Step",
    "Subject",
    "SubjectError",
    "as_script",
    "attempts",
    "machine",
    "perform",
    "replayed",
    "search",
    "shrunk",
]
