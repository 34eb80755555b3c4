"""How fast PubMed XML is read, and in how much memory.

A file like one of PubMed's baseline is made of the record in the corpora's folder ``pubmed``, repeated and varied, and
read on one core.
"""

from __future__ import annotations

import gzip
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table

from benchmark.harness.memory import resident_mb
from benchmark.harness.script import Output, finish, origin, run
from gliner_adapters.cli import options as o
from gliner_adapters.corpora.places import DATA_VARIABLE, data_dirs
from gliner_adapters.documents import ReadReport, read_documents
from gliner_adapters.errors import ConfigError

RECORD = "pubmed/pubmed-29768149.xml"


def make(record: Path, path: Path, articles: int) -> int:
    """Write a gzipped file of so many articles, each with its own PMID and some without abstract, date or label.

    Returns:
        The number of bytes before compression.
    """
    text = record.read_text(encoding="utf-8")
    start, end = text.index("<PubmedArticle>"), text.index("</PubmedArticleSet>")
    head, article = text[:start], text[start:end]
    abstract = re.compile(r"<Abstract>.*?</Abstract>", re.DOTALL)
    date = re.compile(r"<PubDate>.*?</PubDate>", re.DOTALL)
    size = 0
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        size += file.write(head)
        for number in range(articles):
            varied = article.replace(">29768149<", f">{10_000_000 + number}<", 1)
            if number % 7 == 3:
                varied = abstract.sub("", varied)
            if number % 11 == 5:
                varied = date.sub("", varied)
            if number % 5 == 2:
                varied = re.sub(r' Label="[^"]*"', "", varied)
            size += file.write(varied)
        size += file.write("</PubmedArticleSet>\n")
    return size


def measure_reading(data_dir: Path | None, articles: int) -> dict[str, Any]:
    """Read a file of so many articles; articles a second, and the memory at every 5,000th.

    Args:
        data_dir: the folder of the corpora.
        articles: how many.

    Raises:
        ConfigError: the folder holds no PubMed record.
    """
    record = next((folder / RECORD for folder in data_dirs(data_dir) if (folder / RECORD).is_file()), None)
    if record is None:
        raise ConfigError(f"no {RECORD} here: point --data-dir or {DATA_VARIABLE} at the folder that holds it")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "baseline.xml.gz"
        size = make(record, path, articles)
        report = ReadReport()
        before, curve = resident_mb(), []
        start = time.perf_counter()
        for number, _ in enumerate(read_documents(path, report=report)):
            if number % 5000 == 0:
                curve.append((number, round(resident_mb(), 1)))
        seconds = time.perf_counter() - start
    return {
        "uncompressed_bytes": size,
        "articles": report.documents,
        "skipped": report.skipped,
        "seconds": round(seconds, 2),
        "articles_per_second": round(report.documents / seconds, 1),
        "before_mb": round(before, 1),
        "curve_mb": curve,
        **origin(torch.device("cpu")),
    }


def reading_table(result: dict[str, Any]) -> Table:
    """The memory's curve for a terminal."""
    table = Table("articles", "MB", title=f"{result['articles']:,} articles, {result['articles_per_second']:,.0f}/s")
    for articles, size in result["curve_mb"]:
        table.add_row(f"{articles:,}", f"{size:,.0f}")
    return table


def main(
    articles: Annotated[int, typer.Option(min=1, help="How many.")] = 30_000,
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Make a file of PubMed articles and read it on one core."""
    result = measure_reading(data_dir, articles)
    finish(result, reading_table(result), output)


if __name__ == "__main__":
    run(main)
