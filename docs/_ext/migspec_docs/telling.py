"""The pages of `migspec show` as blocks: the third form of a page, beside text and JSON.

A page is the same tree of values for all three.  Here a text that begins with a name is a link, a list of entries is a
list of sections, and what the ledger has counted stands beside each rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from migspec.spec.numbers import RELATIONS
from migspec.spec.rows import Standing
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages import page_of
from migspec.traces.pages.examples import OF_THE_CORPUS, times_exercised
from migspec.traces.pages.outlook import Side
from migspec.traces.pages.rendering import RAW, Named, Page, Value, is_empty, plain
from migspec_docs.document import Block, Cell, Chip, Code, Facts, Fold, Inline, Items, Link, Listing, Para, Section
from migspec_docs.homes import PROFILE, has_home

SIDES: Final[Mapping[Side, str]] = {Side.OUTGOING: "On the source", Side.INCOMING: "On the destination"}
"""The headings of what is told of either side."""

_LOOKS: Final[Mapping[Standing, str]] = {
    Standing.DOCUMENTED: "documented",
    Standing.OBSERVED: "observed",
    Standing.DEFECT: "defect",
}
"""How a standing looks."""

_SHORT: Final = 90
"""Characters of a message that stays on one line."""
_CODE: Final = re.compile(r"`([^`]+)`|(“[^”]*”)")
_SAID_ABOVE: Final = frozenset({"rule", "says", "standing", "profiles", *OF_THE_CORPUS})
"""What a card tells in its head or at its end."""


def inline(text: str) -> list[Inline]:
    """A text with what is code in it as code, and a link where it begins with a name."""
    if isinstance(text, Named):
        named: Inline = Link(text.name) if has_home(text.name) else Code(text.name)
        return [named, *inline(text.rest)] if text.rest else [named]
    found: list[Inline] = []
    end = 0
    for match in _CODE.finditer(text):
        if match.start() > end:
            found.append(text[end : match.start()])
        found.append(Code(match[1] or match[2]))
        end = match.end()
    return [*found, text[end:]] if end < len(text) or not found else found


def para(text: str, kind: str = "") -> Para:
    """A text as a paragraph."""
    return Para(inline(text), kind)


def status_link(status: str) -> Link:
    """A link to the page of a status."""
    return Link(f"MigrationStatus.{status}", status)


def joined(parts: Iterable[Inline], separator: str) -> list[Inline]:
    """Parts with what stands between any two of them."""
    found: list[Inline] = []
    for part in parts:
        found += [separator, part] if found else [part]
    return found


def blocks_of(value: Value) -> list[Block]:
    """A value of a page."""
    if isinstance(value, Mapping):
        return [facts_of(value)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        entries = [_entry(part) for part in value]
        return entries[0] if len(entries) == 1 else [Items(entries)]
    return [para(plain(value))]


def _entry(entry: Value) -> list[Block]:
    if not isinstance(entry, Mapping):
        return [para(plain(entry))]
    (_, heading), *rest = entry.items()
    return [Para([Code(plain(heading))]), facts_of(dict(rest))]


def facts_of(page: Mapping[str, Any], leave_out: frozenset[str] = frozenset()) -> Facts:
    """The members of a page that say something, by name."""
    return Facts([(name, blocks_of(value)) for name, value in told(page, leave_out)])


def told(page: Mapping[str, Any], leave_out: frozenset[str] = frozenset()) -> Iterator[tuple[str, Any]]:
    """The members of a page that say something."""
    for name, value in page.items():
        if name not in leave_out and not is_empty(value):
            yield name, value


def listings_of(page: Mapping[str, Any]) -> list[Block]:
    """The example messages of a page, each laid out for people, behind where they were recorded."""
    if RAW not in page:
        return []
    return [
        Fold(
            f"Recorded: {page['example']}",
            [block for text in page[RAW] for block in message_blocks(*text.split(" ", 2))],
        )
    ]


_DIRECTIONS: Final[Mapping[str, str]] = {"->": "is asked", "<-": "tells"}


def message_blocks(vm: str, direction: str, message: str) -> Iterator[Block]:
    """A recorded message with who has sent it, over several lines where it is long."""
    value = json.loads(message)
    short = json.dumps(value, ensure_ascii=False)
    yield Para([Code(vm), f" {_DIRECTIONS[direction]}:"], "message")
    yield Listing(short if len(short) <= _SHORT else json.dumps(value, ensure_ascii=False, indent=2), "json")


_FORMULAS: Final[Mapping[str, str]] = {relation.id: relation.formula.text for relation in RELATIONS}
"""What relates the numbers of answers, by rule."""


def card(rule: str) -> Section:
    """A rule in its home: what it says, on what it is founded, how often it was recorded, and all else about it."""
    page = page_of(rule, PROFILE)
    body: list[Block] = [
        Para([*chips(rule), recorded(rule)], "chips"),
        para(CATALOGUE[rule].sentence, "says"),
        *_details(page),
        *listings_of(page),
    ]
    return Section([Code(rule)], body, [rule], "card")


def _details(page: Page) -> Iterator[Block]:
    cases = page.get("cases")
    if isinstance(cases, list) and len(cases) == 1:
        page = {**page, **cases[0]}
        del page["cases"]
    formula = _FORMULAS.get(str(page["rule"]))
    if formula is not None:
        page = {**page, "formula": f"`{formula}`"}
    if any(True for _ in told(page, _SAID_ABOVE)):
        yield facts_of(page, _SAID_ABOVE)
    if page.get("because"):
        yield para(f"Not recorded by itself: {page['because']}", "aside")
    if page.get("in hindsight"):
        yield para(f"In hindsight {page['in hindsight']}.", "aside")


def chips(rule: str) -> list[Inline]:
    """The standing and the profiles of a rule, as words with a colour."""
    known = CATALOGUE[rule]
    return [
        standing_chip(known.standing),
        *(Chip(profile, "profile") for profile in sorted(known.profiles)),
    ]


def standing_chip(standing: Standing) -> Chip:
    """The standing of a rule."""
    return Chip(standing.value, _LOOKS[standing])


def rule_line(rule: str) -> Para:
    """A link to a rule that has its home elsewhere, marked where it is a known defect."""
    standing = CATALOGUE[rule].standing
    defect: list[Inline] = [" ", standing_chip(standing)] if standing is Standing.DEFECT else []
    return Para([Link(rule), *defect], "rule")


def recorded(rule: str) -> Chip:
    """How many messages of the corpus exercise a rule."""
    count = times_exercised(rule)
    return Chip(f"{count} recorded", "recorded") if count else Chip("not recorded", "none")


def texts_at(page: Page, name: str) -> list[Named]:
    """The texts of a member of a page that begin with a name."""
    found = page.get(name)
    return [text for text in found if isinstance(text, Named)] if isinstance(found, list) else []


def count_cell(rule: str) -> Cell:
    """The same as a cell of a column that says what is counted."""
    count = times_exercised(rule)
    return Cell([Para([Chip(str(count), "recorded") if count else "–"])], kind="count")
