"""The corpus of the project's own: there without any download, and consistent by its own rules."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from gliner_adapters.corpora import Corpus, corpus_stats, load_corpus
from gliner_adapters.documents import Document, split_sentences

# Marked once as an abbreviation, and also a common word.
COMMON_WORDS = {"all"}


@pytest.fixture(scope="module")
def sample() -> Corpus:
    return load_corpus("sample")


@pytest.fixture(scope="module")
def documents(sample: Corpus) -> list[Document]:
    return [document for split in sample.splits for document in sample.documents(split)]


def test_size_and_shares(sample: Corpus) -> None:
    assert [label.name for label in sample.labels] == ["chemical", "disease", "gene", "cell line"]
    assert [len(sample.documents(split)) for split in ("train", "devel", "test")] == [36, 12, 12]
    for split, least in (("train", 90), ("devel", 30), ("test", 30)):
        counts = Counter(e.label for document in sample.documents(split) for e in document.entities)
        assert min(counts[label.name] for label in sample.labels) >= least, counts


def test_mentions_of_every_type(documents: list[Document]) -> None:
    counts = Counter(entity.label for document in documents for entity in document.entities)
    assert counts.total() >= 550
    assert min(counts.values()) >= 80


def test_no_sentence_stands_twice(documents: list[Document]) -> None:
    sentences = [document.text[a:b] for document in documents for a, b in split_sentences(document.text)]
    assert len(sentences) >= 180
    assert [text for text, count in Counter(sentences).items() if count > 1] == []


def test_ids_are_not_those_of_pubmed(documents: list[Document]) -> None:
    assert [document.id for document in documents] == [str(90_000_001 + i) for i in range(len(documents))]


def test_mentions_are_whole_words_and_do_not_overlap(documents: list[Document]) -> None:
    for document in documents:
        end = 0
        for entity in sorted(document.entities, key=lambda entity: entity.start):
            mention = document.mention(entity)
            assert mention == mention.strip()
            assert entity.start >= end, (document.id, mention)
            end = entity.end
            around = document.text[max(0, entity.start - 1) : entity.start] + document.text[end : end + 1]
            assert not re.search(r"\w", around), (document.id, mention)


def test_each_name_has_one_type(documents: list[Document]) -> None:
    types: dict[str, set[str]] = {}
    for document in documents:
        for entity in document.entities:
            types.setdefault(document.mention(entity).lower(), set()).add(entity.label)
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def test_every_occurrence_of_a_name_is_marked(documents: list[Document]) -> None:
    names = {document.mention(entity).lower() for document in documents for entity in document.entities}
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(names - COMMON_WORDS)))})(?!\w)")
    missed = [
        (document.id, match.group())
        for document in documents
        for match in pattern.finditer(document.text.lower())
        if not any(e.start < match.end() and match.start() < e.end for e in document.entities)
    ]
    assert missed == []


def test_the_test_split_holds_seen_and_unseen_names(sample: Corpus) -> None:
    overlap = corpus_stats(sample).overlap
    assert {split: found.sentences for split, found in overlap.items()} == {"devel": 0, "test": 0}
    assert 0.4 < overlap["test"].seen_share < 0.65
    assert 0.4 < overlap["devel"].seen_share < 0.65
