"""Arguments of commands, whole requests, and sequences of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from migspec.properties.strategies.named import SPECIAL
from migspec.properties.strategies.sending import EVERY_FAULT, Drawn, DrawnValues, Fault, Sender, chosen
from migspec.properties.strategies.values import EDGES, FRACTIONS, TEXT, Values
from migspec.spec.schema import Command, Schema


@dataclass(frozen=True, slots=True)
class DrawnRequest:
    """A request that was drawn: the whole message, the command's name, and `arguments` with what is wrong with them.

    An unknown command has arguments without a fault; its own fault is that of the request.
    """

    message: Mapping[str, Any]
    command: str
    arguments: Drawn

    @property
    def fault(self) -> Fault | None:
        """What is wrong with it."""
        return self.arguments.fault

    @property
    def valid(self) -> bool:
        """Whether its form is meant to be valid in every build."""
        return self.arguments.valid


def arguments(command: Command, schema: Schema, faults: Collection[Fault] = EVERY_FAULT) -> DrawnValues:
    """Arguments for a command: valid ones and, as often, ones with one of `faults`."""
    return _arguments(command, schema, frozenset(faults))


@cache
def _arguments(command: Command, schema: Schema, faults: frozenset[Fault]) -> DrawnValues:
    sender = Sender(schema, SPECIAL)
    valid = sender.arguments(command).map(Drawn)
    wrong = chosen(sender.refused_arguments(command), faults)
    return valid if wrong.is_empty else st.booleans().flatmap(lambda good: valid if good else wrong)


IDS: Values = (
    st.none()
    | st.booleans()
    | st.sampled_from(EDGES)
    | FRACTIONS
    | TEXT
    | st.lists(st.sampled_from([None, 0, "", {}]), max_size=2)
    | st.dictionaries(TEXT, st.sampled_from([None, 0, "", []]), max_size=2)
)
"""The ids that a client may choose: any JSON value, odd ones more often than a sane client would."""

_UNKNOWN_NAMES = st.sampled_from(["", "migrate ", "MIGRATE", "migrate_set_capabilities", "query_migrate"]) | TEXT


def requests(
    schema: Schema, commands: Collection[str] | None = None, faults: Collection[Fault] = EVERY_FAULT
) -> st.SearchStrategy[DrawnRequest]:
    """Whole requests, in band, for the commands that are named, by default all of the schema.

    About half of them are valid. Arguments are left out sometimes where there are none; so are ids.
    """
    names = sorted(schema.commands if commands is None else commands)
    known = st.sampled_from(names).flatmap(
        lambda name: _request(st.just(name), arguments(schema.commands[name], schema, faults))
    )
    if Fault.UNKNOWN_COMMAND not in faults:
        return known
    nobody = _UNKNOWN_NAMES.filter(lambda name: name not in schema.commands)
    fault = st.just(Drawn({}, Fault.UNKNOWN_COMMAND))
    return st.integers(0, len(_ONE_IN)).flatmap(lambda number: known if number else _request(nobody, fault))


_ONE_IN = range(20)
"""How rare an unknown command is."""


def _request(names: st.SearchStrategy[str], drawn: DrawnValues) -> st.SearchStrategy[DrawnRequest]:
    return st.builds(_message, names, drawn, st.booleans(), st.booleans(), IDS)


def _message(name: str, drawn: Drawn, terse: bool, named: bool, identity: Any) -> DrawnRequest:
    message = {"execute": name}
    if not (terse and drawn.value == {}):
        message["arguments"] = drawn.value
    return DrawnRequest(message | ({"id": identity} if named else {}), name, drawn)


def sequences(
    schema: Schema,
    commands: Collection[str] | None = None,
    faults: Collection[Fault] = EVERY_FAULT,
    *,
    longest: int = 20,
) -> st.SearchStrategy[list[DrawnRequest]]:
    """Sequences of such requests, for one monitor."""
    return st.lists(requests(schema, commands, faults), min_size=1, max_size=longest)
