"""Strings that are an entity in some places and none in others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gliner_adapters.documents import Document, Entity, entity_words, word_spans

#: Shorter strings are too often another word.
SHORTEST = 3


def missed_mentions(
    splits: Mapping[str, Sequence[Document]], max_width: int
) -> Iterator[tuple[str, int, Document, Entity]]:
    """The places where a string stands that is annotated elsewhere, and where no entity touches it.

    A string is compared with its case and from word to word. Types that the splits annotate decide: a string is looked
    for if it was annotated at least once, wherever.

    Args:
        splits: documents by split.
        max_width: longer strings, in words, are not looked for.

    Returns:
        Split, the document's number in it from 1, the document, and the entity that might be missing, with the type
        that the string has most often.
    """
    types: dict[str, dict[str, int]] = {}
    longest: dict[str, int] = {}
    spans = {split: [word_spans(document) for document in documents] for split, documents in splits.items()}
    for split, documents in splits.items():
        for document, words in zip(documents, spans[split], strict=True):
            for entity in document.entities:
                place = entity_words(words, entity)
                if place is None or len(mention := document.mention(entity)) < SHORTEST:
                    continue
                width = place[1] - place[0] + 1
                if width <= max_width:
                    types.setdefault(mention, {}).setdefault(entity.label, 0)
                    types[mention][entity.label] += 1
                    first = document.text[words[place[0]][0] : words[place[0]][1]]
                    longest[first] = max(width, longest.get(first, 0))
    for split, documents in splits.items():
        for number, (document, words) in enumerate(zip(documents, spans[split], strict=True), 1):
            for start, end, mention in _unmarked(document, words, types, longest):
                label = max(types[mention].items(), key=lambda item: (item[1], item[0]))[0]
                yield split, number, document, Entity(start, end, label)


def _unmarked(
    document: Document, words: Sequence[tuple[int, int]], types: Mapping[str, object], longest: Mapping[str, int]
) -> Iterator[tuple[int, int, str]]:
    """Known strings of a document outside of its entities, the longest at each place."""
    marked = bytearray(len(document.text))
    for entity in document.entities:
        marked[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
    index = 0
    while index < len(words):
        start, end = words[index]
        step = 1
        for width in range(longest.get(document.text[start:end], 0), 0, -1):
            if index + width > len(words):
                continue
            last = words[index + width - 1][1]
            mention = document.text[start:last]
            if mention in types and not any(marked[start:last]):
                yield start, last, mention
                step = width
                break
        index += step
