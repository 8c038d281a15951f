"""One monitor connection: its input, its queue, and what it sends.

Requests in band are answered in the order in which they came, and so is input that was no request.  What is out of
band is answered at once.  QEMU reads on as long as few requests wait: without out-of-band execution none but the one
that is being executed, with it up to eight besides.  It reads byte by byte, so it stops exactly where a request
ends, and what comes after that is kept here until it reads on.

Not modelled is a defect of QEMU 5.2: with out-of-band execution and seven requests waiting, bytes like ``1]``, of
which the last one ends two values at once, abort the process.  Here the second one waits until QEMU reads on.

Source: observed on QEMU 5.2.0; the queue also read in its source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from migspec.reference_impl.answers.general import greeting, version
from migspec.reference_impl.calls import Call, Item, Reply, Return
from migspec.reference_impl.qmp.items import OutOfTurnError
from migspec.reference_impl.qmp.printing import as_read, printed
from migspec.reference_impl.qmp.reading import Reader
from migspec.spec.schema import ABSENT, Absent, Schema
from migspec.spec.wire.plain import find_plain
from migspec.spec.wire.shape import QUEUE
from migspec.spec.wire.stream import Fault, JsonStream

_MICRO: Final = 1_000_000


class Connection:
    """The server's side of one connection, from its greeting on.

    `oob` tells whether out-of-band execution is offered, `release` is the `VersionInfo` of the greeting, by default
    that of the recorded sessions, and `pretty` asks for indented messages.

    Whoever serves it sends `greeting`, feeds it with `receive`, executes the items that come of it, those in band one
    after the other and those out of band at once, and sends what `answer` returns for each.  An answer may let the
    server read on: after each, `resume` has the items that the bytes kept so far come to.  A complaint is answered,
    when its turn comes, with its own failure.
    """

    __slots__ = (
        "_descriptors",
        "_kept",
        "_negotiating",
        "_offers_oob",
        "_oob",
        "_position",
        "_pretty",
        "_reader",
        "_resumes",
        "_stream",
        "_suspended",
        "_urgent",
        "_version",
        "_waiting",
    )

    def __init__(
        self,
        schema: Schema,
        *,
        oob: bool = True,
        release: Mapping[str, object] | None = None,
        pretty: bool = False,
    ) -> None:
        self._offers_oob = oob
        self._version = version() if release is None else release
        self._pretty = pretty
        self._reader = Reader(schema)
        self._stream = JsonStream()
        self._kept: deque[bytes] = deque()
        self._position = 0
        self._descriptors: tuple[int, ...] = ()
        self._negotiating = True
        self._oob = False
        self._waiting: deque[Item] = deque()
        self._urgent: list[Item] = []
        self._suspended = 0
        self._resumes = False

    @property
    def negotiating(self) -> bool:
        """Whether it is in negotiation mode: qmp_capabilities has not succeeded yet."""
        return self._negotiating

    @property
    def oob(self) -> bool:
        """Whether out-of-band execution has been negotiated."""
        return self._oob

    @property
    def wants_input(self) -> bool:
        """Whether QEMU would read on now."""
        return not self._suspended

    @property
    def unanswered(self) -> tuple[Item, ...]:
        """The items that were handed on and have no answer yet, those in band first and in their order."""
        return (*self._waiting, *self._urgent)

    def greeting(self) -> bytes:
        """What is sent before anything else."""
        return self._message(greeting(self._version, oob=self._offers_oob))

    def receive(self, data: bytes, descriptors: tuple[int, ...] = ()) -> tuple[Item, ...]:
        """Take bytes, and the file descriptors that came with them; return the items that became complete.

        They are in the order in which they were read; those with `oob` are not to wait for the others.  Bytes that
        QEMU would not read yet are kept, whatever `wants_input` says, and read by `resume`.  Descriptors replace those
        that no command has taken yet.
        """
        if data:
            self._kept.append(data)
        if descriptors:
            self._descriptors = descriptors
        return self.resume()

    def resume(self) -> tuple[Item, ...]:
        """Read on in what is kept; return the items that became complete, none while QEMU would not read on."""
        return tuple(self._read())

    def _read(self) -> Iterator[Item]:
        while self._kept and not self._suspended:
            data = self._kept[0]
            item: Item | None = None
            if self._stream.is_at_rest:
                value, position = find_plain(data, self._position)
                if isinstance(value, Absent):
                    item, position = self._step(data)
                else:
                    item = self._item(value, plain=True)
            else:
                item, position = self._step(data)
            if position >= len(data):
                self._kept.popleft()
                position = 0
            self._position = position
            if item is not None:
                self._hand_on(item)
                yield item

    def _step(self, data: bytes) -> tuple[Item | None, int]:
        outcome, position = self._stream.step(data, self._position)
        if outcome is None:
            return None, position
        if isinstance(outcome, Fault):
            return self._reader.refused(outcome), position
        return self._item(outcome.value, plain=False), position

    def _item(self, value: object, *, plain: bool) -> Item:
        item = self._reader.item(value, self._descriptors, oob=self._oob, plain=plain)
        if isinstance(item, Call) and item.descriptors:
            self._descriptors = ()
        return item

    def _hand_on(self, item: Item) -> None:
        if item.oob:
            self._urgent.append(item)
            return
        # the oldest one is being executed, the others are in QEMU's queue; this one would fill it
        if not self._oob or len(self._waiting) == QUEUE:
            self._suspended += 1
        self._waiting.append(item)
        if len(self._waiting) == 1:
            self._begin()

    def _begin(self) -> None:
        """The oldest item is taken out of QEMU's queue; whether reading goes on after it is decided now."""
        self._resumes = not self._oob or len(self._waiting) == QUEUE

    def negotiated(self, *, oob: bool) -> None:
        """Leave negotiation mode: qmp_capabilities has succeeded, which is to be answered after this."""
        self._negotiating = False
        self._oob = oob

    def answer(self, item: Item, reply: Reply) -> bytes:
        """The reply to an item, with its id; the item's turn is over.

        Raises `OutOfTurnError` for an item in band that is not the oldest one, and for one that was answered already.
        """
        self._end_turn(item)
        body: dict[str, object]
        if isinstance(reply, Return):
            body = {"return": reply.value}
        else:
            body = {"error": {"class": reply.error_class.value, "desc": reply.text}}
        if item.id is not ABSENT:
            body["id"] = as_read(item.id) if isinstance(item.id, dict | list) else item.id
        return self._message(body)

    def _end_turn(self, item: Item) -> None:
        turn = self._waiting[0] if self._waiting else None
        if not item.oob:
            if item is not turn:
                raise OutOfTurnError(item, turn)
            self._waiting.popleft()
            self._suspended -= self._resumes
            if self._waiting:
                self._begin()
            return
        place = next((place for place, urgent in enumerate(self._urgent) if urgent is item), None)
        if place is None:
            raise OutOfTurnError(item, turn)
        del self._urgent[place]

    def event(self, name: str, data: Mapping[str, object] | None, now: float) -> bytes:
        """An event at a time in seconds since 1970; `data` is None for one that carries none.

        Nothing is sent in negotiation mode, nor kept for later.
        """
        if self._negotiating:
            return b""
        seconds, microseconds = divmod(round(now * _MICRO), _MICRO)
        message: dict[str, object] = {
            "event": name,
            "timestamp": {"seconds": seconds, "microseconds": microseconds},
        }
        if data is not None:
            message["data"] = dict(data)
        return self._message(message)

    def _message(self, message: object) -> bytes:
        # a line end is CR LF, also within an indented message
        text = printed(message, pretty=self._pretty)
        return (text.replace(b"\n", b"\r\n") if self._pretty else text) + b"\r\n"
