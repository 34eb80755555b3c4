"""What stands around a sentence in its abstract, for corpora that come sentence by sentence.

Which sentences belong to one abstract is marked in the file (``meta["abstract"]``), or found by laying the sentences
along the same corpus in whole abstracts, letter by letter: white space, punctuation and the order of the abstracts
differ between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from gliner_adapters.documents import Document

#: Characters of neighbouring text that are kept on either side, at least, where there are so many.
REACH = 2000
#: Sentences that are looked at to tell abstracts apart that begin alike.
AHEAD = 8


def with_neighbours(documents: Sequence[Document], abstracts: Sequence[str | None]) -> list[Document]:
    """Documents with what stands around them (:attr:`Document.before`, :attr:`Document.after`).

    Args:
        documents: sentences in the order of their source.
        abstracts: for each the abstract that it belongs to; ``None`` where that is not known. Only neighbours in the
            sequence that belong to the same abstract stand around each other.
    """
    found: list[Document] = []
    for name, group in groupby(zip(documents, abstracts, strict=True), key=lambda pair: pair[1]):
        sentences = [document for document, _ in group]
        if name is None:
            found += sentences
            continue
        texts = [document.text for document in sentences]
        for number, each in enumerate(sentences):
            before = reversed(_nearest(reversed(texts[:number])))
            found.append(replace(each, before=" ".join(before), after=" ".join(_nearest(texts[number + 1 :]))))
    return found


def _nearest(texts: Iterable[str]) -> list[str]:
    """The first texts, until they have :data:`REACH` characters."""
    taken: list[str] = []
    size = 0
    for text in texts:
        if size >= REACH:
            break
        taken.append(text)
        size += len(text)
    return taken


def marked(documents: Iterable[Document]) -> list[str | None]:
    """The abstract of each document, where its file marks it."""
    return [None if (name := each.meta.get("abstract")) is None else str(name) for each in documents]


def aligned(documents: Iterable[Document], whole: Iterable[Document]) -> list[str | None]:
    """The abstract of each sentence, by laying sentences along whole abstracts.

    Args:
        documents: sentences; those of an abstract follow each other, the abstracts in any order.
        whole: the abstracts, each with an id.

    Returns:
        For each sentence the id of its abstract; ``None`` for one that stands in none of them where it should.
    """
    texts = [(str(document.id), _letters(document.text)) for document in whole]
    sentences = [_letters(document.text) for document in documents]
    found: list[str | None] = []
    current, rest = None, ""
    for number, letters in enumerate(sentences):
        if current is None or not rest.startswith(letters):
            # Several abstracts may begin alike: the one that goes on like the sentences do is meant.
            begun = [each for each in texts if each[1].startswith(letters)]
            following = "".join(sentences[number : number + AHEAD])
            current, rest = max(begun, key=lambda each: _shared(each[1], following), default=(None, ""))
        rest = rest[len(letters) :]
        found.append(current)
    return found


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
