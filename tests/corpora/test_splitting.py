"""Parting documents into splits."""

from __future__ import annotations

from collections import Counter

import pytest

from gliner_adapters.corpora import load_corpus, split_documents
from gliner_adapters.documents import Document, Entity
from gliner_adapters.errors import ConfigError


def types(documents: list[Document]) -> Counter[str]:
    return Counter(entity.label for document in documents for entity in document.entities)


def test_every_document_is_in_one_split_with_its_share_of_each_type() -> None:
    corpus = load_corpus("sample")
    documents = [document for split in corpus.splits for document in corpus.documents(split)]
    parts = split_documents(documents, {"train": 0.5, "devel": 0.25, "test": 0.25}, seed=3)
    assert {split: len(part) for split, part in parts.items()} == {"train": 30, "devel": 15, "test": 15}
    assert sorted(d.id or "" for part in parts.values() for d in part) == sorted(d.id or "" for d in documents)
    total = types(documents)
    for split, share in {"train": 0.5, "devel": 0.25, "test": 0.25}.items():
        for label, count in types(parts[split]).items():
            assert abs(count - share * total[label]) < 0.15 * total[label], (split, label)
    order = [document.id for document in documents]
    assert [order.index(d.id) for d in parts["train"]] == sorted(order.index(d.id) for d in parts["train"])


def test_the_seed_decides() -> None:
    documents = [Document(f"text {n}", [Entity(0, 4, "AB"[n % 2])], str(n)) for n in range(40)]
    first, second, other = (split_documents(documents, seed=seed) for seed in (1, 1, 2))
    assert first == second != other


def test_a_rare_type_goes_to_the_split_that_needs_it() -> None:
    documents = [Document(f"t {n}", [Entity(0, 1, "rare" if n < 2 else "common")], str(n)) for n in range(20)]
    for seed in range(10):
        parts = split_documents(documents, {"train": 0.5, "test": 0.5}, seed=seed)
        assert {split: types(part)["rare"] for split, part in parts.items()} == {"train": 1, "test": 1}


def test_what_belongs_together_stays_together() -> None:
    sentences = [Document(f"sentence {n}", [], str(n), meta={"abstract": f"a{n // 4}"}) for n in range(40)]
    twins = [Document("The same  Text", [], "x"), Document("the same text", [], "y")]
    parts = split_documents([*sentences, *twins], {"train": 0.5, "test": 0.5}, seed=0)
    homes: dict[str, set[str]] = {}
    for split, part in parts.items():
        for document in part:
            homes.setdefault(str(document.meta.get("abstract", "twins")), set()).add(split)
    assert all(len(found) == 1 for found in homes.values())


def test_every_split_gets_a_document() -> None:
    documents = [Document(f"text {n}", [], str(n)) for n in range(3)]
    assert all(split_documents(documents, {"train": 0.98, "devel": 0.01, "test": 0.01}).values())


@pytest.mark.parametrize("shares", [{"train": 0.5}, {"train": 1.5, "devel": -0.5}, {"other": 1.0}, {}])
def test_shares_that_do_not_add_up_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="add up to 1"):
        split_documents([Document("a"), Document("b")], shares)
    with pytest.raises(ConfigError, match="2 documents with a text of their own cannot be parted into 3 splits"):
        split_documents([Document("a"), Document("b")])
