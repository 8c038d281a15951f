"""The command line: the only place with arguments, colours and exit codes.

`entry` has `main` and the table of the commands, `command` says what a command is and what it ends with, `output`
writes to the standard streams and `console` to a terminal.  Each command has a module of its own, which is loaded when
it is asked for.

Standard output carries the outcome and nothing else; complaints and the progress bar go to standard error.
"""

from migspec.cli.entry import main

__all__ = ["main"]
