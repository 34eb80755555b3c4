"""A script's command line and its result file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from gliner_adapters.cli import run_app
from gliner_adapters.cli.options import write_result
from gliner_adapters.provenance import command, commit, provenance

#: The folder of the scripts.
SCRIPTS = Path(__file__).resolve().parent.parent
RESULTS = SCRIPTS / "results"

Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")]
Rounds = Annotated[int, typer.Option(min=1, help="Rounds; in each, everything is timed in turn.")]


def script_app(main: Callable[..., None]) -> typer.Typer:
    """A script's function as a command line: its parameters are the options, its docstring the help."""
    app = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    return app


def run(main: Callable[..., None]) -> None:
    """Run a script's function on this process's arguments; errors and exit codes are those of `gliner-adapters`."""
    run_app(script_app(main), script_name(sys.argv[0]))


def script_name(program: str) -> str:
    """How a script is called: ``python -m benchmark.speed``."""
    return f"python -m {SCRIPTS.name}.{Path(program).stem}"


def origin(device: torch.device) -> dict[str, Any]:
    """Where a result comes from (:func:`~gliner_adapters.provenance.provenance`), with the script's own command."""
    return {
        **provenance(device),
        "command": script_command(),
        "commit": commit(*SCRIPTS.glob("*.py"), SCRIPTS / "harness"),
    }


def script_command() -> str:
    """The command line of the script that runs; of another program, what the package says of it."""
    if Path(sys.argv[0]).resolve().parent == SCRIPTS:
        return f"{script_name(sys.argv[0])} {shlex.join(sys.argv[1:])}".strip()
    return command()


def finish(result: Mapping[str, Any], tables: Table | Iterable[Table], output: Path | None) -> None:
    """Print a result, and write it where ``--output`` asks for it."""
    for table in [tables] if isinstance(tables, Table) else tables:
        Console().print(table)
    write_result(output, result)
