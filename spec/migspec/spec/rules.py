"""The catalogue of rules: every checkable sentence of the specification, by its id.

Rows and cases are rules by themselves; the rest is what no single step says: the form of messages, the
pairing of replies and requests, what answers must show and how their numbers are related, and how two VMs
of one migration go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from migspec.spec.commands import CONTRACTS, envelope, machine, written
from migspec.spec.commands.queries import TORN
from migspec.spec.contracts import Case, Contract
from migspec.spec.lifecycle import ROWS
from migspec.spec.numbers import RELATIONS
from migspec.spec.numbers.relation import Relation
from migspec.spec.parameters import PARAMETERS, READ, READ_BY, SET
from migspec.spec.rows import QEMU_5_2_0, SEED, Row, Standing
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema import Command, Entity, Enum, Event, Origin, Struct, Union

_ALL = frozenset({SEED, QEMU_5_2_0})
_RELEASE = frozenset({QEMU_5_2_0})


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
    Rule("envelope.greeting.members", "A greeting has a version and a list of capabilities, of the right types."),
    Rule(
        "envelope.negotiation.offered",
        "What the greeting offers may be switched on, and nothing else.",
        profiles=_RELEASE,
    ),
    Rule("envelope.timestamp", "Every event has a timestamp."),
    Rule("envelope.id", "A reply has the id of its request, and none if the request had none."),
    Rule("envelope.reply.order", "Requests that are not out of band are answered in their order, each once."),
    Rule("envelope.reply.unrequested", "Every reply answers a request."),
    Rule("envelope.json", "Input that is no JSON is answered in its turn, each fault by one error.", profiles=_RELEASE),
    Rule("envelope.json.id", "An error about input that is no JSON has no id.", profiles=_RELEASE),
    Rule(
        "envelope.request",
        "JSON that is no request is refused in its turn, with its id if it has one, for one of its faults.",
        profiles=_RELEASE,
    ),
    Rule(
        "envelope.oob.queue",
        "A request out of band overtakes no more than eight others: with nine open, the server reads no further.",
        profiles=_RELEASE,
    ),
    Rule("envelope.error-class", "An error is of one of the classes that QAPI has.", profiles=_RELEASE),
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
    Rule(
        TORN,
        "An answer that a change of the status overtakes shows the new status with the members of the old one.",
        "MigrationInfo",
        Standing.DEFECT,
        _RELEASE,
        evidence="asked in a pipeline, 4 of 2 649 migrations that completed and 13 of 3 044 that failed",
    ),
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
        profiles=_RELEASE,
    ),
    Rule(
        "query-colo-status.mode",
        "The mode is that of the side which is in COLO.",
        "COLOStatus.mode",
        profiles=_RELEASE,
    ),
    Rule(
        "query-colo-status.last-mode",
        "The last mode is that of the last COLO, the present one included.",
        "COLOStatus.last-mode",
        profiles=_RELEASE,
    ),
    Rule(
        "query-colo-status.reason",
        "The reason tells how far the last failover that was ordered has come, whatever COLO_EXIT told.",
        "COLOStatus.reason",
        profiles=_RELEASE,
    ),
    Rule(
        "query-dirty-rate.status",
        "The status is that of the measurement, with a rate exactly once it is measured.",
        "DirtyRateInfo.status",
        profiles=_RELEASE,
    ),
    Rule(
        "query-dirty-rate.start-time",
        "A measurement begins no earlier than the one before it; until it has begun, the earlier times are shown.",
        "DirtyRateInfo.start-time",
        profiles=_RELEASE,
        evidence="seconds of the host's monotonic clock",
    ),
    Rule(
        "query-dirty-rate.calc-time",
        "A measurement takes as long as was asked for, or longer where the samples took longer.",
        "DirtyRateInfo.calc-time",
        profiles=_RELEASE,
    ),
    Rule(
        "query-dirty-rate.unmeasured",
        "A rate of -1 stands for none, so it is not one that was measured.",
        "DirtyRateInfo.dirty-rate",
        Standing.DOCUMENTED,
        frozenset({SEED}),
    ),
    Rule(
        "query-xen-replication-status.desc",
        "There is a description exactly where there is an error.",
        "ReplicationStatus.desc",
        Standing.DOCUMENTED,
    ),
)
"""What answers to queries must show."""

ANSWERED_BY: Mapping[str, tuple[str, ...]] = {
    command: tuple(
        rule.id
        for rule in ANSWER_RULES
        if rule.id.rpartition(".")[0] == command and rule.standing is not Standing.DEFECT
    )
    for command in dict.fromkeys(rule.id.rpartition(".")[0] for rule in ANSWER_RULES)
}
"""The rules that every answer to a query is held to, by the query."""


VALUE_RULES: tuple[Rule, ...] = (
    *(
        Rule(
            f"{READ}.{name}",
            f"Parameter {name} is read back as it was set, cut to its width."
            if not parameter.ignored
            else f"Parameter {name} keeps its value, whatever it is set to.",
            f"MigrationParameters.{name}",
            Standing.OBSERVED if parameter.ignored else Standing.DOCUMENTED,
        )
        for name, parameter in PARAMETERS.items()
    ),
    *(
        Rule(f"{command}.value", f"The answer is {name.value}, as a signed number.", command, Standing.DOCUMENTED)
        for command, name in READ_BY.items()
    ),
    Rule(
        f"{READ}.complete",
        "Every parameter is told, but for a mapping of bitmaps that was never set.",
        "MigrationParameters",
        Standing.DOCUMENTED,
    ),
    Rule(
        f"{SET}.narrowed",
        "A number that is too large for its storage is cut to its width, and only then checked.",
        "MigrateSetParameters",
        Standing.DEFECT,
        _RELEASE,
    ),
    Rule(
        f"{SET}.ignored",
        "A level of multifd's compression is accepted, whatever it is, and not stored.",
        "MigrateSetParameters.multifd-zlib-level",
        Standing.DEFECT,
        _RELEASE,
    ),
)
"""What the values of parameters must be."""


def _of_row(row: Row) -> Rule:
    return Rule(row.id, row.sentence, row.clause, row.standing, row.profiles, str(row.when), row.evidence)


def _of_case(case: Case) -> Rule:
    needs = "" if callable(case.when) else str(case.when)
    return Rule(case.id, case.sentence, case.clause, case.standing, case.profiles, needs, case.evidence)


EVERY_CONTRACT: tuple[Contract, ...] = (
    *CONTRACTS.values(),
    envelope.CONTRACT,
    machine.OPEN,
    *written.CONTRACTS.values(),
    written.OPEN,
)
"""The contracts of all profiles, those that several commands share included."""

CASES: frozenset[str] = frozenset(case.id for contract in EVERY_CONTRACT for case in contract.cases)
"""The ids of the rules that are cases of a contract."""


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
    for contract in EVERY_CONTRACT:
        yield from contract.cases


_SAYS: tuple[tuple[type[Entity], str], ...] = (
    (Command, "The reply to the command fits the schema."),
    (Event, "The event fits the schema."),
    (Struct, "Each object of the type has the members that the schema gives it."),
    (Union, "Each object of the type has the members that go with its discriminator."),
    (Enum, "Each word of the type is one that the schema has."),
)


def _schema_rules() -> Iterator[Rule]:
    for entity in SCHEMA.entities:
        sentence = next(sentence for kind, sentence in _SAYS if isinstance(entity, kind))
        profiles = _RELEASE if entity.origin is Origin.RELEASE else _ALL
        yield Rule(f"schema.{entity.name}", sentence, entity.name, Standing.DOCUMENTED, profiles)


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
        *VALUE_RULES,
        *(_of_relation(relation) for relation in RELATIONS),
        *_schema_rules(),
    )
)
"""Every rule, by id."""
