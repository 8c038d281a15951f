"""The catalogue of rules: every checkable sentence of the specification, by its id.

Rows and cases are rules by themselves; the rest is what no single step says: the form of messages, the
pairing of replies and requests, what answers must show and how their numbers are related, and how two VMs
of one migration go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from migspec.spec.commands import CONTRACTS, envelope, machine, written
from migspec.spec.contracts import Case
from migspec.spec.lifecycle import ROWS
from migspec.spec.numbers import RELATIONS
from migspec.spec.numbers.relation import Relation
from migspec.spec.rows import QEMU_5_2_0, SEED, Row, Standing
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema import Command, Event, Origin

_ALL = frozenset({SEED, QEMU_5_2_0})


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it says, where it comes from, what it is founded on, and who is held to it.

    `needs` is its condition in words, empty where it has none; `evidence` what was recorded of it.
    """

    id: str
    sentence: str
    clause: str = ""
    standing: Standing = Standing.OBSERVED
    profiles: frozenset[str] = _ALL
    needs: str = ""
    evidence: str = ""


MESSAGE_RULES: tuple[Rule, ...] = (
    Rule("envelope.message", "A server message has exactly the members of its kind, of the right types."),
    Rule("envelope.greeting", "A connection begins with a greeting."),
    Rule("envelope.timestamp", "Every event has a timestamp."),
    Rule("envelope.id", "A reply has the id of its request, and none if the request had none."),
    Rule("envelope.reply.order", "Requests that are not out of band are answered in their order, each once."),
    Rule("envelope.reply.unrequested", "Every reply answers a request."),
    Rule(
        "migration-pass.count",
        "The numbers of the passes count up by one.",
        "MIGRATION_PASS.pass",
        Standing.DOCUMENTED,
    ),
    Rule("trace.other-client", "All clients of a VM are in the trace.", profiles=frozenset()),
    Rule("trace.gap", "A trace has no gap that hides what matters.", profiles=frozenset()),
    Rule("trace.too-uncertain", "A trace says enough for its messages to be judged.", profiles=frozenset()),
    Rule("trace.empty", "A trace has messages.", profiles=frozenset()),
)
"""What holds for messages as such."""

ANSWER_RULES: tuple[Rule, ...] = (
    Rule(
        "query-migrate.status",
        "The status is the outgoing one, and the incoming one while that is none.",
        "query-migrate",
    ),
    Rule("query-migrate.members", "Each status comes with its own members.", "MigrationInfo"),
    Rule("query-status.run", "The run state is that of the guest.", "query-status"),
    Rule("query-status.running", "A guest is said to run in the run state running and in no other.", "query-status"),
    Rule(
        "query-migrate-capabilities.settings",
        "The capabilities are as they were set.",
        "query-migrate-capabilities",
        Standing.DOCUMENTED,
    ),
    Rule(
        "query-migrate-capabilities.complete",
        "Every capability of the build is listed, in the order of the enumeration.",
        "query-migrate-capabilities",
        profiles=frozenset({QEMU_5_2_0}),
    ),
)
"""What answers to queries must show."""


def _of_row(row: Row) -> Rule:
    return Rule(row.id, row.sentence, row.clause, row.standing, row.profiles, str(row.when), row.evidence)


def _of_case(case: Case) -> Rule:
    needs = "" if callable(case.when) else str(case.when)
    return Rule(case.id, case.sentence, case.clause, case.standing, case.profiles, needs, case.evidence)


def _of_relation(relation: Relation) -> Rule:
    return Rule(
        relation.id,
        relation.sentence,
        relation.clause,
        relation.standing,
        relation.profiles,
        relation.scope,
        relation.evidence,
    )


def _cases() -> Iterator[Case]:
    contracts = (
        *CONTRACTS.values(),
        envelope.CONTRACT,
        machine.OPEN,
        *written.CONTRACTS.values(),
        written.OPEN,
    )
    for contract in contracts:
        yield from contract.cases


def _schema_rules() -> Iterator[Rule]:
    for entity in SCHEMA.entities:
        if isinstance(entity, Command | Event):
            what = "The reply to the command" if isinstance(entity, Command) else "The event"
            profiles = frozenset({QEMU_5_2_0}) if entity.origin is Origin.RELEASE else _ALL
            yield Rule(
                f"schema.{entity.name}",
                f"{what} fits the schema.",
                entity.name,
                Standing.DOCUMENTED,
                profiles,
            )


def _by_id(rules: Iterable[Rule]) -> Mapping[str, Rule]:
    """The rules by id; one that several profiles state in the same words is one rule of all of them."""
    found: dict[str, Rule] = {}
    for rule in rules:
        known = found.get(rule.id, rule)
        found[rule.id] = replace(known, profiles=known.profiles | rule.profiles)
    return found


RULES: Mapping[str, Rule] = _by_id(
    (
        *(_of_row(row) for row in ROWS),
        *(_of_case(case) for case in _cases()),
        *MESSAGE_RULES,
        *ANSWER_RULES,
        *(_of_relation(relation) for relation in RELATIONS),
        *_schema_rules(),
    )
)
"""Every rule, by id."""
