"""Writes the ledger of the corpus anew: how many recorded messages exercised each rule and show each entity.

    python -m tests.traces.ledger

It writes two files from one count: `traces/corpus/LEDGER.json`, for people and for the test that compares it, and the
examples that `migspec show` prints, which are shipped with the package.  Returns 1, after a list, where a rule or an
entity that nothing exercises has no reason in `migspec.traces.unexercised`, or one that is exercised has one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.traces.corpus import ADMITTED, CORPUS, OTHER_CLIENTS, PROJECT, RECORDED, WRITTEN, judge_all

from migspec.spec.schema import QEMU_5_2_0, SEED, Entity, Member, Ref, Type
from migspec.spec.schema.model import Array, Enum, Struct, Union
from migspec.traces.findings import Report
from migspec.traces.format import open_trace
from migspec.traces.ledger import Ledger, written
from migspec.traces.unexercised import IN_HINDSIGHT, UNEXERCISED, UNSEEN_ENTITIES

LEDGER = CORPUS / "LEDGER.json"
"""The ledger of the corpus."""

EXAMPLES = PROJECT / "traces/migspec/traces/examples.json"
"""The examples that the package is shipped with."""

Reports = Mapping[str, Report]


# -- messages and what occurs in them --


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message of a trace, or the end of a connection: its line, who sent it, itself, and the request it answers."""

    line: int
    vm: str
    direction: str
    message: dict[str, Any]
    request: Recorded | None = None

    @property
    def command(self) -> str | None:
        """The command that is asked for or answered."""
        asked = self.request.message if self.request else self.message
        name = asked.get("execute", asked.get("exec-oob"))
        return name if isinstance(name, str) else None


def messages(path: Path) -> Iterator[Recorded]:
    """The messages of a trace, replies with their requests, and the ends of its connections."""
    open_requests: dict[tuple[str, str], list[Recorded]] = {}
    with open_trace(str(path)) as lines:
        for number, text in lines:
            line = json.loads(text) if number > 1 and text.strip() else {}
            if "end" in line:
                ended = {name: line[name] for name in ("end", "by", "exit") if name in line}
                yield Recorded(number, line["vm"], "<-", ended)
            message = line.get("msg")
            if not isinstance(message, dict):
                continue
            waiting = open_requests.setdefault((line["vm"], line.get("mon", "")), [])
            shown = Recorded(number, line["vm"], line["dir"], message)
            if "QMP" in message:
                waiting.clear()
            elif line["dir"] == "->":
                waiting.append(shown)
            elif "event" not in message and waiting:
                same = (one for one in waiting if one.message.get("id") == message.get("id"))
                asked = next(same, waiting[0])
                waiting.remove(asked)
                shown = replace(shown, request=asked)
            yield shown


def occurring(shown: Recorded) -> set[str]:
    """The names of the entities that a message shows."""
    message = shown.message
    if "event" in message and (event := QEMU_5_2_0.events.get(message["event"])):
        return {event.name, *_of_members(message.get("data"), event.data)}
    command = QEMU_5_2_0.commands.get(shown.command or "")
    if command is None:
        return set()
    if shown.request is None:
        boxed = {command.arguments.name} if isinstance(command.arguments, Ref) else set()
        return {command.name, *boxed, *_of_members(message.get("arguments"), QEMU_5_2_0.arguments(command))}
    returned = _of_value(message["return"], command.returns) if "return" in message and command.returns else ()
    return {command.name, *returned}


def _of_members(value: object, members: Iterable[Member]) -> Iterator[str]:
    if isinstance(value, dict):
        for member in members:
            if member.name in value:
                yield from _of_value(value[member.name], member.type)


def _of_value(value: object, type_: Type) -> Iterator[str]:
    if isinstance(type_, Array):
        for item in value if isinstance(value, list) else ():
            yield from _of_value(item, type_.element)
    elif isinstance(type_, Ref):
        yield from _of_definition(value, QEMU_5_2_0.resolve(type_))


def _of_definition(value: object, definition: Struct | Union | Enum) -> Iterator[str]:
    if isinstance(definition, Enum):
        if any(value == word.name for word in definition.values):
            yield definition.name
    elif isinstance(value, dict):
        yield definition.name
        if isinstance(definition, Struct):
            yield from _of_members(value, definition.members)
        elif branch := definition.branch(value.get(definition.discriminator.name)):
            yield from _of_members(value, (definition.discriminator,))
            yield from _of_definition(value, QEMU_5_2_0.structs[branch])


# -- the count --


@dataclass(slots=True)
class Account:
    """All that the two files say: the rules profile by profile, the entities, and the text of the examples."""

    head: dict[str, object]
    rules: dict[str, dict[str, dict[str, object]]]
    entities: dict[str, dict[str, object]]
    lines: dict[str, dict[int, Recorded]] = field(default_factory=dict)

    def ledger(self) -> str:
        """The text of the ledger."""
        sections = {name: _with_reasons(entries) for name, entries in self.rules.items()}
        entities = {
            name: fields if fields["exercised"] else {**fields, "reason": UNSEEN_ENTITIES.get(name)}
            for name, fields in self.entities.items()
        }
        return written(self.head, {"entities": entities, **sections})

    def examples(self) -> str:
        """The text of the examples, by rule or entity: those of a release before those of the written contract."""
        found: dict[str, dict[str, object]] = {}
        for profile in sorted(self.rules):
            for rule, fields in self.rules[profile].items():
                if "line" in fields and rule not in found:
                    found[rule] = self._example(fields)
        entities = {name: self._example(fields) for name, fields in self.entities.items() if "line" in fields}
        return written(self.head, {"entities": entities, "rules": found})

    def _example(self, fields: Mapping[str, object]) -> dict[str, object]:
        shown = self.lines[str(fields["trace"])][int(str(fields["line"]))]
        both = [part for part in (shown.request, shown) if part is not None]
        return {**fields, "messages": [[part.vm, part.direction, part.message] for part in both]}

    def faults(self) -> list[str]:
        """The ids that lack a reason or have one without need, a line each."""
        rules: dict[str, int] = {}
        for entries in self.rules.values():
            for rule, fields in entries.items():
                rules[rule] = rules.get(rule, 0) + int(str(fields["exercised"]))
        entities = {name: int(str(fields["exercised"])) for name, fields in self.entities.items()}
        return [*_faults("rule", rules, UNEXERCISED), *_faults("entity", entities, UNSEEN_ENTITIES)]


def _with_reasons(entries: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    result = {}
    for rule, fields in entries.items():
        extra: dict[str, object] = {}
        if not fields["exercised"]:
            extra = {"reason": UNEXERCISED.get(rule)}
            if rule in IN_HINDSIGHT:
                extra["in hindsight"] = IN_HINDSIGHT[rule]
        result[rule] = {**fields, **extra}
    return result


def _faults(kind: str, counts: Mapping[str, int], reasons: Mapping[str, str]) -> Iterator[str]:
    for name, count in counts.items():
        if not count and name not in reasons:
            yield f"{kind} {name}: nothing exercises it, and no reason is given"
        elif count and name in reasons:
            yield f"{kind} {name}: it is exercised, so the reason is stale"
    for name in reasons.keys() - counts.keys():
        yield f"{kind} {name}: there is none of that name, though there is a reason"


def account(judged: Reports, judged_as_written: Reports, judged_with_others: Reports) -> Account:
    """The account of these reports, by path."""
    observed, as_written = Ledger(), Ledger()
    for path, report in (*judged.items(), *judged_with_others.items()):
        observed.add(replace(report, trace=_relative(path)))
    for path, report in judged_as_written.items():
        as_written.add(replace(report, trace=_relative(path)))
    rules = {
        profile: {rule: entry.as_fields() for rule, entry in ledger.of(profile).items()}
        for ledger in (as_written, observed)
        for profile in ledger.profiles
    }
    entities, lines = _entities([Path(path) for path in (*judged, *judged_with_others)])
    head: dict[str, object] = {"traces": observed.traces, "messages": observed.messages}
    return Account(head, rules, entities, lines)


def _entities(paths: Iterable[Path]) -> tuple[dict[str, dict[str, object]], dict[str, dict[int, Recorded]]]:
    """How many messages show each entity of the schema, with a place in the shortest trace; and all messages."""
    counts = {entity.name: 0 for entity in SEED.entities if _is_own(entity)}
    places: dict[str, tuple[bool, int, str, int]] = {}
    lines: dict[str, dict[int, Recorded]] = {}
    for path in paths:
        trace = _relative(str(path))
        lines[trace] = {shown.line: shown for shown in messages(path)}
        size = len(lines[trace])
        for shown in lines[trace].values():
            for name in occurring(shown) & counts.keys():
                counts[name] += 1
                # one that was answered with success tells most
                place = ("return" not in shown.message and "event" not in shown.message, size, trace, shown.line)
                places[name] = min(places.get(name, place), place)
    entities = {}
    for name, count in counts.items():
        kind = type(next(entity for entity in SEED.entities if entity.name == name)).__name__.lower()
        place_of = {"trace": places[name][2], "line": places[name][3]} if count else {}
        entities[name] = {"kind": kind, "exercised": count, **place_of}
    return entities, lines


def _is_own(entity: Entity) -> bool:
    return entity.origin == "seed"


def _relative(path: str) -> str:
    return Path(path).relative_to(CORPUS).as_posix()


def main() -> int:
    """Write both files, and say what lacks a reason."""
    found = account(judge_all(RECORDED), judge_all(RECORDED, WRITTEN), judge_all(OTHER_CLIENTS, ADMITTED))
    LEDGER.write_text(found.ledger(), encoding="utf-8")
    EXAMPLES.write_text(found.examples(), encoding="utf-8")
    faults = found.faults()
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
