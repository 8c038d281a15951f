"""The command sequences: VMs in some situation, what each is asked there, and everything that may come of it.

A situation is how a process was started, and a few requests that bring it into a state which lasts.  In each of them
every command is tried.  Requests of which the contracts say that they move nothing are asked one after the other in one
sequence; a request that may move something has a sequence of its own, which then looks at what has become of the VM.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from migspec.properties.explorer.environment import ASKS, Ask
from migspec.spec.commands import answers, dirty_rate
from migspec.spec.parameters import READ, SET, SHORTHANDS
from migspec.spec.profiles import PROFILES, Profile
from migspec.spec.rows import QEMU_5_2_0, SEED, Standing
from migspec.spec.state import FRESH, assign
from migspec.spec.steps import SESSION
from migspec.spec.vocabulary import MigrationCapability, RunState
from migspec.traces.automaton import Automaton, Node
from migspec.traces.vectors.graph import UNTIL_END, Alone, Await, Growing, Rest, Step, changes_by, request_of
from migspec.traces.vectors.minimal import as_objects
from migspec.traces.vectors.patterns import event_pattern
from migspec.traces.vectors.requests import (
    CLASHING,
    EVENTS,
    HERE,
    LOOK,
    NEGOTIATE,
    NOWHERE,
    OOB,
    PEER,
    commands,
    misfits_of,
    of_capability,
    of_parameter,
    parameters,
    requests_of,
    switched,
)

Object = dict[str, Any]

_BUILD: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(("spice", "replication", "block-migration"), ("no", "yes"))
"""What depends on the build and the command line, and is left open."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a process is started: the argument of -incoming, empty where there is none, and whether with -S.

    `state` is what is then different from a fresh process.
    """

    incoming: str = ""
    stopped: bool = False
    state: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


_SOURCE: Final = Start()
_STOPPED: Final = Start(stopped=True, state={"run": RunState.PRELAUNCH})
_WAITING: Final = {"run": RunState.INMIGRATE.value}
_DEFERRED: Final = Start("defer", state={**_WAITING, "load": "deferred", "defer": "yes"})
_LISTENING: Final = Start(HERE, state={**_WAITING, "load": "listening", "has-address": "yes"})

_OVER: Final = ("MIGRATION:failed", "MIGRATION:completed", "MIGRATION:cancelled")


def _until(status: str) -> Await:
    event = f"MIGRATION:{status}"
    return Await((event,), tuple(other for other in _OVER if other != event))


@dataclass(frozen=True, slots=True)
class Situation:
    """A situation: how it is brought about.  `peer` are the capabilities that the other VM has on, if one is needed.

    In a `thorough` one every command is tried in every way, with arguments that do not fit, too.  A migration that is
    `under_way` may last.
    """

    name: str
    sentence: str
    steps: tuple[Step, ...]
    start: Start = _SOURCE
    peer: tuple[str, ...] | None = None
    thorough: bool = False
    under_way: bool = False


_MIGRATE: Final = Ask("migrate", {"uri": PEER})
_SLOW: Final = 4096
"""Bytes a second at which a migration lasts: it is the memory that has to be sent, zeroes though it may be."""

_REST: Final = Rest(0.5)
"""What a migration that has ended takes to be cleaned up, of which nothing tells: another one before may crash."""

_HELD: Final[tuple[Step, ...]] = (
    NEGOTIATE,
    switched("events", "pause-before-switchover"),
    _MIGRATE,
    _until("pre-switchover"),
)


def _postcopy(*capabilities: str) -> tuple[Step, ...]:
    return (
        NEGOTIATE,
        switched("events", "postcopy-ram", *capabilities),
        Ask(SET, {"max-postcopy-bandwidth": _SLOW}),
        _MIGRATE,
        ASKS["start-postcopy"],
        _until("postcopy-active"),
        Await(("MIGRATION_PASS:n",), (*_OVER, "MIGRATION:postcopy-paused")),
        # a pause that comes before the devices are sent fails the migration, and nothing tells when they are
        _REST,
    )


def _paused(*capabilities: str) -> Situation:
    return Situation(
        "paused",
        "A source whose postcopy is paused.",
        (*_postcopy(*capabilities), ASKS["pause"], _until("postcopy-paused")),
        peer=("postcopy-ram",),
        under_way=True,
    )


_FRESH: Final = Situation(
    "fresh", "A VM whose guest runs, and that has never migrated.", (NEGOTIATE, EVENTS), thorough=True
)
_TO_BE_TOLD: Final = Situation(
    "deferred", "A destination that was not told where to listen.", (NEGOTIATE, EVENTS), _DEFERRED, thorough=True
)
_PAUSED: Final = _paused()

SITUATIONS: Final[tuple[Situation, ...]] = (
    Situation("greeted", "A VM that has just greeted its client.", ()),
    _FRESH,
    Situation("out-of-band", "The same with out-of-band execution.", (OOB, EVENTS)),
    Situation("stopped", "A VM whose guest was not started.", (NEGOTIATE, EVENTS), _STOPPED),
    _TO_BE_TOLD,
    Situation(
        "told",
        "A destination that was told where to listen.",
        (NEGOTIATE, EVENTS, Ask("migrate-incoming", {"uri": HERE})),
        _DEFERRED,
    ),
    Situation("listening", "A destination that was started with its address.", (NEGOTIATE, EVENTS), _LISTENING),
    Situation(
        "failed",
        "A source whose migration has failed: nobody listened.",
        (NEGOTIATE, EVENTS, Ask("migrate", {"uri": NOWHERE}), _until("failed"), _REST),
    ),
    Situation(
        "active",
        "A source in precopy, whose migration is kept slow.",
        (NEGOTIATE, EVENTS, Ask(SET, {"max-bandwidth": _SLOW}), _MIGRATE, _until("active")),
        peer=(),
        under_way=True,
    ),
    Situation(
        "held",
        "A source in pre-switchover, where it waits to be told to go on.",
        _HELD,
        peer=(),
        under_way=True,
    ),
    Situation(
        "cancelled",
        "A source whose migration was cancelled.",
        (*_HELD, ASKS["cancel"], _until("cancelled"), _REST),
        peer=(),
    ),
    Situation(
        "completed",
        "A source whose migration is complete.",
        (NEGOTIATE, EVENTS, _MIGRATE, _until("completed"), _REST),
        peer=(),
    ),
    Situation(
        "postcopy",
        "A source in postcopy, which is kept slow.",
        _postcopy(),
        peer=("postcopy-ram",),
        under_way=True,
    ),
    _PAUSED,
)
"""The situations, the simplest first."""


@dataclass(frozen=True, slots=True)
class CommandSequence:
    """A command sequence: where it begins, what it is about, and what is asked after that."""

    situation: Situation
    about: str
    sentence: str
    asks: tuple[Step, ...]

    @property
    def name(self) -> str:
        """What it is called among all of them."""
        return f"{self.situation.name}/{self.about}"

    @property
    def steps(self) -> tuple[Step, ...]:
        """Everything that the client does."""
        return (*self.situation.steps, *self.asks)


class Sequences:
    """The sequences of a profile, each with its graph.

    The written schema leaves the order of events open: under it only replies are judged, and nothing is awaited.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._automaton = Automaton(Alone(profile.name))

    def every(self) -> Iterator[CommandSequence]:
        """Every sequence of the profile."""
        for situation in SITUATIONS:
            if self._profile.name != SEED or not any(isinstance(step, Await) for step in situation.steps):
                yield from self.in_situation(situation)
        yield from _of_settings(self._profile)

    def in_situation(self, situation: Situation) -> Iterator[CommandSequence]:
        """What is asked in a situation."""
        nodes = self._nodes(situation)
        quiet, moving = list[Ask](), list[Ask]()
        for ask in self._tried(situation):
            (quiet if all(self._moves_nothing(ask, node) for node in nodes) else moving).append(ask)
        yield CommandSequence(situation, "everything-that-moves-nothing", situation.sentence, tuple(quiet))
        counts = Counter[str]()
        for ask in moving:
            counts[ask.command] += 1
            about = ask.command if counts[ask.command] == 1 else f"{ask.command}-{counts[ask.command]}"
            after = _after(ask, situation, self._profile)
            yield CommandSequence(situation, about, situation.sentence, (ask, *after))

    def as_object(self, sequence: CommandSequence) -> Object:
        """A sequence with its graph, as a member of a file.

        Raises `TooLargeError`.
        """
        situation = sequence.situation
        growing = Growing(self._automaton, sequence.name, sequence.steps)
        start = situation.start
        shown: Object = {
            "name": sequence.name,
            "about": sequence.sentence,
            "start": {"incoming": start.incoming, "stopped": start.stopped},
        }
        if situation.peer is not None:
            shown["peer"] = [ask.message for ask in _prepared(situation.peer)]
        shown["steps"] = [_shown(step) for step in sequence.steps]
        shown["places"] = as_objects(growing.grow(_state(start)))
        return shown

    def _nodes(self, situation: Situation) -> list[Node]:
        growing = Growing(self._automaton, situation.name, situation.steps)
        growing.grow(_state(situation.start))
        return list(growing.finals.values())

    def _tried(self, situation: Situation) -> Iterator[Ask]:
        for command in commands(self._profile):
            asks = requests_of(command, self._profile)
            if self._profile.name == SEED:
                # it tells no two of them apart, and does not let quit be refused, which every server does early on
                if command != "quit" or situation.steps[:1] == (NEGOTIATE,):
                    yield asks[0]
                continue
            yield from asks if situation.thorough else asks[:_FEW]
            if situation.thorough:
                yield from misfits_of(command, self._profile)
            if situation.steps[:1] == (OOB,) and command in self._profile.schema.commands:
                yield Ask(command, asks[0].arguments, oob=True)

    def _moves_nothing(self, ask: Ask, node: Node) -> bool:
        """Whether a request is answered, changes nothing, and announces nothing, as far as the contracts go."""
        request = request_of(ask, self._profile.name)
        if changes_by(ask):
            return False
        for reached in self._automaton.closure(node):
            c = reached.hypothesis
            given = c.state & ~SESSION.field | c.monitors[0].session
            for answer in answers(request, given, self._profile.name):
                shows = answer.emits or answer.case.leaves
                is_quiet = answer.state & ~given == 0 and not shows and answer.case.replies
                if not is_quiet or answer.case.standing is Standing.DEFECT:
                    return False
        return True


_FEW: Final = 3
"""In how many ways a command is tried where it was tried in all ways elsewhere."""

_SHOWN_BY: Final[Mapping[str, tuple[Step, ...]]] = {
    "quit": (UNTIL_END,),
    "migrate-set-capabilities": (Ask("query-migrate-capabilities"),),
    "calc-dirty-rate": (Ask(dirty_rate.QUERY),),
    **dict.fromkeys((SET, *SHORTHANDS), (Ask(READ),)),
}
"""What is asked after a request that may have moved something, where it is not the state of the migration alone."""

_OTHERS: Final[tuple[CommandSequence, ...]] = (
    CommandSequence(
        _FRESH,
        "capabilities-that-clash",
        f"The capabilities {' and '.join(CLASHING)}, which do not go together.",
        tuple(switched(*names, on=on) for names in (CLASHING[:1], CLASHING[1:], CLASHING) for on in (True, False)),
    ),
    CommandSequence(
        _FRESH,
        "block-migration-asked-for-twice",
        "The options of migrate do not go together with the capability and the parameter that they stand for.",
        (
            switched("block"),
            Ask("migrate", {"uri": NOWHERE, "blk": True}),
            switched("block", on=False),
            Ask(SET, {"block-incremental": True}),
            Ask("migrate", {"uri": NOWHERE, "inc": True}),
            *LOOK,
        ),
    ),
    CommandSequence(
        _FRESH,
        "dirty-rate-asked-for-twice",
        "There is one measurement of the dirty rate at a time.",
        (*requests_of(dirty_rate.CALC, PROFILES[QEMU_5_2_0])[-1:] * 2, Ask(dirty_rate.QUERY)),
    ),
    CommandSequence(
        _PAUSED,
        "resumed-over-a-descriptor",
        "A resume over a descriptor that nobody has handed over, twice.",
        (Ask("migrate", {"uri": "fd:none", "resume": True}),) * 2,
    ),
    CommandSequence(
        _paused("release-ram"),
        "released",
        "A postcopy whose source has freed the pages that it has sent cannot be resumed.",
        (Ask("migrate", {"uri": NOWHERE, "resume": True}),),
    ),
)
"""The sequences that no situation has by itself."""


def _after(ask: Ask, situation: Situation, profile: Profile) -> tuple[Step, ...]:
    """What is asked after a request that may have moved something; what it has begun is waited for."""
    given = ask.arguments or {}
    begins = ask.command == "migrate" and given["uri"] == NOWHERE and "resume" not in given and not situation.under_way
    goes_on = ask.command == "migrate-continue" and given["state"] == "pre-switchover" and situation.under_way
    after: tuple[Step, ...] = (Await(_OVER), *LOOK) if begins or goes_on else _SHOWN_BY.get(ask.command, LOOK)
    return tuple(step for step in after if profile.name != SEED or not isinstance(step, Await) or step == UNTIL_END)


def _of_settings(profile: Profile) -> Iterator[CommandSequence]:
    """The sequences about each capability and each parameter; the written schema says the same of every VM."""
    for situation in (_FRESH,) if profile.name == SEED else (_FRESH, _TO_BE_TOLD):
        for capability in MigrationCapability:
            sentence = f"The capability {capability.value}."
            yield CommandSequence(
                situation, f"capability-{capability.value}", sentence, of_capability(capability.value)
            )
    if profile.name == SEED:
        return
    yield from _OTHERS
    for parameter in parameters():
        sentence = f"The parameter {parameter}, around the edges of its range."
        yield CommandSequence(_FRESH, f"parameter-{parameter}", sentence, tuple(of_parameter(parameter)))


def _prepared(capabilities: Iterable[str]) -> Iterator[Ask]:
    """What makes a process that was started with -incoming defer the destination."""
    yield NEGOTIATE
    if names := tuple(capabilities):
        yield switched(*names)
    yield Ask("migrate-incoming", {"uri": PEER})


def _state(start: Start) -> int:
    return assign(FRESH, {**_BUILD, **start.state})


def _shown(step: Step) -> Object:
    if isinstance(step, Ask):
        return {"send": step.message}
    if isinstance(step, Rest):
        return {"rest": step.seconds}
    ends = {"or": [event_pattern(event) for event in step.otherwise]} if step.otherwise else {}
    return {"await": [event_pattern(event) for event in step.events], **ends}
