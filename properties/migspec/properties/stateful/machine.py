"""The state machine that explores: everything that may be done to a pair, as rules of Hypothesis.

A run begins with `begin`, which draws what this run is like: the rules that are enabled (a *swarm*, for too many kinds
of things at once hide each other), the set-up of both VMs, the pace.  From then on any enabled rule may come, on either
side, in any order.  What is drawn depends on what was drawn before and never on what the VMs did, so that a run can be
done again on another subject, and on one that does not always do the same.

`machine(arena)` makes the class.  It raises `BrokenError` where something is wrong, and Hypothesis then looks for the
shortest program that does it.  With `listener` it raises nothing, and tells of every run at its end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    initialize,
    multiple,
    precondition,
    rule,
)

from migspec.properties.stateful.observed import SEVERAL
from migspec.properties.stateful.performing import Listener, Performer, act
from migspec.properties.stateful.program import Step
from migspec.properties.stateful.scene import BANDWIDTHS, SCENES, Scene
from migspec.properties.stateful.session import Arena
from migspec.properties.stateful.subject import Arguments, Setup
from migspec.properties.strategies import DrawnRequest, Fault, capability_lists, parameter_sets, requests
from migspec.properties.strategies.named import ADDRESSES
from migspec.properties.temporal import Taken
from migspec.spec.composition import Side
from migspec.spec.lifecycle.guards import ENDED_STATUSES
from migspec.spec.schema import QEMU_5_2_0
from migspec.spec.vocabulary import MigrationStatus

VMS: Bundle[str] = Bundle("vms")
"""The places of the two VMs."""
SENDERS: Bundle[str] = Bundle("senders")
"""The same, with the source more often: most of what a client does in a migration it does there."""
LINKS: Bundle[str] = Bundle("links")
"""The links that were named so far."""

FIRST_LINK: Final = "link0"

UNREACHABLE: Final = (*ADDRESSES, "unix:/nobody/is/there", "tcp:127.0.0.1:1", "fd:none")
"""Where no migration can go."""

QUERIES: Final = (
    *("query-migrate",) * 3,
    "query-status",
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-colo-status",
    "query-dirty-rate",
    "query-migrate-cache-size",
)

ENDED: Final = frozenset({MigrationStatus.NONE, *ENDED_STATUSES})
"""The statuses of a source that may begin another migration."""

LEADS_ON: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    MigrationStatus.ACTIVE: ("migrate-start-postcopy", {}),
    MigrationStatus.PRE_SWITCHOVER: ("migrate-continue", {"state": "pre-switchover"}),
    MigrationStatus.POSTCOPY_ACTIVE: ("migrate-pause", {}),
}
"""What a client may do next in a status of the source, for all of it to be seen."""

ASKED_AT_RANDOM: Final = (
    "migrate",
    "migrate-continue",
    "migrate-incoming",
    "migrate-pause",
    "migrate-recover",
    "migrate-set-cache-size",
    "migrate-set-capabilities",
    "migrate-set-parameters",
    "migrate-start-postcopy",
    "migrate_cancel",
    "migrate_set_downtime",
    "migrate_set_speed",
    "query-migrate",
    "query-migrate-parameters",
    "calc-dirty-rate",
    "x-colo-lost-heartbeat",
)
"""What may be asked with any arguments, good or bad: nothing here writes files or runs programs."""

FAULTS: Final = frozenset(
    {Fault.WRONG_TYPE, Fault.UNKNOWN_WORD, Fault.BUILD, Fault.MISSING_MEMBER, Fault.UNEXPECTED_MEMBER}
)
"""What may be wrong with them; how numbers are read is tried elsewhere."""

HURRIED: Final = (
    "migrate_cancel",
    "migrate-start-postcopy",
    "migrate-pause",
    "query-migrate",
    "query-status",
    "stop",
    "cont",
)
"""What may be sent without waiting for its reply."""

WAITS: Final = (0.02, 0.1, 0.5)
"""Seconds that a rule may wait."""

MOST_LINKS: Final = 4


def _plain(drawn: DrawnRequest) -> dict[str, Any]:
    """A request as plain values: its command, and its arguments if it has any."""
    return {"command": drawn.command} | {name: value for name, value in drawn.message.items() if name == "arguments"}


class Explorer(Performer):
    """What may be done to a pair; `machine` makes one for an arena.

    Each method can be called without Hypothesis, with the arguments that a program names; `begin` comes first.
    """

    def __init__(self) -> None:
        super().__init__()
        self._links = 1
        self._scene = Scene()

    def _asked(
        self, vm: str, command: str, arguments: Arguments | None = None, *, oob: bool = False, name: str = ""
    ) -> Taken:
        self.session.ask(Side(vm), command, arguments, oob=oob)
        return Taken(Side(vm), name or command)

    def _uri(self, vm: str, link: str) -> str:
        return self.session.subject.uri(Side(vm), link)

    def _switch_on(self, side: Side, capabilities: Collection[str]) -> None:
        """Switch capabilities on, each by itself, so that none is lost for another that cannot be had with it."""
        for name in (*(["events"] if self._scene.events else []), *sorted(capabilities)):
            on = {"capabilities": [{"capability": name, "state": True}]}
            self.session.ask(side, "migrate-set-capabilities", on)

    # --- the beginning

    @initialize(target=VMS, **SCENES)
    def begin(self, **given: Any) -> MultipleResults[str]:
        """Start both VMs, and prepare a migration as a client would; `given` makes a `Scene`."""
        places = multiple(*map(str, Side))
        session, self._scene = self.session, Scene(**given)
        self.enabled = self._scene.rules
        if self.listener is not None and not self.listener.begins():
            session.over = True
            return places
        scene = self._scene
        session.pace, session.polls = scene.pace, scene.polls
        session.setup = Setup(busy=scene.busy, stopped=scene.stopped, oob=scene.oob, chance=scene.chance)
        session.begin(Step("begin", given))
        session.start(Side.SOURCE)
        session.start(Side.DESTINATION, FIRST_LINK if scene.listening == "from the start" else None)
        self._switch_on(Side.SOURCE, scene.common.union(scene.capabilities))
        self._switch_on(Side.DESTINATION, scene.common)
        if scene.listening == "told":
            session.ask(Side.DESTINATION, "migrate-incoming", {"uri": self._uri(Side.DESTINATION, FIRST_LINK)})
        paces = ("max-bandwidth", "max-postcopy-bandwidth") if scene.bandwidth is not None else ()
        limits = {"downtime-limit": scene.downtime, **dict.fromkeys(paces, scene.bandwidth)}
        session.ask(Side.SOURCE, "migrate-set-parameters", limits)
        if scene.migrating:
            session.ask(Side.SOURCE, "migrate", {"uri": self._uri(Side.SOURCE, FIRST_LINK)})
        session.settle(Taken(None, "begin"))
        return places

    @initialize(target=SENDERS)
    def senders(self) -> MultipleResults[str]:
        """Name the two again, the source more often."""
        return multiple(*[str(Side.SOURCE)] * 3, str(Side.DESTINATION))

    @initialize(target=LINKS)
    def first_link(self) -> str:
        """Name the link on which the destination listens first."""
        return FIRST_LINK

    # --- links and processes

    @rule(target=LINKS)
    @precondition(lambda self: "new_link" in self.enabled and self._links < MOST_LINKS)
    def new_link(self) -> str:
        """Name another link."""
        self._links += 1
        self.session.begin(Step("new_link", {}))
        return f"link{self._links - 1}"

    @act(link=LINKS)
    def cut(self, link: str) -> Taken:
        """Lose the connections on a link."""
        self.session.subject.cut(link)
        return Taken(None, "cut")

    @act(vm=VMS)
    def kill(self, vm: str) -> Taken:
        """Kill a VM."""
        self.session.subject.kill(Side(vm))
        return Taken(None, "kill")

    @act(vm=VMS)
    def quit(self, vm: str) -> Taken:
        """Have a VM end."""
        return self._asked(vm, "quit")

    @act(vm=VMS, link=LINKS)
    def replace(self, vm: str, link: str) -> Taken:
        """Start another VM in place of one that has ended; a destination listens on the link."""
        self.session.start(Side(vm), link)
        return Taken(None, "replace")

    @act(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> Taken:
        """Let time pass."""
        self.session.subject.rest(seconds)
        return Taken(None, "wait")

    # --- a migration

    @act(
        vm=SENDERS,
        link=LINKS,
        resume=st.sampled_from([False, False, False, True]),
        prepare=st.sampled_from([True, True, True, False]),
    )
    def migrate(self, vm: str, link: str, resume: bool, prepare: bool) -> Taken:
        """Migrate over a link, or resume a migration over it.

        With `prepare` the client sees to it first that a destination listens, another one if the last one has ended.
        """
        if prepare and not resume and vm == Side.SOURCE:
            self._prepare(link)
        return self._asked(vm, "migrate", {"uri": self._uri(vm, link)} | ({"resume": True} if resume else {}))

    def _prepare(self, link: str) -> None:
        """Have a destination listen on a link, another one if there is none or it has a guest."""
        session = self.session
        if session.is_done_with(Side.DESTINATION):
            session.subject.kill(Side.DESTINATION)
        if not session.subject.is_alive(Side.DESTINATION):
            session.start(Side.DESTINATION)
            self._switch_on(Side.DESTINATION, self._scene.common)
        session.ask(Side.DESTINATION, "migrate-incoming", {"uri": self._uri(Side.DESTINATION, link)})

    @act(link=LINKS)
    def advance(self, link: str) -> Taken:
        """Do what leads on from where the source is: begin, switch to postcopy, break it off, recover."""
        session = self.session
        session.ask(Side.SOURCE, "query-migrate")
        status = session.status(Side.SOURCE)
        if status in ENDED:
            self._prepare(link)
            session.ask(Side.SOURCE, "migrate", {"uri": self._uri(Side.SOURCE, link)})
        elif status == MigrationStatus.POSTCOPY_PAUSED:
            self._rejoin(link)
        elif status in LEADS_ON:
            session.ask(Side.SOURCE, *LEADS_ON[status])
        else:
            session.subject.rest(WAITS[0])
        return Taken(None, SEVERAL)

    @act(vm=SENDERS, uri=st.sampled_from(UNREACHABLE), resume=st.booleans())
    def migrate_nowhere(self, vm: str, uri: str, resume: bool) -> Taken:
        """Migrate to an address that leads nowhere."""
        return self._asked(vm, "migrate", {"uri": uri} | ({"resume": True} if resume else {}))

    @act(vm=SENDERS)
    def cancel(self, vm: str) -> Taken:
        """Cancel the migration."""
        return self._asked(vm, "migrate_cancel")

    @act(vm=SENDERS)
    def start_postcopy(self, vm: str) -> Taken:
        """Ask for the switch to postcopy."""
        return self._asked(vm, "migrate-start-postcopy")

    @act(vm=SENDERS, state=st.sampled_from(["pre-switchover"] * 4 + list(MigrationStatus)).map(str))
    def proceed(self, vm: str, state: str) -> Taken:
        """Have a migration that waits go on."""
        return self._asked(vm, "migrate-continue", {"state": state})

    @act(vm=SENDERS, oob=st.booleans())
    def pause(self, vm: str, oob: bool) -> Taken:
        """Break a postcopy off, so that it can be recovered."""
        return self._asked(vm, "migrate-pause", oob=oob)

    @act(vm=VMS, link=LINKS, oob=st.booleans())
    def recover(self, vm: str, link: str, oob: bool) -> Taken:
        """Have a destination listen for a recovery."""
        return self._asked(vm, "migrate-recover", {"uri": self._uri(vm, link)}, oob=oob)

    @act(link=LINKS)
    def rejoin(self, link: str) -> Taken:
        """Recover on both sides, as a client would after a link was lost."""
        self._rejoin(link)
        return Taken(None, SEVERAL)

    def _rejoin(self, link: str) -> None:
        session = self.session
        session.ask(Side.DESTINATION, "migrate-recover", {"uri": self._uri(Side.DESTINATION, link)})
        session.ask(Side.SOURCE, "migrate", {"uri": self._uri(Side.SOURCE, link), "resume": True})

    @act(vm=VMS, link=LINKS)
    def listen(self, vm: str, link: str) -> Taken:
        """Have a destination listen."""
        return self._asked(vm, "migrate-incoming", {"uri": self._uri(vm, link)})

    @act(vm=VMS, uri=st.sampled_from(UNREACHABLE), recover=st.booleans())
    def listen_nowhere(self, vm: str, uri: str, recover: bool) -> Taken:
        """Have a destination listen where nobody can."""
        return self._asked(vm, "migrate-recover" if recover else "migrate-incoming", {"uri": uri})

    # --- the guest

    @act(vm=SENDERS)
    def stop(self, vm: str) -> Taken:
        """Stop the guest."""
        return self._asked(vm, "stop")

    @act(vm=SENDERS)
    def cont(self, vm: str) -> Taken:
        """Start the guest."""
        return self._asked(vm, "cont")

    @act(vm=SENDERS)
    def reset(self, vm: str) -> Taken:
        """Reset the guest."""
        return self._asked(vm, "system_reset")

    @act(vm=SENDERS)
    def take_over(self, vm: str) -> Taken:
        """Have one half of a COLO pair take over."""
        return self._asked(vm, "x-colo-lost-heartbeat")

    # --- settings

    @act(vm=SENDERS, capabilities=capability_lists(QEMU_5_2_0))
    def switch(self, vm: str, capabilities: list[dict[str, Any]]) -> Taken:
        """Switch capabilities on and off."""
        return self._asked(vm, "migrate-set-capabilities", {"capabilities": capabilities})

    @act(vm=SENDERS, parameters=parameter_sets(QEMU_5_2_0))
    def tune(self, vm: str, parameters: dict[str, Any]) -> Taken:
        """Set parameters, to anything."""
        return self._asked(vm, "migrate-set-parameters", parameters)

    @act(
        name=st.sampled_from(["max-bandwidth", "max-postcopy-bandwidth"]),
        value=st.sampled_from([limit for limit in BANDWIDTHS if limit]),
    )
    def limit(self, name: str, value: int) -> Taken:
        """Set how fast the source may send."""
        return self._asked(Side.SOURCE, "migrate-set-parameters", {name: value})

    # --- anything else

    @act(vm=SENDERS, command=st.sampled_from(QUERIES))
    def query(self, vm: str, command: str) -> Taken:
        """Ask a VM for something."""
        return self._asked(vm, command)

    @act(vm=SENDERS, request=requests(QEMU_5_2_0, ASKED_AT_RANDOM, FAULTS).map(_plain))
    def request(self, vm: str, request: dict[str, Any]) -> Taken:
        """Ask a VM for anything, in any form."""
        return self._asked(vm, request.get("command", ""), request.get("arguments"), name=SEVERAL)

    @act(vm=SENDERS, commands=st.lists(st.sampled_from(HURRIED), min_size=2, max_size=4))
    def hurry(self, vm: str, commands: list[str]) -> Taken:
        """Send several commands at once, and then wait for the last."""
        for command in commands[:-1]:
            self.session.tell(Side(vm), command)
        for command in commands[-1:]:
            self.session.ask(Side(vm), command)
        return Taken(Side(vm), SEVERAL)


def machine(arena: Arena, listener: Listener | None = None, name: str = "Pair") -> type[Explorer]:
    """The machine of an arena."""
    return type(name, (Explorer,), {"arena": arena, "listener": listener, "__doc__": Explorer.__doc__})
