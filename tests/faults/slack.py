"""What single-field corruptions slip through, and why: the text of `docs/slack.md`.

Run as `python -m tests.faults.slack` it judges every corruption anew and writes that text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.faults.corruptions import SAMPLES, Target, outcomes

SLACK_TEXT = Path(__file__).resolve().parents[2] / "docs/slack.md"

Outcomes = Mapping[tuple[Target, str], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Slack:
    """Corruptions that are let through: of which kinds of message, members and ways, as patterns, and why."""

    kinds: tuple[str, ...]
    members: tuple[str, ...]
    ways: tuple[str, ...]
    reason: str

    def covers(self, target: Target, what: str) -> bool:
        """Whether this is the reason for a corruption."""
        return (
            any(fnmatchcase(target.kind, kind) for kind in self.kinds)
            and any(fnmatchcase(target.member, member) for member in self.members)
            and any(fnmatchcase(what, way) for way in self.ways)
        )


_ANY = ("*",)
_NUMBER = ("one more", "one less")

SLACK: tuple[Slack, ...] = (
    Slack(
        ("event *",),
        ("timestamp.*",),
        _NUMBER,
        "A clock supports and never proves: no rule compares the times of events",
    ),
    Slack(
        ("greeting", "reply query-version"),
        ("*",),
        _ANY,
        "A release may have any number and any name, and a monitor may offer nothing",
    ),
    Slack(
        ("event *",),
        ("event",),
        ("another text",),
        "An event of an unknown name is left alone, and the one that it was is not missed wherever it may be missing",
    ),
    Slack(
        ("event COLO_EXIT",),
        ("data.*",),
        ("another word",),
        "Where a VM leaves COLO there are so many possibilities that a doubt is told instead of a violation",
    ),
    Slack(
        ("event RESET", "event SHUTDOWN"),
        ("data.*",),
        ("negated", "another word"),
        "The guest, its host and other clients may reset or end a VM at any time, for any reason",
    ),
    Slack(("event UNPLUG_PRIMARY",), ("data.device-id",), _ANY, "A device may have any name"),
    Slack(
        ("error xen-*",),
        ("error.desc",),
        ("another text",),
        "Some refusals quote a file or a disk, so that only their beginnings are known",
    ),
    Slack(
        ("reply query-colo-status",),
        ("return.mode", "return.last-mode"),
        ("another word",),
        "A trace that begins in the middle may have been in COLO before, or be in it",
    ),
    Slack(
        ("reply query-dirty-rate",),
        ("return.*",),
        _ANY,
        "A measurement proceeds unseen: what it measures is an estimate, and its times count whole seconds",
    ),
    Slack(
        ("reply query-migrate",),
        ("return.error-desc", "return.cpu-throttle-percentage", "return.disk"),
        ("missing", "another text"),
        "A failure may leave any text or none, and a throttle or a disk need not be under way",
    ),
    Slack(
        ("reply query-migrate",),
        ("return.socket-address*",),
        _ANY,
        "A VM may listen on several sockets, and the host decides on which",
    ),
    Slack(
        ("reply query-migrate",),
        ("return.*",),
        _NUMBER,
        "A number that only grows, or lies between bounds, may as well be one more or one less",
    ),
    Slack(
        ("reply query-migrate",),
        ("return.status",),
        ("missing", "another word"),
        "So much may have been before the trace that a doubt is told instead; with `--at-rest` a violation is",
    ),
    Slack(
        ("reply query-migrate-capabilities", "reply query-migrate-parameters"),
        ("return[].state", "return.*"),
        ("negated", *_NUMBER, "another text"),
        "The first answer of a trace is believed: a command line may have preset any capability and any parameter",
    ),
    Slack(("reply query-status",), ("return.singlestep",), ("negated",), "A VM may be told to take single steps"),
    Slack(
        ("reply query-xen-replication-status",),
        ("return.desc",),
        ("another text",),
        "What goes wrong with a replication is told in the words of a disk",
    ),
)
"""The reasons; the first that covers a corruption is given."""


def reason_for(target: Target, what: str) -> Slack | None:
    """Why a corruption may slip through; None if it must not."""
    return next((slack for slack in SLACK if slack.covers(target, what)), None)


def slipped(found: Outcomes) -> Iterator[tuple[Target, str, int, int]]:
    """The corruptions that were not always found: how often they were, of how many samples."""
    for (target, what), (count, samples) in sorted(found.items()):
        if count < samples:
            yield target, what, count, samples


def unexplained(found: Outcomes) -> list[str]:
    """The corruptions that slipped through without a reason."""
    return [
        f"{target}, {what}: found {count} of {samples}"
        for target, what, count, samples in slipped(found)
        if reason_for(target, what) is None
    ]


def stale(found: Outcomes) -> list[str]:
    """The reasons that nothing needs any more."""
    used = {id(reason_for(target, what)) for target, what, _, _ in slipped(found)}
    return [slack.reason for slack in SLACK if id(slack) not in used]


def as_text(found: Outcomes) -> str:
    """The document."""
    total = sum(samples for _, samples in found.values())
    caught = sum(count for count, _ in found.values())
    lines = [
        "# What slips through",
        "",
        "Every kind of message in the corpus was corrupted in every one of its members: missing, surplus, of another",
        "type, one more or less, another text or word, each in up to "
        f"{SAMPLES} messages that are spread over all traces.",
        f"Of {total} corrupted traces the checker finds a violation in {caught}. The others are listed here, with",
        "the reason why no rule forbids them. `tests/faults/slack.py` has the reasons, and `make slack` renews this.",
        "",
    ]
    for slack in SLACK:
        mine = [entry for entry in slipped(found) if reason_for(entry[0], entry[1]) is slack]
        if not mine:
            continue
        lines += [f"## {slack.reason}", "", "| message | member | corruption | found |", "|---|---|---|---|"]
        for target, what, count, samples in mine:
            member = f"`{target.member}`" if target.member else "the message"
            lines.append(f"| {target.kind} | {member} | {what} | {count} of {samples} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Judge every corruption and write the document; say what has no reason, and which reasons are stale."""
    found = outcomes()
    SLACK_TEXT.write_text(as_text(found))
    problems = [*(f"no reason: {line}" for line in unexplained(found)), *(f"stale: {line}" for line in stale(found))]
    print("\n".join(problems))
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()
