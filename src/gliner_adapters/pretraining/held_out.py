"""Sentences that must not be trained on, however they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from gliner_adapters.documents import Document
from gliner_adapters.documents.sentences import split_sentences

#: Two sentences that share so many words in a row are taken for the same one.
SHARED_WORDS = 12

_WORD = re.compile(r"[^\W_]+")


class HeldOut:
    """The sentences that must not be trained on, compared after normalisation.

    A sentence is held out if it equals one of theirs (letters and digits alone, case folded), or shares
    :data:`SHARED_WORDS` words in a row with one, which catches sentences that were split or tokenized otherwise.

    Args:
        documents: of all splits of the held-out corpora.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.sentences: set[str] = set()
        self.runs: set[int] = set()
        for document in documents:
            self.runs.update(_runs(normalised_words(document.text)))
            spans = [(0, len(document.text))] if document.words else split_sentences(document.text)
            for start, end in spans:
                self.sentences.add("".join(normalised_words(document.text[start:end])))

    def reason(self, text: str) -> str | None:
        """Why a sentence is held out; ``None`` if it is not."""
        words = normalised_words(text)
        if "".join(words) in self.sentences:
            return "stands in a held-out corpus"
        if any(run in self.runs for run in _runs(words)):
            return f"shares {SHARED_WORDS} words in a row with a held-out corpus"
        return None


def normalised_words(text: str) -> list[str]:
    """The words of a text, case folded, without punctuation, ligatures and wide letters resolved."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _runs(words: Sequence[str]) -> Iterable[int]:
    """Hashes of all runs of words."""
    return (hash(tuple(words[i : i + SHARED_WORDS])) for i in range(len(words) - SHARED_WORDS + 1))
