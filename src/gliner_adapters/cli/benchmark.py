"""`gliner-adapters benchmark`: measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gliner_adapters.cli import options as o

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Measure.")


@app.command()
def speed(
    adapter: Annotated[str | None, typer.Option("--adapter", "-a", help="Time with these weights.")] = None,
    base: o.BaseName = "encoder:minilm",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test sentences are read.")] = "bc5cdr",
    sentences: Annotated[int, typer.Option(min=8, help="Sentences to read.")] = 1000,
    steps: Annotated[int, typer.Option(min=1, help="Training steps to time.")] = 12,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; in each, everything is timed in turn.")] = 3,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time inference and training against the gliner library, on the same weights, in one process, in turn.

    Ratios are taken round by round, so a machine whose speed drifts does not favour either side. Entities found in
    fp32 are compared one by one.
    """
    from gliner_adapters.benchmark.speed import compare_speed, speed_table

    result = compare_speed(base, adapter, corpus, data_dir, sentences=sentences, steps=steps, rounds=rounds)
    Console().print(speed_table(result))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


@app.command()
def table(
    folder: Annotated[Path, typer.Argument(help="A folder of results, as `evaluate --output` writes them.")],
) -> None:
    """Print the scores of a folder as a Markdown table."""
    from gliner_adapters.benchmark.results import markdown_table, read_results

    typer.echo(markdown_table(read_results(folder)), nl=False)


@app.command()
def methods() -> None:
    """Print what each method trains, found by attaching it to `encoder:minilm`, as a Markdown table."""
    from gliner_adapters.benchmark.capabilities import capability_table
    from gliner_adapters.model import load_base

    typer.echo(capability_table([load_base("encoder:minilm"), load_base("encoder:minilm", architecture="uni")]), nl=False)
