"""Gold and predicted documents, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError

Pair = tuple[Document, Document]


def pair_documents(gold: Iterable[Document], predicted: Iterable[Document]) -> Iterator[Pair]:
    """Pairs documents by id, in the order of gold.

    Both sides are read as streams. Predictions in the order of gold are held one at a time; others wait in
    memory until their gold document comes.

    Yields:
        ``(gold document, predicted document)``.

    Raises:
        DataError: a document has no id, an id stands twice, a document is on one side only, or the two texts
            of one id differ.
    """
    incoming = _checked_ids(predicted, "predicted")
    waiting: dict[str, Document] = {}
    for identifier, document in _checked_ids(gold, "gold"):
        while identifier not in waiting:
            try:
                other_identifier, other = next(incoming)
            except StopIteration:
                raise DataError(
                    f"no prediction for gold document {identifier!r}; predictions must hold every document "
                    "of gold, also those without entities"
                ) from None
            waiting[other_identifier] = other
        match = waiting.pop(identifier)
        _check_texts(identifier, document.text, match.text)
        yield document, match
    extra = next(iter(waiting), None) or next((identifier for identifier, _ in incoming), None)
    if extra is not None:
        raise DataError(f"predicted document {extra!r} is not in gold; are these predictions of another split?")


def _checked_ids(documents: Iterable[Document], side: str) -> Iterator[tuple[str, Document]]:
    seen: set[str] = set()
    for number, document in enumerate(documents, start=1):
        if not document.id:
            raise DataError(f"{side} document {number} has no id; gold and predictions are paired by id")
        if document.id in seen:
            raise DataError(f"{side} document {number} repeats the id {document.id!r}; ids must be unique")
        seen.add(document.id)
        yield document.id, document


def _check_texts(identifier: str, gold: str, predicted: str) -> None:
    if gold == predicted:
        return
    differing = (index for index, (a, b) in enumerate(zip(gold, predicted, strict=False)) if a != b)
    position = next(differing, min(len(gold), len(predicted)))
    # The text itself stays out of the message: messages end in logs, and texts may be private.
    raise DataError(
        f"the texts of document {identifier!r} differ from character {position} on "
        f"({len(gold)} characters in gold, {len(predicted)} predicted); offsets would not mean the same"
    )


def unique_entities(document: Document) -> list[Entity]:
    """A document's entities, one for each (start, end, label).

    The official scorers compare sets: a mention written twice is one mention. Of copies the one with the
    highest score stays (a copy without a score counts as the lowest). Order is that of first appearance.
    """
    best: dict[tuple[int, int, str], Entity] = {}
    for entity in document.entities:
        held = best.get(entity.key)
        if held is None or (entity.score or 0.0) > (held.score or 0.0):
            best[entity.key] = entity
    return list(best.values())


def keep_labels(documents: Iterable[Document], labels: Iterable[str]) -> Iterator[Document]:
    """The same documents with only the entities of these labels, to score a part of what gold annotates."""
    kept = frozenset(labels)
    for document in documents:
        yield document.with_entities([entity for entity in document.entities if entity.label in kept])


def abstract_groups(documents: Iterable[Document]) -> list[str]:
    """For each document the abstract it belongs to, or its own id: what resampling should draw together.

    IOB2 readers put the abstract of a sentence into ``meta["abstract"]`` where the file marks abstracts.
    """
    return [str(document.meta.get("abstract", document.id)) for document in documents]
