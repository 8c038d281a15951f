"""Importers: logs that others write, read as traces.

Each importer is a module with one `IMPORTER`, and its line in the table of `importers.table`. It turns lines of a log
into lines of the native format, one by one, so that a log of any length is read in constant memory, and it says what
the log cannot show.
"""
