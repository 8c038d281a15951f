"""What the destination's steps have to do with the link."""

from __future__ import annotations

from migspec.spec.composition.link import LOST_TO_DESTINATION, WIRE_UP, Said, Sent, Side, Talk, Wire, link_is
from migspec.spec.composition.tie import Tie, closing, tie
from migspec.spec.conditions import where
from migspec.spec.lifecycle.guards import LOADED_STOPPED, POSTCOPY_RAM_OFF, POSTCOPY_RAM_ON
from migspec.spec.state import Load, Stream
from migspec.spec.vocabulary import RunState

_SOUND = link_is({"sound": "yes"}, "the stream can be loaded")
_COMPLETE = (link_is({"sent": Sent.COMPLETE}) & _SOUND).named("the whole stream is there")
_NO_AUTOSTART = where({"autostart": "no"}, "the guest does not start when it is loaded")


def _lost(rule: str) -> Tie:
    return tie(Side.DESTINATION, rule, "The connection is found lost.", link=LOST_TO_DESTINATION)


_ARRIVAL: tuple[Tie, ...] = (
    *(
        tie(
            Side.DESTINATION,
            "incoming.none-to-active",
            "The source has connected.",
            link=link_is({"carries": carried}) & ~link_is({"sent": Sent.NOTHING}),
            settles={"stream": carried},
        )
        for carried in Stream
    ),
    tie(
        Side.DESTINATION,
        "incoming.active-to-completed",
        "All is loaded, and the guest ran.",
        link=_COMPLETE & link_is({"ran": RunState.RUNNING}),
        then={"said": Said.OK},
    ),
    tie(
        Side.DESTINATION,
        "incoming.active-to-completed.stopped",
        "All is loaded, and the guest is not to start.",
        link=_COMPLETE & link_is({"ran": RunState.RUNNING}),
        own=_NO_AUTOSTART,
        then={"said": Said.OK},
        settles={"run": RunState.PAUSED},
    ),
    *(
        tie(
            Side.DESTINATION,
            "incoming.active-to-completed.stopped",
            "All is loaded, and the guest did not run.",
            link=_COMPLETE & link_is({"ran": run}),
            then={"said": Said.OK},
            settles={"run": run},
        )
        for run in LOADED_STOPPED
    ),
    _lost("incoming.active-to-failed"),
    tie(
        Side.DESTINATION,
        "incoming.active-to-failed",
        "The stream cannot be loaded.",
        link=link_is({"sound": "no"}),
    ),
    tie(
        Side.DESTINATION,
        "incoming.active-to-failed",
        "The source has postcopy on and the destination has not.",
        own=POSTCOPY_RAM_OFF,
        peer=POSTCOPY_RAM_ON,
    ),
)

_POSTCOPY: tuple[Tie, ...] = (
    tie(
        Side.DESTINATION,
        "incoming.active-to-postcopy-active",
        "The source has ordered it.",
        link=link_is({"sent": (Sent.LISTEN, Sent.PAGES)}) & _SOUND,
    ),
    tie(
        Side.DESTINATION,
        "incoming.postcopy-active-to-completed",
        "Every page is there.",
        link=link_is({"sent": Sent.PAGES}),
    ),
    tie(
        Side.DESTINATION,
        "incoming.postcopy-active-to-completed",
        "Dirty bitmaps may be lost.",
        link=LOST_TO_DESTINATION,
        own=POSTCOPY_RAM_OFF,
    ),
    tie(
        Side.DESTINATION,
        "incoming.listener-closed",
        "The source is told that all is loaded.",
        then={"said": Said.OK},
    ),
    _lost("incoming.postcopy-active-to-failed"),
    _lost("incoming.postcopy-active-to-failed.starting"),
    tie(
        Side.DESTINATION,
        "incoming.postcopy-active-to-failed.bitmaps",
        "The stream cannot be loaded.",
        link=link_is({"sound": "no"}),
    ),
    _lost("incoming.postcopy-active-to-postcopy-paused"),
    *closing(Side.DESTINATION, "migrate-pause.accepted", "The connection is shut for both.", Wire.LOST),
    tie(
        Side.DESTINATION,
        "incoming.postcopy-paused-to-postcopy-recover",
        "The source has connected anew.",
        link=link_is({"sent": Sent.RESUME}),
    ),
    tie(
        Side.DESTINATION,
        "incoming.postcopy-recover-to-postcopy-active",
        "The source has asked to go on, and is told that it does.",
        link=WIRE_UP & link_is({"sent": Sent.RESUME}),
        then={"sent": Sent.LISTEN, "said": Said.RESUMED},
    ),
    _lost("incoming.recover-crashes"),
)

_COLO: tuple[Tie, ...] = (
    tie(
        Side.DESTINATION,
        "incoming.active-to-colo",
        "All is loaded.",
        link=_COMPLETE,
    ),
    tie(
        Side.DESTINATION,
        "guest.colo-secondary-runs",
        "The primary is told that checkpoints may come.",
        own=where({"load": Load.COLO_STARTING}),
        then={"talk": Talk.READY},
    ),
    tie(
        Side.DESTINATION,
        "guest.colo-secondary-runs",
        "The checkpoint is there, and the primary is told that it is loaded.",
        link=link_is({"talk": Talk.SENT}),
        own=where({"load": Load.COLO_STOPPED}),
        then={"talk": Talk.LOADED},
    ),
    tie(
        Side.DESTINATION,
        "guest.colo-secondary-stops",
        "The primary asks for a checkpoint.",
        link=link_is({"talk": Talk.REQUEST}),
        then={"talk": Talk.REPLY},
    ),
    _lost("colo.secondary-exit"),
    *closing(Side.DESTINATION, "incoming.colo-to-completed", "Who takes over closes the connection.", Wire.LOST),
)

TIES: tuple[Tie, ...] = (*_ARRIVAL, *_POSTCOPY, *_COLO)
"""Every tie of the destination."""
