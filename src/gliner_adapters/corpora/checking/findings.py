"""What a check of data found: counts, findings with places, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gliner_adapters.documents import Document, Entity

Severity = Literal["error", "warning", "note"]
"""``error``: training or its scores would be wrong; ``warning``: it costs quality; ``note``: good to know."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
#: Places that a finding names; the count tells of all.
PLACES = 10
_AROUND = 30


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found.

    Attributes:
        split: the split.
        document: the document's id, or its number from 1.
        start: first character; ``None`` for a whole document.
        end: end, exclusive.
        text: what stands there, with a little of what stands around it.
    """

    split: str
    document: str
    start: int | None
    end: int | None
    text: str

    def __str__(self) -> str:
        where = f"{self.split}, document {self.document}"
        return f"{where}{'' if self.start is None else f', {self.start}-{self.end}'}: {self.text}"


@dataclass(slots=True)
class Finding:
    """One kind of problem.

    Attributes:
        kind: its name, stable for programs.
        severity: how bad it is.
        title: what was found, in words.
        advice: what it does to training, and what to do.
        fixable: whether a mended copy is without it.
        count: how often it was found.
        splits: how often in each split.
        details: further counts by name: spellings, strings, characters.
        places: the first ones.
    """

    kind: str
    severity: Severity
    title: str
    advice: str
    fixable: bool = False
    count: int = 0
    splits: dict[str, int] = field(default_factory=dict)
    details: dict[str, int] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)

    def add(self, split: str, place: Place | None = None, *, detail: str | None = None, times: int = 1) -> None:
        """Count one more in a split, or so many times; none is nothing found. ``detail`` and ``place`` tell which."""
        if not times:
            return
        self.count += times
        self.splits[split] = self.splits.get(split, 0) + times
        if detail is not None:
            self.details[detail] = self.details.get(detail, 0) + times
        if place is not None and len(self.places) < PLACES:
            self.places.append(place)


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """Counts over one split.

    Attributes:
        documents: documents.
        annotated: documents with an entity.
        words: words as a base reads them.
        entities: entities.
        by_type: entities of each type, by name.
    """

    documents: int
    annotated: int
    words: int
    entities: int
    by_type: dict[str, int]


@dataclass(frozen=True)
class CheckReport:
    """What was found.

    Attributes:
        max_width: the widest entity in words that the base in question can find.
        splits: counts of each split.
        findings: the problems, the worst first.
    """

    max_width: int
    splits: Mapping[str, SplitCounts]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is an error."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One sentence: whether to train on this."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = sum(finding.severity == "warning" for finding in self.findings)
        fixable = any(finding.fixable for finding in self.findings if finding.severity != "note")
        mend = " A mended copy (--fix) takes care of some of them." if fixable else ""
        if errors:
            return f"Not ready for training: errors ({_kinds(errors)}) make it or its scores wrong.{mend}"
        if warnings:
            return f"Can be trained on; warnings ({_kinds(warnings)}) tell of what costs quality.{mend}"
        return "Ready for training: nothing was found that would hurt."

    def finding(self, kind: str) -> Finding | None:
        """The finding of a kind, if there is one."""
        return next((finding for finding in self.findings if finding.kind == kind), None)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values for JSON."""
        return {
            "verdict": self.verdict,
            "ok": self.ok,
            "max_width": self.max_width,
            "splits": {split: asdict(counts) for split, counts in self.splits.items()},
            "findings": [asdict(finding) for finding in self.findings],
        }


def place_of(split: str, document: Document, number: int, entity: Entity | None = None) -> Place:
    """A place, with its text on one line.

    Args:
        split: the split.
        document: the document.
        number: its number in the split, from 1.
        entity: what of it; the whole document if ``None``.
    """
    name = document.id if document.id is not None else str(number)
    if entity is None:
        shown = " ".join(document.text[: 2 * _AROUND].split())
        return Place(split, name, None, None, f"{shown}…" if len(document.text) > 2 * _AROUND else shown)
    first, last = max(0, entity.start - _AROUND), min(len(document.text), entity.end + _AROUND)
    before, after = document.text[first : entity.start], document.text[entity.end : last]
    cut = ("…" if first else "", "…" if last < len(document.text) else "")
    # Marked, so that white space at an edge is seen.
    shown = f"{cut[0]}{before}[{document.mention(entity)}]{after}{cut[1]} ({entity.label})"
    return Place(split, name, entity.start, entity.end, shown.replace("\n", "⏎").replace("\t", "⇥"))


def _kinds(count: int) -> str:
    return "one kind" if count == 1 else f"{count} kinds"
