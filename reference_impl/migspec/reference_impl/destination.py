"""The incoming side of a machine as far as the specification's state does not tell it: its connection, what has come.

As on the source, nothing here changes the state.
"""

from collections import deque
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

from migspec.reference_impl.bitmaps import arrived
from migspec.reference_impl.link.messages import (
    VERSION,
    Accepts,
    Checkpoint,
    Complete,
    Header,
    Kill,
    LinkMessage,
    Listen,
    Progress,
    Requested,
    Resume,
    Resumed,
    Run,
    Sent,
    Shut,
)
from migspec.reference_impl.physics.announcements import announcements
from migspec.reference_impl.physics.incoming import IncomingWork
from migspec.reference_impl.source import CONVERSATION
from migspec.reference_impl.surroundings import Surroundings
from migspec.spec.lifecycle.guards import RETURN_PATHS
from migspec.spec.state import Load
from migspec.spec.vocabulary import COLOMessage, MigrationCapability

REQUESTS_EVERY: Final = 0.02
"""Seconds from one message with page requests to the next."""

_MUST_AGREE: Final = (
    MigrationCapability.MULTIFD,
    MigrationCapability.COMPRESS,
    MigrationCapability.X_IGNORE_SHARED,
)
"""The capabilities that change the form of the stream, so that both sides must have them or neither."""


_ARRIVALS: Final = ((Load.LOADING, Load.DONE), (Load.POSTCOPY, Load.RUNNING), (Load.COLO_LEFT, Load.DONE))
"""The steps with which a guest begins to live here for good."""


@dataclass(slots=True)
class Arrival:
    """One incoming migration, from its connection on; times are seconds, None for what has not happened."""

    work: IncomingWork
    channel: int | None = None
    recovery: int | None = None
    opened: float | None = None
    recovered: float | None = None
    lost: float | None = None
    header: Header | None = None
    fault: str = ""
    listen: float | None = None
    run: float | None = None
    complete: Complete | None = None
    sent: float | None = None
    resume: float | None = None
    heard: float = 0.0
    next_requests: float = 0.0
    colo_exited: bool = False
    conversation: deque[COLOMessage] = field(default_factory=lambda: deque(maxlen=CONVERSATION))


class Destination:
    """The incoming side of one machine."""

    def __init__(self, machine: Surroundings) -> None:
        self._machine = machine
        self.addresses: list[str] = []
        """The addresses on which it listens or has listened, the newest first, as they were given."""
        self.arrival = Arrival(IncomingWork(machine.guest, machine, machine.options, machine.now))
        self.announced: tuple[float, ...] = ()
        """When the guest that has arrived is announced on its networks, in seconds; no event tells of it."""
        self.bitmaps: tuple[tuple[str, str], ...] = ()
        """The dirty bitmaps that have come, each by the names of its node and of its own."""

    # --- what commands bring about

    def listen(self, address: str, descriptor: int | None) -> str:
        """Listen; why that cannot be done, empty if it can."""
        fault = self._machine.host.listen(address, descriptor)
        if not fault:
            self.addresses.insert(0, address)
        return fault

    def shut_stream(self) -> None:
        """The stream's connection is shut by this side."""
        arrival = self.arrival
        if arrival.channel is not None and arrival.lost is None:
            self._machine.host.hang_up(arrival.channel)
            self._lost(arrival)

    def kill_peer(self) -> bool:
        """Tell the source to die; whether there is a connection to tell it over."""
        if self.can_shut:
            self._say(Kill())
        return self.can_shut

    @property
    def can_shut(self) -> bool:
        """Whether there is a connection that could be shut."""
        return self.arrival.channel is not None and self.arrival.lost is None

    # --- what the link brings

    def accepted(self, channel: int) -> bool:
        """Somebody has connected; whether that is of interest."""
        arrival = self.arrival
        if arrival.channel is None:
            # what the capabilities and parameters are by now is what the stream is loaded with
            arrival.work = IncomingWork(self._machine.guest, self._machine, self._machine.options, self._machine.now)
            arrival.channel = channel
            arrival.opened = self._machine.now
            return True
        if self._machine.value("load") == Load.RECOVERING and arrival.recovery is None:
            arrival.recovery = channel
            arrival.recovered = self._machine.now
            return True
        return False

    def lost(self, channel: int) -> bool:
        """A connection is gone; whether it was ours."""
        arrival = self.arrival
        if channel == arrival.recovery:
            arrival.recovery = None
            arrival.channel = channel
            self._lost(arrival)
            return True
        if channel != arrival.channel:
            return False
        self._lost(arrival)
        return True

    def _lost(self, arrival: Arrival) -> None:
        if arrival.lost is None:
            arrival.lost = self._machine.now

    def garbled(self, channel: int) -> bool:
        """Something came that is not of the protocol; whether on our connection."""
        if channel not in (self.arrival.channel, self.arrival.recovery):
            return False
        self.arrival.fault = "Not a migration stream"
        return True

    def heeds(self, channel: int) -> bool:
        """Whether on this connection somebody has shown to be a source, by a header or by resuming."""
        arrival = self.arrival
        if channel == arrival.recovery:
            return arrival.resume is not None
        return channel == arrival.channel and arrival.header is not None

    def received(self, channel: int, message: LinkMessage) -> bool:
        """The source has said something; whether on our connection."""
        arrival = self.arrival
        now = self._machine.now
        if channel not in (arrival.channel, arrival.recovery):
            return False
        match message:
            case Header():
                arrival.header = message
                arrival.fault = self._misfit(message)
                self._machine.streams(message.capabilities)
                self._receive_bitmaps(message)
                if isfinite(arrival.work.accepts()):
                    self._say(Accepts(arrival.work.accepts()))
            case Progress(_, pages):
                arrival.work.missing(pages, now)
            case Listen():
                arrival.listen = now
                if not self._machine.capability(MigrationCapability.POSTCOPY_RAM) and not self._bitmaps_alone():
                    arrival.fault = "Postcopy is not allowed here"
            case Run():
                arrival.run = now
            case Complete():
                arrival.complete = message
                arrival.heard = now
            case Sent():
                arrival.sent = now
            case Resume():
                arrival.resume = now
            case Checkpoint(said):
                arrival.conversation.append(said)
                arrival.heard = now
            case _:
                arrival.fault = "Not a message from a source"
        return True

    def _misfit(self, header: Header) -> str:
        """Why the stream cannot be loaded here, empty if it can."""
        options = self._machine.options
        if header.version != VERSION:
            return f"Unsupported migration stream version {header.version}"
        if header.memory != options.memory:
            return f"Size mismatch: pc.ram: {header.memory:#x} != {options.memory:#x}: Invalid argument"
        if header.vcpus > options.vcpus:
            return f"Unknown savevm section or instance 'cpu' {header.vcpus - 1}"
        if MigrationCapability.VALIDATE_UUID in header.capabilities and header.uuid != options.uuid:
            return f"UUID received is {header.uuid} and local is {options.uuid}"
        if MigrationCapability.X_IGNORE_SHARED in header.capabilities and header.shared != options.shared:
            return f"Shared memory differs: {header.shared:#x} != {options.shared:#x}"
        disks = {disk.node: disk.size for disk in options.disks}
        for node, size in header.disks:
            if node not in disks:
                return f"Error unknown block device {node}"
            if disks[node] != size:
                return f"Error disk size of {node} differs"
        for name in _MUST_AGREE:
            if (name in header.capabilities) != self._machine.capability(name):
                return f"Capability {name} is {'on' if name in header.capabilities else 'off'} at the source only"
        if MigrationCapability.POSTCOPY_RAM in header.capabilities and not self._machine.capability(
            MigrationCapability.POSTCOPY_RAM
        ):
            return "RAM postcopy is disabled but the source has it on"
        return ""

    def _bitmaps_alone(self) -> bool:
        header = self.arrival.header
        return header is not None and MigrationCapability.POSTCOPY_RAM not in header.capabilities

    def _receive_bitmaps(self, header: Header) -> None:
        if MigrationCapability.DIRTY_BITMAPS in header.capabilities:
            self.bitmaps, reports = arrived(header.bitmaps, self._machine.options.disks, self._machine.mapping())
            for report in reports:
                self._machine.host.report(report)

    # --- what the steps bring about

    def moved(self, before: Load, after: Load) -> None:
        """The load has changed."""
        arrival, now = self.arrival, self._machine.now
        if self._machine.guest_runs and (before, after) in _ARRIVALS:
            self.announced = tuple(now + delay for delay in announcements(self._machine))
        if after is Load.RUNNING and before is Load.POSTCOPY:
            arrival.work.postcopy_started(self._machine.guest_runs, now)
            arrival.next_requests = now + REQUESTS_EVERY
        elif after is Load.PAUSED:
            arrival.work.paused(now)
            arrival.resume = None
            self.shut_stream()
        elif after is Load.RECOVERED:
            arrival.channel, arrival.recovery = arrival.recovery or arrival.channel, None
            arrival.lost = arrival.recovered = None
        elif after is Load.RUNNING and before is Load.RECOVERED:
            arrival.work.recovered(now)
            arrival.next_requests = now + REQUESTS_EVERY
            self._say(Resumed())
        elif after is Load.COLO_RUNNING:
            if before is Load.COLO_STARTING:
                self._say(Checkpoint(COLOMessage.CHECKPOINT_READY))
            else:
                self._say(Checkpoint(COLOMessage.VMSTATE_RECEIVED))
                self._say(Checkpoint(COLOMessage.VMSTATE_LOADED))
        elif after is Load.COLO_STOPPED:
            self._say(Checkpoint(COLOMessage.CHECKPOINT_REPLY))
        elif after is Load.COLO_EXITED:
            arrival.colo_exited = True
        elif after is Load.COLO_LEAVING:
            self.shut_stream()
        elif after in (Load.CLOSING, Load.DONE):
            self._finish(arrival)

    def _finish(self, arrival: Arrival) -> None:
        arrival.work.completed(self._machine.now)
        self._machine.host.unlisten()
        header = arrival.header
        if header is not None and not set(RETURN_PATHS).isdisjoint(header.capabilities):
            self._say(Shut())

    def fails(self) -> None:
        """The stream cannot be loaded; the source is told if there is a return path, and why on standard error."""
        arrival = self.arrival
        if arrival.fault:
            self._machine.host.report(arrival.fault)
        header = arrival.header
        if header is not None and MigrationCapability.RETURN_PATH in header.capabilities:
            self._say(Shut(failed=True))

    def _say(self, message: LinkMessage) -> None:
        arrival = self.arrival
        if arrival.channel is not None and arrival.lost is None:
            self._machine.host.send(arrival.channel, message)

    # --- time

    def wakes(self) -> float | None:
        """When something is to be said without a step."""
        return self.arrival.next_requests if self._loads_pages() else None

    def tick(self) -> None:
        """Say what is due."""
        arrival, now = self.arrival, self._machine.now
        if self._loads_pages() and now >= arrival.next_requests:
            arrival.next_requests = now + REQUESTS_EVERY
            pages = arrival.work.faults(now)
            if pages:
                self._say(Requested(pages))

    def _loads_pages(self) -> bool:
        arrival = self.arrival
        return arrival.run is not None and arrival.lost is None and self._machine.value("load") == Load.RUNNING
