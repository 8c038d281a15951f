"""The catalogue of rules: every row, case and entity is in it once, and each rule can be read."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from tests.spec.test_rows import clause_exists

from migspec.spec.commands import CONTRACTS, envelope, machine, written
from migspec.spec.contracts import Case
from migspec.spec.lifecycle import ROWS
from migspec.spec.profiles import PROFILES, profile_for
from migspec.spec.rows import QEMU_5_2_0, SEED, Standing
from migspec.spec.rules import RULES, Rule
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema import SEED as WRITTEN

CONTRACTS_OF_ALL = (*CONTRACTS.values(), *written.CONTRACTS.values(), envelope.CONTRACT, machine.OPEN, written.OPEN)
UNWRITTEN_EVENTS = frozenset({"suspend", "wakeup", "block-io-error", "guest-panicked", "watchdog"})
"""Events of other schemas, which the profile `seed` lets pass without a clause."""


def cases() -> Iterator[Case]:
    for contract in CONTRACTS_OF_ALL:
        yield from contract.cases


def test_every_row_is_a_rule() -> None:
    for row in ROWS:
        rule = RULES[row.id]
        assert (rule.sentence, rule.clause, rule.standing) == (row.sentence, row.clause, row.standing)
        assert rule.profiles == row.profiles
        assert rule.needs == str(row.when)


def test_every_case_is_a_rule_of_all_its_profiles() -> None:
    profiles: dict[str, frozenset[str]] = defaultdict(frozenset)
    for case in cases():
        profiles[case.id] |= case.profiles
        assert RULES[case.id].sentence == case.sentence
    assert {name: RULES[name].profiles for name in profiles} == profiles


def test_a_rule_that_both_profiles_state_belongs_to_both() -> None:
    assert RULES["migrate-set-capabilities.accepted"].profiles == {SEED, QEMU_5_2_0}


def test_rows_and_cases_share_no_id() -> None:
    assert {row.id for row in ROWS}.isdisjoint({case.id for case in cases()})


def test_a_case_has_one_sentence_wherever_it_stands() -> None:
    sentences = defaultdict(set)
    for case in cases():
        sentences[case.id].add((case.sentence, case.standing, case.clause))
    assert [name for name, found in sentences.items() if len(found) > 1] == []


def test_every_entity_is_a_rule() -> None:
    """Those that no message can show as well: the ledger says why nothing exercises them."""
    names = {f"schema.{entity.name}" for entity in SCHEMA.entities}
    assert names == {name for name in RULES if name.startswith("schema.")}


def test_contracts_are_of_known_commands() -> None:
    monitor_lines = {"savevm", "loadvm"}
    of_free_form = {"device_add", "device_del", "system_wakeup"}
    assert set(CONTRACTS) <= set(SCHEMA.commands) | monitor_lines | of_free_form
    assert set(written.CONTRACTS) <= set(WRITTEN.commands)
    assert all(name == contract.command for name, contract in CONTRACTS.items())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_can_be_read_and_traced(rule: Rule) -> None:
    assert RULES[rule.id] is rule
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+", rule.id)
    assert rule.sentence.endswith(".")
    assert rule.sentence[0].isupper() or rule.sentence.startswith(("blk ", "exec-oob ", "qmp_capabilities "))
    assert rule.profiles <= set(PROFILES)
    only_in_the_release = rule.id.startswith("schema.") and SEED not in rule.profiles
    assert only_in_the_release or not rule.clause or clause_exists(rule.clause)


def test_what_is_documented_names_its_clause() -> None:
    without = {rule.id for rule in RULES.values() if rule.standing is Standing.DOCUMENTED and not rule.clause}
    assert without == {f"written.{event}" for event in UNWRITTEN_EVENTS}


def test_every_defect_is_one_of_a_release() -> None:
    assert all(SEED not in rule.profiles for rule in RULES.values() if rule.standing is Standing.DEFECT)


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("5.2.0", QEMU_5_2_0),
        ("5.2", QEMU_5_2_0),
        ("5.2.50", QEMU_5_2_0),
        ("5.20.0", SEED),
        ("7.2.0", SEED),
        (None, SEED),
    ],
)
def test_profile_for_a_release(release: str | None, name: str) -> None:
    assert profile_for(release) == name


def test_profiles_say_what_they_are() -> None:
    assert {profile.name for profile in PROFILES.values()} == set(PROFILES) == {SEED, QEMU_5_2_0}
    assert all(profile.doc.endswith(".") for profile in PROFILES.values())
