"""What the source's steps have to do with the link, and the steps of its stream that no message shows."""

from __future__ import annotations

from migspec.spec.composition.link import LOST_TO_SOURCE, WIRE_UP, Said, Sent, Side, Talk, Wire, link_is
from migspec.spec.composition.tie import Tie, closing, tie
from migspec.spec.conditions import where
from migspec.spec.lifecycle.cancel import CANCELLATIONS
from migspec.spec.lifecycle.guards import RETURN_PATH_ON, STOPPED_RUN_STATES, capability
from migspec.spec.rows import Row, Thread, row
from migspec.spec.state import Load, Stream
from migspec.spec.vocabulary import RunState

SENDING: tuple[Row, ...] = (
    row(
        "stream.complete",
        "The whole stream of a precopy is written.",
        Thread.MIGRATION,
        stage="saved",
    ),
    row(
        "stream.pages",
        "In postcopy every page that was missing is written.",
        Thread.MIGRATION,
        stage="iterating",
        outgoing="postcopy-active",
    ),
    row(
        "stream.checkpoint",
        "The primary asks for a checkpoint.",
        Thread.MIGRATION,
        stage="colo-running",
        outgoing="colo",
    ),
)
"""Steps of a source that change nothing but the link."""

_NO_RETURN_PATH = (~RETURN_PATH_ON).named("there is no return path")
_PIPED = where({"piped": "yes"}, "the stream goes to a command or a descriptor")
_BITMAPS_ON = capability("dirty-bitmaps")
_COLO_ON = capability("x-colo")

_COMPLETE = link_is({"sent": Sent.COMPLETE}, "the whole stream is written")
_PAGES = link_is({"sent": Sent.PAGES}, "every page is written")
_OK = link_is({"said": Said.OK}, "the destination has loaded all")
_LISTENING = where({"load": Load.LISTENING}, "the destination listens")
_RECOVERING = where({"load": Load.RECOVERING}, "the destination listens for a recovery")
_FIRST = link_is({"sent": Sent.NOTHING}, "nobody has connected to this destination")
_NOT_RESUMED = ~link_is({"sent": Sent.RESUME}, "a recovery has connected")


def _lost(rule: str) -> Tie:
    return tie(Side.SOURCE, rule, "The connection is found lost.", link=LOST_TO_SOURCE)


_CARRIED = (
    (Stream.COLO, _COLO_ON),
    (Stream.BITMAPS, _BITMAPS_ON & capability("x-colo", on=False)),
    (Stream.PLAIN, capability("dirty-bitmaps", on=False) & capability("x-colo", on=False)),
)

_CONNECTION: tuple[Tie, ...] = (
    *(
        tie(
            Side.SOURCE,
            "outgoing.connected",
            "The destination listens, and is told what comes.",
            link=_FIRST,
            own=on,
            peer=_LISTENING,
            then={"wire": Wire.UP, "sent": Sent.BEGUN, "carries": carried},
        )
        for carried, on in _CARRIED
    ),
    tie(
        Side.SOURCE,
        "outgoing.resume-not-connected",
        "Nobody listens for a recovery.",
        peer=~_RECOVERING,
    ),
    tie(
        Side.SOURCE,
        "outgoing.postcopy-paused-to-postcopy-recover",
        "The destination listens for a recovery, and is told to go on.",
        link=_NOT_RESUMED,
        peer=_RECOVERING,
        then={"wire": Wire.UP, "sent": Sent.RESUME, "said": Said.NOTHING},
    ),
    tie(
        Side.SOURCE,
        "outgoing.resume-cancelled",
        "The destination listens for a recovery, and finds the connection closed.",
        link=_NOT_RESUMED,
        peer=_RECOVERING,
        then={"wire": Wire.LEFT_BY_SOURCE, "sent": Sent.RESUME, "said": Said.NOTHING},
    ),
    tie(
        Side.SOURCE,
        "outgoing.postcopy-recover-to-postcopy-active",
        "The destination has said that it goes on.",
        link=link_is({"said": Said.RESUMED}),
        then={"said": Said.NOTHING},
    ),
)

_STOPPING = ("outgoing.stop-guest", "outgoing.postcopy-stop-guest")
_FINDING_STOPPED = ("outgoing.guest-was-stopped", "outgoing.postcopy-guest-was-stopped")

_STREAM: tuple[Tie, ...] = (
    *(
        tie(
            Side.SOURCE,
            rule,
            "What the guest was doing is sent along.",
            own=where({"run": run, "piped": "no"}),
            then={"ran": run},
        )
        for rules, runs in ((_STOPPING, (RunState.RUNNING,)), (_FINDING_STOPPED, STOPPED_RUN_STATES))
        for rule in rules
        for run in runs
    ),
    *(
        tie(
            Side.SOURCE,
            rule,
            "It is sent to a command or into a file, and not to this destination.",
            own=_PIPED,
        )
        for rule in (*_STOPPING, *_FINDING_STOPPED)
    ),
    tie(
        Side.SOURCE,
        "stream.complete",
        "It is written once, while there is a connection.",
        link=WIRE_UP & link_is({"sent": Sent.BEGUN}),
        then={"sent": Sent.COMPLETE},
    ),
    *(
        alternative
        for rule in ("outgoing.postcopy-last-pass", "outgoing.postcopy-bitmaps")
        for alternative in (
            tie(
                Side.SOURCE,
                rule,
                "The devices follow, with the order to run.",
                link=WIRE_UP & link_is({"sent": Sent.BEGUN}),
                then={"sent": Sent.LISTEN},
            ),
            tie(Side.SOURCE, rule, "What is written into a lost connection is lost.", link=~WIRE_UP),
        )
    ),
    tie(
        Side.SOURCE,
        "stream.pages",
        "They are written once, while there is a connection.",
        link=WIRE_UP & link_is({"sent": Sent.LISTEN}),
        then={"sent": Sent.PAGES},
    ),
)

_END: tuple[Tie, ...] = (
    *(
        alternative
        for rule in ("outgoing.active-to-completed", "outgoing.device-to-completed")
        for alternative in (
            tie(
                Side.SOURCE,
                rule,
                "Without a return path nothing more is awaited.",
                link=_COMPLETE,
                own=_NO_RETURN_PATH,
            ),
            tie(
                Side.SOURCE,
                rule,
                "Over the return path the destination has said that all is loaded.",
                link=_COMPLETE & _OK,
                own=RETURN_PATH_ON,
            ),
            tie(Side.SOURCE, rule, "A command or a file takes all and says nothing.", own=_PIPED & _NO_RETURN_PATH),
        )
    ),
    tie(
        Side.SOURCE,
        "outgoing.postcopy-active-to-completed",
        "Over the return path the destination has said that all is loaded.",
        link=_PAGES & _OK,
        own=RETURN_PATH_ON,
    ),
    tie(
        Side.SOURCE,
        "outgoing.postcopy-active-to-completed",
        "Without a return path nothing more is awaited.",
        link=_PAGES,
        own=_NO_RETURN_PATH,
    ),
    *(
        _lost(rule)
        for rule in (
            "outgoing.active-to-failed",
            "outgoing.active-to-failed.closing",
            "outgoing.device-to-failed",
            "outgoing.postcopy-active-to-failed.switching",
            "outgoing.postcopy-active-to-postcopy-paused",
            "colo.primary-exit",
        )
    ),
    *(
        tie(
            Side.SOURCE,
            rule,
            "The return path takes COLO's first word for the end, and its end for an error.",
            link=~link_is({"talk": Talk.NONE}),
            own=RETURN_PATH_ON,
        )
        for rule in ("outgoing.active-to-failed.closing", "outgoing.device-to-failed")
    ),
    tie(
        Side.SOURCE,
        "outgoing.cancelling-to-postcopy-paused",
        "A cancellation has closed the connection.",
        link=~WIRE_UP,
    ),
    *(
        alternative
        for rule in (
            *(f"migrate_cancel.{way.name}" for way in CANCELLATIONS),
            *(f"outgoing.cancelled-by-exit.{way.name}" for way in CANCELLATIONS),
        )
        for alternative in closing(Side.SOURCE, rule, "A cancellation closes the connection.", Wire.LEFT_BY_SOURCE)
    ),
    *(
        alternative
        for rule in (
            "outgoing.cancelling-to-cancelled",
            "outgoing.cancelling-to-cancelled.exiting",
            "outgoing.cleaned-up",
        )
        for alternative in closing(Side.SOURCE, rule, "The clean-up closes the connection.", Wire.LEFT_BY_SOURCE)
    ),
    *closing(Side.SOURCE, "migrate-pause.accepted", "The connection is shut for both.", Wire.LOST),
)

_COLO: tuple[Tie, ...] = (
    tie(
        Side.SOURCE,
        "outgoing.colo-commit",
        "Everything is sent, and no return path waits for another answer.",
        link=_COMPLETE,
        own=_NO_RETURN_PATH,
    ),
    tie(
        Side.SOURCE,
        "outgoing.colo-commit",
        "A command or a file takes all and says nothing.",
        own=_PIPED & _NO_RETURN_PATH,
    ),
    tie(
        Side.SOURCE,
        "stream.checkpoint",
        "The last checkpoint, if any, is loaded.",
        link=WIRE_UP & link_is({"talk": (Talk.READY, Talk.LOADED)}),
        then={"talk": Talk.REQUEST},
    ),
    tie(
        Side.SOURCE,
        "guest.colo-primary-runs",
        "The secondary is ready for the first checkpoint.",
        link=link_is({"talk": Talk.READY}),
        own=where({"stage": "colo-starting"}),
    ),
    tie(
        Side.SOURCE,
        "guest.colo-primary-runs",
        "The secondary has loaded the checkpoint.",
        link=link_is({"talk": Talk.LOADED}),
        own=where({"stage": "colo-saving"}),
    ),
    tie(
        Side.SOURCE,
        "guest.colo-primary-stops",
        "The secondary has stopped its guest.",
        link=link_is({"talk": Talk.REPLY}),
    ),
    tie(
        Side.SOURCE,
        "outgoing.colo-pass",
        "The primary's state is sent.",
        link=WIRE_UP,
        then={"talk": Talk.SENT},
    ),
    tie(
        Side.SOURCE,
        "outgoing.colo-pass",
        "What is written into a lost connection is lost.",
        link=~WIRE_UP,
    ),
    *closing(Side.SOURCE, "outgoing.colo-to-completed", "Who takes over closes the connection.", Wire.LEFT_BY_SOURCE),
)

TIES: tuple[Tie, ...] = (*_CONNECTION, *_STREAM, *_END, *_COLO)
"""Every tie of the source."""
