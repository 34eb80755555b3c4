"""`gliner-adapters benchmark load`: the server under load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gliner_adapters.cli import options as o

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def load(
    base: o.BaseName = "minilm-bi",
    adapters: Annotated[int, typer.Option(min=1, help="Adapters that change labels alone.")] = 100,
    clients: Annotated[int, typer.Option(min=2, help="Clients that ask at the same time.")] = 64,
    requests: Annotated[int, typer.Option(min=2, help="Requests of each client in a round.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of what is asked when.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
) -> None:
    """Put `serve` under load, and compare every answer with the one computed before.

    Three rounds: steady, a burst past the queue, and SIGTERM in the midst. Exits with 1 if an answer is lost, wrong or
    another's, or anything but 200, 429 or 503 comes.

    Example:

    gliner-adapters benchmark load --output load.json
    """
    from gliner_adapters.benchmark.load import Load, load_table, load_test

    result = load_test(Load(base, adapters, clients, requests, seed))
    Console().print(load_table(result))
    o.write_result(output, result)
    for kind, problems in result["problems"].items():
        for line in problems:
            typer.echo(f"{kind}: {line}", err=True)
    if not result["passed"]:
        raise typer.Exit(1)
