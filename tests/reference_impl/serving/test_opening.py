"""What a management layer asks first, as libvirt does: who is there, and what can it do?"""

from tests.reference_impl.serving.clients import bare, run
from tests.traces.command import run as migspec

from migspec.reference_impl.library import serve, served_pair
from migspec.reference_impl.options import Options
from migspec.spec.schema import QEMU_5_2_0

OPENING = (
    "query-version",
    "query-target",
    "query-name",
    "query-uuid",
    "query-kvm",
    "query-commands",
    "query-events",
    "query-qmp-schema",
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-status",
    "query-iothreads",
)

BUILT_IN = {"any", "bool", "int", "null", "number", "str"}
"""The types whose names are not masked."""


def test_every_question_of_the_opening_is_answered() -> None:
    async def main() -> None:
        async with serve(Options(name="guest")) as vm, bare(vm) as client:
            told = {command: (await client.ask(command))["return"] for command in OPENING}
        assert told["query-version"]["qemu"] == {"micro": 0, "minor": 2, "major": 5}
        assert told["query-name"] == {"name": "guest"}
        commands = {entry["name"] for entry in told["query-commands"]}
        assert {*OPENING, *QEMU_5_2_0.commands} <= commands
        described = {entry["name"]: entry for entry in told["query-qmp-schema"]}
        assert commands == {name for name, entry in described.items() if entry["meta-type"] == "command"}
        events = {entry["name"] for entry in told["query-events"]}
        assert events == {name for name, entry in described.items() if entry["meta-type"] == "event"}
        used = {entry[part] for entry in described.values() for part in ("arg-type", "ret-type") if part in entry}
        assert used <= described.keys()
        assert all(name.strip("[]").isdecimal() or name.strip("[]") in BUILT_IN for name in used)

    run(main())


def test_the_schema_that_is_served_is_the_release_s() -> None:
    with served_pair() as (source, _):
        done = migspec("schema", "--profile", "qemu-5.2.0", "--qmp", source.qmp)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"same as qemu-5.2.0" in done.stdout
