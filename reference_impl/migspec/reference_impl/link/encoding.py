"""The messages of the link as bytes: each is one JSON object on a line of its own.

Sans-I/O: a channel gives what it has read to a `Decoder` in whatever pieces it came, and gets back the messages that
are complete.  Whatever is no message is garbage, and after garbage nothing is believed any more: QEMU gives up a stream
at its first wrong byte.  `docs/link.md` describes the protocol.
"""

from math import inf
from typing import Final

import msgspec

from migspec.reference_impl.link.messages import Accepts, LinkMessage

LONGEST_LINE: Final = 64 << 10
"""The most bytes that a line may have, its end not counted."""

_LARGEST: Final = (1 << 63) - 1  # what QEMU can count

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[LinkMessage]] = msgspec.json.Decoder(LinkMessage)


def encode(message: LinkMessage) -> bytes:
    """Return a message as its line, the end of the line included."""
    return _encoder.encode(message) + b"\n"


class Decoder:
    """Cuts what comes over one connection into messages."""

    def __init__(self) -> None:
        self.garbled = False
        """Whether something has come that is no message; from then on there are no more messages."""
        self._begun = bytearray()

    def feed(self, data: bytes) -> list[LinkMessage]:
        """Take the next bytes, and return the messages that they complete, up to the first garbage."""
        messages: list[LinkMessage] = []
        if self.garbled:
            return messages
        *lines, rest = data.split(b"\n")
        for line in lines:
            if self._begun:
                line = bytes(self._begun) + line
                self._begun.clear()
            message = _message(line)
            if message is None:
                self.garbled = True
                return messages
            messages.append(message)
        if len(self._begun) + len(rest) > LONGEST_LINE:
            self.garbled = True
            self._begun.clear()
        else:
            self._begun += rest
        return messages


def _message(line: bytes) -> LinkMessage | None:
    """The message that a line holds; None if it holds none."""
    if len(line) > LONGEST_LINE:
        return None
    try:
        message = _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    if isinstance(message, Accepts):
        return message if 0 < message.pages < inf else None
    numbers = (value for value in msgspec.structs.astuple(message) if isinstance(value, int))
    return message if all(0 <= number <= _LARGEST for number in numbers) else None
