"""The generated pages: everything has its home on one of them, and they say what the tables and the ledger say."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.docs.building import PROJECT, Built
from tests.test_house import repository_files
from tests.traces.corpus import CORPUS

from migspec.spec.arguments import judge
from migspec.spec.commands import CONTRACTS
from migspec.spec.schema import ABSENT
from migspec.spec.schema.validate import validate
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.outlook import STATUSES, Side, outlook
from migspec_docs.document import (
    SUFFIX,
    Block,
    Cell,
    Chip,
    Code,
    Document,
    Fold,
    Link,
    Listing,
    Para,
    Picture,
    Section,
    Table,
    blocks_in,
    read,
)
from migspec_docs.generating import write
from migspec_docs.homes import PROFILE, SCHEMA, homes_of_rules, homes_of_schema, name_of_command
from migspec_docs.telling import inline

LEDGER: Mapping[str, Any] = json.loads((CORPUS / "LEDGER.json").read_text())


@pytest.fixture(scope="module")
def pages(built: Built) -> dict[str, Document]:
    """The pages by their place; a build of a sample writes all of them."""
    return {page.place: page for path in built.docs.rglob(f"*{SUFFIX}") for page in [read(path.read_bytes())]}


def every(page: Document) -> list[Block]:
    return [*blocks_in(page.content)]


def section(page: Document, title: str) -> Section:
    """The first part of a page with this heading."""
    found = (block for block in every(page) if isinstance(block, Section))
    return next(block for block in found if title in [getattr(part, "text", part) for part in block.title])


def texts(cell: Cell) -> list[str]:
    """What is shown in a cell, piece by piece."""
    paras = [block for block in blocks_in(cell.content) if isinstance(block, Para)]
    return [part if isinstance(part, str) else part.text for para in paras for part in para.content]


def statuses_in(cell: Cell) -> list[str]:
    """The statuses that a cell leads to."""
    paras = [block for block in blocks_in(cell.content) if isinstance(block, Para)]
    return [part.text for para in paras for part in para.content if isinstance(part, Link)]


def test_every_rule_and_every_part_of_the_schema_has_one_home(pages: dict[str, Document]) -> None:
    homes = Counter(name for page in pages.values() for name in page.homes)
    assert [name for name, count in homes.items() if count > 1] == []
    assert [name for name in (*CATALOGUE, *homes_of_schema()) if name not in homes] == []


def test_everything_is_at_home_where_it_is_said_to_be(pages: dict[str, Document]) -> None:
    for name, place in (*homes_of_rules().items(), *homes_of_schema().items()):
        if name in CATALOGUE and homes_of_rules()[name] != place:
            continue  # a member and a rule of one name: the rule's home counts
        assert name in pages[place].homes, name


def test_every_link_leads_to_a_home(pages: dict[str, Document]) -> None:
    homes = {name for page in pages.values() for name in page.homes}
    assert sorted({link for page in pages.values() for link in page.links} - homes) == []


def test_every_page_is_below_another_once(pages: dict[str, Document]) -> None:
    below = Counter(child for page in pages.values() for child in page.children)
    assert below == Counter(place for place in pages if place not in ("reference/index", "reference/program/index"))


def test_each_kind_of_thing_has_a_page_for_each(pages: dict[str, Document]) -> None:
    kinds = Counter(place.split("/")[1] for place in pages if place.count("/") == 2)
    assert kinds["statuses"] == len(STATUSES[Side.OUTGOING]) + 1
    assert kinds["commands"] == len({*SCHEMA.commands, *CONTRACTS}) + 1
    assert kinds["events"] == len(SCHEMA.events) + 1
    members = sum(len(SCHEMA.structs[name].members) for name in ("MigrationInfo", "MigrationStats", "DirtyRateInfo"))
    assert kinds["answers"] > members


def test_a_card_counts_as_the_ledger_does(pages: dict[str, Document]) -> None:
    for rule, place in homes_of_rules().items():
        counts = [LEDGER[p][rule]["exercised"] for p in (PROFILE, "seed", "no profile") if rule in LEDGER[p]]
        shown = [part for part in section_of(pages[place], rule) if isinstance(part, Chip)]
        expected = next((f"{count} recorded" for count in counts if count), "not recorded")
        assert shown[-1].text == expected, rule


def section_of(page: Document, rule: str) -> list[object]:
    """The first line of a rule's card."""
    card = next(block for block in every(page) if isinstance(block, Section) and rule in block.names)
    first = card.content[0]
    assert isinstance(first, Para)
    return [*first.content]


def messages(page: Document) -> Iterator[dict[str, Any]]:
    """The example messages of a page."""
    for block in every(page):
        if isinstance(block, Fold):
            yield from (json.loads(part.text) for part in block.content if isinstance(part, Listing))


def test_every_example_fits_the_schema(pages: dict[str, Document]) -> None:
    """But those that show what the VM refuses: of a request that is not accepted, only the reply must fit."""
    checked = Counter[str]()
    for page in pages.values():
        asked = None
        for message in messages(page):
            if "event" in message and message["event"] in SCHEMA.events:
                event = SCHEMA.events[message["event"]]
                data = message.get("data", {})
                found = [m for member in event.data for m in validate(data[member.name], member.type, SCHEMA)]
                assert found == [], message
                checked["event"] += 1
            asked = message if "execute" in message or "exec-oob" in message else asked
            command = SCHEMA.commands.get((asked or {}).get("execute") or (asked or {}).get("exec-oob") or "")
            if "return" in message and command is not None:
                assert judge(command, asked.get("arguments", ABSENT) if asked else ABSENT, SCHEMA).may_pass
                if command.returns is not None:
                    assert [*validate(message["return"], command.returns, SCHEMA)] == [], message
                checked["return"] += 1
            checked["error"] += "error" in message and set(message["error"]) == {"class", "desc"}
    assert checked["event"] > 50
    assert checked["return"] > 100
    assert checked["error"] > 50


@pytest.mark.parametrize("command", ["migrate_cancel", "migrate", "migrate-pause", "cont", "savevm"])
def test_the_table_by_status_has_every_status_of_both_sides(command: str, pages: dict[str, Document]) -> None:
    glance = section(pages[f"reference/commands/{command}"], "At a glance")
    tables = [block for block in glance.content if isinstance(block, Table)]
    assert len(tables) == len(Side)
    for side, table in zip(Side, tables, strict=True):
        shown = [text for row in table.rows for cell in row if cell.kind == "status" for text in statuses_in(cell)]
        assert sorted(shown) == sorted(STATUSES[side])


def grid(table: Table) -> list[list[Cell]]:
    """The rows of a table with all cells, those that span several rows in each of them."""
    spans: dict[int, tuple[Cell, int]] = {}
    rows = []
    for row in table.rows:
        cells = iter(row)
        full = []
        for column in range(len(table.head)):
            cell, left = spans.pop(column, (None, 0))
            if cell is None:
                cell = next(cells)
                left = cell.rows
            if left > 1:
                spans[column] = (cell, left - 1)
            full.append(cell)
        assert next(cells, None) is None
        rows.append(full)
    return rows


def rules_in(cell: Cell) -> list[str]:
    paras = [block for block in cell.content if isinstance(block, Para)]
    return [part.to for para in paras for part in para.content if isinstance(part, Link) and part.to in CATALOGUE]


def test_the_table_by_status_is_the_outlook(pages: dict[str, Document]) -> None:
    """Every outcome of every status, in order, for each way of asking that is shown at once."""
    for command in ("migrate_cancel", "migrate-recover"):
        glance = section(pages[f"reference/commands/{command}"], "At a glance")
        tables = [block for block in glance.content if isinstance(block, Table)]
        shown: dict[tuple[Side, str], list[str]] = {}
        for side, table in zip(Side, tables, strict=True):
            for row in grid(table):
                for status in statuses_in(row[0]):
                    shown.setdefault((side, status), []).extend(rules_in(row[1]))
        assert shown == {(row.side, row.status): [o.rule for o in row.outcomes] for row in outlook(command, PROFILE)}


def test_migrate_cancel_at_a_glance(pages: dict[str, Document]) -> None:
    """What a reader of the page is promised: answer, events, what follows, and the evidence of each status."""
    glance = section(pages["reference/commands/migrate_cancel"], "At a glance")
    source = next(block for block in glance.content if isinstance(block, Table))
    lines = [" | ".join(" ".join(texts(cell)) for cell in row) for row in source.rows]
    idle = next(line for line in lines if line.startswith("none |"))
    assert "Without a migration in progress nothing happens" in idle
    setup = next(line for line in lines if line.startswith("setup |"))
    for expected in ("The status becomes cancelling", "success", "cancelling", "then", "cancelled", "in 4 sessions"):
        assert expected in setup
    assert sum("known defect" in line for line in lines) == 2
    held = next(line for line in lines if line.startswith("pre-switchover "))
    assert re.match(r"pre-switchover \d+  in \d+ sessions one of these \|", held)


def test_a_status_is_drawn_with_what_leads_to_it_and_from_it(pages: dict[str, Document]) -> None:
    for status in ("setup", "cancelling", "completed"):
        page = pages[f"reference/statuses/{status}"]
        drawn = [block.svg for block in every(page) if isinstance(block, Picture)]
        assert drawn
        assert f">{status}</text>" in drawn[0]


def test_a_page_shows_a_message_or_says_that_there_is_none(pages: dict[str, Document]) -> None:
    kinds = ("statuses", "capabilities", "parameters", "answers", "events")
    shown = [page for place, page in pages.items() if place.split("/")[1] in kinds and page.names]
    silent = [page.names[0] for page in shown if not any(isinstance(block, Fold) for block in every(page))]
    assert sorted(silent) == [
        "MigrationCapability.rdma-pin-all",
        "MigrationInfo.vfio",
        "MigrationStatus.none",
        "VfioStats",
        "VfioStats.transferred",
    ]


def test_a_command_beside_the_schema_has_a_page(pages: dict[str, Document]) -> None:
    for command in CONTRACTS:
        assert name_of_command(command) in pages[f"reference/commands/{command}"].names


def test_a_page_survives_its_file(built: Built, pages: dict[str, Document]) -> None:
    for place, page in pages.items():
        assert (built.docs / f"{place}{SUFFIX}").read_bytes() == page.written()


def test_only_what_has_changed_is_written(tmp_path: Path) -> None:
    one, other = (Document(f"reference/{name}", [name], []) for name in ("one", "other"))
    write(tmp_path, [one, other, Document("reference/no-more", ["no more"], [])])
    changed, same, stale = (tmp_path / f"reference/{name}{SUFFIX}" for name in ("one", "other", "no-more"))
    changed.write_bytes(b"old")
    before = same.stat().st_mtime_ns
    write(tmp_path, [one, other])
    assert changed.read_bytes() == one.written()
    assert not stale.exists()
    assert same.stat().st_mtime_ns == before


def test_nothing_generated_is_kept_in_the_repository() -> None:
    assert [path for path in repository_files() if path.is_relative_to(PROJECT / "docs/reference")] == []


def test_code_is_told_from_words() -> None:
    assert inline("a `b` c “d”") == ["a ", Code("b"), " c ", Code("“d”")]
