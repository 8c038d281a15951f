"""The form of a request: what a JSON value is refused for before anybody asks which command it names.

QEMU looks at the members of a request in the order of a hash table and stops at the first that is wrong. `faults`
has all that may be the answer, whatever the order, and `first_fault` the one that is. The id is sent back with the
refusal if the value is an object that has one.

Source: observed on QEMU 5.2.0, in negotiation as well as after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from migspec.spec.arguments import NOT_AN_OBJECT
from migspec.spec.schema import ABSENT
from migspec.spec.wire.order import in_order

NO_OBJECT: Final = "QMP input must be a JSON object"
"""The answer to a value of any other type; it has no id."""

NO_COMMAND: Final = "QMP input lacks member 'execute'"
"""The answer to an object in which nothing else is wrong."""

QUEUE: Final = 8
"""Requests that a monitor with out-of-band execution has room for, the one that is being executed among them.

One more than that, and the server reads no further.
"""

EXECUTE: Final = "execute"
"""The member that names a command."""
EXEC_OOB: Final = "exec-oob"
"""The member that names one to be run out of band."""


def unexpected(member: str) -> str:
    """The answer to a member that requests do not have."""
    return f"QMP input member '{member}' is unexpected"


def _clashes(member: str, other: str) -> str:
    return f"QMP input member '{member}' clashes with '{other}'"


def _not_a_string(member: str) -> str:
    return f"QMP input member '{member}' must be a string"


def _string(member: str) -> Callable[[object], str]:
    return lambda value: "" if isinstance(value, str) else _not_a_string(member)


_MEMBERS: Final[Mapping[str, Callable[[object], str]]] = {
    EXECUTE: _string(EXECUTE),
    "arguments": lambda value: "" if isinstance(value, dict) else NOT_AN_OBJECT,
    "id": lambda _value: "",
}
"""What is wrong with the value of each member, empty if nothing."""

_OOB_MEMBERS: Final = {**_MEMBERS, EXEC_OOB: _string(EXEC_OOB)}
"""The same on a monitor that has negotiated out-of-band execution."""


def faults(value: object, *, oob: bool) -> frozenset[str]:
    """The texts of which one refuses `value`, a decoded JSON value; none if it is a request.

    `oob` tells whether the monitor has negotiated out-of-band execution.
    """
    if not isinstance(value, dict):
        return frozenset({NO_OBJECT})
    known = _OOB_MEMBERS if oob else _MEMBERS
    found = {known[name](member) if name in known else unexpected(name) for name, member in value.items()} - {""}
    named = [name for name in (EXECUTE, EXEC_OOB) if name in value and name in known]
    if len(named) > 1 and all(isinstance(value[name], str) for name in named):
        # whichever is met second
        first, second = named
        found |= {_clashes(first, second), _clashes(second, first)}
    return frozenset(found or (() if named else {NO_COMMAND}))


def first_fault(value: object, *, oob: bool) -> str:
    """The text with which QEMU 5.2 refuses `value`, one of its `faults`; empty if it is a request."""
    if not isinstance(value, dict):
        return NO_OBJECT
    known = _OOB_MEMBERS if oob else _MEMBERS
    named = ""
    for name in in_order(value):
        fault = known[name](value[name]) if name in known else unexpected(name)
        if fault:
            return fault
        if name in (EXECUTE, EXEC_OOB):
            if named:
                return _clashes(name, named)
            named = name
    return "" if named else NO_COMMAND


def echoed(value: object) -> object:
    """The id that the refusal of a value has; `ABSENT` for none."""
    return value.get("id", ABSENT) if isinstance(value, dict) else ABSENT


def jumps_the_queue(value: object) -> bool:
    """Whether a value is looked at as soon as it is read, whatever waits: it asks for out-of-band execution."""
    return isinstance(value, dict) and EXEC_OOB in value and EXECUTE not in value
