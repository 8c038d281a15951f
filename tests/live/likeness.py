"""Whether two recordings of one script are the same up to what the specification leaves open.

The specification says which thread sends which message, and that messages of two threads have no order.  So two
recordings are alike if, monitor by monitor,

- the script has asked for the same, a row of the same query counted once: how often a client polls is left to time;
- each reply is the same: class and text of an error, every value of an answer but the numbers of the physics;
- the same events were sent, passes after the first not counted: their number is the physics';
- any two messages of one thread are in the same order, as are an event and the reply of the thread that sent it, and
  the statuses, whoever tells them;
- the monitor closed in the same way.

A reply to a query that differs is still alike if it is *exchangeable*: if the judge finds each of the two recordings as
good with the other's reply in the place of its own.  That is what "the specification leaves it open" means: a query
that was answered a moment sooner or later, before or after a thread had moved on.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from migspec.spec.commands import CONTRACTS
from migspec.spec.lifecycle import ROWS
from migspec.spec.numbers import RELATIONS
from migspec.spec.rows import QEMU_5_2_0, Thread
from migspec.traces.automaton import Automaton, Edge, Node
from migspec.traces.cursor import Cursor
from migspec.traces.findings import Grade, Report
from migspec.traces.format import open_trace, read_header
from migspec.traces.hypotheses import Relation
from migspec.traces.judge import Options, TraceJudge
from migspec.traces.observations import Observation

MEASURED: Final = frozenset(("query-migrate", "query-dirty-rate", "calc-dirty-rate"))
"""The queries whose numbers are those of the physics."""

UNLIKE_BY_DESIGN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "query-qmp-schema": "the model serves the schema of the migration area alone",
        "query-commands": "the model has the commands of the specification alone",
        "query-events": "the model has the events of the specification alone",
        "query-version": "the package's name is the builder's",
    }
)
"""Commands whose answers are not compared, and why."""

Message = dict[str, Any]

_FOLDER: Final = re.compile(r"/tmp/q-[a-z0-9_]{8}")
_PORT: Final = re.compile(r"(127\.0\.0\.1|::1|\[::1\]|localhost|0\.0\.0\.0):[1-9]\d{3,4}\b")
_PASS: Final = "MIGRATION_PASS"
_LOOKS: Final = re.compile(r'"command-line": "(xp |info )')
"""What the human monitor shows: the memory of the guest, or numbers in words."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it: the lines on which they stand, the command, and the reply as it is compared."""

    command: str
    asked: str
    line: int
    reply: Message | None
    oob: bool

    @property
    def form(self) -> str:
        """The reply less what is not compared; empty where there is none."""
        if self.reply is None:
            return ""
        if "error" in self.reply:
            return _text(self.reply["error"])
        if self.command in UNLIKE_BY_DESIGN:
            return "return"
        value = self.reply.get("return")
        if _LOOKS.search(self.asked):
            return "return"
        return "return " + _text(_shape(value) if self.command in MEASURED else value)


@dataclass(slots=True)
class Talk:
    """What crossed one monitor: exchanges, events, and the order in which they came."""

    exchanges: list[Exchange] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    order: list[int | str] = field(default_factory=list)
    """Replies by the number of their exchange, and events by what they are."""
    ends: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two recordings are not alike: of which monitor, what differs, and how it is in either."""

    monitor: str
    what: str
    original: str
    model: str

    def __str__(self) -> str:
        return f"{self.monitor}: {self.what}: {self.original or 'nothing'} | {self.model or 'nothing'}"


def differences(original: Path, model: Path) -> list[Difference]:
    """Where two recordings of one script are not alike; the first of each monitor comes first."""
    ours, theirs = read(model), read(original)
    found: list[Difference] = []
    for monitor in sorted({*ours, *theirs}):
        found += _compare(monitor, (original, theirs.get(monitor, Talk())), (model, ours.get(monitor, Talk())))
    return found


def read(path: Path) -> dict[str, Talk]:
    """What crossed each monitor of a trace."""
    talks: dict[str, Talk] = {}
    waiting: dict[str, list[tuple[int, Message]]] = {}
    answered: dict[tuple[str, int], tuple[int, Message]] = {}
    arrivals: dict[str, list[int | str]] = {}
    with open_trace(str(path)) as lines:
        entries = [(number, json.loads(text)) for number, text in lines if number > 1 and text]
    for number, entry in entries:
        monitor = _monitor(entry)
        talk = talks.setdefault(monitor, Talk())
        arrived = arrivals.setdefault(monitor, [])
        message = entry.get("msg")
        if "end" in entry:
            talk.ends.append(f"{entry.get('by', '')} {entry.get('exit', '')}")
        elif not isinstance(message, dict):
            continue
        elif entry["dir"] == "->":
            waiting.setdefault(monitor, []).append((number, message))
        elif "event" in message:
            arrived.append(_event(message))
        elif "return" in message or "error" in message:
            place = _asked_by(waiting.get(monitor, []), message)
            if place is not None:
                asked, _ = place
                waiting[monitor].remove(place)
                answered[monitor, asked] = number, message
                arrived.append(asked)
    requests = [(number, entry) for number, entry in entries if entry.get("dir") == "->" and _is_request(entry)]
    for number, entry in requests:
        monitor = _monitor(entry)
        line, reply = answered.get((monitor, number), (0, None))
        talks[monitor].exchanges.append(_exchange(entry["msg"], line, reply))
    for monitor, talk in talks.items():
        _settle(talk, arrivals[monitor], [n for n, e in requests if _monitor(e) == monitor])
    return talks


def _monitor(entry: Message) -> str:
    return f"{entry['vm']}/{entry['mon']}" if entry.get("mon", entry["vm"]) != entry["vm"] else str(entry["vm"])


def _is_request(entry: Message) -> bool:
    return isinstance(entry.get("msg"), dict)


def _asked_by(waiting: Sequence[tuple[int, Message]], reply: Message) -> tuple[int, Message] | None:
    """The request that a reply answers: the first with its id."""
    return next((entry for entry in waiting if entry[1].get("id") == reply.get("id")), None)


def _exchange(request: Message, line: int, reply: Message | None) -> Exchange:
    command = request.get("execute", request.get("exec-oob"))
    asked = {name: value for name, value in request.items() if name != "id"}
    return Exchange(command if isinstance(command, str) else "", _text(asked), line, reply, "exec-oob" in request)


def _settle(talk: Talk, arrived: Sequence[int | str], numbers: Sequence[int]) -> None:
    """Count rows of the same query once, and put what came into order."""
    kept: list[Exchange] = []
    places: dict[int, int] = {}
    for number, exchange in zip(numbers, talk.exchanges, strict=True):
        if kept and _is_poll(exchange) and kept[-1].asked == exchange.asked:
            places = {line: place for line, place in places.items() if place != len(kept) - 1}
            kept[-1] = exchange
        else:
            kept.append(exchange)
        places[number] = len(kept) - 1
    talk.exchanges = kept
    for item in arrived:
        if isinstance(item, int):
            if item in places:
                talk.order.append(places[item])
        elif not (item.startswith(_PASS) and not item.endswith(":1")):
            talk.order.append(item)
    talk.order = _once(talk.order)
    talk.events = [item for item in talk.order if isinstance(item, str)]


def _is_poll(exchange: Exchange) -> bool:
    return exchange.command.startswith("query-") or _LOOKS.search(exchange.asked) is not None


def _once(order: list[int | str]) -> list[int | str]:
    """Count the checkpoints of COLO once: each stops the guest and lets it run."""
    kept: list[int | str] = []
    for item in order:
        kept.append(item)
        events = [place for place, kind in enumerate(kept) if isinstance(kind, str)][-4:]
        if [kept[place] for place in events] in (["STOP", "RESUME"] * 2, ["RESUME", "STOP"] * 2):
            kept = [kind for place, kind in enumerate(kept) if place not in events[2:]]
    return kept


def _event(message: Message) -> str:
    data = dict(message.get("data") or {})
    name = message["event"]
    if name == "MIGRATION":
        return f"MIGRATION:{data.get('status')}"
    if name == _PASS:
        return f"{name}:{data.get('pass')}"
    return f"{name} {_text(data)}" if data else str(name)


def _text(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return _PORT.sub(r"\1:{port}", _FOLDER.sub("{dir}", text))


def _shape(value: object) -> object:
    """A value with its numbers left out, and with the number of a port, which the host chooses."""
    match value:
        case dict():
            return {name: "#" if name == "port" else _shape(inner) for name, inner in value.items()}
        case list():
            return [_shape(inner) for inner in value]
        case bool():
            return value
        case int() | float():
            return "#"
        case _:
            return value


def _compare(monitor: str, original: tuple[Path, Talk], model: tuple[Path, Talk]) -> Iterator[Difference]:
    theirs, ours = original[1], model[1]
    open_replies: set[int] = set()
    for place in range(max(len(theirs.exchanges), len(ours.exchanges))):
        if place >= min(len(theirs.exchanges), len(ours.exchanges)):
            longer = (theirs if place < len(theirs.exchanges) else ours).exchanges[place].asked
            yield Difference(monitor, f"request {place}", *((longer, "") if longer in _asked(theirs) else ("", longer)))
            return
        one, other = theirs.exchanges[place], ours.exchanges[place]
        if one.asked != other.asked:
            yield Difference(monitor, f"request {place}", one.asked, other.asked)
            return
        if one.form != other.form:
            if not exchangeable(original[0], one, model[0], other):
                yield Difference(monitor, f"reply {place} to {one.asked[:150]}", one.form, other.form)
            open_replies.add(place)
    yield from _compare_events(monitor, theirs, ours)
    if theirs.ends != ours.ends:
        yield Difference(monitor, "end", ", ".join(theirs.ends), ", ".join(ours.ends))


def _asked(talk: Talk) -> list[str]:
    return [exchange.asked for exchange in talk.exchanges]


def _compare_events(monitor: str, theirs: Talk, ours: Talk) -> Iterator[Difference]:
    one, other = Counter(theirs.events), Counter(ours.events)
    if one != other:
        lost, gained = one - other, other - one
        yield Difference(monitor, "events", " ".join(lost.elements()), " ".join(gained.elements()))
        return
    kinds = dict.fromkeys(theirs.order)
    for first, second in combinations(kinds, 2):
        both = (_sender(first, theirs), _sender(second, theirs))
        if not are_ordered(*both) and not (_is_status(first) and _is_status(second)):
            continue
        pair = (first, second)
        before = [item for item in theirs.order if item in pair]
        after = [item for item in ours.order if item in pair]
        if before != after and len(after) == len(before):
            yield Difference(monitor, "order", _told(before, theirs), _told(after, ours))
            return


def _is_status(item: int | str) -> bool:
    return isinstance(item, str) and item.startswith("MIGRATION:")


def _told(items: Sequence[int | str], talk: Talk) -> str:
    return ", ".join(item if isinstance(item, str) else f"reply {item} to {_command(talk, item)}" for item in items)


def _command(talk: Talk, place: int) -> str:
    return talk.exchanges[place].command


def _sender(item: int | str, talk: Talk) -> frozenset[Thread]:
    if isinstance(item, int):
        return frozenset({Thread.IO if talk.exchanges[item].oob else Thread.MAIN})
    name = item.partition(" ")[0]
    threads = [sender for event, sender in senders().items() if event == name or event.startswith(name + ":")]
    return frozenset[Thread]().union(*threads) or frozenset({Thread.CHANNEL})


def are_ordered(first: frozenset[Thread], second: frozenset[Thread]) -> bool:
    """Whether two messages can only come of one thread, given the threads that may send each."""
    return len(first | second) == 1


@cache
def senders() -> dict[str, frozenset[Thread]]:
    """By event: the threads that may send it."""
    found: dict[str, set[Thread]] = {}
    for row in ROWS:
        if QEMU_5_2_0 in row.profiles:
            for thread, event in row.sends:
                found.setdefault(_named(event), set()).add(thread)
    for contract in CONTRACTS.values():
        for case in contract.cases:
            for thread, event in case.sends if QEMU_5_2_0 in case.profiles else ():
                found.setdefault(_named(event), set()).add(thread)
    return {event: frozenset(threads) for event, threads in found.items()}


def _named(event: str) -> str:
    return event.removeprefix("!").partition(" ")[0]


def exchangeable(original: Path, one: Exchange, model: Path, other: Exchange) -> bool:
    """Whether the judge finds both recordings as good with their replies to a query exchanged."""
    if one.reply is None or other.reply is None or not one.command.startswith("query-"):
        return False
    return _as_good(model, other.line, one.reply) and _as_good(original, one.line, other.reply)


_NUMERIC: Final = frozenset(relation.id for relation in RELATIONS)


def _as_good(trace: Path, line: int, reply: Message) -> bool:
    """Whether the judge has nothing against a trace with another reply on a line, numbers aside."""
    with open_trace(str(trace)) as lines:
        texts = [text.decode() for _, text in lines]
    entry = json.loads(texts[line - 1])
    kept = {name: value for name, value in entry["msg"].items() if name == "id"}
    entry["msg"] = {name: value for name, value in reply.items() if name != "id"} | kept
    texts[line - 1] = json.dumps(entry)
    judge = _Judge(Report(str(trace)), read_header(texts[0].encode(), str(trace)), Options(QEMU_5_2_0))
    try:
        for number, text in enumerate(texts[1:], 2):
            if text:
                judge.feed(number, text.encode())
    except _ObjectionError:
        return False
    told = {finding.rule for finding in judge.report.findings if finding.grade is Grade.VIOLATION}
    return told <= _NUMERIC


class _ObjectionError(Exception):
    """A message that is not possible."""


class _Strict(Automaton):
    """Takes each VM for the likeliest, and goes no further than to the first message that is not possible.

    What a judge does next takes long: it looks for other beginnings, and for an explanation.
    """

    def follow(self, node: Node, observation: Observation) -> Edge:
        edge = super().follow(node, observation)
        if edge.node is None:
            raise _ObjectionError
        return edge


@cache
def _strict() -> _Strict:
    return _Strict(Relation(QEMU_5_2_0))


class _Judge(TraceJudge):
    """A judge that is strict."""

    def cursor(self, automaton: Automaton, *, late: bool) -> Cursor:
        return super().cursor(_strict(), late=late)


def statuses(path: Path) -> dict[str, tuple[str, ...]]:
    """By VM: the statuses that its first monitor was sent as events, one after the other."""
    found: dict[str, list[str]] = {}
    with open_trace(str(path)) as lines:
        for number, text in lines:
            if number == 1 or not text:
                continue
            entry = json.loads(text)
            message = entry.get("msg")
            listened = found.setdefault(entry["vm"], [])
            first = entry.get("mon", entry["vm"]) in (entry["vm"], "main")
            if first and isinstance(message, dict) and message.get("event") == "MIGRATION":
                listened.append(message["data"]["status"])
    return {vm: tuple(told) for vm, told in found.items()}
