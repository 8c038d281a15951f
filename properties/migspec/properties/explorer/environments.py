"""The named environments: one for each part of the protocol, small enough to be counted, and the standard bound.

Together they reach every row of the tables; what none of them has is said in `UNREACHED`.
"""

from __future__ import annotations

from collections.abc import Mapping

from migspec.properties.explorer.environment import GARBLE, KILLS, LOSS, RESTART, Environment
from migspec.spec.composition import Side

_FAILOVER = frozenset({"outgoing.unplug-requested", "migrate.connected.unplug"})
_DISKS = frozenset(
    {
        "outgoing.migrated-again-crashes",
        "outgoing.active-to-failed.flush",
        "outgoing.active-to-failed.block",
        "outgoing.device-to-failed.block",
        "cont.disk",
    }
)
_HOST = frozenset(
    {
        "migrate.blocked",
        "migrate.connected.failed",
        "cont.dump",
        "migrate-pause.no-shutdown",
        "outgoing.postcopy-active-to-failed",
        "outgoing.postcopy-recover-to-postcopy-paused",
        "migrate-set-capabilities.postcopy-host",
    }
)

PLAIN: frozenset[str] = _FAILOVER | _DISKS | _HOST
"""The rules that need a failover pair, disks, or a fault of the host."""

_SOURCE, _DESTINATION = Side.SOURCE, Side.DESTINATION

ENVIRONMENTS: Mapping[str, Environment] = {
    environment.name: environment
    for environment in (
        Environment(
            "precopy",
            "A precopy, cancelled or not, with and without a pause and a return path; the connection may break once.",
            asks={_SOURCE: {"migrate": 1, "cancel": 1, "continue": 1}},
            capabilities=(
                (),
                ("return-path",),
                ("pause-before-switchover",),
                ("pause-before-switchover", "return-path"),
            ),
            befalls={LOSS: 1},
            without=PLAIN,
        ),
        Environment(
            "again",
            "A precopy that may be tried again, to a destination that may be started anew.",
            asks={_SOURCE: {"migrate": 2, "cancel": 1}},
            capabilities=((), ("return-path",)),
            befalls={LOSS: 1, RESTART: 1},
            without=PLAIN,
        ),
        Environment(
            "postcopy",
            "A precopy that may be switched to postcopy, of memory or of dirty bitmaps, with and without a pause.",
            asks={_SOURCE: {"migrate": 1, "start-postcopy": 1, "cancel": 1, "continue": 1}},
            capabilities=(
                ("postcopy-ram",),
                ("postcopy-ram", "pause-before-switchover"),
                ("dirty-bitmaps",),
            ),
            befalls={LOSS: 1},
            without=PLAIN,
        ),
        Environment(
            "recovery",
            "A postcopy that is paused or loses its connection, and recovers.",
            asks={
                _SOURCE: {"migrate": 1, "start-postcopy": 1, "pause": 1, "resume": 2},
                _DESTINATION: {"recover": 2},
            },
            capabilities=(("postcopy-ram",),),
            befalls={LOSS: 1},
            without=PLAIN,
        ),
        Environment(
            "colo",
            "COLO, until one side is told to take over or the connection breaks.",
            asks={_SOURCE: {"migrate": 1, "take-over": 1}, _DESTINATION: {"take-over": 1}},
            capabilities=(("x-colo",),),
            befalls={LOSS: 1},
            without=PLAIN,
        ),
        Environment(
            "multifd",
            "A precopy over several channels, each of which reports at most one failure of its own.",
            asks={_SOURCE: {"migrate": 1, "cancel": 1, "continue": 1}},
            capabilities=(("multifd",), ("multifd", "pause-before-switchover")),
            befalls={LOSS: 1},
            without=PLAIN | {"outgoing.failed-to-failed.channel"},
        ),
        Environment(
            "guest",
            "A precopy of a guest that is stopped and continued, to a destination that is told where to listen.",
            asks={
                _SOURCE: {"migrate": 1, "stop": 1, "cont": 1},
                _DESTINATION: {"incoming": 1, "stop": 1, "cont": 1},
            },
            destination={"load": "deferred", "defer": "yes", "has-address": "no"},
            without=PLAIN,
        ),
        Environment(
            "process",
            "A precopy in which processes quit or are killed.",
            asks={_SOURCE: {"migrate": 1, "quit": 1}, _DESTINATION: {"quit": 1}},
            capabilities=((), ("return-path",)),
            befalls={KILLS[_SOURCE]: 1, KILLS[_DESTINATION]: 1},
            without=PLAIN,
        ),
        Environment(
            "failover",
            "A precopy of a guest with a failover pair.",
            asks={_SOURCE: {"migrate": 1, "cancel": 1}},
            without=(PLAIN - _FAILOVER) | {"migrate.connected.unplug"},
        ),
        Environment(
            "disks",
            "Precopies of a guest with disks, which may be migrated too, to a file, and once more.",
            asks={_SOURCE: {"migrate-block": 1, "migrate-file": 1, "cont": 1}},
            without=PLAIN - _DISKS,
        ),
        Environment(
            "disks-quit",
            "A precopy of disks, with a pause or without, and a process that quits.",
            asks={_SOURCE: {"migrate-block": 1, "continue": 1, "quit": 1}},
            capabilities=((), ("pause-before-switchover",)),
            without=PLAIN - _DISKS,
        ),
        Environment(
            "loans",
            "Block options that migrate switches on for itself, and an address that is no good.",
            asks={_SOURCE: {"migrate-block-badly": 1, "migrate": 1}},
            without=PLAIN,
        ),
        Environment(
            "postcopy-stopped",
            "Postcopy of a guest that is stopped, on either side.",
            asks={
                _SOURCE: {"migrate": 1, "start-postcopy": 1, "stop": 1},
                _DESTINATION: {"stop": 1},
            },
            capabilities=(("postcopy-ram",),),
            without=PLAIN,
        ),
        Environment(
            "postcopy-quit",
            "Postcopy with a pause before it, and a process that quits.",
            asks={_SOURCE: {"migrate": 1, "start-postcopy": 1, "quit": 1}},
            capabilities=(("postcopy-ram", "pause-before-switchover"),),
            without=PLAIN,
        ),
        Environment(
            "postcopy-cancelled",
            "A postcopy that is paused, and cancelled before, meanwhile, or while it recovers.",
            asks={
                _SOURCE: {"migrate": 1, "start-postcopy": 1, "pause": 1, "cancel": 1, "resume": 1},
                _DESTINATION: {"recover": 1},
            },
            capabilities=(("postcopy-ram",),),
            without=PLAIN,
        ),
        Environment(
            "recovery-faults",
            "A recovery, and faults of the host.",
            asks={
                _SOURCE: {"migrate": 1, "start-postcopy": 1, "pause": 1, "resume": 1},
                _DESTINATION: {"recover": 1},
            },
            capabilities=(("postcopy-ram",),),
            without=PLAIN - _HOST,
        ),
        Environment(
            "refusals",
            "Addresses that are no good.",
            asks={
                _SOURCE: {"migrate-badly": 1, "migrate": 1, "start-postcopy": 1, "resume": 1},
                _DESTINATION: {"recover-badly": 1, "recover": 1},
            },
            capabilities=(("postcopy-ram",),),
            befalls={LOSS: 1},
            without=PLAIN,
        ),
        Environment(
            "unsound",
            "Streams that cannot be loaded, and faults of the host.",
            asks={_SOURCE: {"migrate": 1, "start-postcopy": 1}},
            capabilities=(("return-path",), ("postcopy-ram",), ("dirty-bitmaps",)),
            befalls={GARBLE: 1},
            without=PLAIN - _HOST,
        ),
        Environment(
            "threads",
            "What ends a process when channels are changed in mid-migration.",
            asks={
                _SOURCE: {"migrate": 1, "more-channels": 1},
                _DESTINATION: {"more-channels": 1, "multifd-on": 1},
            },
            capabilities=((), ("multifd",)),
            without=PLAIN,
        ),
        Environment(
            "pipes",
            "Precopies to a file, and what ends a process whose pipe has no channels.",
            asks={_SOURCE: {"migrate-file": 1, "cancel": 1}},
            capabilities=((), ("multifd",), ("return-path",)),
            without=PLAIN,
        ),
        Environment(
            "troubles",
            "A guest that suspends, is reset, or stops for an error of its disk, in a migration.",
            asks={_SOURCE: {"migrate": 1}},
            troubles={_SOURCE: dict.fromkeys(("BLOCK_IO_ERROR", "RESET", "SUSPEND", "WAKEUP"), 1)},
            without=PLAIN,
        ),
        Environment(
            "endings",
            "A guest that panics, hangs or shuts down, and a host that ends a process, in a migration.",
            asks={_SOURCE: {"migrate": 1}},
            troubles={
                _SOURCE: dict.fromkeys(("GUEST_PANICKED", "WATCHDOG", "SHUTDOWN:guest"), 1),
                _DESTINATION: {"SHUTDOWN:host": 1},
            },
            without=PLAIN,
        ),
        Environment(
            "colo-abandoned",
            "COLO, left for another migration, or never reached for a pause before the switch-over.",
            asks={_SOURCE: {"migrate": 1, "migrate-file": 1, "continue": 1, "take-over": 1}},
            capabilities=(("x-colo",), ("x-colo", "pause-before-switchover")),
            without=PLAIN,
        ),
        Environment(
            "colo-quit",
            "COLO whose primary takes over, and quits.",
            asks={_SOURCE: {"migrate": 1, "take-over": 1, "quit": 1}},
            capabilities=(("x-colo",),),
            without=PLAIN,
        ),
        Environment(
            "standard",
            "The standard bound: all that a client does in precopy, postcopy and recovery, once, and one loss.",
            asks={
                _SOURCE: {"migrate": 1, "cancel": 1, "start-postcopy": 1, "pause": 1, "resume": 1},
                _DESTINATION: {"recover": 1},
            },
            capabilities=(("postcopy-ram",),),
            befalls={LOSS: 1},
            without=PLAIN,
        ),
    )
}
"""Every environment, by name."""
