"""Serves a mutant: `python -m tests.mutants.serve MUTANT -- OPTIONS`, with the options of `migspec serve`.

What is served goes by the mutated tables for good, without contracts, so that `migspec fuzz` or any other client can
be pointed at it. `python -m tests.mutants.serve --list [PATTERN]` lists the ids.
"""

from __future__ import annotations

import os
import sys
from fnmatch import fnmatchcase

USAGE = "usage: python -m tests.mutants.serve MUTANT -- OPTIONS OF migspec serve, or --list [PATTERN]"


def main(arguments: list[str]) -> int:
    """Serve what the command line names; 2 where it names no mutant."""
    # a contract would end a machine that is wrong
    os.environ["MIGSPEC_CONTRACTS"] = "off"
    from tests.mutants.mutant import in_force
    from tests.mutants.results import every

    from migspec.cli.entry import main as migspec

    if arguments[:1] == ["--list"]:
        pattern = arguments[1] if len(arguments) > 1 else "*"
        print("\n".join(identity for identity in every() if fnmatchcase(identity, pattern)))
        return 0
    identity, *rest = arguments or [""]
    options = rest[1:] if rest[:1] == ["--"] else rest
    mutant = every().get(identity)
    if mutant is None:
        print(f"{identity!r} is no mutant\n{USAGE}", file=sys.stderr)
        return 2
    with in_force(mutant):
        return int(migspec(["serve", "--contracts", "off", *options]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
