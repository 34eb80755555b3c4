"""The commands under ``gliner-adapters corpora``."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gliner_adapters.cli.corpora import app
from gliner_adapters.corpora import corpus_info, corpus_infos, find_file
from gliner_adapters.errors import ConfigError

from .conftest import Site

run = CliRunner(env={"COLUMNS": "200"})


def test_list_shows_every_corpus() -> None:
    result = run.invoke(app, ["list"])
    assert result.exit_code == 0, result.output
    for name, info in corpus_infos().items():
        assert name in result.output
        assert info.licence.name in result.output


def test_list_as_json_carries_everything() -> None:
    result = run.invoke(app, ["list", "--json"])
    listed = {entry["name"]: entry for entry in json.loads(result.output)}
    assert set(listed) == set(corpus_infos())
    jnlpba = listed["jnlpba"]
    assert jnlpba["urls"]["test"].endswith("/data/JNLPBA/test.tsv")
    assert jnlpba["files"]["test"]["blob"] == "eae0728d2c79fbd8857edda5a0cd42c3694c5249"
    assert listed["sample"]["urls"] == {"train": None, "devel": None, "test": None}


def test_stats_of_the_sample() -> None:
    result = run.invoke(app, ["stats", "sample", "--max-width", "2"])
    assert result.exit_code == 0, result.output
    assert "cell line" in result.output
    assert "too wide (over 2 words)" in result.output
    assert "seen in train" in result.output


def test_stats_as_json_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("HeLa\tB-cell\ndies\tO\n\n", encoding="utf-8")
    result = run.invoke(app, ["stats", str(tmp_path), "--json"])
    found = json.loads(result.output)
    assert found["splits"]["train"]["mentions_by_label"] == {"cell": 1}
    assert found["splits"]["train"]["widths"] == {"1": 1}


def test_fetch_of_what_is_shipped() -> None:
    result = run.invoke(app, ["fetch", "sample"])
    assert result.exit_code == 0, result.output
    assert "sample: 3 files in " in result.output
    assert "licence: Apache-2.0" in result.output


@pytest.mark.parametrize("arguments", [["fetch"], ["fetch", "sample", "--all"], ["fetch", "nothing-like-it"]])
def test_fetch_of_nothing_or_of_the_unknown(arguments: list[str]) -> None:
    assert isinstance(run.invoke(app, arguments).exception, ConfigError)


def test_help_teaches() -> None:
    for command in ("list", "fetch", "stats"):
        assert run.invoke(app, [command, "--help"]).exit_code == 0
    text = run.invoke(app, ["--help"]).output
    assert "GLINER_ADAPTERS_DATA" in text


@pytest.mark.corpora
def test_fetch_from_a_mirror_and_use_it(site: Site, tmp_path: Path, data_dir: Path) -> None:
    info = corpus_info("ncbi-disease")
    for split in info.splits:
        local = find_file(info, split, data_dir)
        url = info.url(split, "")
        assert url is not None
        site.files[url] = gzip.decompress(local.read_bytes()) if local.suffix == ".gz" else local.read_bytes()
    target = str(tmp_path / "new")
    result = run.invoke(app, ["fetch", "NCBI-disease", "--data-dir", target, "--base-url", site.url])
    assert result.exit_code == 0, result.output
    assert "licence: CC-BY-4.0" in result.output
    result = run.invoke(app, ["stats", "ncbi-disease", "--data-dir", target, "--json"])
    assert json.loads(result.output)["splits"]["test"]["mentions_by_label"] == {"disease": 960}
