"""What comes out of a job: one table, the latest of each citation, counts, an estimate, metrics."""

from __future__ import annotations

import csv
import gzip
import urllib.request
from pathlib import Path

import pytest

from cli.conftest import Cli, cli  # noqa: F401 - a fixture
from gliner_adapters.documents import read_documents
from gliner_adapters.errors import ConfigError
from gliner_adapters.jobs import JobFolder, JobSettings, estimate, export, label_counts, run
from gliner_adapters.jobs.export import SeenIds
from gliner_adapters.jobs.metrics import JobMetrics


def pubmed(path: Path, records: list[tuple[str, int, str]], deleted: tuple[str, ...] = ()) -> None:
    """A file as PubMed distributes them: PMID, version and title of each citation, and what was deleted."""
    articles = "".join(
        f'<PubmedArticle><MedlineCitation><PMID Version="{version}">{pmid}</PMID><Article>'
        f"<ArticleTitle>{title}</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
        for pmid, version, title in records
    )
    gone = "".join(f'<PMID Version="1">{pmid}</PMID>' for pmid in deleted)
    gone = f"<DeleteCitation>{gone}</DeleteCitation>" if deleted else ""
    path.write_bytes(gzip.compress(f"<PubmedArticleSet>{articles}{gone}</PubmedArticleSet>".encode()))


def test_the_latest_of_each_citation_counts(tmp_path: Path, settings: JobSettings) -> None:
    folder = tmp_path / "pubmed"
    folder.mkdir()
    pubmed(
        folder / "pubmed26n0001.xml.gz",
        [("1", 1, "Aspirin one"), ("2", 1, "Two"), ("3", 1, "Three"), ("4", 2, "Four b")],
    )
    out = tmp_path / "out"
    first = run(out, [str(folder / "*.xml.gz")], settings)
    assert first.documents_out == 4
    # A daily update: 1 again, 2 deleted, 4 again in an older version, 5 twice in two versions.
    pubmed(
        folder / "pubmed26n0002.xml.gz",
        [("1", 1, "Aspirin one again"), ("4", 1, "Four a"), ("5", 2, "Five b"), ("5", 1, "Five a"), ("7", 1, "Seven")],
        ("2", "6"),
    )
    second = run(out)
    assert (second.done, second.before) == (1, 1), "only what was added is read"
    # A later one: 2 is back, 7 is deleted.
    pubmed(folder / "pubmed26n0003.xml.gz", [("2", 1, "Two is back"), ("x7", 1, "No number")], ("7",))
    run(out)
    export(out, tmp_path / "latest.jsonl", latest=True)
    found = {document.id: document.text for document in read_documents(tmp_path / "latest.jsonl")}
    assert found == {
        "1": "Aspirin one again",
        "2": "Two is back",
        "3": "Three",
        "4": "Four b",
        "5": "Five b",
        "x7": "No number",
    }
    export(out, tmp_path / "all.jsonl")
    assert len(list(read_documents(tmp_path / "all.jsonl"))) == 11


def test_ids_are_remembered() -> None:
    seen = SeenIds()
    names = ["0", "1", "39000001", "PMC12", "007", "7", "99999999999", "１", ""]
    assert [seen.add(name) for name in names] == [True] * len(names)
    assert [seen.add(name) for name in names] == [False] * len(names)
    assert seen.add("39000002")


def test_a_job_becomes_tables(tmp_path: Path, inputs: Path, settings: JobSettings, cli: Cli) -> None:  # noqa: F811
    out = tmp_path / "out"
    summary = run(out, [str(inputs)], settings)
    done = cli("job", "export", out, "-o", tmp_path / "entities.csv")
    assert done.code == 0
    with (tmp_path / "entities.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == summary.entities.total()
    assert cli("job", "export", out, "-o", tmp_path / "counts.csv", "--counts").code == 0
    with (tmp_path / "counts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["entities"]) for row in rows) == summary.entities.total()
    assert set(label_counts(out)) == {str(path) for path in inputs.iterdir()}
    assert cli("job", "export", out, "-o", tmp_path / "x.csv", "--counts", "--latest").code == 2
    next((out / "outputs").iterdir()).write_bytes(b"")
    assert cli("job", "export", out, "-o", tmp_path / "broken.csv").code == 3
    assert not (tmp_path / "broken.csv").exists()


def test_an_estimate_is_of_the_whole(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    found = estimate([str(inputs)], settings, documents=30, workers=4, price=0.5)
    assert found.inputs == 5
    assert found.bytes == sum(file.stat().st_size for file in inputs.iterdir())
    assert found.sampled == 30
    assert found.documents == pytest.approx(60, rel=0.1)
    assert found.core_hours == pytest.approx(found.hours * 4, abs=0.01)
    (tmp_path / "bad.jsonl").write_text("{")
    with pytest.raises(ConfigError, match="no document could be read"):
        estimate([str(tmp_path / "bad.jsonl")], settings)


def test_metrics_tell_what_was_done(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    out = tmp_path / "out"
    (inputs / "b.jsonl").write_text("{broken\n")
    metrics = JobMetrics(JobFolder(out), 0)
    try:
        run(out, [str(inputs)], settings, observer=metrics.ended, begun=lambda found: metrics.begun(len(found)))
        address = f"http://127.0.0.1:{metrics.port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            told = answer.read().decode()
        assert 'gliner_adapters_job_documents_total{state="out"} 48.0' in told
        assert 'gliner_adapters_job_documents_total{state="failed"} 1.0' in told
        assert 'gliner_adapters_job_inputs_total{state="done"} 5.0' in told
        assert "gliner_adapters_job_inputs_left 0.0" in told
        with pytest.raises(ConfigError, match="cannot be served"):
            JobMetrics(JobFolder(out), metrics.port)
    finally:
        metrics.close()


def test_the_command_line_runs_looks_verifies_and_tries_again(
    tmp_path: Path,
    inputs: Path,
    settings: JobSettings,
    cli: Cli,  # noqa: F811
) -> None:
    out = tmp_path / "out"
    asked = ("--base", settings.base, "-l", "chemical", "-l", "disease", "--threshold", 0.4)
    assert cli("job", "run", out, "-i", inputs, *asked).code == 0
    assert "5 of 5 inputs done: 60 documents in, 60 out, 0 failed" in cli("job", "status", out).out
    assert '"left": 0' in cli("job", "status", out, "--json").out
    assert "the books balance" in cli("job", "verify", out, "--inputs").out
    again = cli("job", "run", out)
    assert "5 inputs were done before" in again.err
    wrong = cli("job", "run", out, "--threshold", 0.9)
    assert (wrong.code, "--threshold" in wrong.err) == (2, True)
    (inputs / "a.jsonl").write_text("{broken\n")
    stopped = cli("job", "run", out, "--max-failed", 0)
    assert stopped.code == 1
    assert "1 documents have failed" in stopped.err
    assert f"failed: 1 in {inputs / 'a.jsonl'}" in cli("job", "status", out).out
    assert cli("job", "retry", out, "--max-failed", 5).code == 0
    next((out / "records").iterdir()).unlink()
    checked = cli("job", "verify", out)
    assert checked.code == 1
    assert "not done" in checked.out
    assert cli("job", "status", tmp_path / "none").code == 2
    assert cli("job", "run", out, "--shard", "3/2").code == 2
