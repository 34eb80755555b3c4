"""A document is a text with entities; both speak in character offsets (code points), end exclusive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Label:
    """An entity type: a name and, optionally, a description.

    ``name`` is what the model reads and what entities carry; ``description`` is a written definition that
    techniques with descriptions read in the name's place or beside it.
    """

    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A labelled stretch of a document's text.

    ``document.text[entity.start:entity.end]`` is the mention, ``label`` the name of its type. ``score`` is a
    probability in [0, 1] for predictions and ``None`` for annotations. ``identifier`` is a concept id (MeSH, NCBI
    Gene, ...) where the source gives one. ``meta`` carries what a format knows beyond that (composite mentions, for
    one).
    """

    start: int
    end: int
    label: str
    score: float | None = None
    identifier: str | None = None
    meta: Mapping[str, Any] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"entity offsets must satisfy 0 <= start < end, got {self.start}, {self.end}")

    @property
    def key(self) -> tuple[int, int, str]:
        """What strict matching compares: ``(start, end, label)``."""
        return (self.start, self.end, self.label)


@dataclass(slots=True)
class Document:
    """A text with its entities.

    ``id`` tells it apart from the others of its file, where the source gives one. ``words`` are the character spans of
    the words where the source gives them (IOB2 corpora do); ``None`` means that the text is free and GLiNER's own
    splitting applies. ``sentences`` are character spans of sentences where the source gives them. ``meta`` carries what
    a format needs to write the document back exactly (title length and relations in PubTator, abstract boundaries in
    IOB2).

    ``before`` and ``after`` are what stands around the text in its source, for a model that reads context: nothing is
    looked for in them, no offset counts them, and no format writes them. Where ``words`` are given, theirs are parted
    by white space.
    """

    text: str
    entities: list[Entity] = field(default_factory=list)
    id: str | None = None
    words: Sequence[tuple[int, int]] | None = None
    sentences: Sequence[tuple[int, int]] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    before: str = field(default="", compare=False)
    after: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        size = len(self.text)
        for entity in self.entities:
            if entity.end > size:
                raise ValueError(f"entity {entity.key} ends after the text of document {self.id!r} ({size} characters)")

    def mention(self, entity: Entity) -> str:
        """The text of an entity."""
        return self.text[entity.start : entity.end]

    def with_entities(self, entities: Sequence[Entity]) -> Document:
        """The same document with other entities (predictions, for one)."""
        return replace(self, entities=list(entities))
