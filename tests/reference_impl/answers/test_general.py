"""Who the modelled process says that it is, in the words of a real one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.answers.recorded import text_of

from migspec.reference_impl.answers.general import ANSWERS, greeting, version
from migspec.reference_impl.answers.interface import served
from migspec.reference_impl.options import Options
from migspec.spec.profiles import PROFILES, profile_for
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema.validate import validate_reply
from migspec.spec.wire.greeting import mismatches, offered, release_of

# as recorded from QEMU 5.2.0
EXAMPLES = {
    "query-version": '{"qemu": {"micro": 0, "minor": 2, "major": 5}, "package": "Debian 1:5.2+dfsg-11+deb11u3"}',
    "query-name": "{}",
    "query-uuid": '{"UUID": "00000000-0000-0000-0000-000000000000"}',
    "query-kvm": '{"enabled": false, "present": true}',
    "query-target": '{"arch": "x86_64"}',
    "query-iothreads": "[]",
}


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_answer_is_that_of_a_real_one(command: str) -> None:
    assert text_of(ANSWERS[command](Options())) == EXAMPLES[command]


def fits(command: str, options: Options) -> bool:
    schema = served(options.profile)
    definition = schema.commands[command]
    told = json.loads(json.dumps(ANSWERS[command](options)))
    return schema.arguments(definition) == () and not list(validate_reply(told, definition, schema))


@given(st.text(), st.uuids().map(str))
def test_who_it_is_fits_the_schema_that_is_served(name: str, uuid: str) -> None:
    for command in EXAMPLES:
        assert fits(command, Options(name=name, uuid=uuid))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_lists_fit_the_schema_that_is_served(profile: str) -> None:
    assert fits("query-commands", Options(profile=profile))
    assert fits("query-events", Options(profile=profile))


def test_a_name() -> None:
    assert ANSWERS["query-name"](Options(name="a")) == {"name": "a"}


def test_the_greeting_is_that_of_a_real_one() -> None:
    text = text_of(greeting())
    assert text == f'{{"QMP": {{"version": {EXAMPLES["query-version"]}, "capabilities": ["oob"]}}}}'
    assert profile_for(release_of(greeting())) == QEMU_5_2_0
    assert offered(greeting()["QMP"]) == frozenset({"oob"})
    assert list(mismatches(greeting()["QMP"], served(QEMU_5_2_0))) == []


def test_nobody_gets_an_answer_that_another_one_can_change() -> None:
    assert version() is not version()
    for command in ("query-qmp-schema", "query-commands", "query-events"):
        answer = ANSWERS[command](Options())
        assert isinstance(answer, list)
        answer.clear()
        assert ANSWERS[command](Options()) != []
