"""The form of the transition relation: rows, and the things that they emit.

A *row* is one step that a VM can take by itself: which thread takes it, under which condition, what it
changes and which messages it owes to the monitor afterwards. The change comes first and its messages
follow a moment later, because that is how QEMU does it; until a thread has delivered what it owes it
takes no other step, but other threads do. Steps that a command takes are described by its contract
(`migspec.spec.contracts`).

There is no transition outside the tables: what is illegal is absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from migspec.spec.conditions import ALWAYS, Condition, where
from migspec.spec.state import VARIABLES, assign


class Thread(StrEnum):
    """Who takes a step. Messages of one thread keep their order; those of two threads have none."""

    MAIN = "main"
    """The main loop: commands, connections, clean-up, the incoming side of a precopy."""
    MIGRATION = "migration"
    """The outgoing migration thread."""
    LISTEN = "listen"
    """The thread that reads the stream on a destination in postcopy, and COLO's on a secondary."""
    CHANNEL = "channel"
    """Another thread that reports on the outgoing migration: a multifd channel, the return path."""
    DIRTY_RATE = "dirty-rate"
    """The thread that measures the dirty rate; it sends nothing."""
    IO = "io"
    """The monitor's own thread, which runs commands sent with exec-oob."""


class Standing(StrEnum):
    """What a rule is founded on."""

    DOCUMENTED = "documented"
    """The schema says so."""
    OBSERVED = "observed"
    """The release does so; the schema does not say."""
    DEFECT = "known defect"
    """The release does so and nobody should."""


SEED = "seed"
"""The profile of the written schema."""

QEMU_5_2_0 = "qemu-5.2.0"
"""The profile of the release that the schema belongs to."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step of the transition relation: `thread` takes it where `when` holds.

    `then` is what it changes, to a value or to a choice of values where the outcome is open.
    `emits` names the messages that the step owes, in order: an event as `NAME` or `NAME:detail`.
    MIGRATION and MIGRATION_PASS are owed only while the capability `events` is on, unless marked by a
    leading `!`; `=variable:value` is no message but a change that waits its turn among them. `leaves` names
    events that are left to the migration thread, which owed nothing: it has got ahead of this step, and shows
    them whenever it comes to that. `clear` and `put` are `then` as masks: the state after the step is
    `state & clear | put`.
    """

    id: str
    sentence: str
    thread: Thread
    when: Condition
    then: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    emits: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    profiles: frozenset[str] = frozenset({QEMU_5_2_0})
    standing: Standing = Standing.OBSERVED
    clause: str = ""
    evidence: str = ""
    clear: int = field(init=False, repr=False, compare=False)
    put: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clear", ~sum(VARIABLES[name].field for name, _ in self.then))
        object.__setattr__(self, "put", assign(0, dict(self.then)))

    def after(self, state: int) -> int:
        """The state that the step leaves of one in which it may be taken."""
        return state & self.clear | self.put

    @property
    def sends(self) -> tuple[tuple[Thread, str], ...]:
        """Every event that is shown for the step, with the thread that sends it."""
        return sent_by(Thread.MIGRATION, self.leaves) + sent_by(self.thread, self.emits)

    @property
    def events(self) -> tuple[str, ...]:
        """Every event that is shown for the step, whoever sends it."""
        return tuple(event for _, event in self.sends)

    @property
    def change(self) -> str | None:
        """The status that the step announces, if any."""
        return next((e.removeprefix("!").partition(":")[2] for e in self.emits if "MIGRATION:" in e), None)


def sent_by(thread: Thread, owed: Iterable[str]) -> tuple[tuple[Thread, str], ...]:
    """The events among what a thread owes, without their marks, each with the thread."""
    return tuple((thread, item.removeprefix("!")) for item in owed if not item.startswith("="))


def row(
    rule: str,
    sentence: str,
    thread: Thread,
    *,
    stage: str = "",
    outgoing: str = "",
    load: str = "",
    incoming: str = "",
    when: Condition = ALWAYS,
    then: Mapping[str, str | tuple[str, ...]] | None = None,
    emits: Iterable[str] = (),
    leaves: Iterable[str] = (),
    announce: bool = True,
    profiles: Iterable[str] = (QEMU_5_2_0,),
    standing: Standing = Standing.OBSERVED,
    clause: str = "",
    evidence: str = "",
) -> Row:
    """A row in the tables' own notation.

    `stage`, `load`, `outgoing` and `incoming` are written `FROM -> TO`, or `FROM` where nothing
    changes; `FROM` may be a choice `a|b`. A change of status announces itself with MIGRATION before
    whatever else is emitted, unless `emits` says where (by naming it) or `announce` is false.
    """
    limits: dict[str, tuple[str, ...]] = {}
    changes: dict[str, str | tuple[str, ...]] = {}
    announced: list[str] = []
    for variable, step in (("stage", stage), ("load", load), ("outgoing", outgoing), ("incoming", incoming)):
        if not step:
            continue
        source, _, target = (part.strip() for part in step.partition("->"))
        if source:
            limits[variable] = tuple(source.split("|"))
        if target:
            changes[variable] = target
            if variable in ("outgoing", "incoming") and announce:
                announced.append(f"MIGRATION:{target}")
    emitted = tuple(emits)
    if not any("MIGRATION:" in event for event in emitted):
        emitted = (*announced, *emitted)
    changes.update(then or {})
    if limits:
        when = where(limits) if when is ALWAYS else where(limits) & when
    return Row(
        rule,
        sentence,
        thread,
        when,
        tuple(changes.items()),
        emitted,
        tuple(leaves),
        frozenset(profiles),
        standing,
        clause,
        evidence,
    )
