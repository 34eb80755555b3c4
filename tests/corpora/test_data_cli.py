"""`data split` and `data check --fix` on files of other tools: the same documents come out, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gliner_adapters.cli.data import app
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import Document, Entity, WriteOptions, WriteReport, read_documents, write_documents
from gliner_adapters.documents.formats import get_format
from gliner_adapters.errors import ConfigError, DataError

run = CliRunner()


def spacy_file(path: Path, documents: list[Document]) -> None:
    """A file whose tokens are not those of GLiNER: some entities stand inside of what it takes for one word."""
    pytest.importorskip("spacy")
    with path.open("wb") as stream:
        options = WriteOptions(on_conflict="split")
        get_format("spacy").write(documents, stream, options=options, report=WriteReport())


def test_files_of_spacy_keep_its_tokens(tmp_path: Path) -> None:
    documents = load_corpus("sample").documents("train")
    spacy_file(tmp_path / "all.spacy", documents)
    assert run.invoke(app, ["split", str(tmp_path / "all.spacy"), "-o", str(tmp_path / "parts")]).exit_code == 0
    parts = [each for path in (tmp_path / "parts").iterdir() for each in read_documents(path)]
    assert sorted(each.id or "" for each in parts) == sorted(each.id or "" for each in documents)
    assert sum(len(each.entities) for each in parts) == sum(len(each.entities) for each in documents)
    run.invoke(app, ["check", str(tmp_path / "parts"), "--fix", str(tmp_path / "fixed")])
    assert {path.name for path in (tmp_path / "fixed").iterdir()} == {"train.spacy", "devel.spacy", "test.spacy"}


def test_nothing_is_left_of_splits_that_cannot_be_written(tmp_path: Path) -> None:
    documents = [Document(f"cisplatin{n}-induced", [Entity(0, 5, "Chemical")], str(n)) for n in range(30)]
    write_documents(documents, tmp_path / "all.jsonl")
    result = run.invoke(app, ["split", str(tmp_path / "all.jsonl"), "-o", str(tmp_path / "a/parts"), "--to", "iob2"])
    assert isinstance(result.exception, DataError)
    assert not list((tmp_path / "a").iterdir())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    result = run.invoke(app, ["split", str(tmp_path / "all.jsonl"), "-o", str(tmp_path / "full")])
    assert isinstance(result.exception, ConfigError)


def test_what_a_format_has_no_place_for_is_told(tmp_path: Path) -> None:
    documents = [Document(f"Aspirin {n}", [Entity(0, 7, "Chemical", 0.5)], str(n)) for n in range(30)]
    write_documents(documents, tmp_path / "all.jsonl")
    result = run.invoke(app, ["split", str(tmp_path / "all.jsonl"), "-o", str(tmp_path / "parts"), "--to", "doccano"])
    assert "note: train.jsonl: changed: score left out: 24" in result.output


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])
def test_compressed_files_are_mended_too(ending: str, tmp_path: Path) -> None:
    import bz2
    import gzip
    import lzma

    lines = b'{"text": "Aspirin helps.", "entities": [{"start": 0, "end": 8, "label": "drug"}]}\n'
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[ending]
    (tmp_path / f"train.jsonl.{ending}").write_bytes(pack(lines))
    run.invoke(app, ["check", str(tmp_path / f"train.jsonl.{ending}"), "--fix", str(tmp_path / "fixed")])
    (path,) = (tmp_path / "fixed").iterdir()
    assert path.name == ("train.jsonl.gz" if ending == "gz" else "train.jsonl")
    (document,) = read_documents(path)
    assert [entity.key for entity in document.entities] == [(0, 7, "drug")]
