"""Reading: what a JSON value asks for.

A value becomes a call, or a complaint with the words in which QEMU refuses it.  Clients send the same few requests
over and over, so what was understood of one is kept for the next.
"""

from __future__ import annotations

from typing import Final

from migspec.reference_impl.calls import Call, Complaint, Failure, Item
from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, Absent, Schema
from migspec.spec.wire import shape
from migspec.spec.wire.stream import Fault

_MOST: Final = 1024
"""The most requests of which is kept what was understood."""
_LONGEST: Final = 1 << 10
"""The longest arguments, as characters, that are kept."""

TAKES_DESCRIPTORS: Final = frozenset({"add-fd", "getfd"})
"""The commands that take the file descriptors that were sent."""

_USUAL: Final = frozenset({shape.EXECUTE, "arguments", "id"})
"""The members of a request in band."""

_Key = tuple[str, bool, str]


class Reader:
    """Makes items of what the stream of one connection holds."""

    __slots__ = ("_known", "_schema")

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._known: dict[_Key, Request] = {}

    def refused(self, fault: Fault) -> Complaint:
        """The complaint about input that is no JSON, which never has an id."""
        return Complaint(Failure(fault.text))

    def item(self, value: object, descriptors: tuple[int, ...], *, oob: bool, plain: bool) -> Item:
        """The item of a JSON value; `oob` tells whether the monitor has negotiated out-of-band execution.

        Only of a `plain` value, which is not deep, is kept what was understood.
        """
        if not isinstance(value, dict):
            return Complaint(Failure(shape.NO_OBJECT))
        identity = value.get("id", ABSENT)
        command = value.get(shape.EXECUTE)
        out_of_band = False
        if (
            not isinstance(command, str)
            or not value.keys() <= _USUAL
            or not isinstance(value.get("arguments", {}), dict)
        ):
            fault = shape.first_fault(value, oob=oob)
            if fault:
                return Complaint(Failure(fault), identity, shape.jumps_the_queue(value))
            command = value[shape.EXEC_OOB]
            out_of_band = True
        arguments = value.get("arguments", ABSENT)
        request = self._request(command, arguments, oob=out_of_band, plain=plain)
        taken = descriptors if command in TAKES_DESCRIPTORS else ()
        return Call(command, arguments, request, identity, taken)

    def _request(self, command: str, arguments: object | Absent, *, oob: bool, plain: bool) -> Request:
        # 1, 1.0 and true are equal, but their representations are not
        shown = "" if isinstance(arguments, Absent) else repr(arguments) if plain else None
        if shown is None or len(shown) + len(command) > _LONGEST:
            return understand(command, arguments, self._schema, oob=oob)
        key = (command, oob, shown)
        request = self._known.get(key)
        if request is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            request = self._known[key] = understand(command, arguments, self._schema, oob=oob)
        return request
