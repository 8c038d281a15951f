"""The outgoing side of a machine as far as the specification's state does not tell it: connection, work, peer.

The rows say which steps the migration thread may take; here is what decides when: the connection, the numbers of
`migspec.reference_impl.physics`, and what the destination has said.  Nothing here changes the state.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from migspec.reference_impl.answers.words import no_connection, no_credentials
from migspec.reference_impl.bitmaps import travelling
from migspec.reference_impl.link.messages import (
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
from migspec.reference_impl.physics.outgoing import COLO, UNPLUG, OutgoingWork, Ready, What
from migspec.reference_impl.physics.settings import number
from migspec.reference_impl.surroundings import Surroundings
from migspec.spec.parameters import PAGE_SIZE
from migspec.spec.requests import Request
from migspec.spec.state import Stage
from migspec.spec.uri import UriKind
from migspec.spec.vocabulary import COLOMessage, MigrationCapability, MigrationParameter, MigrationStatus, RunState

PROGRESS_EVERY: Final = 0.05
"""Seconds from one message about the progress of a postcopy to the next."""

CONVERSATION: Final = 4
"""So many of the last words of a COLO conversation are remembered; no step asks for more than two."""

CONNECTION_CLOSED: Final = "Unable to write to socket: Broken pipe"
"""The error-desc of a migration whose peer is gone."""
PIPE_CLOSED: Final = "Unable to write to command: Broken pipe"
"""The same where the stream goes to a command."""


@dataclass(slots=True)
class Attempt:
    """One outgoing migration, from the accepted command on; times are seconds, None for what has not happened.

    `channel` is that of the stream, `recovery` that of a resume that is being connected.  `ran` is the run state that
    the guest is to have at the destination, `told` whether the destination knows that everything was sent, `heard`
    when it last said something.
    """

    address: str
    piped: bool
    work: OutgoingWork
    ran: RunState
    channel: int | None = None
    recovery: int | None = None
    connected: float | None = None
    refused: float | None = None
    recovered: float | None = None
    not_recovered: float | None = None
    lost: float | None = None
    unplug_until: float | None = None
    told: bool = False
    shut: Shut | None = None
    answered: float | None = None
    heard: float = 0.0
    next_progress: float = 0.0
    next_checkpoint: float | None = None
    requested: bool = False
    colo_exited: bool = False
    conversation: deque[COLOMessage] = field(default_factory=lambda: deque(maxlen=CONVERSATION))
    error: str = ""


class Source:
    """The outgoing side of one machine."""

    def __init__(self, machine: Surroundings) -> None:
        self._machine = machine
        self.attempt: Attempt | None = None
        self.error = ""
        """Why the last attempt failed, empty where nothing is known."""
        self._foreseen: tuple[tuple[float, int], Ready | None] | None = None
        self.abandoned: float | None = None
        """When the thread of a COLO that another attempt has replaced looks up next, in seconds."""
        self.refusal: str | None = None
        """The error of the next connection, which a fault script orders to be refused; empty for the usual one."""

    # --- what commands bring about

    def begin(self, address: str, request: Request, descriptor: int | None, *, without: str = "") -> None:
        """An attempt was accepted: dial, unless it is `without` the credentials of that name."""
        machine = self._machine
        verdict = request.outgoing
        attempt = self._begin(address, piped=verdict is not None and verdict.kind in (UriKind.EXEC, UriKind.FD))
        if without or self.refusal is not None:
            attempt.refused = machine.now
            attempt.error = self.error = no_credentials(without) if without else self._refusal(address)
            return
        attempt.channel = machine.host.dial(address, descriptor)
        if attempt.piped:
            attempt.connected = machine.now

    def _begin(self, address: str, *, piped: bool) -> Attempt:
        """A new attempt takes the place of the last; the thread of a COLO that it replaces looks up when it would."""
        machine = self._machine
        if self.attempt is not None and self.attempt.next_checkpoint is not None:
            self.abandoned = self.attempt.next_checkpoint
        work = OutgoingWork(machine.guest, machine, machine.options, machine.now, piped=piped)
        self.error = ""
        self.attempt = Attempt(address, piped, work, RunState(machine.value("run")))
        return self.attempt

    def snapshot(self, status: MigrationStatus) -> None:
        """A snapshot has used the outgoing side, and left this status: its passes are counted, its times are not."""
        self._begin("", piped=False)
        for _ in range(2):
            self.pass_begins()
        self.ended(status)

    def refused_at_once(self, text: str) -> None:
        """An attempt failed within its command; `text` is its error-desc, empty if it has none."""
        self._begin("", piped=False).error = self.error = text
        self.ended(MigrationStatus.FAILED)

    def resume(self, address: str, descriptor: int | None) -> None:
        """A resume was accepted: dial anew."""
        attempt = self._attempt
        attempt.recovered = attempt.not_recovered = attempt.answered = None
        if self.refusal is not None:
            attempt.not_recovered = self._machine.now
            self._machine.host.report(self._refusal(address))
            return
        attempt.recovery = self._machine.host.dial(address, descriptor)

    def _refusal(self, address: str) -> str:
        ordered, self.refusal = self.refusal, None
        return ordered or no_connection(address.partition(":")[2], "Connection refused")

    def kill_peer(self) -> bool:
        """Tell the destination to die; whether there is a connection to tell it over."""
        if self.can_shut:
            self._say(Kill())
        return self.can_shut

    def pause(self) -> None:
        """The stream is to be lost, which is found when it is next written to: not over a pipe on which all is sent."""
        if not (self._attempt.piped and self._attempt.told):
            self.shut_stream()

    def shut_stream(self) -> None:
        """The stream's connection is shut by this side: by migrate-pause, a cancellation, the end of COLO."""
        attempt = self.attempt
        if attempt is not None and attempt.channel is not None and self.can_shut:
            self._machine.host.hang_up(attempt.channel)
            self._lost(attempt)

    @property
    def can_shut(self) -> bool:
        """Whether there is a connection that could be shut."""
        return self.attempt is not None and self.attempt.connected is not None and self.attempt.lost is None

    @property
    def _attempt(self) -> Attempt:
        assert self.attempt is not None, "no row of an attempt is open before migrate"
        return self.attempt

    # --- what the link brings

    def dialled(self, channel: int) -> bool:
        """A connection that was begun here is there; whether it is one of ours."""
        attempt = self.attempt
        if attempt is None:
            return False
        if channel == attempt.channel:
            attempt.connected = self._machine.now
            if self._machine.stands_by:
                attempt.unplug_until = self._machine.now + UNPLUG
        elif channel == attempt.recovery:
            attempt.recovered = self._machine.now
        return channel in (attempt.channel, attempt.recovery)

    def not_dialled(self, channel: int, text: str) -> bool:
        """A connection could not be made, for the reason `text`; whether it was one of ours."""
        attempt = self.attempt
        if attempt is None or channel not in (attempt.channel, attempt.recovery):
            return False
        if channel == attempt.recovery:
            attempt.not_recovered = self._machine.now
            attempt.work.resume_failed(self._machine.now)
            self._machine.host.report(text)
        else:
            attempt.refused = self._machine.now
            attempt.error = self.error = text
            if attempt.connected is not None:
                self._lost(attempt)  # a pipe counts as connected from the start
        return True

    def lost(self, channel: int) -> bool:
        """A connection is gone; whether it was one of ours."""
        attempt = self.attempt
        if attempt is None or channel != attempt.channel:
            return False
        self._lost(attempt)
        return True

    def _lost(self, attempt: Attempt) -> None:
        if attempt.lost is None:
            attempt.lost = self._machine.now
            attempt.work.cut(self._machine.now)

    def garbled(self, channel: int) -> bool:
        """Something came that is not of the protocol, so that the stream is lost; whether on our connection.

        A pipe has no way back, whatever a command may print.
        """
        attempt = self.attempt
        if attempt is None or channel != attempt.channel:
            return False
        if not attempt.piped:
            self.shut_stream()
        return True

    def heeds(self, channel: int) -> bool:
        """Whether a connection is one that was made here."""
        return self.attempt is not None and channel in (self.attempt.channel, self.attempt.recovery)

    def received(self, channel: int, message: LinkMessage) -> bool:
        """The destination has said something; whether on one of our connections."""
        attempt = self.attempt
        if attempt is None or channel != attempt.channel:
            return False
        match message:
            case Accepts(pages):
                attempt.work.accepts(pages, self._machine.now)
            case Requested(pages):
                attempt.work.requested(pages, self._machine.now)
            case Shut():
                attempt.shut = message
                attempt.heard = self._machine.now
            case Resumed():
                attempt.answered = self._machine.now
            case Checkpoint(said):
                attempt.conversation.append(said)
                attempt.heard = self._machine.now
        return True

    # --- what the steps bring about

    def moved(self, before: Stage, after: Stage) -> None:
        """The stage has changed."""
        attempt = self.attempt
        if attempt is None:
            return
        attempt.work.entered(after, self._machine.now)
        if after is Stage.SETTING_UP:
            self._say(self._header())
        elif after is Stage.ITERATING and before is Stage.POSTCOPY_SAVING:
            self._say(Listen())
            self._say(Run())
            self._progress(attempt)
        elif after is Stage.ITERATING and before is Stage.RESUMING:
            self._progress(attempt)
        elif after is Stage.RESUMING:
            attempt.channel, attempt.recovery = attempt.recovery, None
            attempt.lost = attempt.recovered = None
            attempt.work.reconnected(self._machine.now)
            self._say(Resume())
        elif after in (Stage.COLO_STARTING, Stage.COLO_RUNNING):
            attempt.requested = False
            delay = number(self._machine, MigrationParameter.X_CHECKPOINT_DELAY) / 1000
            attempt.next_checkpoint = self._machine.now + delay
        elif after is Stage.COLO_SAVING:
            self._say(Checkpoint(COLOMessage.VMSTATE_SEND))
            self._say(Checkpoint(COLOMessage.VMSTATE_SIZE, max(PAGE_SIZE, attempt.work.left())))
        elif after is Stage.COLO_EXITED:
            attempt.colo_exited = True
        elif after is Stage.COLO_LEAVING:
            self.shut_stream()
        elif after is Stage.CLEANING or (after is Stage.IDLE and attempt.connected is not None and before not in COLO):
            # a COLO that another attempt replaces keeps its connection
            self._close(attempt)

    def ended(self, status: MigrationStatus) -> None:
        """The outgoing status has become one that ends an attempt."""
        if self.attempt is not None:
            self.attempt.work.ended(status, self._machine.now)

    def failed_by(self, *, sending: bool) -> str:
        """The error-desc of a failure that happens now; a stream that is lost leaves one while pages are sent only."""
        attempt = self._attempt
        if sending and not attempt.error and attempt.lost is not None:
            attempt.error = PIPE_CLOSED if attempt.piped else CONNECTION_CLOSED
        self.error = attempt.error
        return attempt.error

    def stops_guest(self, run: RunState) -> None:
        """The guest is stopped for the switch-over, out of the run state `run`."""
        if self.attempt is not None:
            self.attempt.ran = run

    def pass_begins(self) -> None:
        """The migration thread begins a pass."""
        if self.attempt is not None:
            self.attempt.work.passed(self._machine.now)

    def _close(self, attempt: Attempt) -> None:
        if attempt.channel is not None and attempt.lost is None:
            self._machine.host.hang_up(attempt.channel)
            attempt.lost = self._machine.now

    def _header(self) -> Header:
        machine = self._machine
        options = machine.options
        bitmaps, unmapped = (
            travelling(machine.disks, machine.mapping())
            if machine.capability(MigrationCapability.DIRTY_BITMAPS)
            else ((), ())
        )
        for name in unmapped:
            machine.host.report(f"bitmap {name} has no alias and is left behind")
        return Header(
            memory=options.memory,
            shared=options.shared if machine.capability(MigrationCapability.X_IGNORE_SHARED) else 0,
            vcpus=options.vcpus,
            capabilities=tuple(name for name in MigrationCapability if machine.capability(name)),
            uuid=options.uuid,
            bitmaps=bitmaps,
            disks=tuple((disk.node, disk.size) for disk in machine.disks)
            if machine.capability(MigrationCapability.BLOCK)
            else (),
        )

    def _say(self, message: LinkMessage) -> None:
        attempt = self._attempt
        if attempt.channel is not None and attempt.lost is None:
            self._machine.host.send(attempt.channel, message)

    # --- time

    def ready(self) -> Ready | None:
        """What the work of the present stage brings about next."""
        if self.attempt is None:
            return None
        # many gates ask at one moment, and polls change nothing
        moment = (self._machine.now, self._machine.turn)
        if self._foreseen is None or self._foreseen[0] != moment:
            self._foreseen = (moment, self.attempt.work.ready(self._machine.now))
        return self._foreseen[1]

    def wakes(self) -> float | None:
        """When something is to be said without a step."""
        attempt = self.attempt
        if attempt is None or attempt.lost is not None:
            return None
        stage = self._machine.value("stage")
        if stage == Stage.SAVED:
            return None if attempt.told else self._done_at(attempt)
        if self._in_postcopy(stage):
            done = None if attempt.told else self._done_at(attempt)
            return min(attempt.next_progress, done) if done is not None else attempt.next_progress
        if stage == Stage.COLO_RUNNING and not attempt.requested:
            return attempt.next_checkpoint
        return None

    def tick(self) -> None:
        """Say what is due."""
        attempt = self.attempt
        now = self._machine.now
        if attempt is None or attempt.lost is not None:
            return
        stage = self._machine.value("stage")
        if stage == Stage.SAVED and self._all_sent(attempt):
            attempt.told = True
            self._say(Complete(attempt.ran))
        elif self._in_postcopy(stage):
            if now >= attempt.next_progress:
                self._progress(attempt)
            if self._all_sent(attempt):
                attempt.told = True
                self._say(Sent())
        elif (
            stage == Stage.COLO_RUNNING
            and not attempt.requested
            and attempt.next_checkpoint is not None
            and now >= attempt.next_checkpoint
        ):
            attempt.requested = True
            self._say(Checkpoint(COLOMessage.CHECKPOINT_REQUEST))

    def hurry_checkpoint(self) -> None:
        """The delay between checkpoints was set, which makes one at once."""
        if self.attempt is not None and self.attempt.next_checkpoint is not None:
            self.attempt.next_checkpoint = self._machine.now

    def _in_postcopy(self, stage: str) -> bool:
        return stage == Stage.ITERATING and self._machine.value("outgoing") == MigrationStatus.POSTCOPY_ACTIVE

    def _done_at(self, attempt: Attempt) -> float | None:
        ready = self.ready()
        return ready.at if ready is not None and ready.what is What.NEXT else None

    def _all_sent(self, attempt: Attempt) -> bool:
        done = self._done_at(attempt)
        return not attempt.told and done is not None and done <= self._machine.now

    def _progress(self, attempt: Attempt) -> None:
        attempt.next_progress = self._machine.now + PROGRESS_EVERY
        self._say(Progress(attempt.work.sent(), attempt.work.left() // PAGE_SIZE))
