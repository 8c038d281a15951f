"""Importer of conversations as QEMU's documentation writes them: `->` or `C:` before what a client sends, `<-` or `S:`
before what the server does.

A message may go on over several lines, and a comment sign may stand before each. Under the title of an example, or
under a line of dashes, another conversation begins, with a VM of its own. What stands between the messages is skipped.

Source: the notation of QEMU's schema and of its description of the protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from migspec.traces.format import Direction
from migspec.traces.importers.model import Importer, Numbered, Remarks, entry, line_by_line
from migspec.traces.importers.values import Found, Objects, message_in, plain

_ARROWS: Final = {
    b"->": Direction.TO_SERVER,
    b"C:": Direction.TO_SERVER,
    b"<-": Direction.TO_CLIENT,
    b"S:": Direction.TO_CLIENT,
}
_COMMENT: Final = re.compile(rb"^\s*(?:#|//|\*)")
_MESSAGE: Final = re.compile(rb"\s*(?P<arrow>%b)\s*(?=(?P<begun>\{)|$)" % b"|".join(_ARROWS))
_TITLE: Final = re.compile(rb"\s*(?:\.\. qmp-example::|(?:\.\. )?Examples?\b[^{}]*:|[-=~]{3,}\s*$)", re.IGNORECASE)


class _Reading:
    """The reading of one text: its conversations, and the message whose lines are being read."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._count = 1
        self._is_shown = False
        self._objects = Objects()
        self._begun = 0
        self._direction = Direction.TO_SERVER

    def line(self, number: int, raw: bytes) -> Iterator[Numbered]:
        """The entries that one line leads to."""
        line = _uncommented(raw)
        arrow = _MESSAGE.match(line)
        if arrow is not None:
            yield from self.finish()
            self._begun, self._direction = number, _ARROWS[arrow["arrow"]]
            line = line[arrow.end() :]
        elif _TITLE.match(line) is not None:
            yield from self.finish()
            self._count += self._is_shown
            self._is_shown = False
        if self._begun:
            yield from self._go_on(number, line)

    def finish(self) -> Iterator[Numbered]:
        """What is left of a message that has no end."""
        if self._begun:
            yield self._message(next(self._objects.finish(), None))

    def _go_on(self, number: int, line: bytes) -> Iterator[Numbered]:
        for found in self._objects.feed(number, line):
            yield self._message(found)
            # whatever else is in the line has no arrow
            break
        if self._begun and line.strip() and not self._objects.is_open:
            yield self._message(None)

    def _message(self, found: Found | None) -> Numbered:
        """The entry of the message that has begun; None if nothing of it can be read."""
        begun, self._begun = self._begun, 0
        self._is_shown = True
        vm = f"vm{self._count}"
        message = message_in(found.text) if found is not None and found.is_whole else None
        if message is None or message.direction is not self._direction or message.is_elided:
            return self._remarks.unreadable(begun, vm)
        return begun, entry(vm, message.direction, message.text)


def _uncommented(raw: bytes) -> bytes:
    return _COMMENT.sub(b"", plain(raw), count=1)


def _recognises(lines: Sequence[bytes]) -> bool:
    found = (_MESSAGE.match(_uncommented(line)) for line in lines)
    return any(arrow is not None and arrow["begun"] is not None for arrow in found)


IMPORTER: Final = Importer(
    "transcript",
    "a conversation in the notation of QEMU's documentation",
    _recognises,
    line_by_line(_Reading),
    lacks=("when a message was sent",),
)
"""Documentation, and what people write like it."""
