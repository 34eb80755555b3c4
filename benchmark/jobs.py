"""How fast a job is: one worker against the annotator alone, two workers against one; and what all of PubMed takes.

Abstracts of a corpus are laid out in files of equal size. Loading is left out: time is taken from the end of the
first input, and as many inputs as there are workers are not counted.
"""

from __future__ import annotations

import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table

from benchmark.harness.jobs import LABELS, PRECISION
from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, middle
from gliner_adapters import jobs
from gliner_adapters.annotate import Annotator
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import Document, write_documents
from gliner_adapters.model import load_base
from gliner_adapters.model.precision import Precision

#: Citations in PubMed.
PUBMED = 38_000_000


def lay_out(folder: Path, corpus: str, data_dir: Path | None, files: int, documents: int) -> list[Document]:
    """Write files of so many abstracts each; all of their documents."""
    source = cycle(load_corpus(corpus, data_dir=data_dir).documents("test"))
    found = [Document(each.text, id=str(number)) for number, each in enumerate(islice(source, files * documents))]
    for number in range(files):
        write_documents(found[number * documents : (number + 1) * documents], folder / f"{number:04}.jsonl")
    return found


def job_rate(inputs: Path, settings: jobs.JobSettings, workers: int) -> float:
    """Documents a second of a job, once all of its workers are at work."""
    seen: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as out:
        folder = Path(out) / "job"
        jobs.run(
            folder,
            [str(inputs)],
            settings,
            workers=workers,
            observer=lambda outcome, summary: seen.append((time.perf_counter(), summary.documents_out)),
        )
        problems = jobs.verify(folder)
    if problems:
        raise RuntimeError("\n".join(problems))
    # The other workers have a part of their first input to do yet; what idles at the end is a job's own idling.
    return (seen[-1][1] - seen[workers - 1][1]) / (seen[-1][0] - seen[0][0])


def stream_rate(base: str, documents: list[Document], precision: Precision) -> float:
    """Documents a second of :meth:`Annotator.stream`, on one thread."""
    torch.set_num_threads(1)
    annotator = Annotator(load_base(base), [name for name, _ in LABELS], precision=precision)
    list(annotator.stream(documents[:64]))
    since = time.perf_counter()
    count = sum(1 for _ in annotator.stream(documents))
    return count / (time.perf_counter() - since)


def measure_jobs(
    base: str, corpus: str, data_dir: Path | None, files: int, documents: int, precision: Precision, rounds: int
) -> dict[str, Any]:
    """Rates in turn, and the ratios of each round.

    Args:
        base: the base, asked zero-shot.
        corpus: abstracts.
        data_dir: where corpora lie.
        files: inputs of the job.
        documents: in each.
        precision: of reading.
        rounds: how often.
    """
    settings = jobs.JobSettings(base=base, labels=LABELS, precision=precision)
    rates: dict[str, list[float]] = {"stream": [], "one worker": [], "two workers": []}
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder)
        found = lay_out(inputs, corpus, data_dir, files, documents)
        for _ in range(rounds):
            rates["stream"].append(stream_rate(base, found, precision))
            rates["one worker"].append(job_rate(inputs, settings, 1))
            rates["two workers"].append(job_rate(inputs, settings, 2))
    per_core = max(rates["two workers"]) / 2
    return {
        "base": base,
        "corpus": corpus,
        "labels": [name for name, _ in LABELS],
        "precision": precision,
        "files": files,
        "documents_in_each": documents,
        "threads_of_a_worker": 1,
        "documents_per_second": {name: [round(each, 1) for each in values] for name, values in rates.items()},
        "one_worker_to_stream": middle([a / b for a, b in zip(rates["one worker"], rates["stream"], strict=True)]),
        "two_workers_to_one": middle([a / b for a, b in zip(rates["two workers"], rates["one worker"], strict=True)]),
        "abstracts_per_second_and_core": round(per_core, 1),
        "core_hours_for_pubmed": round(PUBMED / per_core / 3600),
        **origin(torch.device("cpu")),
    }


def jobs_table(result: dict[str, Any]) -> Table:
    """The rates and ratios."""
    table = Table("what", "documents a second, each round", title=f"{result['base']}, {result['precision']}")
    for name, values in result["documents_per_second"].items():
        table.add_row(name, ", ".join(f"{each:.1f}" for each in values))
    table.add_row("one worker to stream", interval(result["one_worker_to_stream"]))
    table.add_row("two workers to one", interval(result["two_workers_to_one"]))
    table.add_row("core-hours for PubMed", f"{result['core_hours_for_pubmed']:,}")
    return table


def main(
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option(help="Abstracts.")] = "bc5cdr-pubtator",
    files: Annotated[int, typer.Option(min=6, help="Inputs of the job.")] = 12,
    documents: Annotated[int, typer.Option(min=1, help="Documents in each.")] = 300,
    precision: o.Precision = PRECISION,
    rounds: Rounds = 3,
    data_dir: o.DataDir = None,
    output: Output = None,
) -> None:
    """Measure a job with one and two workers against the annotator alone."""
    result = measure_jobs(base, corpus, data_dir, files, documents, precision, rounds)
    finish(result, jobs_table(result), output)


if __name__ == "__main__":
    run(main)
