"""The page of each command: what it does in each status at a glance, then its contract, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from migspec.spec.commands import CONTRACTS, contract_of
from migspec.spec.commands.machine import ONLY_HUMAN
from migspec.spec.commands.queries import EXTRAS, REQUIRED
from migspec.spec.rows import SEED
from migspec.spec.rules import CASES
from migspec.spec.schema import Command
from migspec.traces.pages import page_of
from migspec.traces.pages.moves import followers
from migspec.traces.pages.outlook import STATUSES, Side
from migspec.traces.pages.rendering import Page
from migspec_docs.document import Block, Cell, Code, Document, Items, Link, Para, Section, Table
from migspec_docs.glance import Followers, glance
from migspec_docs.homes import COMMANDS, ORDER, PROFILE, SCHEMA, homes_of_schema, name_of_command, rules_at
from migspec_docs.telling import (
    blocks_of,
    card,
    facts_of,
    inline,
    joined,
    listings_of,
    para,
    status_link,
    texts_at,
    told,
)


def commands() -> Iterator[Document]:
    """A page for each command that has a contract or is in the schema, and one that lists them."""
    after = {(side, s): followers(side, s, PROFILE) for side in Side for s in STATUSES[side]}
    names = [*SCHEMA.commands, *(name for name in CONTRACTS if name not in SCHEMA.commands)]
    for name in names:
        yield _page(name, SCHEMA.commands.get(name), after)
    rows = [[Cell([Para([Link(name)])]), Cell([para(_meaning(name))])] for name in names if name in SCHEMA.commands]
    others = [[Cell([_to_page(name)]), Cell([para(_meaning(name))])] for name in names if name not in SCHEMA.commands]
    yield Document(
        f"{COMMANDS}/index",
        ["Commands"],
        [
            para("What a client may ask for. Each page begins with what the command does in each status of each side."),
            Table(("Command", "What it does"), rows),
            Section(
                ["Beside the schema"],
                [
                    para("Commands of other parts of QEMU that change what a migration meets."),
                    Table(("Command", "What it does"), others),
                ],
            ),
        ],
        children=[f"{COMMANDS}/{name}" for name in names],
    )


_BESIDE: Final[Mapping[str, str]] = {
    "system_wakeup": "Wakes a guest that has suspended itself.",
    "savevm": "Writes a snapshot; a command of the human monitor.",
    "loadvm": "Loads a snapshot; a command of the human monitor.",
    "device_add": "Plugs a device in.",
    "device_del": "Asks the guest to let a device go.",
}
"""The commands that are not in the schema of migration."""


def _meaning(name: str) -> str:
    command = SCHEMA.commands.get(name)
    return command.doc if command is not None else _BESIDE[name]


def _to_page(name: str) -> Para:
    return Para([Link(name_of_command(name), name)])


def _page(name: str, command: Command | None, after: Followers) -> Document:
    page = page_of(name, PROFILE) if command is not None else {}
    content: list[Block] = [para(_meaning(name), "lead")]
    if command is not None:
        content.append(facts_of({key: page[key] for key in _FACTS if key in page}))
    content.append(glance(name, after))
    if name == "query-migrate":
        content.append(_members_by_status())
    if command is not None:
        content += _arguments(name, page)
        content += _before(page)
    content += _cases(name)
    content += _rest(name, page)
    return Document(f"{COMMANDS}/{name}", [Code(name)], content, [name_of_command(name)])


_FACTS: Final = ("since", "returns", "out of band", "features", "only if", "found in")
"""What is told of a command at its head."""


def _arguments(name: str, page: Page) -> Iterator[Block]:
    parts = page.get("arguments")
    if not isinstance(parts, list) or not parts:
        return
    rows = []
    for part in parts:
        own, home = f"{name}.{part['name']}", f"{COMMANDS}/{name}"
        names = [own] if homes_of_schema().get(own) == home and own not in rules_at(home) else []
        faults = {key: part.get(key) for key in ("if missing", "if of another type")}
        rows.append(
            [
                Cell([Para([Code(part["name"])])], names=names),
                Cell([para(part["schema"])]),
                Cell([para(part["meaning"])]),
                Cell([facts_of(faults)] if any(True for _ in told(faults)) else []),
            ]
        )
    yield Section(["Arguments"], [Table(("Argument", "Schema", "Meaning", "Refused"), rows)])


def _before(page: Page) -> Iterator[Block]:
    before = page.get("checked before")
    if before:
        yield Section(["Checked before"], [para("What every command meets first, in order."), *blocks_of(before)])


def _cases(name: str) -> Iterator[Block]:
    """The cases of the contract in order, those with more than one place once."""
    cases = contract_of(name, PROFILE).cases if name in CONTRACTS else ()
    for title, words, refuses in (
        ("Refusals, in order", "The first that applies answers. None of those after it is looked at.", True),
        ("Ways to succeed", "What happens where nothing has refused the command.", False),
    ):
        ids = dict.fromkeys(case.id for case in cases if (case.words is not None) is refuses)
        if ids:
            yield Section([title], [para(words), *map(card, ids)])
    if not cases:
        yield Section(
            ["Its contract"],
            [
                Para(
                    [
                        "It may be refused, and changes nothing: ",
                        Link("command.refused"),
                        " or ",
                        Link("command.accepted"),
                        ".",
                    ]
                )
            ],
        )


def _rest(name: str, page: Page) -> Iterator[Block]:
    others = [rule for rule in rules_at(f"{COMMANDS}/{name}") if rule not in CASES]
    if others:
        yield Section(["Other rules"], [card(rule) for rule in others])
    further = [text for text in texts_at(page, "other rules") if text.name not in others]
    if further:
        yield Section(["Rules elsewhere"], [Items([[Para(inline(text))] for text in further])])
    if name not in ONLY_HUMAN:
        said = f"The schema says: {_meaning(name)}" if name in SCHEMA.commands else "The schema does not have it."
        promised: list[Block] = [
            para(f"{said} By its text alone, this is all that an answer is held to:"),
            Items([[Para([Link(case.id), f": {case.sentence}"])] for case in contract_of(name, SEED).cases]),
        ]
        yield Section(["What the schema's text promises"], promised)
    shown = listings_of(page)
    if shown:
        yield Section(["Recorded"], [Para([f"It is {page['exercised']}, one of them this."]), *shown])


def _members_by_status() -> Section:
    """Which members an answer to query-migrate has in each outgoing status."""
    rows = []
    for status in ORDER:
        required = sorted(REQUIRED.get(status, ()))
        extras = [extra for extra in EXTRAS if status in extra.statuses]
        rows.append(
            [
                Cell([Para([status_link(status)])], kind="status"),
                Cell([Para(joined(map(_short, required), ", ") or ["–"])]),
                Cell([_if(extra.member, str(extra.present.name)) for extra in extras] or [Para(["–"])]),
            ]
        )
    body: list[Block] = [
        para(
            "Besides `status`, by outgoing status; while that is none, the incoming side is told of, if there is one."
        ),
        Table(("Status", "Always", "Depends"), rows),
    ]
    return Section(["Members of the answer"], body)


def _short(member: str) -> Link:
    return Link(f"MigrationInfo.{member}", member)


def _if(member: str, condition: str) -> Para:
    when = "" if condition == "always" else f" if {condition}"
    return Para([_short(member), when])
