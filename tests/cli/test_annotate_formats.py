"""`annotate` in any format that is written, and the columns of files that are read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from adapters.helpers import Tiny
from annotate.helpers import moved
from bases import LABELS, TEXTS
from cli.conftest import Cli
from gliner_adapters.adapters import save_adapter
from gliner_adapters.cli.options import split_names
from gliner_adapters.documents import formats, read_documents
from gliner_adapters.errors import ConfigError


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter."""
    path = tmp_path_factory.mktemp("one") / "adapter"
    save_adapter(moved(tiny("bi-bert").base, "heads", LABELS, {}, 1), path)
    return path


@pytest.mark.parametrize("name", [name for name, each in formats().items() if each.writable])
def test_every_format_that_is_written(cli: Cli, folder: Path, tmp_path: Path, name: str) -> None:
    if needed := formats()[name].needs:
        pytest.importorskip(needed[0], reason=f"needs the extra [{needed[1]}]")
    path = tmp_path / "found"
    lines = "\n".join(TEXTS)
    reading = ("annotate", "-a", folder, "-f", "-", "--from", "txt", "--threshold", "0.3", "-q")
    done = cli(*reading, "--to", name, "-o", path, stdin=lines)
    assert done.code == 0, done.err
    written = list(read_documents(path, name))
    asked = cli(*reading, "--to", "jsonl", "-o", tmp_path / "all.jsonl", stdin=lines)
    assert asked.code == 0
    entities = [entity for document in read_documents(tmp_path / "all.jsonl") for entity in document.entities]
    assert sum(len(document.entities) for document in written) == len(entities) > 3
    if any(entity.score is not None for document in written for entity in document.entities):
        assert "score" not in done.err
    else:
        assert f"score left out: {len(entities)}" in done.err


def test_a_table_of_texts_becomes_a_table_of_entities(cli: Cli, folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "texts.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([["no", "body", "year"], *([str(n), text, "1999"] for n, text in enumerate(TEXTS))])
    done = cli(
        "annotate", "-a", folder, "-f", source, "--columns", "id=no,text=body", "--to", "csv", "--threshold", "0.3"
    )
    assert done.code == 0, done.err
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert {row["id"] for row in rows} == {str(n) for n in range(len(TEXTS))}
    assert all(row["year"] == "1999" for row in rows)
    assert all(
        TEXTS[int(row["id"])][int(row["start"]) : int(row["end"])] == row["mention"] for row in rows if row["start"]
    )


def test_forms_that_cannot_be_written(cli: Cli, folder: Path, tmp_path: Path) -> None:
    for name, message in (("pubmed", "is read, not written"), ("docx", "unknown format 'docx'")):
        refused = cli("annotate", "-a", folder, "x", "--to", name)
        assert refused.code == 2
        assert message in refused.err
    terminal = cli("annotate", "-a", folder, "x", "--to", "terminal", "-o", tmp_path / "x")
    assert terminal.code == 2
    assert "coloured text goes to a terminal" in terminal.err


def test_columns_and_tag_names(cli: Cli, tmp_path: Path) -> None:
    table, tags = tmp_path / "a.csv", tmp_path / "b.jsonl"
    table.write_text("1,Naloxone helps,0,8,drug\n")
    tags.write_text('{"tokens": ["Naloxone", "helps"], "ner_tags": [1, 0]}\n')
    out = tmp_path / "out.jsonl"
    for source, option in (
        (table, ("--columns", "id,text,start,end,label")),
        (tags, ("--tag-names", "O, B-drug")),
    ):
        done = cli("convert", source, out, *option)
        assert done.code == 0, done.err
        assert [entity.key for document in read_documents(out) for entity in document.entities] == [(0, 8, "drug")]
        checked = cli("data", "check", source, *option, "--json")
        assert '"entities": 1' in checked.out
    refused = cli("evaluate", "--base", "minilm-bi", "--corpus", "sample", "--columns", "id,text")
    assert refused.code == 2
    assert "the corpus sample says itself what its files hold" in refused.err
    refused = cli("convert", out, tmp_path / "again.jsonl", "--columns", "id,text")
    assert refused.code == 2
    assert "the format jsonl takes no columns" in refused.err


def test_names_are_parted_by_commas() -> None:
    assert split_names(None, "--columns") == ()
    assert split_names(" word, -,tag", "--columns") == ("word", "-", "tag")
    with pytest.raises(ConfigError, match="--columns: expected names parted by commas, got 'a,,b'"):
        split_names("a,,b", "--columns")
