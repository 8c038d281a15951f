"""The pages of events, of the members of answers, and of all other types of the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from migspec.spec.schema import Command, Entity, Enum, Event
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages import page_of
from migspec.traces.pages.definitions import parts_of
from migspec.traces.pages.rendering import Page
from migspec_docs.document import Block, Cell, Code, Document, Items, Link, Para, Section, Table
from migspec_docs.homes import (
    ANSWERS,
    EVENTS,
    PROFILE,
    SCHEMA,
    TYPES,
    answer_types,
    home_of_entity,
    home_of_part,
    rules_at,
)
from migspec_docs.settings import rules_table
from migspec_docs.shown import section
from migspec_docs.telling import card, count_cell, facts_of, inline, listings_of, para, rule_line, texts_at

_FACTS: Final = ("since", "found in", "features", "only if", "branches", "used by")
"""What is told of an entity at its head."""


def events() -> Iterator[Document]:
    """A page for each event, and one that lists them."""
    every = list(SCHEMA.events.values())
    yield from (_page(event, [*_senders(event)]) for event in every)
    rows = [[Cell([Para([Link(event.name)])]), Cell([para(event.doc)])] for event in every]
    words = "What a VM sends of itself. Those of one thread keep their order; those of two threads have none."
    table = Table(("Event", "When it is sent"), rows)
    yield Document(f"{EVENTS}/index", ["Events"], [para(words), table], children=[home_of_entity(e) for e in every])


def _senders(event: Event) -> Iterator[Block]:
    """What sends an event: the rules, with what each tells in it."""
    page = page_of(event.name, PROFILE)
    texts = texts_at(page, "sent by")
    if texts:
        rows = [
            [
                Cell([para(text.rest.strip(" ()") or "–")]),
                Cell([para(CATALOGUE[text.name].sentence), rule_line(text.name)]),
                count_cell(text.name),
            ]
            for text in texts
        ]
        yield Section(["What sends it"], [Table(("It tells", "What has happened", "Recorded"), rows)])


def answers() -> Iterator[Document]:
    """A page for each member of the structs that answers are made of, and for each struct."""
    for name in answer_types():
        struct = SCHEMA.structs[name]
        members = [home_of_part(struct, member.name) for member in struct.members]
        yield from (_member(struct, member.name) for member in struct.members)
        yield _page(struct, [], members)
    rows = [[Cell([Para([Link(name)])]), Cell([para(SCHEMA.structs[name].doc)])] for name in answer_types()]
    words = "What the answers to queries about a migration are made of, with the relations between their numbers."
    children = [home_of_entity(SCHEMA.structs[name]) for name in answer_types()]
    yield Document(
        f"{ANSWERS}/index", ["Answers"], [para(words), Table(("Object", "What it tells"), rows)], children=children
    )


def _member(struct: Entity, member: str) -> Document:
    name = f"{struct.name}.{member}"
    page = page_of(name, PROFILE)
    home = home_of_part(struct, member)
    content: list[Block] = [
        para(str(page["meaning"]), "lead"),
        Para(["A member of ", Link(struct.name), f": {page['schema']}."], "aside"),
    ]
    own = rules_at(home)
    if own:
        content.append(Section(["Rules"], [card(rule) for rule in own]))
    about = [text.name for text in texts_at(page, "rules") if text.name not in own]
    if about:
        content.append(Section(["Rules elsewhere"], [rules_table(about)]))
    if not own and not about:
        content.append(Para(["It is held against its type, as part of ", Link(f"schema.{struct.name}"), "."]))
    content += section([name])
    return Document(home, [Code(name)], content, [name])


def types() -> Iterator[Document]:
    """A page for each other type, and one that lists them."""
    others = [
        entity
        for entity in SCHEMA.entities
        if not isinstance(entity, Command | Event) and home_of_entity(entity).startswith(TYPES)
    ]
    yield from (_page(entity, []) for entity in others)
    rows = [[Cell([Para([Link(e.name)])]), Cell([para(type(e).__name__.lower())]), Cell([para(e.doc)])] for e in others]
    table = Table(("Type", "Kind", "What it is"), rows)
    words = "The structs, unions and enumerations that arguments, answers and events have."
    yield Document(f"{TYPES}/index", ["Types"], [para(words), table], children=[home_of_entity(e) for e in others])


def _page(entity: Entity, more: list[Block], children: list[str] | None = None) -> Document:
    page = page_of(entity.name, PROFILE)
    home = home_of_entity(entity)
    content: list[Block] = [para(entity.doc, "lead"), facts_of({key: page[key] for key in _FACTS if page.get(key)})]
    parts = _parts(entity, home)
    if parts is not None:
        content.append(parts)
    content += more
    own = rules_at(home)
    content.append(Section(["Rules"], [card(rule) for rule in own]))
    further = [text for text in texts_at(page, "other rules") if text.name not in own]
    if further:
        content.append(Section(["Rules elsewhere"], [Items([[Para(inline(text))] for text in further])]))
    content += _shown(page)
    return Document(home, [Code(entity.name)], content, [entity.name], children or ())


def _shown(page: Page) -> Iterator[Block]:
    shown = listings_of(page)
    if shown:
        yield Section(["Recorded"], [Para([f"It is shown {page['exercised']}, one of them this."]), *shown])
    elif page.get("because"):
        yield Section(["Recorded"], [para(f"Never: {page['because']}")])


def _parts(entity: Entity, home: str) -> Section | None:
    parts = parts_of(entity, SCHEMA)
    if not parts:
        return None
    rows = []
    for name, part in parts.items():
        own = f"{entity.name}.{name}"
        here = home_of_part(entity, name) == home
        shown = Code(name) if here else Link(own, name)
        names = [own] if here else []
        about = page_of(own, PROFILE) if own not in CATALOGUE else {"schema": "", "meaning": part.doc}
        rows.append(
            [
                Cell([Para([shown])], names=names),
                Cell([para(str(about["schema"]))]),
                Cell([para(part.doc)]),
            ]
        )
    title = "Words" if isinstance(entity, Enum) else "Data" if isinstance(entity, Event) else "Members"
    return Section([title], [Table(("Word" if title == "Words" else "Member", "Schema", "Meaning"), rows)])
