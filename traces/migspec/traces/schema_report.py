"""The outcome of a comparison of schemas, as text for people and as JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migspec.spec.profiles import profile_for
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema.comparison import Difference, DifferenceKind
from migspec.traces.printable import printable
from migspec.traces.report import Line, Piece, Tone, counted

UNNAMED_RELEASE = QEMU_5_2_0
"""What a schema of unknown release is compared with: nothing in it is left open, and its release is the oldest."""

_TONES: Mapping[DifferenceKind, Tone] = {
    DifferenceKind.MISSING: Tone.BAD,
    DifferenceKind.ADDED: Tone.UNSURE,
    DifferenceKind.CHANGED: Tone.BAD,
    DifferenceKind.BUILD: Tone.FAINT,
}

_LABELS: Mapping[DifferenceKind, str] = {DifferenceKind.BUILD: "note"}
"""What a kind is called where its own name is not."""

_WIDTH = max(map(len, DifferenceKind)) + 2


def profile_of(release: str | None) -> str:
    """The profile to compare with: that of the release, as for traces; `UNNAMED_RELEASE` where none is named."""
    return UNNAMED_RELEASE if release is None else profile_for(release)


@dataclass(frozen=True, slots=True)
class SchemaReport:
    """What came out: `source` is the file or address as the user named it, `found` the differences in order."""

    source: str
    profile: str
    found: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether there is no difference but such as builds make."""
        return all(difference.kind is DifferenceKind.BUILD for difference in self.found)

    def as_json(self) -> str:
        """One object on one line: `source`, `profile`, `same`, `differences` and `notes`, which are no differences."""
        told: dict[bool, list[dict[str, object]]] = {False: [], True: []}
        for difference in self.found:
            told[difference.kind is DifferenceKind.BUILD].append(
                {
                    "kind": difference.kind.value,
                    "path": difference.path,
                    "message": difference.message,
                    "also": list(difference.also),
                }
            )
        fields = {
            "source": self.source.encode("utf-8", "backslashreplace").decode(),
            "profile": self.profile,
            "same": self.same,
            "differences": told[False],
            "notes": told[True],
        }
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    def as_text(self) -> Iterator[Line]:
        """A line on the whole, then one for each difference, then one for each other place that it has."""
        counts = Counter(difference.kind for difference in self.found)
        told = [f"{counts[kind]} {kind.value}" for kind in _TONES if counts[kind] and kind not in _LABELS]
        if notes := counts[DifferenceKind.BUILD]:
            told.append(counted(notes, "note", "notes"))
        outcome = Piece("same as", Tone.GOOD) if self.same else Piece("differs from", Tone.BAD)
        yield (
            Piece(printable(self.source), Tone.PLACE),
            Piece(": "),
            outcome,
            Piece(f" {self.profile}"),
            Piece(f" ({', '.join(told)})" if told else "", Tone.FAINT),
        )
        for difference in self.found:
            label = _LABELS.get(difference.kind, difference.kind.value)
            yield (
                Piece(label.ljust(_WIDTH), _TONES[difference.kind]),
                Piece(printable(difference.path), Tone.PLACE),
                Piece(f": {printable(difference.message)}"),
            )
            for place in difference.also:
                yield (Piece(f"{' ' * _WIDTH}also {printable(place)}", Tone.FAINT),)
