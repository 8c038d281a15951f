"""Documents as the nodes that Sphinx builds pages from."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from docutils import nodes
from sphinx import addnodes
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.writers.html5 import HTML5Translator

from migspec_docs.document import (
    LINK,
    Block,
    Cell,
    Chip,
    Code,
    Document,
    Facts,
    Fold,
    Inline,
    Items,
    Link,
    Listing,
    Option,
    Para,
    Picture,
    Section,
    Table,
    Text,
    anchor,
)
from migspec_docs.domain import SpecificationDomain


class FoldNode(nodes.General, nodes.Element):
    """What is shown when its summary is clicked on."""


class PictureNode(nodes.General, nodes.Element):
    """A drawing, with its links still to be resolved."""


class Writer:
    """Makes the nodes of one document, and says where its names have their home."""

    def __init__(self, env: BuildEnvironment, page: str) -> None:
        self._env = env
        self._page = page
        domain = env.get_domain(SpecificationDomain.name)
        assert isinstance(domain, SpecificationDomain)
        self._domain = domain

    def document(self, document: Document) -> nodes.section:
        """The page as one section, with the list of the pages below it at its end."""
        whole = nodes.section(ids=[nodes.make_id(document.place)], classes=["spec-page"])
        whole += self._title(document.title)
        for name in document.names:
            self._domain.note(name, self._page, "")
        whole += self._blocks(document.content)
        if document.children:
            whole += _toctree(self._page, document.children)
        return whole

    def _title(self, title: Text) -> nodes.title:
        return nodes.title("", "", *(self._inline(part) for part in title))

    def _blocks(self, blocks: Sequence[Block]) -> list[nodes.Node]:
        return [node for block in blocks for node in self._block(block)]

    def _block(self, block: Block) -> Iterator[nodes.Node]:
        match block:
            case Para(content=text, kind=kind):
                yield nodes.paragraph("", "", *(self._inline(part) for part in text), classes=_classes(kind))
            case Items(entries=entries):
                yield nodes.bullet_list("", *(nodes.list_item("", *self._blocks(entry)) for entry in entries))
            case Facts(entries=facts):
                yield nodes.field_list("", *(self._fact(name, content) for name, content in facts))
            case Listing(text=text, language=language):
                yield nodes.literal_block(text, text, language=language)
            case Fold(summary=summary, content=content):
                yield FoldNode("", *self._blocks(content), summary=summary)
            case Picture(svg=svg, words=words):
                yield PictureNode("", svg=svg, words=words)
            case Table():
                yield self._table(block)
            case Option():
                yield self._option(block)
            case Section():
                yield self._section(block)

    def _section(self, section: Section) -> nodes.section:
        plain = "".join(_plain(part) for part in section.title)
        ids = [anchor(name) for name in section.names] or [nodes.make_id(f"part {plain}")]
        for name in section.names:
            self._domain.note(name, self._page, anchor(name))
        made = nodes.section(ids=ids, classes=_classes(section.kind))
        made += self._title(section.title)
        made += self._blocks(section.content)
        return made

    def _fact(self, name: str, content: Sequence[Block]) -> nodes.field:
        return nodes.field("", nodes.field_name("", name), nodes.field_body("", *self._blocks(content)))

    def _table(self, table: Table) -> nodes.table:
        columns = len(table.head)
        group = nodes.tgroup("", cols=columns)
        group += [nodes.colspec(colwidth=1) for _ in range(columns)]
        head = nodes.row("", *(nodes.entry("", nodes.paragraph("", title)) for title in table.head))
        group += nodes.thead("", head)
        group += nodes.tbody("", *(nodes.row("", *map(self._cell, row)) for row in table.rows))
        return nodes.table("", group, classes=["colwidths-auto", *_classes(table.kind)])

    def _cell(self, cell: Cell) -> nodes.entry:
        for name in cell.names:
            self._domain.note(name, self._page, anchor(name))
        made = nodes.entry("", *self._blocks(cell.content), ids=[anchor(name) for name in cell.names])
        made["classes"] += _classes(cell.kind)
        if cell.rows > 1:
            made["morerows"] = cell.rows - 1
        return made

    def _option(self, option: Option) -> addnodes.desc:
        label = nodes.make_id(f"{option.program} {option.spelling}")
        standard = self._env.get_domain("std")
        assert isinstance(standard, StandardDomain)
        for name in re.findall(r"(?<![\w-])--?[\w-]+", option.spelling) if option.program else ():
            standard.add_program_option(option.program, name, self._page, label)
        name = addnodes.desc_name("", option.spelling)
        signature = addnodes.desc_signature(option.spelling, "", name, ids=[label])
        content = addnodes.desc_content("", *self._blocks(option.content))
        return addnodes.desc("", signature, content, domain="std", objtype="option", desctype="option", noindex=False)

    def _inline(self, part: Inline) -> nodes.Node:
        match part:
            case Code(text=text):
                return nodes.literal(text, text)
            case Chip(text=text, kind=kind):
                return nodes.inline(text, text, classes=["chip", *(f"chip-{word}" for word in kind.split())])
            case Link(to=to, text=text, plain=plain):
                shown = text or to
                inner = nodes.inline(shown, shown) if plain else nodes.literal(shown, shown)
                return addnodes.pending_xref(
                    "",
                    inner,
                    refdomain=SpecificationDomain.name,
                    reftype="name",
                    reftarget=to,
                    refdoc=self._page,
                    refwarn=True,
                    refexplicit=True,
                )
        assert isinstance(part, str)
        return nodes.Text(part)


def _plain(part: Inline) -> str:
    if isinstance(part, Link):
        return part.text or part.to
    return part if isinstance(part, str) else part.text


def _classes(kind: str) -> list[str]:
    return [f"spec-{word}" for word in kind.split()]


def _toctree(page: str, children: Sequence[str]) -> nodes.compound:
    made = addnodes.toctree(
        parent=page,
        entries=[(None, child) for child in children],
        includefiles=list(children),
        maxdepth=1,
        glob=False,
        hidden=True,
        includehidden=False,
        numbered=0,
        titlesonly=True,
        caption=None,
        rawentries=[],
    )
    return nodes.compound("", made, classes=["toctree-wrapper"])


def visit_fold(translator: HTML5Translator, node: FoldNode) -> None:
    """Begin what can be opened."""
    translator.body.append(f'<details class="spec-fold"><summary>{html.escape(node["summary"])}</summary>')


def depart_fold(translator: HTML5Translator, _node: FoldNode) -> None:
    """End it."""
    translator.body.append("</details>\n")


def visit_picture(translator: HTML5Translator, node: PictureNode) -> None:
    """Draw, with the links that lead somewhere from this page."""
    domain = translator.builder.env.get_domain(SpecificationDomain.name)
    assert isinstance(domain, SpecificationDomain)
    page = translator.builder.current_docname

    def address(match: re.Match[str]) -> str:
        return f'"{html.escape(domain.address(translator.builder, page, html.unescape(match[1])))}"'

    drawn = re.sub(f'"{LINK}([^"]+)"', address, node["svg"])
    words = html.escape(node["words"])
    translator.body.append(f'<figure class="spec-picture" role="group" aria-label="{words}">{drawn}</figure>\n')
    raise nodes.SkipNode
