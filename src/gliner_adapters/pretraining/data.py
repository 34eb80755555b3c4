"""Training data of a base: passages of many corpora, each with the types that are known in it.

Within a corpus every type of its schema is annotated, so its sentences are negatives for the types they lack. A
type that a corpus does not annotate is unknown there, never a negative; in a corpus that is marked partially, so is
a type without a mention in the document.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document
from gliner_adapters.documents.sentences import split_sentences
from gliner_adapters.documents.words import refine_words, word_spans
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import Base, Passage
from gliner_adapters.model.base import Segment
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.pretraining.recipe import Kind, Recipe, Texts, TypeTexts

#: Two sentences that share so many words in a row are taken for the same one.
SHARED_WORDS = 12

_WORD = re.compile(r"[^\W_]+")

#: What a passage is in pretraining; it is recorded in the base, which is read alike.
SEGMENT: Segment = "sentence"


@dataclass
class Source:
    """One corpus of the training data.

    Attributes:
        name: the corpus.
        texts: names and descriptions of each type in the order of the corpus's schema, then of the kinds that some
            types are split into.
        passages: its sentences; spans carry indices of types, and again that of the kind where there is one.
        known: for each passage the types that are annotated in it, as indices.
        split: for a type with kinds, the indices of these.
        left_out: sentences that are not trained on, by reason.
        lost_mentions: mentions that cannot be learnt (of kept and left out sentences alike), by reason.
    """

    name: str
    texts: list[Texts]
    passages: list[Passage] = field(default_factory=list)
    known: list[tuple[int, ...]] = field(default_factory=list)
    split: dict[int, tuple[int, ...]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    lost_mentions: Counter[str] = field(default_factory=Counter)

    def mentions(self) -> list[int]:
        """How many mentions each type has."""
        counts = Counter(label for passage in self.passages for _, _, label in passage.spans)
        return [counts[i] for i in range(len(self.texts))]


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


def read_sources(recipe: Recipe, base: Base, data_dir: str | Path | None = None) -> list[Source]:
    """Read a recipe's corpora as passages of one sentence each.

    Left out and counted: sentences and abstracts of held-out corpora, sentences of fewer than three words,
    too long ones, and repetitions within a corpus.
    """
    out = [load_corpus(name, data_dir=data_dir) for name in recipe.held_out]
    held = HeldOut(document for corpus in out for split in corpus.splits for document in corpus.documents(split))
    abstracts = {
        document.id
        for corpus in out
        for split in corpus.splits
        for document in corpus.documents(split)
        if corpus.info is not None and corpus.info.format == "pubtator"
    }
    return [
        read_source(load_corpus(name, data_dir=data_dir), recipe, base, held, {i for i in abstracts if i is not None})
        for name in recipe.corpora
    ]


def read_source(corpus: Corpus, recipe: Recipe, base: Base, held: HeldOut, abstracts: set[str]) -> Source:
    """One corpus, filtered.

    Args:
        corpus: a registered one.
        recipe: its labels and limits.
        base: its tokenizer and limits.
        held: what must not be trained on.
        abstracts: ids of documents that must not be trained on.
    """
    assert corpus.info is not None
    texts = [recipe.labels[corpus.name][label.tag] for label in corpus.info.labels]
    with_their_kinds, split = with_kinds(texts)
    source = Source(corpus.name, with_their_kinds, split=split)
    segmenter = Segmenter(base, corpus.labels[:1], SEGMENT)
    segmenter.label_index = {label.name: i for i, label in enumerate(corpus.labels)}
    seen: set[str] = set()
    pubtator = corpus.info.format == "pubtator"
    for document in corpus.documents("train"):
        passages = segmenter.passages([document], gold=True)
        if pubtator and document.id in abstracts:
            source.left_out["in an abstract of a held-out corpus"] += len(passages)
            continue
        found = {label for passage in passages for _, _, label in passage.spans}
        known = tuple(range(len(texts))) if corpus.info.fully_annotated else tuple(sorted(found))
        words = gold_words(document)
        for passage in passages:
            _add_kinds(source, texts, document, words, passage)
            text = passage_text(document, words, passage)
            reason = held.reason(text) or _unusable(passage, known, recipe.sampling.most_tokens)
            key = "".join(normalised_words(text))
            if reason is None and key in seen:
                reason = "repeats another sentence"
            if reason is not None:
                source.left_out[reason] += 1
                continue
            seen.add(key)
            source.passages.append(passage)
            source.known.append(known)
    for name, count in vars(segmenter.losses).items():
        if count and name in ("too_wide", "off_words", "across"):
            source.lost_mentions[name.replace("_", " ")] = count
    return source


def with_kinds(types: Sequence[TypeTexts]) -> tuple[list[Texts], dict[int, tuple[int, ...]]]:
    """Types followed by their kinds, and where the kinds of each type stand."""
    texts: list[Texts] = list(types)
    split: dict[int, tuple[int, ...]] = {}
    for index, one in enumerate(types):
        if one.split:
            split[index] = tuple(range(len(texts), len(texts) + len(one.split)))
            texts += one.split
    return texts, split


def _add_kinds(
    source: Source,
    types: Sequence[TypeTexts],
    document: Document,
    words: Sequence[tuple[int, int]],
    passage: Passage,
) -> None:
    """Give the spans of types that are split a second entry, of their kind."""
    for first, last, label in list(passage.spans):
        if label in source.split:
            start, end = words[passage.window.start + first][0], words[passage.window.start + last][1]
            kind = kind_of(types[label].split, document.text[start:end])
            passage.spans.append((first, last, source.split[label][kind]))


def kind_of(kinds: Sequence[Kind], mention: str) -> int:
    """The first kind whose pattern is found in a mention; the last takes all others."""
    return next(i for i, kind in enumerate(kinds) if kind.mention is None or re.search(kind.mention, mention))


def passage_text(document: Document, words: Sequence[tuple[int, int]], passage: Passage) -> str:
    """The text that a passage covers, its words being those of :func:`gold_words`."""
    return document.text[words[passage.window.start][0] : words[passage.window.end - 1][1]]


def gold_words(document: Document) -> Sequence[tuple[int, int]]:
    """The words that a document's training passages count in."""
    words = word_spans(document)
    return words if document.words is not None else refine_words(words, document.entities)[0]


def _unusable(passage: Passage, known: tuple[int, ...], most_tokens: int) -> str | None:
    """Why a passage teaches nothing, or cannot be used."""
    if not known:
        return "no type is known in its document"
    if passage.ids.size > most_tokens:
        return f"has more than {most_tokens} sub-tokens"
    if passage.words < 3:
        return "has fewer than three words"
    return None


def draw_counts(sources: Sequence[Source], recipe: Recipe) -> list[np.ndarray]:
    """How often each passage is drawn over the whole run, as expected counts.

    Corpora share the run in proportion to their weight to a power; within a corpus, sentences of rarer types are
    preferred and sentences without a mention are drawn less often. What `most_repeats` cuts off a small corpus is
    not given to the others: fewer sentences than asked for are drawn then.

    Raises:
        ConfigError: nothing can be drawn.
    """
    sampling = recipe.sampling
    weights = [_weights(source, recipe) for source in sources]
    masses = np.array([w.sum() for w in weights])
    # A corpus of which nothing can be drawn leaves its share to the others.
    powered = np.where(masses > 0, masses**sampling.corpus_power, 0.0)
    if not powered.any():
        raise ConfigError("nothing to train on: no sentence of the recipe's corpora is left that may be drawn")
    shares = powered / powered.sum() * sampling.sentences
    return [
        np.minimum(w / max(mass, 1e-12) * share, sampling.most_repeats)
        for w, mass, share in zip(weights, masses, shares, strict=True)
    ]


def _weights(source: Source, recipe: Recipe) -> np.ndarray:
    """Weight of each passage within its corpus."""
    sampling = recipe.sampling
    mentions = source.mentions()
    most = max([*mentions, 1])
    boost = [min((most / max(n, 1)) ** sampling.type_power, sampling.type_boost) for n in mentions]
    return np.array(
        [
            max((boost[label] for _, _, label in passage.spans), default=sampling.empty_weight)
            for passage in source.passages
        ]
    )
