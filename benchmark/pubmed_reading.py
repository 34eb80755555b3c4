"""How fast PubMed XML is read, and in how much memory.

    python benchmark/pubmed_reading.py --data-dir DATA

makes a file like one of PubMed's baseline, 30,000 articles that repeat and vary the record in ``DATA/pubmed``, reads
it on one core, and writes ``benchmark/results/formats/pubmed.json``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

import lxml.etree

from gliner_adapters.documents import ReadReport, read_documents

HERE = Path(__file__).parent
RECORD = "pubmed/pubmed-29768149.xml"


def main() -> None:
    """Make the file, read it, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("GLINER_ADAPTERS_DATA"))
    parser.add_argument("--articles", type=int, default=30_000)
    parser.add_argument("--output", type=Path, default=HERE / "results" / "formats" / "pubmed.json")
    options = parser.parse_args()
    if options.data_dir is None:
        parser.error("name the folder of the corpora with --data-dir, or in GLINER_ADAPTERS_DATA")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "baseline.xml.gz"
        size = make(options.data_dir / RECORD, path, options.articles)
        result = {"command": f"python {' '.join(sys.argv)}", "uncompressed_bytes": size, **measure(path)}
    result |= {"python": platform.python_version(), "lxml": lxml.etree.__version__, "machine": platform.machine()}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


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


def measure(path: Path) -> dict[str, object]:
    """Read a file; articles a second, and resident memory at the beginning, in the middle and at the end."""
    report = ReadReport()
    before = resident()
    samples: list[float] = []
    start = time.perf_counter()
    for number, _ in enumerate(read_documents(path, report=report)):
        if number % 5000 == 0:
            samples.append(resident())
    seconds = time.perf_counter() - start
    return {
        "articles": report.documents,
        "skipped": report.skipped,
        "seconds": round(seconds, 2),
        "articles_per_second": round(report.documents / seconds, 1),
        "rss_mb_before": before,
        "rss_mb_every_5000_articles": samples,
        "rss_mb_final": resident(),
        "rss_mb_peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def resident() -> float:
    """Resident memory in MB now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


if __name__ == "__main__":
    main()
