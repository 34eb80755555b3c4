"""What the annotator is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gliner_adapters.documents import Document, Entity, Label


@dataclass(frozen=True, slots=True)
class Request:
    """A document to read, and what to look for in it.

    Attributes:
        document: the text; entities that it has are not looked at.
        adapters: names of adapters in the annotator's library, each read with its own labels.
        labels: labels to find zero-shot with the base, beside the adapters or alone.
        threshold: least probability (exceeded strictly), one for all or one a label name; by default each
            adapter's own, and 0.5 for plain labels.
        nested: report entities within entities.
    """

    document: Document
    adapters: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    threshold: float | Mapping[str, float] | None = None
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What one source found in a document: an adapter, or plain labels.

    Attributes:
        adapter: its name; ``None`` for plain labels.
        revision: sha256 of the adapter's weights; of plain labels, the base's fingerprint.
        entities: in the order of the text.
    """

    adapter: str | None
    revision: str
    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer to one :class:`Request`.

    Attributes:
        document: the document with the entities of all sources, in the order of the text; an entity that two
            sources agree on stands twice.
        found: the same entities, source by source: the adapters in the order asked, plain labels last.
        windowed: whether the text did not fit in one input and was read in windows.
        notes: what could not be read, a line each (:meth:`~gliner_adapters.model.passages.Losses.lines`).
    """

    document: Document
    found: tuple[Found, ...]
    windowed: bool = False
    notes: tuple[str, ...] = field(default=())
