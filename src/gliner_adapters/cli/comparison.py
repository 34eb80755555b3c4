"""`gliner-adapters comparison`: compare techniques and bases, and find settings that suit a technique."""

from __future__ import annotations

import typer

from gliner_adapters.cli.comparison_runs import latency, report, run
from gliner_adapters.cli.comparison_tune import tune, tunings
from gliner_adapters.cli.comparison_zero_shot import zero_shot

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Compare techniques and bases: run plans, report, tune.\n\n"
    "`run` trains and scores what a plan names, `report` compares the finished runs.",
)
app.command()(run)
app.command()(report)
app.command()(tune)
app.command()(tunings)
app.command()(latency)
app.command(name="zero-shot")(zero_shot)


def renamed() -> None:
    """Say that `benchmark` is an old name; it stays for one release."""
    old, new = "`gliner-adapters benchmark`", "`gliner-adapters comparison`"
    typer.echo(f"warning: {old} is called {new} now; the old name works for one more release", err=True)
