"""Schema samples: every entity has some of either kind, and others than their maker judge them alike."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.vectors.made import DOCUMENTED

from migspec.spec.arguments import judge
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.schema.validate import MismatchKind, validate_event
from migspec.traces.messages import decoders_for
from migspec.traces.vectors import samples

RELEASE, WRITTEN = PROFILES[QEMU_5_2_0], PROFILES[SEED]
SCHEMA = RELEASE.schema


@cache
def answers() -> dict[str, list[samples.Sample]]:
    """The samples of what each command returns."""
    return {name: list(samples.returns_of(command, SCHEMA)) for name, command in SCHEMA.commands.items()}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_entity_has_samples_that_fit_and_samples_that_do_not(profile: str) -> None:
    schema = PROFILES[profile].schema
    found = {(e["subject"], e["name"]): e["samples"] for e in samples.entities_of(PROFILES[profile])}
    of_commands = {(subject, name) for name in schema.commands for subject in ("arguments", "return")}
    assert found.keys() == of_commands | {("event", name) for name in schema.events}
    for entity in found.values():
        assert {sample["valid"] for sample in entity} == {True, False}
        assert all(bool(sample.get("faults")) is not sample["valid"] for sample in entity)
        texts = [json.dumps(sample, sort_keys=True) for sample in entity]
        assert len(set(texts)) == len(texts)


def test_there_are_as_many_as_the_documentation_shows() -> None:
    entities = list(samples.entities_of(WRITTEN))
    found = Counter(sample["valid"] for entity in entities for sample in entity["samples"])
    counts = {"entities": len(entities), "valid": found[True], "invalid": found[False]}
    assert f'"counts": {json.dumps(counts)}' in DOCUMENTED


def test_faulty_answers_have_one_fault_each_and_every_kind_is_there() -> None:
    faulty = [sample for found in answers().values() for sample in found if not sample.valid]
    assert all(len(sample.faults) == 1 for sample in faulty)
    assert {sample.faults[0].kind for sample in faulty} == set(MismatchKind)


def test_the_decoders_of_traces_take_the_answers_that_fit_and_no_others() -> None:
    """They are made of the schema in another way than the validator."""
    decoders = decoders_for(SCHEMA).returns
    disagreed: Counter[str] = Counter()
    for name, decoder in decoders.items():
        for sample in answers()[name]:
            try:
                decoder.decode(json.dumps(sample.value).encode())
                taken = True
            except msgspec.ValidationError:
                taken = False
            if taken is not sample.valid:
                disagreed[str(sample.faults[0].kind) if sample.faults else "valid"] += 1
    # numbers that are out of range are looked for in the text of an answer
    assert set(disagreed) <= {MismatchKind.OUT_OF_RANGE}


@settings(max_examples=15)
@given(st.sampled_from(sorted(SCHEMA.commands)))
def test_arguments_are_accepted_as_the_release_accepts_them(name: str) -> None:
    for sample in samples.arguments_of(SCHEMA.commands[name], RELEASE):
        verdict = judge(SCHEMA.commands[name], sample.value, SCHEMA)
        assert (sample.valid, sample.errors) == (verdict.may_pass, tuple(sorted(verdict.refusals)))


def test_the_release_takes_a_negative_number_for_a_large_one_and_the_text_does_not() -> None:
    command = SCHEMA.commands["migrate-set-parameters"]
    release, written = (list(samples.arguments_of(command, profile)) for profile in (RELEASE, WRITTEN))
    assert all(sample.errors for sample in release if not sample.valid)
    assert not any(sample.errors for sample in written)
    lenient = [s.value for s in release if s.valid and s.value not in [other.value for other in written if other.valid]]
    assert {"announce-initial": -1} in lenient
    assert {value for entry in lenient for value in entry.values()} == {-1}


@given(st.sampled_from(sorted(SCHEMA.events)))
def test_data_of_events_fit_as_the_validator_says(name: str) -> None:
    for sample in samples.data_of(SCHEMA.events[name], SCHEMA):
        assert sample.valid is not any(validate_event(sample.value, SCHEMA.events[name], SCHEMA))


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True) | st.integers(0, 99)))
def test_the_way_to_a_fault_is_the_one_that_the_validator_tells(place: list[str | int]) -> None:
    path = "return" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    assert samples.place_of(path) == tuple(place)
