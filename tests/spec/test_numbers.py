"""The relations between numbers: their language, their scopes, and real answers on either side of their edges."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.spec.numbers import RELATIONS
from migspec.spec.numbers.disturbances import Influence, influence_of
from migspec.spec.numbers.formula import ANSWER, BEFORE, PARAMETER, PASSES, Formula, FormulaError, broken, compiled
from migspec.spec.numbers.relation import OPTIONAL, History, Relation, Situation
from migspec.spec.requests import understand
from migspec.spec.rows import QEMU_5_2_0, SEED, Standing
from migspec.spec.rules import RULES
from migspec.spec.schema import ABSENT, Ref
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema.model import Array
from migspec.spec.vocabulary import MigrationCapability, MigrationParameter, MigrationStatus

CORPUS = Path(__file__).parents[2] / "traces" / "corpus" / "qemu-5.2.0"
Json = dict[str, Any]
BY_ID = {relation.id: relation for relation in RELATIONS}
ALL = pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.id)


def typed(value: Any) -> Any:
    """An answer as formulas read it: an attribute for each member."""
    if isinstance(value, dict):
        return SimpleNamespace(**{name.replace("-", "_"): typed(member) for name, member in value.items()})
    return value


def holds(name: str, answer: Json, before: Json | None = None, **inputs: Any) -> bool:
    members = frozenset(answer)
    seen = SimpleNamespace(**({"passes_asked": 0, "passes_seen": 0, "parameters": {}} | inputs))
    return bool(compiled((BY_ID[name].formula,), members)(typed(answer), typed(before or {}), seen))


# ---- the table ----


@ALL
def test_a_formula_names_members_of_the_schema_and_known_inputs(relation: Relation) -> None:
    info = {member.name: member for member in SCHEMA.structs["MigrationInfo"].members}
    assert relation.formula.of(ANSWER)
    for mention in relation.formula.mentions:
        if mention.root == PARAMETER:
            assert mention.path in set(MigrationParameter)
        elif mention.root == PASSES:
            assert mention.path in ("asked", "seen")
        else:
            wire = info[mention.member].type
            nested = mention.path.partition(".")[2]
            assert not mention.optional or mention.member in OPTIONAL
            if nested:
                assert isinstance(wire, Ref)
                assert nested in {member.name for member in SCHEMA.structs[wire.name].members}
            elif isinstance(wire, Array):
                assert f"largest({mention.path.replace('-', '_')})" in relation.formula.text


@ALL
def test_a_relation_is_a_rule_with_its_clause_and_scope(relation: Relation) -> None:
    rule = RULES[relation.id]
    entity, _, member = relation.clause.partition(".")
    known = SCHEMA.structs.get(entity)
    names = set(MigrationStatus) if entity == "MigrationStatus" else {m.name for m in known.members} if known else set()
    assert member in names
    assert (rule.sentence, rule.needs, rule.profiles) == (relation.sentence, relation.scope, relation.profiles)
    assert (SEED in relation.profiles) == (relation.standing is Standing.DOCUMENTED)
    assert QEMU_5_2_0 in relation.profiles
    assert {name for name, _ in relation.capabilities} <= set(MigrationCapability)


def test_ids_are_unique() -> None:
    assert len(BY_ID) == len(RELATIONS)


# ---- the language ----


@pytest.mark.parametrize(
    "text", ["ram.total", "f(ram.total)", "a.__class__ == 1", "ram[0] == 1", "ram.total == 'x'", "1 in ram.total", "("]
)
def test_what_the_language_lacks_is_refused(text: str) -> None:
    if text == "ram.total":
        assert Formula(text).mentions
        return
    with pytest.raises(FormulaError, match=r"language|parsed|no name"):
        Formula(text)


NUMBERS = st.integers(-(2**63), 2**63 - 1)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_compiled_formula_is_what_python_makes_of_it(normal: int, size: int, before: int) -> None:
    text = "ram.normal * ram.page_size + given(compression.pages) >= before.ram.normal or ram.normal == ram.page_size"
    answer, last = typed({"ram": {"normal": normal, "page-size": size}}), typed({"ram": {"normal": before}})
    expected = normal * size >= before or normal == size
    assert bool(compiled([Formula(text)], frozenset({"ram"}))(answer, last, None)) == expected
    if not expected:
        told = broken(Formula(text), frozenset({"ram"}), answer, last, None)
        assert told.startswith(f"ram.normal is {normal}; it should be ram.page-size, which is {size}")


def test_formulas_together_are_each_of_them() -> None:
    formulas = [Formula("total_time >= 3"), Formula("total_time <= 5"), Formula("setup_time != total_time")]
    together = compiled(formulas, frozenset())
    for total in range(8):
        answer = SimpleNamespace(total_time=total, setup_time=4)
        assert bool(together(answer, None, None)) == (total in (3, 5))


def test_what_is_broken_is_told_with_its_numbers() -> None:
    answer = typed({"ram": {"normal-bytes": 4097, "normal": 1, "page-size": 4096, "mbps": 1.5, "pages-per-second": 0}})
    told = broken(BY_ID["query-migrate.ram.normal-bytes"].formula, frozenset({"ram"}), answer, None, None)
    assert told == "ram.normal-bytes is 4097; it should be ram.normal × ram.page-size, which is 4096."
    answer.total_time = 99
    told = broken(BY_ID["query-migrate.ram.rates.first"].formula, frozenset({"ram"}), answer, None, None)
    assert told == "ram.mbps is 1.5; it should be 0, as total-time is 99."


# ---- scopes ----


def test_a_relation_between_two_answers_needs_both() -> None:
    relation = BY_ID["query-migrate.ram.transferred.monotone"]
    members = frozenset({"ram"})
    alone = Situation(QEMU_5_2_0, "active", members)
    assert not relation.applies(alone)
    assert relation.applies(Situation(QEMU_5_2_0, "active", members, "active", members))
    assert not relation.applies(Situation(QEMU_5_2_0, "active", members, "setup", frozenset()))
    assert not relation.applies(Situation(SEED, "active", members, "active", members))


def test_a_capability_must_be_known() -> None:
    relation = BY_ID["query-migrate.ram.multifd-bytes.off"]
    for known, expected in ((set(), False), ({("multifd", True)}, False), ({("multifd", False)}, True)):
        situation = Situation(QEMU_5_2_0, "active", frozenset({"ram"}), capabilities=frozenset(known))
        assert relation.applies(situation) is expected


def test_what_may_be_missing_must_be_known_to_have_been_off() -> None:
    relation = BY_ID["query-migrate.ram.accounted"]
    off = frozenset({("xbzrle", False), ("compress", False)})
    assert not relation.applies(Situation(QEMU_5_2_0, "active", frozenset({"ram"})))
    assert relation.applies(Situation(QEMU_5_2_0, "active", frozenset({"ram"}), capabilities=off))


def test_history_and_inputs_must_be_there() -> None:
    relation = BY_ID["query-migrate.expected-downtime.first"]
    members = frozenset({"ram", "total-time", "expected-downtime"})
    whole = frozenset({History.BEGUN, History.STEADY})
    known = frozenset({"downtime-limit"})
    assert relation.applies(Situation(QEMU_5_2_0, "active", members, history=whole, inputs=known))
    assert not relation.applies(Situation(QEMU_5_2_0, "active", members, history=whole))
    assert not relation.applies(Situation(QEMU_5_2_0, "active", members, inputs=known))


@pytest.mark.parametrize(
    ("command", "arguments", "expected"),
    [
        ("migrate", {"uri": "unix:/s"}, Influence.BEGINS),
        ("migrate", {"uri": "unix:/s", "resume": True}, Influence.RESUMES),
        ("human-monitor-command", {"command-line": "savevm s"}, Influence.BEGINS),
        ("human-monitor-command", {"command-line": "info migrate"}, Influence.BEGINS),
        ("human-monitor-command", {"command-line": "migrate_cancel"}, Influence.NONE),
        ("migrate-set-capabilities", {"capabilities": []}, Influence.CAPABILITIES),
        ("migrate-set-parameters", {"downtime-limit": 1}, Influence.PARAMETERS),
        ("migrate_set_speed", {"value": 1}, Influence.PARAMETERS),
        ("device_add", {"driver": "pc-dimm"}, Influence.OTHER),
        ("migrate_cancel", ABSENT, Influence.NONE),
        ("query-block", ABSENT, Influence.NONE),
        ("query-migrate", ABSENT, Influence.NONE),
    ],
)
def test_what_requests_do_to_the_numbers(command: str, arguments: Any, expected: Influence) -> None:
    assert influence_of(understand(command, arguments, SCHEMA)) is expected


# ---- real answers ----


class Sample(NamedTuple):
    """A real answer, and the one before it on the same monitor, both with statistics."""

    answer: Json
    before: Json | None


def samples() -> Iterator[Sample]:
    for path in sorted(CORPUS.glob("*.jsonl*")):
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        asked: dict[tuple[str, str, str], str] = {}
        last: dict[tuple[str, str], Json] = {}
        for line in map(json.loads, text.splitlines()[1:]):
            message, origin = line.get("msg", {}), (line.get("vm", ""), line.get("mon", ""))
            if not isinstance(message, dict):
                continue
            key = (*origin, json.dumps(message.get("id")))
            if message.get("execute") not in (None, "query-migrate"):
                last.pop(origin, None)
            if message.get("execute") == "query-migrate":
                asked[key] = "query-migrate"
            elif "return" in message and asked.pop(key, ""):
                yield Sample(message["return"], last.get(origin))
                last[origin] = message["return"]


SAMPLES = tuple(samples())


def changed(answer: Json, path: str, by: float) -> Json:
    """The same answer with one number larger."""
    other = copy.deepcopy(answer)
    holder = other
    *way, name = path.split(".")
    for step in way:
        holder = holder[step]
    holder[name] += by
    return other


EDGES: tuple[tuple[str, str, Callable[[Json, Json], float]], ...] = (
    ("ram.skipped", "ram.skipped", lambda a, b: 1),
    ("ram.whole-pages", "ram.remaining", lambda a, b: 1),
    ("ram.page-size", "ram.page-size", lambda a, b: 4096),
    ("ram.total", "ram.total", lambda a, b: 4096),
    ("ram.normal-bytes", "ram.normal-bytes", lambda a, b: 1),
    ("ram.remaining", "ram.remaining", lambda a, b: a["ram"]["total"] - a["ram"]["remaining"] + 1),
    ("ram.remaining", "ram.remaining", lambda a, b: -a["ram"]["remaining"] - 1),
    ("ram.completed", "ram.remaining", lambda a, b: 4096),
    ("ram.completed", "ram.dirty-pages-rate", lambda a, b: 1),
    ("ram.transferred.monotone", "ram.transferred", lambda a, b: b["ram"]["transferred"] - a["ram"]["transferred"] - 1),
    ("ram.normal.monotone", "ram.normal", lambda a, b: b["ram"]["normal"] - a["ram"]["normal"] - 1),
    ("ram.duplicate.monotone", "ram.duplicate", lambda a, b: b["ram"]["duplicate"] - a["ram"]["duplicate"] - 1),
    ("ram.multifd-bytes.completed", "ram.multifd-bytes", lambda a, b: a["ram"]["transferred"] + 1),
    ("ram.postcopy-requests", "ram.postcopy-requests", lambda a, b: 1),
    ("ram.dirty-sync-count", "ram.dirty-sync-count", lambda a, b: -a["ram"]["dirty-sync-count"]),
    ("total-time.monotone", "total-time", lambda a, b: b["total-time"] - a["total-time"] - 1),
    ("setup-time.constant", "setup-time", lambda a, b: 1),
    ("setup-time", "setup-time", lambda a, b: a["total-time"] - a["setup-time"] + 2),
    ("downtime", "downtime", lambda a, b: a["total-time"] - a["downtime"] + 1),
    ("downtime", "downtime", lambda a, b: -a["downtime"] - 1),
    ("completed.constant", "ram.transferred", lambda a, b: 1),
    ("completed.constant", "total-time", lambda a, b: 1),
    ("pre-switchover.constant", "expected-downtime", lambda a, b: 1),
    ("pre-switchover.constant", "ram.normal", lambda a, b: 1),
    ("ram.mbps", "ram.mbps", lambda a, b: -a["ram"]["mbps"] - 0.5),
    ("ram.rates.first", "ram.pages-per-second", lambda a, b: 1),
    ("ram.dirty-pages-rate.first", "ram.dirty-pages-rate", lambda a, b: 1),
    ("cpu-throttle-percentage", "cpu-throttle-percentage", lambda a, b: 100 - a["cpu-throttle-percentage"]),
    ("disk.remaining", "disk.remaining", lambda a, b: 1),
    ("disk.unused", "disk.normal", lambda a, b: 1),
    ("xbzrle-cache.overflow", "xbzrle-cache.cache-miss-rate", lambda a, b: -2),
)
"""Relations, a member of an answer, and the change of it that goes one step too far."""


@pytest.mark.parametrize(("name", "path", "step"), EDGES, ids=lambda value: value if isinstance(value, str) else "")
def test_real_answers_hold_and_a_step_further_they_do_not(
    name: str, path: str, step: Callable[[Json, Json], float]
) -> None:
    relation = BY_ID[f"query-migrate.{name}"]
    found = 0
    for answer, before in SAMPLES:
        between = before if relation.compares else {}
        # the times of one that has just completed are not there yet
        settled = answer.get("status") != "completed" or (
            answer.get("total-time") and (between is None or between.get("total-time", 1))
        )
        situation = Situation(
            QEMU_5_2_0,
            answer.get("status"),
            frozenset(answer),
            (before or {}).get("status"),
            frozenset(before or {}),
            capabilities=frozenset(relation.capabilities),
        )
        if before and before.get("status") == "completed" != answer.get("status"):
            continue  # of another attempt
        early = name.endswith(".first") and answer.get("total-time", 0) >= 100
        if not relation.applies(situation) or not settled or early:
            continue
        found += 1
        assert holds(relation.id, answer, before)
        assert not holds(relation.id, changed(answer, path, step(answer, before or {})), before)
    assert found


COMPLETED: Json = next(s.answer for s in SAMPLES if s.answer.get("status") == "completed" and "ram" in s.answer)


@pytest.mark.parametrize(
    "answer",
    [
        COMPLETED | {"total-time": 0, "downtime": 0},
        COMPLETED | {"total-time": 0, "downtime": 0, "setup-time": 37},
    ],
    ids=["zero-times", "set-up-longer-than-nothing"],
)
def test_a_migration_that_has_just_completed_may_have_no_times(answer: Json) -> None:
    alone = Situation(QEMU_5_2_0, "completed", frozenset(answer))
    for relation in RELATIONS:
        if relation.applies(alone):
            assert holds(relation.id, answer), relation.id
    for name in ("completed.constant", "downtime", "setup-time.completed"):
        assert holds(f"query-migrate.{name}", COMPLETED, answer)


def test_remaining_may_vanish_in_a_paused_postcopy_and_sent_bytes_need_not_add_up() -> None:
    ram = COMPLETED["ram"] | {"remaining": 0}
    paused = {"status": "postcopy-paused", "expected-downtime": 1, "total-time": 5, "ram": ram}
    before = copy.deepcopy(paused)
    before["ram"]["remaining"] = 4096
    assert holds("query-migrate.postcopy-paused.constant", paused, before)
    assert not holds("query-migrate.postcopy-paused.constant", before, paused)
    assert holds("query-migrate.ram.accounted.interrupted", paused | {"ram": ram | {"normal": 0, "duplicate": 0}})


@pytest.mark.parametrize(
    ("seen", "asked", "count", "expected"),
    [(2, 2, 2, True), (2, 2, 3, True), (2, 2, 4, False), (2, 2, 1, False), (3, 2, 2, True), (3, 1, 0, False)],
)
def test_the_count_is_the_last_pass_or_one_more(seen: int, asked: int, count: int, expected: bool) -> None:
    answer = {"ram": {"dirty-sync-count": count}}
    name = "query-migrate.ram.dirty-sync-count.pass"
    assert holds(name, answer, passes_seen=seen, passes_asked=asked) is expected


@pytest.mark.parametrize(
    ("now", "before", "syncs", "expected"),
    [(30, 20, 0, True), (31, 20, 0, False), (40, 20, 1, True), (41, 20, 1, False), (20, 20, 0, True)],
)
def test_the_throttle_is_tightened_a_step_at_a_time(now: int, before: int, syncs: int, expected: bool) -> None:
    answer = {"cpu-throttle-percentage": now, "ram": {"dirty-sync-count": 3 + syncs}}
    last = {"cpu-throttle-percentage": before, "ram": {"dirty-sync-count": 3}}
    name = "query-migrate.cpu-throttle-percentage.step"
    assert holds(name, answer, last, parameters={"cpu-throttle-increment": 10}) is expected


def test_blocktime_of_all_is_no_longer_than_that_of_one() -> None:
    name = "query-migrate.postcopy-blocktime"
    assert holds(name, {"postcopy-blocktime": 47, "postcopy-vcpu-blocktime": [47, 0]})
    assert not holds(name, {"postcopy-blocktime": 48, "postcopy-vcpu-blocktime": [47, 0]})


def test_every_mention_of_the_answer_before_is_one_of_the_answer() -> None:
    for relation in RELATIONS:
        own = {mention.path for mention in relation.formula.of(ANSWER)}
        assert {mention.path for mention in relation.formula.of(BEFORE)} - own <= {"total-time", "ram.total"}


# ---- what idle threads of compression count twice ----


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 50))
def test_pages_of_zeroes_that_idle_threads_count_again_need_no_bytes(
    full: int, squeezed: int, zeroes: int, again: int
) -> None:
    sent = full * 4104 + squeezed * 108 + zeroes * 9
    answer: Json = {
        "total-time": 9,
        "ram": {
            "normal": full,
            "page-size": 4096,
            "duplicate": zeroes + again,
            "transferred": sent,
            "multifd-bytes": 0,
        },
        "compression": {"compressed-size": squeezed * 100, "pages": squeezed},
    }
    name = "query-migrate.ram.transferred.compression"
    assert holds(name, answer)
    answer["ram"]["transferred"] = full * 4104 + squeezed * 108 - 1
    assert not holds(name, answer)


def test_pages_counted_again_are_not_held_against_what_was_sent() -> None:
    compressing = Situation(
        QEMU_5_2_0,
        "completed",
        frozenset({"ram", "total-time", "compression"}),
        capabilities=frozenset({("compress", True)}),
        history=frozenset(History),
    )
    assert not BY_ID["query-migrate.ram.transferred.completed"].applies(compressing)
    assert BY_ID["query-migrate.ram.transferred.completed"].capabilities == (("compress", False),)


@pytest.mark.parametrize(
    ("shown", "size", "fits"),
    [
        (1 << 26, 1 << 26, True),
        (1 << 62, 1 << 62, True),
        (-(1 << 63), 1 << 63, True),
        (4096, 8192, False),
        (-(1 << 62), 1 << 62, False),
    ],
)
def test_the_size_of_the_cache_is_a_signed_number(shown: int, size: int, fits: bool) -> None:
    answer = {"xbzrle-cache": {"cache-size": shown}}
    rule = "query-migrate.xbzrle-cache.cache-size"
    members = frozenset(answer)
    seen = SimpleNamespace(passes_asked=0, passes_seen=0, parameters={"xbzrle-cache-size": size})
    formula = BY_ID[rule].formula
    assert bool(compiled((formula,), members)(typed(answer), typed({}), seen)) is fits
    if not fits:
        told = broken(formula, members, typed(answer), typed({}), seen)
        assert (
            told
            == f"xbzrle-cache.cache-size is {shown}; it should be the parameter xbzrle-cache-size, which is {size}."
        )
