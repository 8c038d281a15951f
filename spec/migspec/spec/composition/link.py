"""The link between the two VMs of a migration: its variables, and conditions on them.

The link is what has crossed between the two processes, as far as a step of either depends on it.  It has no time and no
queue: what was sent stays sent, and a reader may be as late as it likes.  Like the state of a VM it is one packed
integer, and the same conditions are asked of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from migspec.spec.conditions import Condition, where
from migspec.spec.state import Answer, Stream, Variable, assign, laid_out
from migspec.spec.vocabulary import RunState


class Side(StrEnum):
    """The two VMs of a migration."""

    SOURCE = "source"
    """The one that the guest leaves."""
    DESTINATION = "destination"
    """The one that it goes to."""

    @property
    def peer(self) -> Side:
        """The other one."""
        return Side.DESTINATION if self is Side.SOURCE else Side.SOURCE


class Wire(StrEnum):
    """The connection itself."""

    NONE = "none"
    """Nobody has connected to this destination yet."""
    UP = "up"
    """It is there."""
    LEFT_BY_SOURCE = "left-by-source"
    """The source has closed it, or has ended: all that it had sent can still be read."""
    LEFT_BY_DESTINATION = "left-by-destination"
    """The destination has closed it, or has ended: all that it had said can still be read."""
    LOST = "lost"
    """It is broken: what was under way may be read or not."""


class Sent(StrEnum):
    """How far the source's stream has come on the present connection."""

    NOTHING = "nothing"
    """Nothing was sent."""
    BEGUN = "begun"
    """The header, and pages."""
    LISTEN = "listen"
    """Postcopy: the devices, with the order to listen for pages and to run."""
    PAGES = "pages"
    """Postcopy: every page that was missing."""
    COMPLETE = "complete"
    """Precopy: the whole stream."""
    RESUME = "resume"
    """On the connection of a recovery: the order to go on."""


class Said(StrEnum):
    """What the destination has said last over the return path."""

    NOTHING = "nothing"
    """Nothing that decides anything."""
    OK = "ok"
    """The end of the return path: all is loaded."""
    RESUMED = "resumed"
    """It goes on after a recovery."""


class Talk(StrEnum):
    """The last word of the conversation in COLO, from either side."""

    NONE = "none"
    """There was none."""
    READY = "ready"
    """The secondary is ready for checkpoints."""
    REQUEST = "request"
    """The primary asks for a checkpoint."""
    REPLY = "reply"
    """The secondary has stopped its guest for it."""
    SENT = "sent"
    """The primary has sent its state."""
    LOADED = "loaded"
    """The secondary has loaded it."""


LINK: Mapping[str, Variable] = {
    variable.name: variable
    for variable in laid_out(
        {
            "wire": (Wire, "The connection."),
            "sent": (Sent, "How far the stream has come."),
            "said": (Said, "What the destination has said."),
            "talk": (Talk, "The last word in COLO."),
            "carries": (Stream, "What the source had switched on when it connected."),
            "ran": (RunState, "The run state that the guest had before it was stopped for the switch-over."),
            "sound": (Answer, "Whether the destination can load the stream."),
        }
    )
}
"""Every variable of the link, by name."""

UNUSED: int = assign(
    0,
    {
        "wire": Wire.NONE,
        "sent": Sent.NOTHING,
        "said": Said.NOTHING,
        "talk": Talk.NONE,
        "carries": Stream.PLAIN,
        "ran": RunState.RUNNING,
        "sound": Answer.YES,
    },
    LINK,
)
"""The link before anybody has connected."""


def link_is(limits: Mapping[str, str | Iterable[str]], name: str = "") -> Condition:
    """The condition that each named variable of the link has (one of) the given value(s).

    Raises `KeyError` for an unknown variable and `ValueError` for a value that it cannot have.
    """
    return where(limits, name, LINK)


WIRE_UP = link_is({"wire": Wire.UP}, "the connection is there")

LOST_TO_SOURCE = (
    link_is({"wire": Wire.LOST}) | link_is({"wire": Wire.LEFT_BY_DESTINATION, "said": (Said.NOTHING, Said.RESUMED)})
).named("the source finds the connection lost")

LOST_TO_DESTINATION = (
    link_is({"wire": Wire.LOST})
    | link_is({"wire": Wire.LEFT_BY_SOURCE, "sent": (Sent.NOTHING, Sent.BEGUN, Sent.LISTEN, Sent.RESUME)})
).named("the destination finds the connection lost")


def described(link: int) -> tuple[tuple[str, str], ...]:
    """The value of each variable of a link."""
    return tuple((name, variable.of(link)[0]) for name, variable in LINK.items())
