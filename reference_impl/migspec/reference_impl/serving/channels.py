"""Migration channels: the link's messages over file descriptors, without waiting for anybody.

A channel tells its machine what comes, and once that it is lost.  What is sent waits here while the peer does not read;
a peer that leaves `PATIENCE` bytes of these short messages lying about is taken for dead.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Final, Protocol

from migspec.reference_impl.link.encoding import Decoder, encode
from migspec.reference_impl.link.messages import LinkMessage
from migspec.reference_impl.serving.pipes import CommandEnds, Ends

PIECE: Final = 64 << 10
"""Bytes that are read at once."""
PATIENCE: Final = 1 << 20
"""Bytes that may wait for the peer before the channel counts as lost."""
LINGER: Final = 5.0
"""Seconds in which the peer may read the last that was sent, or a command may end by itself."""


class Owner(Protocol):
    """Who is told what happens on a channel."""

    def received(self, channel: int, messages: list[LinkMessage], *, garbled: bool) -> None:
        """Messages have come, and after them perhaps something that is none."""

    def opened(self, channel: int) -> None:
        """The first byte has come, where that is what opens the channel."""

    def lost(self, channel: int) -> None:
        """The channel is gone."""

    def closed(self, channel: int) -> None:
        """The channel has given its descriptors back."""


class Channel:
    """One channel.

    `waits` is for a channel that its machine knows of only when the first byte has come; `outgoing` says on which side
    of the migration it is, which matters where the two directions are separate: the source has lost its peer if it
    cannot write, the destination if it cannot read.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        number: int,
        ends: Ends,
        owner: Owner,
        *,
        outgoing: bool,
        waits: bool = False,
    ) -> None:
        self.number = number
        self._loop = loop
        self._ends = ends
        self._owner = owner
        self._outgoing = outgoing
        self._waits = waits
        self._decoder = Decoder()
        self._out = bytearray()
        self._writing = False
        self._ending = False
        self._over = False
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        if ends.reads is not None and not self._watch(ends.reads, self._readable) and not outgoing:
            loop.call_soon(self._read_file)
        if ends.writes is not None and ends.writes != ends.reads:
            self._watch(ends.writes, self._broken)  # what can only be written to is "readable" once nobody reads it

    def _watch(self, descriptor: int, readable: Callable[[], None]) -> bool:
        """Ask to be told when a descriptor is readable; whether that can be had: a file always is."""
        try:
            self._loop.add_reader(descriptor, readable)
        except PermissionError:
            return False
        return True

    def send(self, message: LinkMessage) -> None:
        """Send a message."""
        if self._over or self._ending:
            return
        self._out += encode(message)
        if not self._writing:
            self._write()
        if len(self._out) > PATIENCE:
            self._soon_lost()

    def hang_up(self) -> None:
        """Close the channel when everything is sent; nothing that comes is of interest any more."""
        if self._over or self._ending:
            return
        self._ending = True
        self._timer = self._loop.call_later(LINGER, self.close)
        if not self._out:
            self._finish()

    def close(self) -> None:
        """Close the channel now."""
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self._stop_reading()
        self._stop_writing()
        ends = self._ends
        if ends.writes is not None:
            self._loop.remove_reader(ends.writes)
        ends.close()
        if isinstance(ends, CommandEnds) and not ends.has_ended:
            self._timer = self._loop.call_later(LINGER, self._end_command)
            return
        self._owner.closed(self.number)

    def abandon(self) -> None:
        """Close the channel now, and end its command if it has one."""
        self.close()
        if isinstance(self._ends, CommandEnds):
            self._end_command()

    def _end_command(self) -> None:
        assert isinstance(self._ends, CommandEnds)
        if self._timer is not None:
            self._timer.cancel()
        self._ends.end()
        self._owner.closed(self.number)

    # --- reading

    def _readable(self) -> None:
        assert self._ends.reads is not None
        try:
            data = os.read(self._ends.reads, PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if self._ending:
            if not data:
                self._end_of_input()
            return
        if self._waits and (data or self._ends.is_socket):
            self._waits = False
            self._owner.opened(self.number)
        if not data:
            self._end_of_input()
        elif not self._over and not self._decoder.garbled and not self._ending:
            # after garbage all is thrown away, and only the end is of interest
            messages = self._decoder.feed(data)
            self._owner.received(self.number, messages, garbled=self._decoder.garbled)

    def _read_file(self) -> None:
        while self._ends.reads is not None and not self._ended and not self._decoder.garbled:
            self._readable()

    def _end_of_input(self) -> None:
        self._ended = True
        self._stop_reading()
        if self._waits:
            return  # a command that said nothing leaves the destination waiting, as in QEMU
        if self._ends.is_socket or not self._outgoing:
            self._lost()

    def _stop_reading(self) -> None:
        if self._ends.reads is not None:
            self._loop.remove_reader(self._ends.reads)

    # --- writing

    def _writable(self) -> None:
        self._write()

    def _write(self) -> None:
        try:
            while self._out:
                if self._ends.writes is None:
                    self._soon_lost()
                    return
                del self._out[: os.write(self._ends.writes, self._out)]
        except BlockingIOError:
            if not self._writing and self._ends.writes is not None:
                self._writing = True
                self._loop.add_writer(self._ends.writes, self._writable)
            return
        except OSError:
            self._soon_lost()
            return
        self._stop_writing()
        if self._ending:
            self._finish()

    def _stop_writing(self) -> None:
        if self._writing and self._ends.writes is not None:
            self._loop.remove_writer(self._ends.writes)
        self._writing = False

    def _finish(self) -> None:
        if self._ends.is_socket:
            self._ends.finish()  # and wait for the peer's end, lest what it has not read be thrown away
        else:
            self.close()

    # --- the end

    def _broken(self) -> None:
        if self._outgoing or self._ending:
            self._lost()
        elif self._ends.writes is not None:
            self._loop.remove_reader(self._ends.writes)

    def _soon_lost(self) -> None:
        """Tell later: the machine is in the middle of a step."""
        self._out.clear()
        self._stop_writing()
        self._loop.call_soon(self._lost)

    def _lost(self) -> None:
        if self._over:
            return
        told = self._ending or self._waits
        self.close()
        if not told:
            self._owner.lost(self.number)
