"""`gliner-adapters comparison run`, `latency` and `report`: from a plan to its report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gliner_adapters.cli import options as o


def run(
    plan: Annotated[Path, typer.Argument(help="A plan: a TOML or YAML file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the runs.")],
    only: Annotated[list[str] | None, typer.Option(help="Only runs whose name contains this; repeatable.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Train on so many documents at most, for trying out.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each a process.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and what would be done.")] = False,
    data_dir: o.DataDir = None,
    device: o.Device = "cpu",
) -> None:
    """Train and score every run of a plan, each in a folder with its adapter, predictions and metrics.

    A finished run is not repeated, and one that was killed goes on. A run that fails does not stop the others; the exit
    code is 1 then.

    Example:

    gliner-adapters comparison run benchmark/plans/smoke.toml --output runs
    """
    from gliner_adapters.comparison.plan import read_plan
    from gliner_adapters.comparison.processes import execute_all
    from gliner_adapters.comparison.runner import state
    from gliner_adapters.comparison.specs import expand
    from gliner_adapters.errors import ConfigError

    expansion = expand(read_plan(plan), limit)
    for line in expansion.skipped:
        typer.echo(f"skipped: {line}", err=True)
    specs = [spec for spec in expansion.runs if not only or any(part in spec.name for part in only)]
    if not specs:
        raise ConfigError(f"{plan}: no run's name contains {' or '.join(only or [])}; --dry-run lists them")
    if dry_run:
        todo = {"new": "run", "unfinished": "go on", "finished": "nothing", "other": "fail: the folder is taken"}
        for spec in specs:
            found = state(spec, output / spec.name)
            typer.echo(f"{spec.name}\t{found}\t{todo[found]}")
        return
    failed = 0
    for outcome in execute_all(specs, output, data_dir, jobs, device):
        failed += outcome.error is not None
        told = f"macro F1 {outcome.macro_f1:.4f}" if outcome.macro_f1 is not None else f"FAILED: {outcome.error}"
        typer.echo(f"{outcome.name}: {told}", err=True)
    if failed:
        typer.echo(f"{failed} of {len(specs)} runs failed", err=True)
        raise typer.Exit(1)


def latency(
    folder: Annotated[Path, typer.Argument(help="The folder of the runs.")],
    data_dir: o.DataDir = None,
    device: o.Device = "cpu",
) -> None:
    """Measure how fast each method reads against its base alone, for runs that have no such figure yet.

    Fresh adapters stand for the trained ones: what reading costs follows from what a method adds to the pass. Use a
    machine that does nothing else.

    Example:

    gliner-adapters comparison latency runs
    """
    from gliner_adapters.comparison.latency import time_runs

    def told(run: Path, ratio: float) -> None:
        typer.echo(f"{run.name}: {ratio:.2f} times the base", err=True)

    if not time_runs(folder, data_dir, device, told):
        typer.echo(f"every method in {folder} has its figure already", err=True)


def report(
    folder: Annotated[Path, typer.Argument(help="The folder of the runs.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder to write to; by default that of the runs.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Resamples of the tests between methods.")] = 10_000,
    data_dir: o.DataDir = None,
) -> None:
    """Compare the finished runs in a folder: `report.md`, `report.html` and figures.

    The HTML page is one file and needs no network. Figures need the extra `gliner-adapters[comparison]`.

    Example:

    gliner-adapters comparison report runs
    """
    from gliner_adapters.comparison.report import comparison_report, write_report

    page = comparison_report(folder, data_dir, resamples)
    if not page.drawn:
        typer.echo(
            "no figures: matplotlib is missing; install it with pip install 'gliner-adapters[comparison]'", err=True
        )
    for path in write_report(page, output or folder):
        typer.echo(f"wrote {path}", err=True)
