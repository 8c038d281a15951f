"""The documentation of the specification, made of its tables: an extension of Sphinx.

`document` is the form of a page, `nodes`, `parser` and `domain` turn pages into what Sphinx builds from.  `generating`
writes all pages of the specification and of the command line; the other modules make them, each those of one kind.
`diagrams` draws the statuses and what leads from one to the other.

Nothing here is shipped.  The folder that it writes, `docs/reference`, is not kept in git.
"""
