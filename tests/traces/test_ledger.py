"""The ledger: it counts what reports say, and the one of the corpus is what the corpus gives now."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.command import ANSWER, ASK, run, text_of
from tests.traces.ledger import EXAMPLES, LEDGER, Account, account, occurring

from migspec.spec.rules import Rule
from migspec.spec.schema import SEED, Origin
from migspec.spec.schema.reach import UNREACHABLE
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Finding, Grade, Report, Use
from migspec.traces.format import Direction
from migspec.traces.ledger import OF_TRACES, Ledger
from migspec.traces.session import Message

RULES = {
    rule.id: rule
    for rule in (
        Rule("a", "A.", profiles=frozenset({"p", "q"})),
        Rule("b", "B.", profiles=frozenset({"p"})),
        Rule("of.trace", "T.", profiles=frozenset()),
    )
}
ENTITIES = 50
"""How many commands, events and types the text of the schema defines."""
USES = st.dictionaries(st.sampled_from(["a", "b", "no.rule"]), st.builds(Use, st.integers(1, 9), st.integers(1, 99)))
REPORTS = st.lists(
    st.builds(
        Report,
        trace=st.sampled_from(["x", "y", "z"]),
        messages=st.integers(0, 50),
        uses=st.dictionaries(st.sampled_from(["p", "q"]), USES),
    ),
    max_size=6,
)


def kept(reports: list[Report]) -> Ledger:
    ledger = Ledger(RULES)
    for report in reports:
        ledger.add(report)
    return ledger


# -- what it counts --


@given(REPORTS)
def test_a_rule_is_counted_by_the_profile_that_it_was_exercised_by(reports: list[Report]) -> None:
    ledger = kept(reports)
    for profile in ledger.profiles:
        if profile == OF_TRACES:
            continue
        entries = ledger.of(profile)
        assert set(entries) == {rule.id for rule in RULES.values() if profile in rule.profiles}
        for rule, entry in entries.items():
            uses = [report.uses.get(profile, {}).get(rule, Use()) for report in reports]
            assert entry.exercised == sum(use.count for use in uses)
            assert bool(entry.trace) == bool(entry.exercised)
            places = [(r.messages, r.trace, u.line) for r, u in zip(reports, uses, strict=True) if u.count]
            shortest = min((length for length, _, _ in places), default=0)
            assert not places or (shortest, entry.trace, entry.line) in places


@given(REPORTS)
def test_the_text_is_the_same_for_the_same_reports_and_has_a_line_for_each_rule(reports: list[Report]) -> None:
    text = kept(reports).as_json()
    assert text == kept(reports).as_json()
    told = json.loads(text)
    assert (told["traces"], told["messages"]) == (len(reports), sum(report.messages for report in reports))
    for profile in kept(reports).profiles:
        for rule, entry in told[profile].items():
            assert f'"{rule}": {json.dumps(entry)}' in text


def test_a_rule_of_no_profile_is_counted_by_findings() -> None:
    finding = Finding(7, "src", "of.trace", Grade.NOTE, "Told.")
    assert json.loads(kept([Report("x", messages=3, findings=[finding])]).as_json())[OF_TRACES] == {
        "of.trace": {"exercised": 1, "trace": "x", "line": 7}
    }


# -- the option --


def test_check_writes_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(text_of(ASK, ANSWER))
    done = run("check", "--ledger", "l.json", "t.jsonl", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    told = json.loads((tmp_path / "l.json").read_text())
    assert (told["format"], told["version"], told["traces"], told["messages"]) == ("migspec-ledger", 1, 1, 2)
    assert set(told["qemu-5.2.0"]) == {rule.id for rule in CATALOGUE.values() if "qemu-5.2.0" in rule.profiles}
    assert told["qemu-5.2.0"]["query-status.answered"] == {"exercised": 1, "trace": "t.jsonl", "line": 3}
    assert told["qemu-5.2.0"]["migrate.accepted"] == {"exercised": 0}
    assert "seed" not in told


def test_a_ledger_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(text_of(ASK, ANSWER))
    done = run("check", "--ledger", "none/l.json", "t.jsonl", folder=tmp_path)
    assert done.returncode == 3
    assert done.stderr == (
        b"migspec: none/l.json: cannot be written (No such file or directory); expected a place for the ledger.\n"
    )


# -- that of the corpus --


@pytest.fixture(scope="module")
def now(
    judged: dict[str, Report], judged_as_written: dict[str, Report], judged_with_others: dict[str, Report]
) -> Account:
    return account(judged, judged_as_written, judged_with_others)


def test_everything_is_exercised_or_has_a_reason(now: Account) -> None:
    """`make ledger` prints the same list."""
    assert now.faults() == []


def test_the_committed_ledger_is_what_the_corpus_gives(now: Account) -> None:
    """After a change of the corpus or of the rules, `make ledger` writes it anew."""
    assert now.ledger().splitlines() == LEDGER.read_text().splitlines()


def test_the_shipped_examples_are_those_of_the_corpus(now: Account) -> None:
    assert now.examples().splitlines() == EXAMPLES.read_text().splitlines()


def test_what_was_counted_has_a_place(now: Account) -> None:
    entries = [entry for section in (*now.rules.values(), now.entities) for entry in section.items()]
    assert [name for name, fields in entries if fields["exercised"] and "line" not in fields] == []


def test_every_entity_of_the_schema_is_accounted_for(now: Account) -> None:
    assert list(now.entities) == [entity.name for entity in SEED.entities if entity.origin is Origin.SEED]


def test_every_entity_has_a_row_with_a_rule_and_is_exercised_or_has_a_reason(now: Account) -> None:
    """Each of the 50 that the text defines, in each profile: what no message shows has the reason why."""
    names = [entity.name for entity in SEED.entities if entity.origin is Origin.SEED]
    assert len(names) == ENTITIES
    told = json.loads(now.ledger())
    for name in names:
        for profile in now.rules.keys() - {OF_TRACES}:
            row = told[profile][f"schema.{name}"]
            assert CATALOGUE[f"schema.{name}"].clause == name
            assert bool(row["exercised"]) != bool(row.get("reason"))


def test_what_no_message_reaches_has_a_rule_and_the_reason_of_the_schema() -> None:
    told = json.loads(LEDGER.read_text())
    for name, reason in UNREACHABLE.items():
        rows = (told["entities"][name], told["seed"][f"schema.{name}"], told["qemu-5.2.0"][f"schema.{name}"])
        assert all((row["exercised"], row["reason"]) == (0, reason) for row in rows)


def test_every_example_shows_what_it_is_of(now: Account) -> None:
    for name, fields in now.entities.items():
        if "line" in fields:
            session = now.sessions[str(fields["trace"])]
            assert any(name in occurring(message) for message in session.messages if message.line == fields["line"])


def test_a_missing_a_stale_and_a_wrong_reason_are_found() -> None:
    rules: dict[str, dict[str, dict[str, object]]] = {
        "p": {"no.reason": {"exercised": 0}, "trace.gap": {"exercised": 2}}
    }
    found = Account({}, rules, {}).faults()
    assert "rule no.reason: nothing exercises it, and no reason is given" in found
    assert "rule trace.gap: it is exercised, so the reason is stale" in found
    assert "entity COLOMessage: there is none of that name, though there is a reason" in found


def test_a_reply_shows_the_types_of_what_it_returns() -> None:
    asked = Message(2, "src", Direction.TO_SERVER, b"", {"execute": "query-migrate"})
    reply = Message(3, "src", Direction.TO_CLIENT, b"", {"return": {"status": "completed"}}, asked)
    assert occurring(reply) == {"query-migrate", "MigrationInfo", "MigrationStatus"}
    assert occurring(replace(reply, said={"error": {}})) == {"query-migrate"}
    assert occurring(asked) == {"query-migrate"}
