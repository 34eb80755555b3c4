"""`gliner-adapters job export` and `estimate`: what comes out of a job, and what one would cost."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gliner_adapters.cli import options as o
from gliner_adapters.cli.job_options import Out, adapters_by_name, job_settings, label_entry
from gliner_adapters.errors import ConfigError
from gliner_adapters.storage import write_text


def export(
    out: Out,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.", show_default=False)],
    to: Annotated[str | None, typer.Option(help="Its format; else by its ending.")] = None,
    latest: Annotated[
        bool, typer.Option("--latest", help="Each id once: the latest version, without what was deleted.")
    ] = False,
    counts: Annotated[
        bool, typer.Option("--counts", help="A table of the entities of each input by label, instead.")
    ] = False,
) -> None:
    """Write all outputs as one file.

    `--to csv` and `--to parquet-entities` give a row an entity.

    Examples:

    gliner-adapters job export found --output entities.csv

    gliner-adapters job export found --output pubmed.parquet --latest
    """
    from gliner_adapters import jobs

    if counts:
        if latest or to:
            raise ConfigError("--counts are of all inputs, as CSV: leave --latest and --to out")
        lines = [["input", "label", "entities"]]
        for path, found in jobs.label_counts(out).items():
            lines += [[path, label, str(count)] for label, count in found.items()]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(lines)
        write_text(output, text.getvalue())
        typer.echo(f"{output}: {len(lines) - 1:,} rows", err=True)
        return
    report = jobs.export(out, output, to, latest=latest)
    typer.echo(f"{output}: {report.documents:,} documents, {report.entities:,} entities", err=True)
    for line in report.losses():
        typer.echo(f"note: {line}", err=True)


def estimate(
    inputs: Annotated[
        list[str], typer.Option("--input", "-i", help="Files: a path, a pattern, a folder, or an address; repeatable.")
    ],
    adapter: Annotated[
        list[str] | None, typer.Option("--adapter", "-a", help="An adapter's folder or hub id; repeatable.")
    ] = None,
    base: Annotated[str | None, typer.Option("--base", help="A base to ask zero-shot, with --label.")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", help="A label to look for, NAME or NAME=DESCRIPTION.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="The inputs' format; else by ending and content.")] = None,
    columns: o.Columns = None,
    tag_names: o.TagNames = None,
    segment: o.Segment = None,
    precision: o.Precision = "fp32",
    runtime: o.Runtime = "torch",
    device: o.Device = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Processor cores of each worker.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Workers that would do the job.")] = 1,
    documents: Annotated[int, typer.Option(min=1, help="Documents to time.")] = 500,
    price: Annotated[float | None, typer.Option(min=0, help="Of a core for an hour.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How long a job would take, by reading a sample of it.

    Example:

    gliner-adapters job estimate --input 'pubmed/*.xml.gz' --adapter my-adapter --workers 64
    """
    from gliner_adapters import jobs

    settings = job_settings(
        {
            "base": base,
            "adapters": adapters_by_name(adapter or []),
            "labels": [label_entry(entry) for entry in label or []],
            "segment": segment,
            "precision": precision,
            "runtime": runtime,
            "device": device,
            "threads": threads,
            "read_as": from_,
            **o.named(columns, tag_names),
        }
    )
    found = jobs.estimate(inputs, settings, documents=documents, workers=workers, price=price)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    typer.echo(
        f"{found.inputs:,} inputs of {found.bytes / 1e6:,.1f} MB, about {found.documents:,} documents; "
        f"{found.documents_per_second:,.1f} documents a second and worker (of {found.sampled:,} that were read)"
    )
    cost = "" if found.cost is None else f", {found.cost:,.2f} at {price:g} an hour"
    typer.echo(f"{found.workers:,} workers: {found.hours:,.2f} hours, {found.core_hours:,.2f} core-hours{cost}")
