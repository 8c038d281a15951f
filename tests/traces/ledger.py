"""Writes the ledger of the corpus anew: how many recorded messages exercised each rule and show each entity.

    python -m tests.traces.ledger

It writes two files from one count: `traces/corpus/LEDGER.json`, for people and for the test that compares it, and the
examples that `migspec show` prints, which are shipped with the package.  Returns 1, after a list, where a rule or an
entity that nothing exercises has no reason in `migspec.traces.unexercised`, or one that is exercised has one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.traces.corpus import ADMITTED, CORPUS, OTHER_CLIENTS, PROJECT, RECORDED, WRITTEN, judge_all

from migspec.spec.schema import QEMU_5_2_0, SEED, Entity
from migspec.spec.schema.reach import types_of_arguments, types_of_event, types_of_reply
from migspec.traces.findings import Report
from migspec.traces.format import Direction
from migspec.traces.ledger import Ledger, written
from migspec.traces.session import Message, Session, read
from migspec.traces.unexercised import IN_HINDSIGHT, UNEXERCISED, UNSEEN_ENTITIES

LEDGER = CORPUS / "LEDGER.json"
"""The ledger of the corpus."""

EXAMPLES = PROJECT / "traces/migspec/traces/examples.json"
"""The examples that the package is shipped with."""

Reports = Mapping[str, Report]

Part = tuple[str, str, Mapping[str, Any]]
"""Part of an example: the VM, who sent it, and what was said."""


# -- what occurs --


def occurring(message: Message) -> frozenset[str]:
    """The names of the entities that a message shows."""
    if "event" in message.said and (event := QEMU_5_2_0.events.get(message.said["event"])):
        return types_of_event(message.said.get("data"), event, QEMU_5_2_0) | {event.name}
    command = QEMU_5_2_0.commands.get(message.command or "")
    if command is None:
        return frozenset()
    if message.is_request:
        shown = types_of_arguments(message.said.get("arguments"), command, QEMU_5_2_0)
    elif "return" in message.said:
        shown = types_of_reply(message.said["return"], command, QEMU_5_2_0)
    else:
        shown = frozenset()
    return shown | {command.name}


def _parts(session: Session, line: int) -> list[Part]:
    """What a line of a session shows: a reply after its request."""
    end = session.ends.get(line)
    if end is not None:
        told = {name: getattr(end, name) for name in ("end", "by", "exit")}
        return [(end.vm, Direction.TO_CLIENT.value, {name: value for name, value in told.items() if value is not None})]
    shown = next(message for message in session.messages if message.line == line)
    return [(one.vm, one.direction.value, one.said) for one in (shown.request, shown) if one is not None]


# -- the count --


@dataclass(slots=True)
class Account:
    """All that the two files say: the rules profile by profile, the entities, and the text of the examples."""

    head: dict[str, object]
    rules: dict[str, dict[str, dict[str, object]]]
    entities: dict[str, dict[str, object]]
    sessions: dict[str, Session] = field(default_factory=dict)

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
        return {**fields, "messages": _parts(self.sessions[str(fields["trace"])], int(str(fields["line"])))}

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
    entities, sessions = _entities([Path(path) for path in (*judged, *judged_with_others)])
    head: dict[str, object] = {"traces": observed.traces, "messages": observed.messages}
    return Account(head, rules, entities, sessions)


def _entities(paths: Iterable[Path]) -> tuple[dict[str, dict[str, object]], dict[str, Session]]:
    """How many messages show each entity of the schema, with a place in the shortest trace; and all sessions."""
    counts = {entity.name: 0 for entity in SEED.entities if _is_own(entity)}
    places: dict[str, tuple[bool, int, str, int]] = {}
    sessions: dict[str, Session] = {}
    for path in paths:
        trace = _relative(str(path))
        session = sessions[trace] = read(path)
        size = len(session.messages) + len(session.ends)
        for message in session.messages:
            for name in occurring(message) & counts.keys():
                counts[name] += 1
                # one that was answered with success tells most
                place = ("return" not in message.said and "event" not in message.said, size, trace, message.line)
                places[name] = min(places.get(name, place), place)
    entities = {}
    for name, count in counts.items():
        kind = type(next(entity for entity in SEED.entities if entity.name == name)).__name__.lower()
        place_of = {"trace": places[name][2], "line": places[name][3]} if count else {}
        entities[name] = {"kind": kind, "exercised": count, **place_of}
    return entities, sessions


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
