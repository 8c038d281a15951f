"""Searches for counterexamples to every contract: `python -m tests.symbolic [SECONDS]`, and keeps what came of it."""

import sys

from tests.symbolic.search import SECONDS, Came, names, search, store


def main(arguments: list[str]) -> int:
    """Search, and say what came of each; 1 if one is broken."""
    seconds = float(arguments[0]) if arguments else SECONDS
    found = []
    for name in names():
        found += search([name], seconds)
        print(f"{found[-1].came.value:12} {name} {found[-1].told}".rstrip(), flush=True)
    store(found)
    return 1 if any(each.came is Came.BROKEN for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
