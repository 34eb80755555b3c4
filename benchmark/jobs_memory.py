"""What the processes of a job hold of the machine's memory while it reads many short documents.

The job is run on the command line and looked at from outside: the driver, which hands out inputs, and each worker. With
the local engine they are one process.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import torch
import typer
from rich.table import Table

from benchmark.harness.jobs import command, start
from benchmark.harness.memory import TENTHS, Curve, growth, parts, resident_mb
from benchmark.harness.script import Output, finish, origin, run
from benchmark.memory import texts
from gliner_adapters import jobs
from gliner_adapters.cli import options as o
from gliner_adapters.documents import Document, write_documents
from gliner_adapters.errors import ConfigError
from gliner_adapters.jobs.heartbeat import workers as working
from gliner_adapters.jobs.inputs import find_inputs
from gliner_adapters.model import load_base

EngineName = Literal["local", "ray"]
#: By how much the largest size may exceed that in the first tenth of the documents.
FLAT = 0.10
#: Seconds between two looks; points of a curve.
LOOK, POINTS = 0.2, 200


def lay_out(folder: Path, base: str, documents: int, files: int) -> None:
    """Made-up short texts (:func:`benchmark.memory.texts`) in files of equal size."""
    vocabulary = load_base(base).text_tokens.tokenizer.get_vocab()
    known = sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2)
    made = texts(documents, known)
    for number in range(files):
        own = [Document(next(made)) for _ in range(documents // files)]
        write_documents(own, folder / f"{number:05}.jsonl")


def watch(
    process: subprocess.Popen[bytes], called: str, out: Path, inputs: Path, each: int, every: int
) -> dict[str, Curve]:
    """Look at a job's processes until it ends.

    Args:
        process: the job's own.
        called: its name among the curves; the others are workers.
        out: its folder.
        inputs: where its inputs lie.
        each: documents of an input.
        every: documents between two points.

    Returns:
        The curve of each process: the largest size since the point before.
    """
    job = jobs.JobFolder(out)
    names = {given.path: given.name for given in find_inputs([str(inputs)])}
    roles, curves, largest = {process.pid: called}, dict[str, Curve](), dict[str, float]()
    due = 0
    while process.poll() is None:
        time.sleep(LOOK)
        done = {file.stem for file in job.records.glob("*.json")} if job.records.is_dir() else set[str]()
        at_work = working(job)
        count = len(done) * each + sum(state.documents for state in at_work if names[state.input] not in done)
        for state in at_work:
            roles.setdefault(state.pid, f"worker {len(roles)}")
        for pid, role in roles.items():
            with suppress(OSError):  # it has ended
                largest[role] = max(largest.get(role, 0.0), resident_mb(pid))
        if count >= due and at_work:
            for role, size in largest.items():
                curves.setdefault(role, []).append((count, round(size, 1)))
            largest.clear()
            due = count - count % every + every
    return curves


def measure(base: str, engine: EngineName, workers: int, documents: int, files: int) -> dict[str, Any]:
    """Run a job and watch it.

    Args:
        base: the base, asked zero-shot.
        engine: ``"local"`` or ``"ray"``.
        workers: of Ray.
        documents: how many, in all files.
        files: inputs.
    """
    if engine == "local" and workers > 1:
        raise ConfigError("the local engine has one worker; give --engine ray")
    if documents % files:
        raise ConfigError(f"{documents} documents cannot be put into {files} files of equal size")
    called = "driver and worker" if engine == "local" else "driver"
    more = {"local": (), "ray": ("--workers", str(workers), *(("--ray-address", "local") if workers == 1 else ()))}
    with tempfile.TemporaryDirectory() as folder:
        inputs, out = Path(folder) / "in", Path(folder) / "job"
        inputs.mkdir()
        lay_out(inputs, base, documents, files)
        since = time.monotonic()
        process = start(command(out, [inputs], base, *more[engine]))
        curves = watch(process, called, out, inputs, documents // files, max(1, documents // POINTS))
        seconds = time.monotonic() - since
        if process.returncode:
            raise RuntimeError(f"the job ended with exit code {process.returncode}")
        problems, counts = jobs.verify(out), jobs.status(out)
    if problems or counts.documents_out != documents:
        raise RuntimeError("\n".join(problems) or f"{counts.documents_out} documents out of {documents}")
    tenths = {role: parts(curve, documents) for role, curve in curves.items()}
    grown = {role: growth(each) for role, each in tenths.items()}
    return {
        "base": base,
        "engine": engine,
        "workers": workers,
        "documents": documents,
        "files": files,
        "seconds": round(seconds, 1),
        "documents_per_second": round(documents / seconds, 1),
        "tenths_mb": {
            role: [{"median": round(median(sizes), 1), "largest": max(sizes)} for sizes in each if sizes]
            for role, each in tenths.items()
        },
        "growth_after_first_tenth": {role: round(each, 4) for role, each in grown.items()},
        "most_growth": FLAT,
        "flat": all(each <= FLAT for each in grown.values()),
        "curve_mb": curves,
        **origin(torch.device("cpu")),
    }


def memory_table(result: Mapping[str, Any]) -> Table:
    """Each process's sizes in tenths of the job, for a terminal."""
    title = f"{result['engine']}, {result['workers']} worker(s), {result['base']}: "
    title += "flat" if result["flat"] else "not flat"
    table = Table("process", "documents", "median MB", "largest MB", title=title)
    for role, tenths in result["tenths_mb"].items():
        for number, sizes in enumerate(tenths, 1):
            until = f"{result['documents'] * number // TENTHS:,}"
            table.add_row(role, until, f"{sizes['median']:,.0f}", f"{sizes['largest']:,.0f}")
        table.add_row(role, "growth after the first tenth", "", f"{result['growth_after_first_tenth'][role]:+.1%}")
    return table


def main(
    base: o.BaseName = "minilm-bi",
    engine: Annotated[EngineName, typer.Option(help="What does the inputs.")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Workers of Ray.")] = 1,
    documents: Annotated[int, typer.Option(min=1, help="How many in all.")] = 100_000,
    files: Annotated[int, typer.Option(min=1, help="Inputs that they are in.")] = 100,
    output: Output = None,
) -> None:
    """Watch the memory of a job over many short documents. Exit code 1 if it is not flat."""
    result = measure(base, engine, workers, documents, files)
    finish(result, memory_table(result), output)
    if not result["flat"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
