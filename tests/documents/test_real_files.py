"""The published files: read, counted and written back byte for byte."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from gliner_adapters.documents import (
    Document,
    ReadReport,
    detect_format,
    entity_words,
    read_documents,
    refine_words,
    split_words,
)

from .helpers import read_bytes, write_bytes

pytestmark = pytest.mark.corpora

# What is not as it should be in these files; every other file needs no repair.
REPAIRS = {
    "BioID_Train_revision.PubTator.gz": {"offsets slipped, mention found close by": 1},
    "GNormPlus_Train.PubTator.gz": {
        "offsets count UTF-8 bytes": 33,
        "offsets slipped, mention found close by": 1,
        "mention is spelled otherwise than the text": 1,
    },
    "NLMgene_Train.PubTator.gz": {
        "offsets slipped, mention found close by": 10,
        "mention is spelled otherwise than the text": 1,
    },
    "tmVar3_Train.PubTator.gz": {"offsets slipped, mention found close by": 21},
}


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def check(path: Path) -> None:
    name, raw, report = detect_format(path), content(path), ReadReport()
    documents = read_bytes(raw, name, path=path.name, report=report)
    assert write_bytes(documents, name) == raw, path
    assert dict(report.repairs) == REPAIRS.get(path.name, {}), path


@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_every_iob2_file_is_written_back_byte_for_byte(large: bool, data_dir: Path) -> None:
    found = sorted([*data_dir.glob("*/*.tsv"), *data_dir.glob("*/*.tsv.gz")])
    paths = [path for path in found if (path.stat().st_size > 200_000) == large]
    assert paths
    for path in paths:
        check(path)


def test_every_pubtator_file_is_written_back_byte_for_byte(data_dir: Path) -> None:
    paths = sorted(data_dir.glob("*-PubTator/*.gz"))
    assert paths
    for path in paths:
        check(path)


@pytest.mark.parametrize(
    "name",
    [
        "JNLPBA/devel.tsv",
        "BC5CDR-PubTator/CDR_TestSet.PubTator.txt.gz",
        "AIONER-PubTator/tmVar3_Train.PubTator.gz",
    ],
)
def test_json_lines_between_loses_nothing(data_dir: Path, name: str) -> None:
    path = data_dir / name
    format_name, raw = detect_format(path), content(path)
    lines = write_bytes(read_bytes(raw, format_name), "jsonl")
    assert write_bytes(read_bytes(lines, "jsonl"), format_name) == raw


@pytest.mark.parametrize(
    ("name", "documents", "counts"),
    [
        (
            "JNLPBA/test.tsv",
            3856,
            {"protein": 5067, "DNA": 1056, "RNA": 118, "cell_line": 500, "cell_type": 1921},
        ),
        ("BC5CDR-IOB/test.tsv", 4797, {"Chemical": 5385, "Disease": 4424}),
        ("BC5CDR-PubTator/CDR_TestSet.PubTator.txt.gz", 500, {"Chemical": 5385, "Disease": 4424}),
    ],
)
def test_published_counts(data_dir: Path, name: str, documents: int, counts: dict[str, int]) -> None:
    read = list(read_documents(data_dir / name))
    assert len(read) == documents
    assert {
        label: sum(entity.label == label for document in read for entity in document.entities) for label in counts
    } == counts
    assert sum(len(document.entities) for document in read) == sum(counts.values())


def test_jnlpba_abstracts(data_dir: Path) -> None:
    abstracts = {document.meta["abstract"] for document in read_documents(data_dir / "JNLPBA/test.tsv")}
    assert len(abstracts) == 404


@pytest.fixture(scope="module")
def cdr(data_dir: Path) -> list[Document]:
    return list(read_documents(data_dir / "BC5CDR-PubTator/CDR_TestSet.PubTator.txt.gz"))


def test_composite_mentions_and_relations(cdr: list[Document]) -> None:
    composites = [entity for document in cdr for entity in document.entities if entity.meta]
    assert len(composites) == 57
    assert all(len(entity.meta["mentions"]) > 1 for entity in composites if entity.meta)
    assert sum(len(document.meta.get("relations", [])) for document in cdr) == 1066


def test_words_of_free_text_and_refined_words(cdr: list[Document]) -> None:
    unaligned = needed = 0
    for document in cdr:
        words = split_words(document.text)
        unaligned += sum(entity_words(words, entity) is None for entity in document.entities)
        refined, count = refine_words(words, document.entities)
        needed += count
        assert all(entity_words(refined, entity) is not None for entity in document.entities)
    assert unaligned == needed == 753


def test_cdr_as_iob2_and_back_keeps_every_entity(cdr: list[Document]) -> None:
    raw = write_bytes(cdr, "iob2", on_conflict="split")
    sentences = read_bytes(raw, "iob2")
    assert len({sentence.meta["abstract"] for sentence in sentences}) == 500
    mentions = [
        (entity.label, sentence.mention(entity).replace(" ", ""))
        for sentence in sentences
        for entity in sentence.entities
    ]
    expected = [
        (entity.label, "".join(document.mention(entity).split()))
        for document in cdr
        for entity in sorted(document.entities, key=lambda entity: entity.start)
    ]
    assert mentions == expected
