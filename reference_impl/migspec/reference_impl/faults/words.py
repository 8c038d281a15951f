"""The words of fault scripts: triggers, actions, presets and known defects, with what each means.

The parser, the lists that are shown to users and the control protocol read these tables.  What a trigger or an action
may name (variables and their values, rows, cases, events, commands) is taken from the specification.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Final, Generic, TypeVar

from migspec.reference_impl.amendments import DEFECTS
from migspec.reference_impl.faults.model import (
    Action,
    After,
    Becomes,
    Clear,
    Cut,
    DropRecovery,
    Executes,
    Fail,
    GuestDoes,
    Hang,
    Happen,
    Hold,
    HostHas,
    Kill,
    KillPeer,
    Late,
    Now,
    Refuse,
    Sends,
    Sent,
    TakeRow,
    Terminate,
    Trigger,
)
from migspec.reference_impl.gates.process import TERMINATE, WISHES
from migspec.spec.commands import CONTRACTS
from migspec.spec.contracts import Case
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0, Row, Standing
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import VARIABLES, Load, Stage

MAIN: Final = "main"
"""What `hold` calls the main loop."""

_NUMBER: Final = r"\d{1,9}(?:\.\d{1,6})?"
_DURATION: Final = re.compile(rf"({_NUMBER})s?", re.ASCII)
_PERCENTAGE: Final = re.compile(rf"({_NUMBER})%", re.ASCII)
_FEW: Final = 16

Word = TypeVar("Word", Trigger, Action)


def cases() -> Iterable[Case]:
    """The cases of all contracts of the release."""
    return (case for contract in CONTRACTS.values() for case in contract.cases if QEMU_5_2_0 in case.profiles)


ROW_IDS: Final[Mapping[str, Row]] = {row.id: row for row in ROWS if QEMU_5_2_0 in row.profiles}
"""The rows that may be ordered, by id."""

CASE_IDS: Final[Mapping[str, Case]] = {case.id: case for case in cases()}
"""The cases that may be ordered, by id."""

KNOWN_DEFECTS: Final[Mapping[str, Row | Case]] = {
    **{row: ROW_IDS[row] for row in DEFECTS},
    **{name: case for name, case in CASE_IDS.items() if case.standing is Standing.DEFECT},
}
"""The known defects of the release, rows and cases; each is an action by its bare id."""

EVENTS: Final[frozenset[str]] = frozenset(
    event.partition(":")[0]
    for events in (*(row.events for row in ROW_IDS.values()), *(case.events for case in CASE_IDS.values()))
    for event in events
)
"""The events that a machine may send."""

COMMANDS: Final[frozenset[str]] = frozenset(CONTRACTS) | frozenset(SCHEMA.commands)
"""The commands that a trigger may name."""

GUEST_EVENTS: Final[frozenset[str]] = frozenset(WISHES.values()) - {TERMINATE}
"""What the guest or its hardware can be told to do."""

HOST_TROUBLES: Final[Mapping[str, str]] = {
    "dump": "cont is refused, for a dump is under way",
    "disk-locked": "cont is refused, for another process has locked a disk",
    "blocked": "migrate is refused, for a device forbids it",
    "snapshot-fails": "savevm and loadvm fail",
    "too-early": "a migrate that comes before the clean-up after the one before it ends the process",
}
"""The troubles of the host, with what comes of each."""

HOLDABLE: Final[frozenset[str]] = frozenset([*Stage, *Load, *ROW_IDS, MAIN])
"""What `hold` may name."""


def one_of(choices: Iterable[str], found: str, what: str) -> str:
    """How to say what would have been right instead of `found`: all of a few choices, of many the most similar ones."""
    known = sorted(choices)
    if len(known) <= _FEW:
        return f"{what}: {', '.join(known)}"
    similar = get_close_matches(found, known, n=3, cutoff=0.5)
    return f"{what}, such as {' or '.join(similar or known[:1])}"


@dataclass(frozen=True, slots=True)
class Form(Generic[Word]):
    """How a word is written.

    `shape` is for the eye.  `build` makes the word of what follows `=`, which is empty if the word stands alone; None
    if that is wrong, and then `wanted` says what would have been right.
    """

    shape: str
    sentence: str
    build: Callable[[str], Word | None]
    wanted: Callable[[str], str]


def _alone(name: str, sentence: str, word: Word) -> tuple[str, Form[Word]]:
    return name, Form(name, sentence, lambda text: None if text else word, lambda _text: f"{name} alone")


def _naming(
    name: str, what: str, sentence: str, choices: Iterable[str], word: Callable[[str], Word]
) -> tuple[str, Form[Word]]:
    known = frozenset(choices)
    return name, Form(
        f"{name}={what.split()[-1].upper()}",
        sentence,
        lambda text: word(text) if text in known else None,
        lambda text: one_of(known, text, f"{name}= and {what}"),
    )


def _measured(
    name: str,
    shape: str,
    sentence: str,
    pattern: re.Pattern[str],
    least: float,
    most: float,
    word: Callable[[float], Word],
) -> tuple[str, Form[Word]]:
    def build(text: str) -> Word | None:
        match = pattern.fullmatch(text)
        return word(float(match[1])) if match is not None and least <= float(match[1]) <= most else None

    return name, Form(f"{name}={shape}", sentence, build, lambda _text: f"a number as in {name}={shape}")


_INSTANT: Final = 0.001
_DAY: Final = 86400.0
_LEAST_SHARE: Final = 0.001

TRIGGERS: Final[Mapping[str, Form[Trigger]]] = dict(
    (
        _alone("now", "at once", Now()),
        _measured("after", "2.5s", "so many seconds after the fault was set", _DURATION, _INSTANT, _DAY, After),
        _measured(
            "at", "40%", "when the source has sent this share of the memory", _PERCENTAGE, _LEAST_SHARE, 100, Sent
        ),
        _naming("event", "an event", "when the event has been sent", EVENTS, Sends),
        _naming("command", "a command", "before the command is executed", COMMANDS, Executes),
        *(
            _naming(
                name,
                "a value",
                variable.doc.partition(";")[0].rstrip("."),
                variable.values,
                partial(Becomes, name),
            )
            for name, variable in VARIABLES.items()
            if name != "session"
        ),
    )
)
"""When a fault happens.  Besides the first five, each variable of the specification's state is a trigger."""

PLAIN_TRIGGERS: Final = ("now", "after", "at", "event", "command", "outgoing", "incoming", "stage", "load", "run")
"""The triggers that a list shows; the others are the variables of the state that are seldom of use."""


def _refuse(text: str) -> Refuse | None:
    return Refuse(text) if ";" not in text else None


ACTIONS: Final[Mapping[str, Form[Action]]] = dict(
    (
        _alone("cut", "the migration's connection is lost", Cut()),
        (
            "refuse",
            Form(
                "refuse[=TEXT]",
                "the next connection that a source makes is refused, with TEXT for its error; a destination listens no"
                " more",
                _refuse,
                lambda _text: "refuse, or refuse=TEXT without a semicolon",
            ),
        ),
        _alone("kill-peer", "the process at the other end of the stream dies, as by kill -9", KillPeer()),
        _alone("kill", "the process dies, as by kill -9", Kill()),
        _alone("terminate", "the process gets a signal to end, which it obeys", Terminate()),
        _alone("hang", "the migration stops where it is; where there is none, the main loop does", Hang()),
        _measured(
            "late",
            "2.5s",
            "every reply is kept back for so many seconds from now on, and its thread does nothing else meanwhile",
            _DURATION,
            _INSTANT,
            _DAY,
            Late,
        ),
        _alone("drop-recovery", "the connection of the next recovery is lost as soon as it is there", DropRecovery()),
        _alone("fail", "the migration fails as soon as the specification has a step for that", Fail()),
        _naming("take", "a row", "the row is taken as soon as the specification allows it", ROW_IDS, TakeRow),
        _naming("case", "a case", "the case of a command happens wherever it may, from now on", CASE_IDS, Happen),
        _naming("hold", "a stage", "the migration stops at this stage, load, or before this row", HOLDABLE, Hold),
        _naming("guest", "an event", "the guest or its hardware brings the event about", GUEST_EVENTS, GuestDoes),
        _naming("host", "a trouble", "the host has the trouble, from now on", HOST_TROUBLES, HostHas),
        _alone("clear", "what earlier faults go on doing ends: hang, hold, late, refuse, take, case, host", Clear()),
    )
)
"""What a fault does."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A script with a name."""

    script: str
    sentence: str


PRESETS: Final[Mapping[str, Preset]] = {
    "link-lost": Preset("at=40%:cut", "The link is cut when 40 % of the memory is sent."),
    "connection-refused": Preset("now:refuse", "The destination's address refuses the next connection."),
    "destination-dies": Preset("outgoing=pre-switchover:kill-peer", "The destination dies in pre-switchover."),
    "hangs-in-setup": Preset("stage=setting-up:hang", "The migration never gets beyond setup."),
    "answers-late": Preset("now:late=2s", "Every reply is kept back for two seconds."),
    "recovery-lost": Preset("now:drop-recovery", "The connection of a recovery is lost as soon as it is there."),
    "device-fails": Preset("stage=saved:fail", "The migration fails while the devices are saved."),
}
"""The faults that many want, by the name that stands for each."""
