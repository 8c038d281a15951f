"""Pages: everything has one, they tell what the tables say, and a sample of them reads as agreed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.sample_pages import NAMES, PROFILE, samples, text_of

from migspec.spec.commands import contract_of
from migspec.spec.lifecycle import ROWS
from migspec.spec.parameters import PARAMETERS
from migspec.spec.profiles import PROFILES
from migspec.spec.schema.enums import MIGRATION_CAPABILITY
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages import Page, UnknownNameError, as_json, as_text, listing, page_of
from migspec.traces.pages.definitions import parts_of
from migspec.traces.pages.examples import times_exercised
from migspec.traces.pages.rendering import Named, Value

SCHEMA = PROFILES[PROFILE].schema


def plain(page: Page) -> str:
    return "\n".join("".join(piece.text for piece in line) for line in as_text(page))


def texts(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


@pytest.mark.parametrize("name", NAMES)
def test_samples_read_as_agreed(name: str) -> None:
    """`make ledger` writes them anew."""
    assert text_of(name) == samples()[name].read_text()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_rule_and_entity_has_a_page(profile: str) -> None:
    schema = PROFILES[profile].schema
    for name in (*CATALOGUE, *(entity.name for entity in schema.entities)):
        page = page_of(name, profile)
        assert next(iter(page.values())) == name
        assert json.loads(as_json(page)) == json.loads(json.dumps(page))


def test_every_part_of_every_entity_has_a_page() -> None:
    for entity in SCHEMA.entities:
        for part in parts_of(entity, SCHEMA):
            name = f"{entity.name}.{part}"
            if name not in CATALOGUE:
                assert next(iter(page_of(name, PROFILE).values())) == name


def test_a_capability_and_a_parameter_are_found_by_their_names_alone() -> None:
    for value in MIGRATION_CAPABILITY.values:
        assert page_of(value.name, PROFILE)["word"] == f"MigrationCapability.{value.name}"
    for name in PARAMETERS:
        assert page_of(name, PROFILE)["parameter"] == name


def test_a_row_tells_its_changes_and_events() -> None:
    for row in ROWS:
        page = page_of(row.id, PROFILE)
        told = page["changes"]
        assert isinstance(told, list)
        assert len(told) == len(row.then)
        events = page["events"]
        assert isinstance(events, list)
        assert len(events) == len(row.emits) + len(row.leaves)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_command_tells_its_refusals_in_order_and_then_how_it_succeeds(profile: str) -> None:
    for command in PROFILES[profile].schema.commands:
        page = page_of(command, profile)
        told: list[object] = []
        for section in ("refusals, in order", "ways to succeed"):
            entries = page[section]
            assert isinstance(entries, list)
            told += [entry["rule"] for entry in entries if isinstance(entry, dict)]
        cases = [case for case in contract_of(command, profile).cases if profile in case.profiles]
        refusals, others = [c for c in cases if c.words is not None], [c for c in cases if c.words is None]
        assert told == [case.id for case in (*refusals, *others)]


def test_exact_texts_are_told() -> None:
    told = list(texts(page_of("migrate", PROFILE)))
    assert "GenericError “There's a migration process in progress”" in told
    assert "GenericError “Parameter 'uri' is missing”" in told
    assert "GenericError “Invalid parameter type for 'resume', expected: boolean”" in told


def test_a_rule_tells_an_example_or_why_there_is_none() -> None:
    for rule in CATALOGUE:
        page = page_of(rule, PROFILE)
        assert ("example" in page) != ("because" in page), rule
        assert ("example" in page) == (times_exercised(rule) > 0), rule


def test_an_example_can_be_copied_from_the_text() -> None:
    page = page_of("migrate.in-progress", PROFILE)
    messages = page["messages"]
    assert isinstance(messages, list)
    for message in messages:
        assert str(message) in plain(page)


@settings(max_examples=20)
@given(st.text(st.characters(codec="ascii", categories=["Lu", "Ll"])).map(lambda text: f"no.such.{text}"))
def test_any_other_name_is_unknown(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        page_of(name, PROFILE)
    assert caught.value.name == name
    assert caught.value.near == tuple(dict.fromkeys(caught.value.near))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("migrate.resum", "migrate.resume.not-paused"),
        ("migrat-cancel", "migrate_cancel"),
        ("migrationinfo", "MigrationInfo"),
        ("completed", "MigrationStatus.completed"),
        ("x-colo-lost", "x-colo-lost-heartbeat"),
    ],
)
def test_near_names_are_offered(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        page_of(name, PROFILE)
    assert near in caught.value.near
    assert near in str(caught.value)


def test_the_list_is_that_of_a_prefix_and_a_profile() -> None:
    assert [rule for rule, _ in listing("", None)] == sorted(CATALOGUE)
    assert dict(listing("migrate-pause.", "qemu-5.2.0")) == {
        rule.id: rule.sentence for rule in CATALOGUE.values() if rule.id.startswith("migrate-pause.")
    }
    assert all("seed" in CATALOGUE[rule].profiles for rule, _ in listing("", "seed"))


def test_text_leaves_out_what_is_empty_and_folds_what_is_long() -> None:
    page: Page = {"thing": "t", "none": None, "no": False, "empty": [], "long": "word " * 60, "parts": [{"a": "x"}]}
    text = plain(page)
    assert "none" not in text
    assert "empty" not in text
    assert max(map(len, text.splitlines())) <= 120
    assert text.splitlines()[-2:] == ["  parts:", "    x"]


def test_what_begins_with_a_name_knows_it_and_is_its_text() -> None:
    text = Named("migrate", ": started")
    assert (text, text.name, text.rest) == ("migrate: started", "migrate", ": started")
    assert json.dumps([text]) == '["migrate: started"]'
    senders = page_of("COLO_EXIT", PROFILE)["sent by"]
    assert isinstance(senders, list)
    assert {sender.name for sender in senders if isinstance(sender, Named)} <= CATALOGUE.keys()
    assert len([sender for sender in senders if isinstance(sender, Named)]) == len(senders) > 0
