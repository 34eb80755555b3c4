"""`gliner-adapters job`: annotate many files, each once, with nothing lost."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from gliner_adapters.cli import options as o
from gliner_adapters.cli.job_options import Out, adapters_by_name, check_bare, job_settings, label_entry
from gliner_adapters.cli.job_outputs import estimate, export
from gliner_adapters.cli.job_progress import JobProgress, told
from gliner_adapters.errors import ConfigError
from gliner_adapters.signals import Terminated

if TYPE_CHECKING:
    from gliner_adapters import jobs
    from gliner_adapters.jobs.worker import Outcome

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Annotate many files: one output for each input, every input once, on one machine or many.\n\n"
    "`run` begins a job or goes on with it, `status` says how far it is, `verify` whether the books balance, and "
    "`retry` does anew what failed.",
)

Workers = Annotated[int, typer.Option(min=1, help="One reads in this process; more are Ray's (extra `[scale]`).")]
RayAddress = Annotated[str | None, typer.Option(help="A Ray cluster's address (auto, HOST:PORT), for workers there.")]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="Only every N-th input, from the I-th on; shards run side by side.")
]
MetricsPort = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Serve Prometheus metrics on this port of the local host.")
]
MaxFailed = Annotated[int | None, typer.Option(min=0, help="Stop when more documents have failed.")]


@app.command()
def run(
    out: Out,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", help="Files: a path, a pattern, a folder, or an address; repeatable."),
    ] = None,
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
    to: Annotated[str | None, typer.Option(help="The outputs' format. [default: jsonl]")] = None,
    threshold: Annotated[float | None, typer.Option(help="Least probability; else the adapters' own.")] = None,
    nested: Annotated[bool, typer.Option("--nested", help="Also report entities within entities.")] = False,
    segment: o.Segment = None,
    precision: o.Precision = "fp32",
    runtime: o.Runtime = "torch",
    architecture: o.Architecture = "bi",
    revision: o.Revision = None,
    device: o.Device = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Processor cores of each worker.")] = 1,
    workers: Workers = 1,
    ray_address: RayAddress = None,
    shard: Shard = None,
    max_failed: MaxFailed = None,
    metrics_port: MetricsPort = None,
    quiet: o.Quiet = False,
) -> None:
    """Annotate every input once, and go on where an earlier run ended.

    Without an adapter and labels, a job that is there goes on as it was begun. An input that is done is not read again;
    one that has changed is. What cannot be read stands in NAME.failed.jsonl beside the output.

    Examples:

    gliner-adapters job run found --input 'pubmed/*.xml.gz' --adapter my-adapter --to parquet

    gliner-adapters job run found --workers 8
    """
    settings = None
    given = {
        "base": base,
        "revision": revision,
        "adapters": adapters_by_name(adapter or []),
        "labels": [label_entry(entry) for entry in label or []],
        "threshold": threshold,
        "segment": segment,
        "read_as": from_,
        **o.named(columns, tag_names),
        "to": to,
    }
    others = {
        "architecture": architecture,
        "nested": nested,
        "precision": precision,
        "runtime": runtime,
        "device": device,
        "threads": threads,
    }
    if adapter or label or base:
        settings = job_settings({**given, **others, "to": to or "jsonl"})
    else:
        check_bare({**given, **others})
    _run(out, inputs or [], settings, workers, ray_address, shard, max_failed, metrics_port, quiet)


@app.command()
def retry(
    out: Out,
    workers: Workers = 1,
    ray_address: RayAddress = None,
    shard: Shard = None,
    max_failed: MaxFailed = None,
    metrics_port: MetricsPort = None,
    quiet: o.Quiet = False,
) -> None:
    """Do anew the inputs in which something failed, and whatever else is left.

    Example:

    gliner-adapters job retry found
    """
    _run(out, None, None, workers, ray_address, shard, max_failed, metrics_port, quiet)


def _run(
    out: Path,
    inputs: list[str] | None,
    settings: Any,
    workers: int,
    ray_address: str | None,
    shard: str | None,
    max_failed: int | None,
    metrics_port: int | None,
    quiet: bool,
) -> None:
    from gliner_adapters import jobs
    from gliner_adapters.jobs.metrics import JobMetrics

    options: dict[str, Any] = {
        "workers": workers,
        "ray_address": ray_address,
        "shard": _shard(shard),
        "max_failed": max_failed,
    }
    with ExitStack() as stack:
        progress = stack.enter_context(JobProgress(Console(stderr=True), out, quiet))
        metrics = None if metrics_port is None else JobMetrics(jobs.JobFolder(out), metrics_port)
        if metrics is not None:
            stack.callback(metrics.close)

        def begun(inputs: Sequence[jobs.Input]) -> None:
            progress.begun(inputs)
            if metrics is not None:
                metrics.begun(len(inputs))

        def ended(outcome: Outcome, summary: jobs.JobSummary) -> None:
            progress.ended(outcome, summary)
            if metrics is not None:
                metrics.ended(outcome, summary)

        options |= {"observer": ended, "begun": begun}
        try:
            if inputs is None:
                summary = jobs.retry(out, **options)
            else:
                summary = jobs.run(out, inputs, settings, **options)
        except (KeyboardInterrupt, Terminated):
            typer.echo(f"stopped; what is done stays. Go on with: gliner-adapters job run {out}", err=True)
            raise
    if not quiet:
        typer.echo(told(summary), err=True)
    if summary.stopped:
        typer.echo(f"stopped: {summary.stopped}. See {out / 'outputs'}/*.failed.jsonl", err=True)
        raise typer.Exit(1)


@app.command()
def status(
    out: Out,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every few seconds, until all is done.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 5.0,
) -> None:
    """How far a job is: inputs, documents, what failed, what workers do.

    Example:

    gliner-adapters job status found --watch
    """
    from gliner_adapters import jobs

    while True:
        found = jobs.status(out)
        if as_json:
            plain = {"entities": dict(found.entities), "working": [asdict(each) for each in found.working]}
            typer.echo(json.dumps({**vars(found), **plain, "left": found.left}))
        else:
            typer.echo(
                f"{found.done:,} of {found.inputs:,} inputs done: {found.documents_in:,} documents in, "
                f"{found.documents_out:,} out, {found.documents_failed:,} failed; {found.entities.total():,} entities"
            )
            for path, count in list(found.failing.items())[:10]:
                typer.echo(f"  failed: {count:,} in {path}")
            for each in found.working:
                typer.echo(
                    f"  {each.host} {each.pid}: {each.documents:,} documents of {each.input} "
                    f"({each.documents_per_second:.1f} a second)"
                )
        if not watch or not found.left:
            return
        time.sleep(every)


@app.command()
def verify(
    out: Out,
    inputs: Annotated[bool, typer.Option("--inputs", help="Read the inputs too and compare their digests.")] = False,
) -> None:
    """Whether the books balance: every output is there to the byte, and no document is missing. Exit code 1 if not.

    Example:

    gliner-adapters job verify found
    """
    from gliner_adapters import jobs

    problems = jobs.verify(out, inputs=inputs)
    for line in problems:
        typer.echo(line)
    if problems:
        raise typer.Exit(1)
    found = jobs.status(out)
    typer.echo(
        f"the books balance: {found.done:,} inputs, {found.documents_in:,} documents in = {found.documents_out:,} out "
        f"+ {found.documents_failed:,} failed"
    )


def _shard(value: str | None) -> tuple[int, int]:
    """I/N as two numbers."""
    if value is None:
        return (1, 1)
    first, _, count = value.partition("/")
    if not (first.isdigit() and count.isdigit() and 1 <= int(first) <= int(count)):
        raise ConfigError(f"--shard: expected I/N with 1 <= I <= N, as in 2/8, got {value!r}")
    return int(first), int(count)


app.command()(export)
app.command()(estimate)
