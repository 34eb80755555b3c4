"""Documents as words with tags: what IOB2 files and token-classification rows have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gliner_adapters.documents.formats.base import OnConflict
from gliner_adapters.documents.formats.report import WriteReport
from gliner_adapters.documents.tags import PREFIXES, count_reasons, entities_to_tags, tags_to_entities
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.documents.words import Span, refine_words, word_spans
from gliner_adapters.errors import DataError

STRAY_TAG = "I- tag that continues no entity, read as B-"
OTHER_SCHEME = "sentence with {} tags, read as they are meant"
SPACING = "text written as its words: the white space between them is a single space"


def entities_of(
    words: Sequence[Span], tags: Sequence[tuple[str, str]], note: Callable[[str, int], None]
) -> list[Entity]:
    """The entities that the tags of a sentence say.

    Args:
        words: character spans of the words.
        tags: for each word ``(prefix, label)`` as :func:`~gliner_adapters.documents.split_tag` gives them.
        note: is told of a repair, and of the word that it was made at.
    """
    entities, stray = tags_to_entities(words, tags)
    for scheme in sorted({PREFIXES[prefix] for prefix, _ in tags if prefix != "O"} - {"IOB2"}):
        note(OTHER_SCHEME.format(scheme), 0)
    for index in stray:
        note(STRAY_TAG, index)
    return entities


def tags_of(
    document: Document, name: str, form: str, on_conflict: OnConflict, report: WriteReport
) -> tuple[Sequence[Span], list[str], int]:
    """The words of a document, their IOB2 tags, and how many entities they cannot express.

    Args:
        document: the document.
        name: how errors call it.
        form: how errors call the format.
        on_conflict: what to do with entities that tags cannot express.
        report: counts those that are dropped.

    Raises:
        DataError: no words, text in no word, or an entity that cannot be expressed.
    """
    words = word_spans(document)
    if not words:
        raise DataError(f"{name} has no words; {form} cannot hold an empty sentence")
    if document.words is not None:
        _check_covered(document, words, name, form)
    if on_conflict == "split":
        words, _ = refine_words(words, document.entities)
    tags, left_out = entities_to_tags(words, document.entities)
    if left_out and on_conflict == "error":
        entity, reason = left_out[0]
        raise DataError(
            f"{name}: entity {entity.key} {document.mention(entity)[:40]!r} cannot be written as "
            f"{form}: {reason}; drop such entities, or split words at entity boundaries (for training data)"
        )
    report.dropped += count_reasons(left_out)
    count_spacing(document, words, report)
    return words, tags, len(left_out)


def count_spacing(document: Document, words: Sequence[Span], report: WriteReport) -> None:
    """Count a text that is not its words with a space between two, where only words are written."""
    if " ".join(document.text[start:end] for start, end in words) != document.text:
        report.changes[SPACING] += 1


def _check_covered(document: Document, words: Sequence[Span], name: str, form: str) -> None:
    """Refuse a text with characters in no word: they would be lost."""
    previous = 0
    for start, end in [*words, (len(document.text), len(document.text))]:
        if previous != start and (lost := document.text[previous:start].strip()):
            raise DataError(f"{name}: {lost[:40]!r} (character {previous} on) belongs to no word; {form} would lose it")
        previous = end
