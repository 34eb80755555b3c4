"""The registry: every file is sound, every name leads to one corpus, every pinned file is the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gliner_adapters.corpora import corpus_info, corpus_infos, find_file, load_corpus
from gliner_adapters.corpora.registry import DATA, CorpusInfo, read_info
from gliner_adapters.documents import ReadReport
from gliner_adapters.documents.formats import builtin_formats
from gliner_adapters.errors import ConfigError
from gliner_adapters.testing.corpora import CORPUS_CHECKS, CorpusCase, check_entry

NAMES = sorted(corpus_infos())
PUBLISHED = [name for name in NAMES if corpus_info(name).source]


def test_the_corpora_that_must_be_there() -> None:
    assert set(NAMES) == {
        *("jnlpba", "bc5cdr", "bc5cdr-pubtator", "craft", "bionlp13cg", "bionlp13pc", "anatem", "bc2gm"),
        *("ncbi-disease", "linnaeus", "bionlp11id", "sample"),
        *("biored", "tmvar3", "nlm-gene", "gnormplus", "species", "bioid"),
    }
    assert {name for name in NAMES if not corpus_info(name).fully_annotated} == {"tmvar3", "nlm-gene"}
    assert corpus_info("bionlp11id").use == "held-out"
    for name in ("jnlpba", "bc5cdr", "bc5cdr-pubtator"):
        assert (corpus_info(name).use, corpus_info(name).splits) == ("benchmark", ("train", "devel", "test"))


@pytest.mark.parametrize("name", NAMES)
def test_entries_are_written_out(name: str) -> None:
    info = corpus_info(name)
    assert (DATA / f"{name.replace('-', '_')}.json").is_file()
    assert info.format in builtin_formats()
    for label in info.labels:
        assert re.fullmatch(r"[A-Za-z]+([ -][A-Za-z]+)*", label.name), label.name
        assert 20 < len(label.description) < 200
        assert label.description != label.name


@pytest.mark.parametrize("name", PUBLISHED)
def test_addresses(name: str) -> None:
    info = corpus_info(name)
    for split in info.splits:
        url = info.url(split)
        assert url is not None
        assert url.startswith("https://raw.githubusercontent.com/")
        assert url.endswith("/" + info.file(split).path)
        assert "//" not in url.removeprefix("https://")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("JNLPBA", "jnlpba"),
        (" bc5cdr_pubtator", "bc5cdr-pubtator"),
        ("BC5CDR-IOB", "bc5cdr"),
        ("NLM Gene", "nlm-gene"),
    ],
)
def test_names_are_found_however_they_are_written(asked: str, found: str) -> None:
    assert corpus_info(asked).name == found


def test_an_unknown_name_gets_the_close_ones() -> None:
    with pytest.raises(ConfigError, match=r"no corpus named 'jnplba'; did you mean jnlpba"):
        corpus_info("jnplba")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"licence": None}, "licence"),
        ({"licenze": "MIT"}, "licenze"),
        ({"files": {}}, "files"),
        ({"files": {"train": {"path": "a.tsv", "size": 3, "blob": "abc"}}}, "blob"),
        ({"files": {"train": {"path": "a.gz", "size": 3, "blob": "0" * 40}}}, "'text' belongs to .gz"),
        ({"labels": [{"tag": "A", "name": "a", "description": "x"}] * 2}, "share a tag"),
    ],
)
def test_a_bad_entry_names_file_and_field(tmp_path: Path, change: dict[str, object], complaint: str) -> None:
    data = json.loads((DATA / "jnlpba.json").read_text(encoding="utf-8")) | change
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        read_info(path)
    assert str(path) in str(caught.value)


@pytest.mark.corpora
@pytest.mark.parametrize("name", PUBLISHED)
def test_every_split_lies_there_as_pinned(name: str, data_dir: Path) -> None:
    info: CorpusInfo = corpus_info(name)
    for split in info.splits:
        assert find_file(info, split, data_dir).name.removesuffix(".gz") == info.file(split).path.removesuffix(".gz")


@pytest.mark.parametrize("check", CORPUS_CHECKS, ids=lambda check: check.__name__)
def test_the_sample_keeps_what_all_corpora_keep(check: Callable[[CorpusCase], None]) -> None:
    check(CorpusCase("sample"))


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_whole(name: str) -> None:
    check_entry(CorpusCase(name))


COUNTS = {
    "jnlpba": (16807, 1739, 3856),
    "bc5cdr": (4560, 4581, 4797),
    "bc5cdr-pubtator": (500, 500, 500),
    "craft": (10875, 3730, 7425),
    "bionlp13cg": (3033, 1003, 1906),
    "bionlp13pc": (2499, 857, 1695),
    "anatem": (5861, 2118, 3830),
    "bc2gm": (12574, 2519, 5038),
    "ncbi-disease": (5424, 923, 940),
    "linnaeus": (11935, 4078, 7142),
    "bionlp11id": (2496, 721, 1961),
    "biored": (500,),
    "tmvar3": (342,),
    "nlm-gene": (450,),
    "gnormplus": (432,),
    "species": (639,),
    "bioid": (9704,),
}


# Mentions whose published offsets do not fit the text; the registry's notes speak of them.
REPAIRED = {"gnormplus": 35, "nlm-gene": 11, "tmvar3": 21, "bioid": 1}


@pytest.mark.corpora
@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_read_is_what_the_registry_says(name: str, data_dir: Path) -> None:
    corpus = load_corpus(name, data_dir=data_dir)  # verifies every file against its pinned id
    report = ReadReport()
    sizes, found = [], set()
    for split in corpus.splits:
        before = report.documents
        found |= {entity.label for document in corpus.read(split, report=report) for entity in document.entities}
        sizes.append(report.documents - before)
    assert tuple(sizes) == COUNTS[name]
    assert found == {label.name for label in corpus.labels}
    assert (report.repairs.total(), report.skipped) == (REPAIRED.get(name, 0), 0)
