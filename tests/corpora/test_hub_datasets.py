from __future__ import annotations

import sys

import pytest

from gliner_adapters.corpora import Corpus
from gliner_adapters.documents import Document, Entity, Label, WriteReport
from gliner_adapters.errors import ConfigError, DataError

datasets = pytest.importorskip("datasets", reason="needs the extra [datasets]")

ASPIRIN = Document("Aspirin helps .", [Entity(0, 7, "Chemical")], "a", words=[(0, 7), (8, 13), (14, 15)])
ASTHMA = Document("No cell line", [Entity(3, 12, "cell line")], "b", words=[(0, 2), (3, 7), (8, 12)])
INSIDE = Document("TNF-alpha rose", [Entity(0, 3, "Chemical", 0.5)], "c", meta={"k": 1})


def corpus(*devel: Document) -> Corpus:
    return Corpus("x", {}, documents={"train": [ASPIRIN, ASTHMA], "devel": devel or [ASTHMA], "test": [ASPIRIN]})


def test_a_corpus_of_documents_is_one_like_any() -> None:
    held = corpus()
    assert held.splits == ("train", "devel", "test")
    assert [label.name for label in held.labels] == ["Chemical", "cell line"]
    assert held.documents("train") == [ASPIRIN, ASTHMA]
    with pytest.raises(ConfigError, match="has no split"):
        Corpus("x", {}, documents={"train": [ASPIRIN]}).documents("test")
    with pytest.raises(DataError, match="x, test: document c has an entity of type 'Gene'"):
        Corpus(
            "x", {}, documents={"train": [ASPIRIN], "test": [INSIDE.with_entities([Entity(0, 3, "Gene")])]}
        ).documents("test")
    with pytest.raises(ConfigError, match="a corpus has the splits"):
        Corpus("x", {}, documents={"validation": [ASPIRIN]})


def test_words_and_tags_come_back() -> None:
    made = corpus().to_datasets()
    assert list(made) == ["train", "validation", "test"]
    names = made["train"].features["ner_tags"].feature.names
    assert names == ["O", "B-Chemical", "I-Chemical", "B-cell line", "I-cell line"]
    assert made["train"][1] == {"id": "b", "tokens": ["No", "cell", "line"], "ner_tags": [0, 3, 4]}
    again = Corpus.from_datasets(made)
    for split in ("train", "devel", "test"):
        for new, old in zip(again.documents(split), corpus().documents(split), strict=True):
            assert (new.id, new.text, new.entities, list(new.words or ())) == (
                old.id,
                old.text,
                old.entities,
                old.words,
            )


def test_documents_come_back_whole() -> None:
    made = corpus(INSIDE).to_datasets("documents")
    again = Corpus.from_datasets(made, labels={"Chemical": "a substance", "cell line": None})
    assert again.labels == (Label("Chemical", "a substance"), Label("cell line"))
    assert [again.documents(split) for split in again.splits] == [[ASPIRIN, ASTHMA], [INSIDE], [ASPIRIN]]


def test_one_dataset_and_its_order() -> None:
    rows = datasets.Dataset.from_list([{"tokens": ["a"], "ner_tags": [n]} for n in (0, 1, 1)])
    found = Corpus.from_datasets(rows.select([2, 0]), tag_names=["O", "B-X"])
    assert found.splits == ("train",)
    assert [len(document.entities) for document in found.documents("train")] == [1, 0]
    table = datasets.Dataset.from_list([{"body": "ab", "start": 0, "end": 1, "label": "X"}])
    assert Corpus.from_datasets(table, columns=["text=body"]).documents("train")[0].entities == [Entity(0, 1, "X")]


def test_entities_off_words_are_up_to_on_conflict() -> None:
    held = corpus(INSIDE)
    with pytest.raises(DataError, match=r"document 'c': entity .* not on word boundaries"):
        held.to_datasets()
    report = WriteReport()
    assert held.to_datasets(on_conflict="drop", report=report)["validation"][0]["ner_tags"] == [0, 0]
    assert report.losses()[0] == "dropped: 1 entities: not on word boundaries"
    assert held.to_datasets(on_conflict="split")["validation"][0]["tokens"] == ["TNF", "-alpha", "rose"]


def test_what_does_not_fit_is_refused() -> None:
    rows = datasets.Dataset.from_list([{"tokens": ["a"], "ner_tags": [1]}])
    with pytest.raises(ConfigError, match="expected a Dataset"):
        Corpus.from_datasets([rows])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the split 'extra' is none of"):
        Corpus.from_datasets({"extra": rows})
    with pytest.raises(ConfigError, match="the split 'dev' is there twice"):
        Corpus.from_datasets({"validation": rows, "dev": rows}, tag_names=["O", "B-X"])
    with pytest.raises(DataError, match="user, train:1: 'ner_tags' holds numbers"):
        Corpus.from_datasets({"train": rows})
    with pytest.raises(ConfigError, match="expected the kind tokens or documents"):
        corpus().to_datasets("words")  # type: ignore[arg-type]


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'gliner-adapters\[datasets\]'"):
        corpus().to_datasets()
