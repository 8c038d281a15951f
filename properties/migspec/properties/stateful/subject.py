"""What the search drives, and who judges it: two protocols, and what crosses them.

A *subject* is a pair of places for VMs, the source and the destination, and the links between them: a model in virtual
time, served processes, or real QEMUs.  Whoever has one of these makes a class with these few methods, and everything in
`migspec.properties.stateful` can be done to it.  A *judge* reads the trace that a subject records, line by line.

A subject keeps nothing back: whatever its clients ask is in its trace, and nothing else is asked of the VMs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from migspec.spec.composition import Side

Arguments = Mapping[str, Any]
"""The arguments of a command, as decoded JSON."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What both VMs of a run are like when they are started, as far as a subject can choose.

    `megabytes` is the memory of the guest, of which it writes `busy` MiB for ever, 0 for a guest that idles.  With
    `stopped` it is not started, with `oob` clients may send commands out of band.  `chance` decides what is left to
    chance where the subject can choose that: the same chance, the same run.
    """

    megabytes: int = 64
    busy: int = 0
    stopped: bool = False
    oob: bool = False
    chance: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command was answered: what it returned, or the text and class of the error."""

    value: Any = None
    error: str = ""
    error_class: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the command was refused."""
        return bool(self.error_class)


@dataclass(frozen=True, slots=True)
class Event:
    """An event that a VM sent, and its data."""

    name: str
    data: Arguments = field(default_factory=dict)


class SubjectError(Exception):
    """A subject that cannot be started or reached; its text is one sentence for the user."""


class Subject(Protocol):
    """A source, a destination, and links between them, from their start until `close`.

    A link is named by a text that means nothing.  Whatever is done to a VM that has ended does nothing.
    """

    @property
    def is_fresh(self) -> bool:
        """Whether the VMs have no past: whoever reaches VMs that somebody else has started cannot know."""

    def start(self, side: Side, setup: Setup, listen: str | None) -> bool:
        """Start a VM, in place of the one that was there and has ended, and connect to its monitor.

        A destination waits for migrate-incoming, or with `listen` on that link.  False where it cannot be done for
        such a VM is not ours to start.  Raises `SubjectError` where it should have started and has not.
        """

    def ask(self, side: Side, command: str, arguments: Arguments | None = None, *, oob: bool = False) -> Reply | None:
        """Send a command and wait for its reply; None where none comes, for the VM has ended or keeps silent.

        A VM that has once kept silent is asked nothing more in band.
        """

    def tell(self, side: Side, command: str, arguments: Arguments | None = None) -> None:
        """Send a command and do not wait."""

    def events(self, side: Side) -> Sequence[Event]:
        """All events of the VM that is there now, in order."""

    def is_alive(self, side: Side) -> bool:
        """Whether there is a VM that has not ended, as far as it has shown."""

    def has_oob(self, side: Side) -> bool:
        """Whether commands can be sent out of band."""

    def rest(self, seconds: float) -> None:
        """Let time pass: that of the subject, which may be virtual."""

    def settle(self, longest: float) -> None:
        """Let time pass until nothing seems to happen any more, at most so many seconds."""

    def uri(self, side: Side, link: str) -> str:
        """The address of a link: what a destination is told to listen on, or a source to connect to."""

    def cut(self, link: str) -> None:
        """Lose every connection on a link, as if the network had failed for a moment."""

    def kill(self, side: Side) -> bool:
        """End a VM at once, as SIGKILL does; False where its process is not ours to end."""

    def lines(self) -> Sequence[bytes]:
        """The trace so far, in the native format: its header and one line for each thing that crossed."""

    def close(self) -> None:
        """End everything, and have the trace say how."""


class Grade(StrEnum):
    """How much an objection weighs."""

    VIOLATION = "violation"
    """Nobody is allowed to behave so."""
    DEFECT = "defect"
    """A known defect of the release: it does so, and nobody should."""
    NOTE = "note"
    """Worth knowing, or not to be decided."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Something that is wrong with a run: the id of what is broken, where, and why, ready for a terminal.

    `line` counts the lines of the trace from 1; `vm` is the name that they use, empty for several.
    """

    rule: str
    grade: Grade
    message: str
    line: int = 0
    vm: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of a whole trace: objections, how often each rule was exercised, and the messages in it."""

    objections: tuple[Objection, ...] = ()
    exercised: Mapping[str, int] = field(default_factory=dict)
    messages: int = 0


class Judge(Protocol):
    """Judges one trace, the lines of which it is fed in their order."""

    def feed(self, line: bytes) -> None:
        """Read one line, the header first."""

    @property
    def objects(self) -> bool:
        """Whether the lines so far cannot be explained, known defects apart."""

    def finish(self) -> Judgement:
        """Say what the lines come to; no further line may be fed."""
