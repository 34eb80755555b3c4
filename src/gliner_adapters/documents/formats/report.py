"""What reading and writing counted: documents, entities, and everything that was not taken as it stood."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

_LISTED = 1000


class RepairWarning(UserWarning):
    """Malformed input was repaired or left out while reading; the message counts it."""


@dataclass(slots=True)
class ReadReport:
    """What reading found. Counts grow while the documents are read; one report may serve several files.

    Attributes:
        documents: documents read.
        entities: entities in them.
        repairs: how often each kind of repair was made.
        first_repairs: for each kind of repair, where it was made first (``file:line``).
        skipped: bad records left out (``skip_bad``).
        reasons: why, as ``file:line: reason``, for the first 1,000 of them.
        deleted: ids of documents that a file declares deleted (PubMed's update files).
    """

    documents: int = 0
    entities: int = 0
    repairs: Counter[str] = field(default_factory=Counter)
    first_repairs: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    _pending: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def add_document(self, document: Document) -> None:
        """Count a document, its entities, and the repairs made while it was read."""
        self.add_left_out()
        self.documents += 1
        self.entities += len(document.entities)

    def add_left_out(self) -> None:
        """Count the repairs noted of a record that is no document: one of them says why."""
        for kind, place in self._pending:
            self.repairs[kind] += 1
            self.first_repairs.setdefault(kind, place)
        self._pending.clear()

    def add_repair(self, kind: str, path: str, line: int) -> None:
        """Note a repair of a kind at ``path:line``; it counts when the document that it is part of does."""
        self._pending.append((kind, f"{path}:{line}"))

    def add_skipped(self, reason: DataError) -> None:
        """Count a record that was left out, and keep the reason."""
        self._pending.clear()
        self.skipped += 1
        if len(self.reasons) < _LISTED:
            self.reasons.append(str(reason))

    def problems(self) -> list[str]:
        """What was repaired or left out: a line for each kind, with its count and first place."""
        lines = [
            f"repaired: {kind}: {count} (first at {self.first_repairs[kind]})" for kind, count in self.repairs.items()
        ]
        if self.skipped:
            lines.append(f"left out: {self.skipped} bad records (first: {self.reasons[0]})")
        return lines


@dataclass(slots=True)
class WriteReport:
    """What writing did.

    Attributes:
        documents: documents written.
        entities: entities written.
        dropped: entities left out, by reason (``on_conflict``).
        changes: changes the target format made necessary, by kind.
    """

    documents: int = 0
    entities: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)

    def losses(self) -> list[str]:
        """What is not in the file as it was in the documents: a line for each kind, with its count."""
        lines = [f"dropped: {count} entities: {reason}" for reason, count in self.dropped.items()]
        return lines + [f"changed: {kind}: {count}" for kind, count in self.changes.items() if count]
