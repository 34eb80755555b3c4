"""What is in a corpus, and what of its test split was already in training.

The definitions, since published figures differ by them:

* A *sentence* is one that the source marks; in free text, one of ``split_sentences``. Two sentences are the
  same if their words are, in the same order and with the same case.
* The *width* of a mention is the number of words that it touches, by the words that a base reads.
* A *seen* mention is one whose lower-cased text is that of some training mention, of whatever type; the
  share counts mentions, not different strings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gliner_adapters.corpora.corpus import Corpus
from gliner_adapters.documents import Document, Entity, Span, entity_words, split_sentences, word_spans


@dataclass(frozen=True)
class SplitStats:
    """Counts over one split.

    Attributes:
        documents: documents as read: sentences in IOB2 corpora, abstracts in PubTator.
        sentences: sentences.
        words: words as a base reads them.
        longest_sentence: words of the longest sentence.
        mentions: annotated entities.
        mentions_by_label: entities of each label of the schema, zeros included.
        widths: entities of each width in words, ascending.
        widest: the largest width; 0 without mentions.
        too_wide: entities wider than the cap, which no span of the base covers.
        unaligned: entities that begin or end inside a word, which no span of the base matches.
        repeated_sentences: sentences that stood in this split before.
    """

    documents: int
    sentences: int
    words: int
    longest_sentence: int
    mentions: int
    mentions_by_label: dict[str, int]
    widths: dict[int, int]
    widest: int
    too_wide: int
    unaligned: int
    repeated_sentences: int


@dataclass(frozen=True)
class Overlap:
    """What of a split stands in the training split too.

    Attributes:
        sentences: sentences of this split that stand in training.
        seen_mentions: mentions whose lower-cased text is a training mention's.
        mentions: all mentions of this split.
    """

    sentences: int
    seen_mentions: int
    mentions: int

    @property
    def seen_share(self) -> float:
        """Seen mentions over all mentions, in [0, 1]; 0 without mentions."""
        return self.seen_mentions / self.mentions if self.mentions else 0.0


@dataclass(frozen=True)
class CorpusStats:
    """The statistics of a corpus: each split, and what of devel and test is in train.

    Mentions of more than ``max_width`` words are counted as too wide. ``overlap`` is empty for a corpus without a
    training split.
    """

    corpus: str
    max_width: int
    splits: dict[str, SplitStats]
    overlap: dict[str, Overlap]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values for JSON, with the share of seen mentions written out."""
        data = asdict(self)
        for split, overlap in self.overlap.items():
            data["overlap"][split]["seen_share"] = round(overlap.seen_share, 4)
        return data


def corpus_stats(corpus: Corpus, max_width: int = 12) -> CorpusStats:
    """Count what is in a corpus.

    Args:
        corpus: any corpus.
        max_width: the widest span, in words, that the base in question can score.

    Raises:
        DataError: a file of the corpus is malformed.
    """
    labels = [label.name for label in corpus.labels]
    content = {split: _Content(corpus.documents(split)) for split in corpus.splits}
    train = content.get("train")
    unseen = {split: found for split, found in content.items() if split != "train"}
    return CorpusStats(
        corpus=corpus.name,
        max_width=max_width,
        splits={split: found.stats(labels, max_width) for split, found in content.items()},
        overlap={split: found.overlap(train) for split, found in unseen.items()} if train else {},
    )


class _Content:
    """One pass over a split's documents; everything else is counted from its tallies."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = len(documents)
        self.sentences: Counter[tuple[str, ...]] = Counter()
        self.labels: Counter[str] = Counter()
        self.mentions: Counter[str] = Counter()
        self.widths: Counter[int] = Counter()
        self.words = self.longest = self.unaligned = 0
        for document in documents:
            self._add(document)

    def _add(self, document: Document) -> None:
        words = word_spans(document)
        self.words += len(words)
        for sentence in _sentences(document, words):
            self.sentences[sentence] += 1
            self.longest = max(self.longest, len(sentence))
        for entity in document.entities:
            self.labels[entity.label] += 1
            self.mentions[document.mention(entity).lower()] += 1
            self.widths[width_in_words(words, entity)] += 1
            self.unaligned += entity_words(words, entity) is None

    def stats(self, labels: Sequence[str], max_width: int) -> SplitStats:
        sentences = self.sentences.total()
        return SplitStats(
            documents=self.documents,
            sentences=sentences,
            words=self.words,
            longest_sentence=self.longest,
            mentions=self.mentions.total(),
            mentions_by_label={label: self.labels[label] for label in labels},
            widths=dict(sorted(self.widths.items())),
            widest=max(self.widths, default=0),
            too_wide=sum(count for width, count in self.widths.items() if width > max_width),
            unaligned=self.unaligned,
            repeated_sentences=sentences - len(self.sentences),
        )

    def overlap(self, train: _Content) -> Overlap:
        return Overlap(
            sentences=sum(count for sentence, count in self.sentences.items() if sentence in train.sentences),
            seen_mentions=sum(count for text, count in self.mentions.items() if text in train.mentions),
            mentions=self.mentions.total(),
        )


def _sentences(document: Document, words: Sequence[Span]) -> Iterator[tuple[str, ...]]:
    """The words of each sentence. A source that gives words but no sentences has one sentence a document."""
    if document.sentences is not None:
        spans: Sequence[Span] = document.sentences
    elif document.words is not None:
        spans = [(0, len(document.text))]
    else:
        spans = split_sentences(document.text)
    for start, end in spans:
        first, last = bisect_left(words, (start,)), bisect_left(words, (end,))
        yield tuple(document.text[a:b] for a, b in words[first:last])


def width_in_words(words: Sequence[Span], entity: Entity) -> int:
    """How many words an entity touches; like :func:`entity_words`, but of words that it cuts as well."""
    first = bisect_right(words, entity.start, key=lambda word: word[1])
    return bisect_left(words, entity.end, key=lambda word: word[0]) - first
