"""What the annotator is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gliner_adapters.documents import Document, Entity, Label, as_documents, as_labels
from gliner_adapters.errors import ConfigError
from gliner_adapters.inputs import described
from gliner_adapters.model.base import Segment


@dataclass(frozen=True, slots=True)
class Request:
    """A document to read, and what to look for in it.

    Attributes:
        document: the text; entities that it has are not looked at.
        adapters: names of adapters in the annotator's library, each read with its own labels. Without adapters and
            labels, what the annotator was made with reads.
        labels: labels to find zero-shot with the base, beside the adapters or alone.
        threshold: least probability (exceeded strictly), one for all or one a label name; by default each
            adapter's own, and 0.5 for plain labels.
        nested: report entities within entities.
        segment: read by ``"sentence"`` or by ``"window"``; by default as each adapter was trained, and plain labels
            as the base was pretrained.
    """

    document: Document
    adapters: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()
    threshold: float | Mapping[str, float] | None = None
    nested: bool = False
    segment: Segment | None = None

    def __post_init__(self) -> None:
        for name, values in (("adapters", self.adapters), ("labels", self.labels)):
            if isinstance(values, str | Label) or not isinstance(values, Sequence):
                raise ConfigError(f"{name} of a request must be a list, got {described(values)}")
        if any(not isinstance(name, str) for name in self.adapters):
            raise ConfigError("a request names its adapters; adapters themselves go into the annotator's library")
        (document,) = as_documents([self.document])
        labels = tuple(label if isinstance(label, Label) else as_labels([label])[0] for label in self.labels)
        for name, value in (("document", document), ("adapters", tuple(self.adapters)), ("labels", labels)):
            object.__setattr__(self, name, value)


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
