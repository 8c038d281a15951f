"""The pages of capabilities and parameters: what each is, which rules ask about it, and how it is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from migspec.spec.parameters import PARAMETERS, SET
from migspec.spec.schema.enums import MIGRATION_CAPABILITY
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages import page_of
from migspec.traces.pages.rendering import Page
from migspec_docs.document import Block, Cell, Document, Link, Para, Section, Table
from migspec_docs.homes import CAPABILITIES, CAPABILITY, PARAMETER_PAGES, PARAMETER_TYPES, PROFILE, rules_at
from migspec_docs.shown import section
from migspec_docs.telling import card, count_cell, facts_of, para, rule_line, texts_at


def capabilities() -> Iterator[Document]:
    """A page for each capability, and one that lists them."""
    rows = []
    for word in MIGRATION_CAPABILITY.values:
        name = f"{CAPABILITY}.{word.name}"
        yield _capability(name)
        rows.append([Cell([Para([Link(name, word.name)])]), Cell([para(word.since or "")]), Cell([para(word.doc)])])
    yield Document(
        f"{CAPABILITIES}/index",
        ["Capabilities"],
        [
            Para(
                [
                    "What ",
                    Link("migrate-set-capabilities"),
                    " switches on and off, for the whole VM. Nothing can be switched while an outgoing migration is in "
                    "progress.",
                ]
            ),
            Table(("Capability", "Since", "What it does"), rows),
        ],
        children=[f"{CAPABILITIES}/{word.name}" for word in MIGRATION_CAPABILITY.values],
    )


def _capability(name: str) -> Document:
    word = name.partition(".")[2]
    page = page_of(name, PROFILE)
    asked = [text.name for text in texts_at(page, "asked by")]
    content: list[Block] = [para(str(page["meaning"]), "lead")]
    if page["schema"]:
        content.append(para(f"In the schema: {page['schema']}.", "aside"))
    about = [text.name for text in texts_at(page, "rules") if text.name not in asked]
    if asked:
        content.append(Section(["Rules that ask about it"], [rules_table(asked)]))
    if about:
        content.append(Section(["Rules about it"], [rules_table(about)]))
    content += [Section(["Its own rules"], [card(rule)]) for rule in rules_at(f"{CAPABILITIES}/{word}")]
    content += section([name])
    return Document(f"{CAPABILITIES}/{word}", [word], content, [name])


def rules_table(rules: Sequence[str]) -> Table:
    """Rules that have their home elsewhere, with their conditions."""
    rows = [
        [
            Cell([para(CATALOGUE[rule].sentence), rule_line(rule)]),
            Cell([para(CATALOGUE[rule].needs)], kind="needs"),
            count_cell(rule),
        ]
        for rule in rules
    ]
    return Table(("What it says", "If", "Recorded"), rows)


_HEAD: Final = frozenset({"parameter", "meaning", "rules"})


def parameters() -> Iterator[Document]:
    """A page for each parameter, and one that lists them."""
    rows = []
    for name in PARAMETERS:
        page = page_of(name, PROFILE)
        yield _parameter(name, page)
        rows.append(
            [
                Cell([Para([Link(f"{PARAMETER_TYPES[0]}.{name}", name)])]),
                Cell([para(str(page["default"]))]),
                Cell([para(str(page["accepted"]))]),
                Cell([para(str(page["takes effect"]))]),
            ]
        )
    yield Document(
        f"{PARAMETER_PAGES}/index",
        ["Parameters"],
        [
            Para(
                [
                    "What ",
                    Link(SET),
                    " sets, at any time, and ",
                    Link("query-migrate-parameters"),
                    " reads. Numbers are cut to the width of their storage before they are checked.",
                ]
            ),
            Table(("Parameter", "Default", "Accepted", "Takes effect"), rows),
        ],
        children=[f"{PARAMETER_PAGES}/{name}" for name in PARAMETERS],
    )


def _parameter(name: str, page: Page) -> Document:
    home = f"{PARAMETER_PAGES}/{name}"
    own = rules_at(home)
    content: list[Block] = [para(str(page["meaning"]), "lead"), facts_of(page, _HEAD)]
    content.append(Section(["What is read back"], [card(rule) for rule in own]))
    about = [text.name for text in texts_at(page, "rules") if text.name not in own]
    if about:
        content.append(Section(["Rules about it"], [rules_table(about)]))
    names = [f"{kind}.{name}" for kind in PARAMETER_TYPES]
    return Document(home, [name], [*content, *section(names)], names)
