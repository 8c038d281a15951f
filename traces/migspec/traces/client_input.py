"""What a client's bytes come to, once it has sent any that are no JSON.

A trace leaves out the white space between texts. That matters in one place: after a stray byte the server skips
what follows up to a line break, among others, but not up to a blank. Where only the white space that is lost
would tell, there are two readings, the one with a line break at every such place and the one with none, and
what only one of them brings is not certain. A reading that leaves open what a recorder took for a whole text is
given up where the other one does not.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from migspec.spec.vocabulary import ErrorClass
from migspec.spec.wire import shape
from migspec.spec.wire.stream import Fault, JsonStream, Outcome
from migspec.traces.messages import ErrorBody

_JSON: Final = "envelope.json"
_REQUEST: Final = "envelope.request"


class Refused(NamedTuple):
    """Input that is no request: the rule that says how it is answered, and with what.

    `texts` are those possible on a monitor with out-of-band execution, `plain` those on one without. Input that is
    not `certain` may not be answered at all.
    """

    rule: str
    texts: frozenset[str]
    plain: frozenset[str]
    certain: bool = True

    @property
    def is_text(self) -> bool:
        """Whether it is no JSON at all, so that its error has no id."""
        return self.rule == _JSON

    def on(self, *, oob: bool | None) -> frozenset[str]:
        """The texts that are possible, all of them where it is not known whether out-of-band execution is on."""
        if oob is None:
            return self.texts | self.plain
        return self.texts if oob else self.plain

    def wrong(self, error: ErrorBody | None, *, oob: bool | None) -> str:
        """What is wrong with an answer, the error of a reply or None for a success; empty if nothing."""
        texts = self.on(oob=oob)
        if error is not None and error.error_class == ErrorClass.GENERIC_ERROR and error.desc in texts:
            return ""
        found = "a success" if error is None else f"error {error.error_class}: “{error.desc}”"
        wanted = " or ".join(f"“{text}”" for text in sorted(texts))
        return f"{found}; it must be error {ErrorClass.GENERIC_ERROR}: {wanted}"


def refused_value(value: object, *, certain: bool = True) -> Refused | None:
    """Why a decoded JSON value is no request; None if it is one, in band or out of it."""
    texts = shape.faults(value, oob=True)
    if not texts:
        return None
    return Refused(_REQUEST, texts, shape.faults(value, oob=False), certain)


def refused_text(fault: Fault, *, certain: bool = True) -> Refused:
    """How input that is no JSON is refused."""
    texts = frozenset({fault.text})
    return Refused(_JSON, texts, texts, certain)


class Read(NamedTuple):
    """Something that input came to, and whether it did so for certain."""

    outcome: Outcome
    certain: bool


class ClientInput:
    """The bytes of one client, from the first strange ones on until nothing of them is left open."""

    __slots__ = ("_broken", "_unbroken")

    def __init__(self) -> None:
        self._broken = JsonStream()
        self._unbroken: JsonStream | None = None

    @property
    def is_at_rest(self) -> bool:
        """Whether what follows can be read by itself."""
        return self._unbroken is None and self._broken.is_at_rest

    def feed(self, data: bytes, *, whole: bool = True) -> list[Read]:
        """Take the bytes of one line of a trace; return what they come to.

        Of a line that is not `whole` the next one is the continuation.
        """
        if not data:
            return []
        other = self._unbroken
        if other is None and self._broken.recovering:
            other = self._broken.copy()
        broken = self._read(self._broken, data, whole=whole, line_break=True)
        if other is None:
            return [Read(outcome, certain=True) for outcome in broken]
        unbroken = self._read(other, data, whole=whole, line_break=False)
        if whole and _is_closed(self._broken) != _is_closed(other):
            right, outcomes = (self._broken, broken) if _is_closed(self._broken) else (other, unbroken)
            self._broken, self._unbroken = right, None
            return [Read(outcome, certain=True) for outcome in outcomes]
        self._unbroken = None if self._broken.reads_like(other) else other
        common = len(broken) - len(unbroken)
        if common >= 0 and broken[common:] == unbroken:
            return [Read(outcome, place >= common) for place, outcome in enumerate(broken)]
        return [Read(outcome, certain=False) for outcome in broken + unbroken]

    @staticmethod
    def _read(stream: JsonStream, data: bytes, *, whole: bool, line_break: bool) -> list[Outcome]:
        outcomes = stream.feed(b"\n" if line_break and stream.recovering else b"") + stream.feed(data)
        # a keyword or number that a recorder takes for complete was followed by something
        return outcomes + stream.feed(b" " if whole and stream.waits else b"")


def _is_closed(stream: JsonStream) -> bool:
    return stream.is_at_rest or stream.recovering


def raw_bytes(raw: str) -> bytes:
    """The bytes of a `raw` line, one a character; a wider character stands for some byte that is no text."""
    return raw.encode("latin-1", "replace")
