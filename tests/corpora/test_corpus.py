"""Loading: registered corpora by name, users' own from files and folders, labels from where they come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gliner_adapters.corpora import load_corpus, user_corpus
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError, DataError

TRAIN = "HeLa\tB-cell_line\ncells\tO\n\nIL-2\tB-gene\nrises\tO\n\n"
TEST = "Jurkat\tB-cell_line\n\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def test_a_corpus_from_files(tmp_path: Path) -> None:
    write(tmp_path, a__tsv=TRAIN, b__conll=TEST)
    corpus = user_corpus(train=tmp_path / "a.tsv", test=str(tmp_path / "b.conll"))
    assert corpus.splits == ("train", "test")
    assert corpus.labels == (Label("cell_line"), Label("gene"))
    assert [doc.text for doc in corpus.read("train")] == ["HeLa cells", "IL-2 rises"]
    assert corpus.tag_of("gene") == "gene"
    assert corpus.info is None


def test_labels_of_a_users_corpus_are_sorted_and_of_train_and_devel(tmp_path: Path) -> None:
    write(tmp_path, train__tsv="x\tB-zebra\n\n", devel__tsv="x\tB-ant\n\n", test__tsv="x\tB-moth\n\n")
    corpus = load_corpus(tmp_path)
    assert [label.name for label in corpus.labels] == ["ant", "zebra"]
    with pytest.raises(DataError, match="document test:1 has an entity of type 'moth'; the labels are ant, zebra"):
        corpus.documents("test")


def test_the_test_split_is_not_read_for_labels(tmp_path: Path) -> None:
    write(tmp_path, train__tsv=TRAIN, test__tsv="this is\nno IOB2\n\n")
    corpus = load_corpus(tmp_path)
    assert [label.name for label in corpus.labels] == ["cell_line", "gene"]
    assert len(corpus.documents("train")) == 2
    with pytest.raises(DataError, match=r"test\.tsv:1"):
        corpus.documents("test")


def test_labels_of_a_lone_test_split(tmp_path: Path) -> None:
    write(tmp_path, test__tsv=TEST)
    assert load_corpus(tmp_path).labels == (Label("cell_line"),)


def test_documents_without_an_id_are_numbered(tmp_path: Path) -> None:
    lines = ['{"text": "a b", "entities": [{"start": 0, "end": 1, "label": "x"}]}', '{"text": "c", "id": "own"}']
    write(tmp_path, train__jsonl="\n".join(lines), devel__jsonl="\n".join(lines))
    corpus = load_corpus(tmp_path)
    assert [document.id for document in corpus.documents("train")] == ["1", "own"]
    assert [document.id for document in corpus.read("devel")] == ["1", "own"]


def test_given_labels_keep_their_order_and_descriptions(tmp_path: Path) -> None:
    write(tmp_path, a__tsv=TRAIN)
    corpus = user_corpus(tmp_path / "a.tsv", labels={"gene": None, "cell_line": "cells kept in culture"})
    assert corpus.labels == (Label("gene"), Label("cell_line", "cells kept in culture"))


def test_an_entity_outside_of_the_schema_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, a__tsv=TRAIN)
    corpus = user_corpus(tmp_path / "a.tsv", labels={"cell_line": None})
    with pytest.raises(DataError, match="type 'gene'; the labels are cell_line") as caught:
        list(corpus.read("train"))
    assert caught.value.path == str(tmp_path / "a.tsv")


def test_a_folder_of_splits(tmp_path: Path) -> None:
    write(
        tmp_path,
        train__tsv=TRAIN,
        dev__tsv=TEST,
        test__conll=TEST,
        README__md="not data",
        labels__json=json.dumps({"gene": "a gene", "cell_line": None}),
    )
    corpus = load_corpus(tmp_path)
    assert corpus.name == tmp_path.name
    assert corpus.splits == ("train", "devel", "test")
    assert corpus.labels == (Label("gene", "a gene"), Label("cell_line"))
    assert len(corpus.documents("devel")) == 1


def test_documents_are_read_once(tmp_path: Path) -> None:
    corpus = load_corpus(write(tmp_path, train__tsv=TRAIN))
    first = corpus.documents("train")
    (tmp_path / "train.tsv").unlink()
    assert corpus.documents("train") is first


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (
            {"train__tsv": TRAIN, "train__jsonl": ""},
            r"train\.jsonl and train\.tsv could each be the train split",
        ),
        ({"dev__tsv": TEST, "devel__tsv": TEST}, r"dev\.tsv and devel\.tsv could each be the devel split"),
        ({"train__tsv": TRAIN, "train__tsv__gz": ""}, r"could each be the train split"),
        ({"data__tsv": TRAIN}, r"holds no train\.\*"),
    ],
)
def test_an_unclear_folder(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        load_corpus(write(tmp_path, **files))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", r"labels\.json:1: not JSON"),
        ('["gene"]', "expected an object"),
        ('{"gene": 3}', "expected an object"),
        ('{"gene": null, "gene": "a gene"}', "'gene' stands there twice"),
        ("{}", "names no label"),
    ],
)
def test_a_bad_labels_file(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        load_corpus(write(tmp_path, train__tsv=TRAIN, labels__json=text))


def test_what_is_no_corpus(tmp_path: Path) -> None:
    write(tmp_path, a__tsv=TRAIN, b__tsv="x\tO\n\n")
    with pytest.raises(ConfigError, match="is one file"):
        load_corpus(tmp_path / "a.tsv")
    with pytest.raises(ConfigError, match="no folder"):
        load_corpus(tmp_path / "missing")
    with pytest.raises(ConfigError, match="did you mean bc5cdr"):
        load_corpus("bc5cd")
    with pytest.raises(ConfigError, match="at least one file"):
        user_corpus()
    with pytest.raises(ConfigError, match=r"no file .*missing\.tsv for the devel split"):
        user_corpus(tmp_path / "a.tsv", devel=tmp_path / "missing.tsv")
    with pytest.raises(ConfigError, match="one file is given for two splits"):
        user_corpus(tmp_path / "a.tsv", test=tmp_path / "." / "a.tsv")
    with pytest.raises(ConfigError, match="labels are given but empty"):
        user_corpus(tmp_path / "a.tsv", labels={})
    with pytest.raises(DataError, match="no entities in"):
        user_corpus(tmp_path / "b.tsv")


def test_asking_for_what_a_corpus_lacks(tmp_path: Path) -> None:
    corpus = load_corpus(write(tmp_path, train__tsv=TRAIN))
    with pytest.raises(ConfigError, match="has no split 'test', it has: train"):
        corpus.documents("test")
    with pytest.raises(ConfigError, match="'virus' is not a label"):
        corpus.tag_of("virus")


@pytest.mark.corpora
def test_natural_names_and_the_way_back(data_dir: Path) -> None:
    corpus = load_corpus("JNLPBA", data_dir=data_dir)
    assert [label.name for label in corpus.labels] == ["DNA", "RNA", "cell line", "cell type", "protein"]
    assert all(label.description for label in corpus.labels)
    assert corpus.tag_of("cell line") == "cell_line"
    document = next(doc for doc in corpus.read("test") if any(e.label == "cell line" for e in doc.entities))
    assert all(document.mention(entity) for entity in document.entities)


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["bc5cdr", "bc5cdr-pubtator"])
def test_bc5cdr_test_mentions(name: str, data_dir: Path) -> None:
    documents = load_corpus(name, data_dir=data_dir).documents("test")
    labels = [entity.label for document in documents for entity in document.entities]
    assert (labels.count("chemical"), labels.count("disease")) == (5385, 4424)
