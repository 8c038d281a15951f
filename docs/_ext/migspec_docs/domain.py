"""The names that have a page, and links to them: a domain of Sphinx, so that other projects can link here too.

A rule, an entity of the schema, a member or word of one: they share one set of names, as in `migspec show`.  In a page
written by hand, ``{spec:name}`outgoing.commit` `` is a link.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.builders import Builder
from sphinx.domains import Domain, ObjType
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

_LOG: Final = logging.getLogger(__name__)


class SpecificationDomain(Domain):
    """Where each name has its home: a page, and an anchor on it, empty for the page as a whole."""

    name = "spec"
    label = "migspec"
    object_types: ClassVar[dict[str, ObjType]] = {"name": ObjType("name", "name")}
    roles: ClassVar[dict[str, Any]] = {"name": XRefRole(warn_dangling=True)}
    initial_data: ClassVar[dict[str, Any]] = {"homes": {}}
    dangling_warnings: ClassVar[dict[str, str]] = {"name": "there is no page of %(target)s"}

    @property
    def homes(self) -> dict[str, tuple[str, str]]:
        """Page and anchor by name."""
        found: dict[str, tuple[str, str]] = self.data["homes"]
        return found

    def note(self, name: str, page: str, anchor: str) -> None:
        """Say where a name has its home."""
        self.homes[name] = (page, anchor)

    def clear_doc(self, docname: str) -> None:
        """Forget what a page had."""
        for name in [name for name, (page, _) in self.homes.items() if page == docname]:
            del self.homes[name]

    def merge_domaindata(self, docnames: Iterable[str], otherdata: dict[str, Any]) -> None:
        """Take over what another process has found."""
        pages = frozenset(docnames)
        self.homes.update({name: home for name, home in otherdata["homes"].items() if home[0] in pages})

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """The link that leads to a name; none where it has no home."""
        home = self.homes.get(target)
        if home is None:
            return None
        return make_refnode(builder, fromdocname, home[0], home[1], [contnode], target)

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:
        """As `resolve_xref`, for a link that does not say of what kind it is."""
        found = self.resolve_xref(env, fromdocname, builder, "name", target, node, contnode)
        return [] if found is None else [("spec:name", found)]

    def get_objects(self) -> Iterable[tuple[str, str, str, str, str, int]]:
        """What the search and other projects may find."""
        return [(name, name, "name", page, anchor, 1) for name, (page, anchor) in self.homes.items()]

    def address(self, builder: Builder, page: str, name: str) -> str:
        """The address of a name, as seen from a page; nowhere, after a warning, if it has no home."""
        if name not in self.homes:
            _LOG.warning("there is no page of %s", name, location=page)
            return "#"
        home, anchor = self.homes[name]
        return builder.get_relative_uri(page, home) + (f"#{anchor}" if anchor else "")
