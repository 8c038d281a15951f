"""Random requests to a QEMU, each held against what the specification predicts of its reply.

The VM is in one of `SITUATIONS`, in which nothing happens by itself that a reply would show, so that a request has one
answer. Where the contracts allow several, or any text, they are loose: `LOOSE` names these places, and may only shrink.
After each request that may set something, parameters and capabilities are read back; every few requests the status is.
Everything is recorded, and the recording is judged as well.

What would end the situation is not sent.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import hypothesis
import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from tests.live.corpus import NEUTRAL_FOLDER
from tests.live.monitor import Message, Monitor
from tests.live.qemu import QemuInstall
from tests.live.session import Session
from tests.live.situations import SCHEMA, SITUATIONS, Situation, objection

from migspec.properties.strategies import Drawn, DrawnRequest, sequences
from migspec.spec.commands import answers
from migspec.spec.commands.envelope import CONTRACT as ENVELOPE
from migspec.spec.commands.queries import contradictions
from migspec.spec.contracts import Answer, Words
from migspec.spec.parameters import (
    READ,
    READ_BY,
    Value,
    changes_of,
    judge_changes,
    missing,
    own_fault,
    read_values,
)
from migspec.spec.requests import Request, understand
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import ABSENT
from migspec.spec.schema.validate import validate_reply
from migspec.spec.steps import Due
from migspec.spec.vocabulary import MigrationParameter
from migspec.spec.wire.numbers import same_id
from migspec.traces.findings import Grade
from migspec.traces.hypotheses import agree
from migspec.traces.judge import judge_file
from migspec.traces.messages import Message as Decoded
from migspec.traces.observations import Reply
from migspec.traces.reading import Reader

IN_STATE: Final = MigrationParameter.BLOCK_INCREMENTAL
"""The parameter whose value is in the state, for a migration sets it by itself; the query is held against that."""

LOOSE: Final = {
    "command.refused": "query-version has no contract, and a name that we do not know may be one of QEMU's",
    "command.accepted": "as above",
    "cont.dump": "whether a dump is going on is not in the state",
    "cont.disk": "whether disks can be taken back is not in the state",
    "migrate.blocked": "whether a device or a disk forbids migration is not in the state",
    "migrate-set-capabilities.postcopy-host": "whether the host can do postcopy is not in the state",
    "migrate.uri.body": "what the host says to an address may be worded in several ways",
    "envelope.arguments.build": "whether the build has zstd is not in the state",
    "getfd.without-descriptor": "whether a descriptor came with the request is not in it",
    "closefd.unknown": "which descriptors there are is not in the state",
    "xen-set-replication.refused": "what a disk that replicates may say is not known",
    "xen-colo-do-checkpoint.refused": "what a disk that replicates, or a filter, may say is not known",
    "query-xen-replication-status.answered": "the answer is held against the schema alone",
}
"""The rules that leave open whether they apply, or what is answered, and why; no other rule may."""

A_SESSION: Final = 250
"""Requests that one process gets."""

_LONGEST: Final = 10
_BATCH: Final = 15
_SILENCE: Final = (EOFError, TimeoutError, ConnectionError)
_EVERY: Final = 10  # requests from one look at the status to the next
_EXCERPT: Final = 400  # characters of a message in a complaint


def draw(seed: int) -> Iterator[DrawnRequest]:
    """Requests without end, the same ones for the same seed."""
    # one run of Hypothesis likes to repeat what it has drawn; several differ
    for batch in itertools.count():
        yield from _batch(f"{seed}.{batch}")


def _batch(seed: str) -> list[DrawnRequest]:
    drawn: list[DrawnRequest] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=_BATCH,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(sequences(SCHEMA, longest=_LONGEST))
    def collect(requests: list[DrawnRequest]) -> None:
        drawn.extend(requests)

    collect()
    return drawn


@dataclass(slots=True)
class Predicted:
    """What is known of a VM: its state, and its parameters."""

    state: int
    values: dict[str, Value]
    loose: Counter[str] = field(default_factory=Counter)
    """How often each rule left something open."""
    reader: Reader = field(default_factory=lambda: Reader(SCHEMA))

    def answered(self, drawn: DrawnRequest, message: Message) -> Iterator[str]:
        """Go on with a reply; yield what is wrong with it."""
        arguments = drawn.message.get("arguments", ABSENT)
        request = understand(drawn.command, arguments, SCHEMA)
        every = answers(request, self.state, QEMU_5_2_0)
        possible = [answer for answer in every if self._may_be(answer, request, drawn)]
        reply = self._read(drawn.command, message)
        fitting = [answer for answer in possible if reply is not None and self._agrees(answer, request, reply)]
        if not same_id(drawn.message.get("id", ...), message.get("id", ...)):
            yield f"the id is {message.get('id', 'missing')}"
        if not fitting:
            predicted = " | ".join(f"{answer.expect} [{answer.case.id}]" for answer in possible)
            yield f"the reply is none of: {predicted}"
            return
        if drawn.command not in READ_BY:  # whose value is looked at here
            self.loose.update(left_open(possible))
        if "return" in message:
            yield from self._content(drawn.command, arguments, message["return"])
        after = {answer.state for answer in fitting}
        self.state = after.pop()
        for other in after:
            self.state |= other

    def _may_be(self, answer: Answer, request: Request, drawn: DrawnRequest) -> bool:
        """Whether the values in force, which the contract does not know, leave an answer possible."""
        if not request.perhaps_out_of_range or answer.case in ENVELOPE.cases:
            return True
        certain = judge_changes(changes_of(drawn.command, drawn.arguments.value), self.values).certain
        if own_fault(drawn.command, drawn.arguments.value):
            return True
        is_range = answer.case.id.endswith(".range")
        text = certain.text if certain else ""
        return is_range == bool(text) and (not is_range or answer.expect.words == Words(frozenset({text})))

    def _read(self, command: str, message: Message) -> Reply | None:
        decoded = msgspec.json.decode(json.dumps(message), type=Decoded)
        return self.reader.reply(command, decoded)[0]

    def _agrees(self, answer: Answer, request: Request, reply: Reply) -> bool:
        due = Due(0, answer.expect, request, False)
        return any(True for _ in agree(due, reply, answer.state))

    def _content(self, command: str, arguments: Any, returned: Any) -> Iterator[str]:
        definition = SCHEMA.commands[command]
        for mismatch in validate_reply(returned, definition, SCHEMA):
            yield f"{mismatch.path}: expected {mismatch.expected}, found {mismatch.found}"
            return
        for _, told in contradictions(command, returned):
            yield told
        if isinstance(arguments, dict):
            self.values |= changes_of(command, arguments)
        if command == READ:
            for name, value in read_values(returned).items():
                if name != IN_STATE and value != self.values[name]:
                    yield f"{name} is {value}, not {self.values[name]}"
            yield from (f"{name} is missing" for name in missing(returned))
        if command in READ_BY:
            value = self.values[READ_BY[command]]
            # a size is returned as a signed number
            if not isinstance(value, int) or (returned - value) % 2**64:
                yield f"the value is {returned}, not {value}"


def left_open(possible: list[Answer]) -> set[str]:
    """The rules that leave it open whether they apply, or what is answered; none where the prediction is exact.

    What comes first among several may happen, and what comes last does if nothing else has.
    """
    perhaps = {answer.case.id for answer in possible} - {possible[-1].case.id}
    return perhaps | {answer.case.id for answer in possible if not _is_exact(answer)}


def _is_exact(answer: Answer) -> bool:
    words = answer.expect.words
    if words is None:
        return not answer.expect.loose
    return len(words.exact) == 1 and words == Words(words.exact)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one process: how many requests it got, what was wrong, and where the contracts were loose.

    `commands` counts the requests by command, `left_out` those that were drawn and not sent, by the reason.
    """

    requests: int
    faults: tuple[str, ...]
    loose: Counter[str]
    commands: Counter[str]
    left_out: Counter[str]


@dataclass(slots=True)
class _Conversation:
    """One monitor of a VM, and what is predicted of it."""

    monitor: Monitor
    predicted: Predicted
    faults: list[str] = field(default_factory=list)

    def hold(self, drawn: DrawnRequest) -> bool:
        """Send a request and hold its reply against the prediction; whether it is as predicted."""
        try:
            message = _ask(self.monitor, drawn)
        except _SILENCE as error:
            self.faults.append(f"{json.dumps(drawn.message)[:_EXCERPT]}: no reply ({str(error)[:_EXCERPT]})")
            return False
        exchange = f"{json.dumps(drawn.message)[:_EXCERPT]} -> {json.dumps(message)[:_EXCERPT]}"
        told = [f"{exchange}: {problem}" for problem in self.predicted.answered(drawn, message)]
        self.faults += told
        return not told


def run(
    install: QemuInstall,
    situation: Situation,
    requests: Iterable[DrawnRequest],
    trace: Path,
    *,
    turn: int = 0,
    most: int = A_SESSION,
) -> Outcome:
    """Send the first so many of these requests that do no harm to one VM, and judge the replies and the recording.

    What is read back and polled meanwhile does not count. `turn` picks one of the situation's sets of capabilities.
    """
    capabilities = situation.capabilities[turn % len(situation.capabilities)]
    tempfile.tempdir = NEUTRAL_FOLDER
    predicted = Predicted(situation.state(capabilities), situation.values())
    sent: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    with Session(install, trace, situation.vms, situation.name, situation.note) as session:
        monitors = situation.prepare(session, capabilities)
        conversation = _Conversation(monitors[situation.asked], predicted)
        for drawn in requests:
            if reason := objection(situation, drawn, predicted.state):
                left_out[reason] += 1
                continue
            sent[drawn.command] += 1
            checks = _READ_BACK if _may_set(drawn.command) else ()
            polls = (_POLL,) if sent.total() % _EVERY == 0 else ()
            # what the VM is after a wrong reply is not known
            if not all(conversation.hold(request) for request in (drawn, *checks, *polls)) or sent.total() >= most:
                break
        faults = conversation.faults
        if not faults and situation.status is not None:
            faults += _of_status(monitors, situation.status)
    report = judge_file(str(trace))
    faults += [f"line {f.line}: {f.message} [{f.rule}]" for f in report.findings if f.grade is Grade.VIOLATION]
    faults += [report.error] * bool(report.error)
    return Outcome(sent.total(), tuple(faults), predicted.loose, sent, left_out)


def _query(command: str) -> DrawnRequest:
    return DrawnRequest({"execute": command}, command, Drawn({}))


_READ_BACK: Final = (_query(READ), _query("query-migrate-capabilities"))
_POLL: Final = _query("query-migrate")


def _may_set(command: str) -> bool:
    definition = SCHEMA.commands.get(command)
    return definition is not None and definition.returns is None


def _of_status(monitors: Mapping[str, Monitor], status: str) -> Iterator[str]:
    for name, monitor in monitors.items():
        try:
            shown = monitor.execute("query-migrate")["return"].get("status")
        except _SILENCE as error:
            yield f"{name} has no status in the end ({str(error)[:_EXCERPT]})"
            continue
        if shown != status:
            yield f"{name} is in {shown} in the end, not in {status}"


def _ask(monitor: Monitor, drawn: DrawnRequest) -> Message:
    monitor.send(drawn.message)
    while "event" in (message := monitor.receive()):
        pass
    return message


def outcomes(
    install: QemuInstall,
    situation: Situation,
    count: int,
    seed: int,
    folder: Path,
    *,
    each: int = A_SESSION,
    jobs: int = 1,
) -> Iterator[Outcome]:
    """Draw requests until so many were sent, `each` to a process, which has the next set of capabilities on."""
    starts = range(0, count, each)
    # in new processes, which have none of the tests' type checks to slow them
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [
            pool.submit(
                _drawn_run,
                install,
                situation.name,
                turn,
                min(each, count - done),
                seed + done,
                folder / f"{situation.name}-{done}.jsonl",
            )
            for turn, done in enumerate(starts)
        ]
        for future in waiting:
            yield future.result()


def _drawn_run(install: QemuInstall, name: str, turn: int, count: int, seed: int, trace: Path) -> Outcome:
    return run(install, SITUATIONS[name], draw(seed), trace, turn=turn, most=count)
