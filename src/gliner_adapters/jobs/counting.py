"""What passes on its way through a worker, counted; and what does not pass, written down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import IO

from gliner_adapters.documents import Document, ReadReport
from gliner_adapters.errors import DataError
from gliner_adapters.jobs.records import DeadLetter


@dataclass
class DeadLetters(ReadReport):
    """Counts what a reader leaves out, and writes it down at once."""

    stream: IO[bytes] | None = None
    given: str = ""
    local: str = ""
    letters: int = 0

    def add_skipped(self, reason: DataError) -> None:
        """A record that cannot be read."""
        super().add_skipped(reason)
        self.add(DeadLetter(input=self.given, reason=self._told(reason)))

    def add(self, letter: DeadLetter) -> None:
        """Put a dead letter down."""
        assert self.stream is not None
        self.stream.write(letter.model_dump_json(exclude_defaults=True).encode() + b"\n")
        self.letters += 1

    def end(self, error: Exception) -> None:
        """What follows in the file cannot be read."""
        self.add(DeadLetter(input=self.given, reason=self._told(error), rest=True))

    def _told(self, error: Exception) -> str:
        return str(error).replace(self.local, self.given)


@dataclass
class Found:
    """What passes on its way to the output, counted."""

    entities: Counter[str] = field(default_factory=Counter)
    versions: dict[str, int] = field(default_factory=dict)
    documents: int = 0


def version_of(document: Document) -> int:
    """The version that a record says it is; 1 where it says none."""
    told = str(document.meta.get("version") or "1")
    return int(told) if told.isascii() and told.isdigit() else 1
