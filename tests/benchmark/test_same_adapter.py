"""The script that holds adapters from every format against each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.same_adapter import content, same_adapter, whole_text_formats, write_all
from gliner_adapters.corpora import load_corpus, user_corpus
from gliner_adapters.documents import formats, read_documents, write_documents
from gliner_adapters.training import TrainingConfig

NAMES = ("brat", "doccano", "prodigy", "spacy", "label-studio", "bioc-xml")


def test_every_format_that_keeps_the_text_takes_part() -> None:
    named = set(whole_text_formats())
    assert named >= {*NAMES, "jsonl", "pubtator"}
    assert {name for name, each in formats().items() if each.readable and each.writable} - named == {
        "iob2",
        "gliner",
        "hf-tokens",
    }


@pytest.mark.parametrize("name", whole_text_formats())
def test_the_sample_is_the_same_from_every_format(name: str, tmp_path: Path) -> None:
    if needed := formats()[name].needs:
        pytest.importorskip(needed[0], reason=f"needs the extra [{needed[1]}]")
    corpus = load_corpus("sample")
    documents = [document for file in corpus.files.values() for document in read_documents(file)]
    read = list(read_documents(write_all(documents, name, tmp_path), name))
    assert [content(document) for document in read] == [content(document) for document in documents]
    assert [(document.id, document.words, document.sentences) for document in read] == [
        (document.id, None, None) for document in documents
    ]


@pytest.mark.slow
def test_adapters_are_the_same_to_the_byte(tmp_path: Path, one_thread: None) -> None:
    from gliner_adapters.model import load_base

    pytest.importorskip("spacy")
    documents = load_corpus("sample").documents("devel")[:6]
    path = tmp_path / "train.jsonl"
    for document in documents:
        document.entities = [entity for entity in document.entities if " " not in entity.label]
    write_documents(documents, path)
    result = same_adapter(load_base("minilm-bi"), user_corpus(path), NAMES, TrainingConfig(epochs=1))
    assert [row["format"] for row in result["formats"]] == list(NAMES)
    assert all(row["documents_alike"] == 6 for row in result["formats"])
    assert result["adapters"] == 1
