"""`gliner-adapters comparison tune`: settings that suit a method, found on devel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gliner_adapters.cli import options as o
from gliner_adapters.storage import write_text
from gliner_adapters.training.config import TrainingConfig


def tune(
    method: Annotated[str, typer.Argument(help="A technique, or several joined by +, as `adapt --method` takes it.")],
    corpus: Annotated[str, typer.Option("--corpus", help="A name of `corpora list`, or a folder of splits.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The tuning's folder; one that is there goes on.")],
    base: o.BaseName = "minilm-bi",
    trials: Annotated[int, typer.Option(min=1, help="Trials to finish in all, earlier ones included.")] = 20,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Train on so many documents only, drawn by the seed.")
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the training data in each trial.")
    ] = TrainingConfig().epochs,
    seed: Annotated[int, typer.Option(min=0, help="Of training, and of what is tried.")] = TrainingConfig().seed,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A setting that is not tuned; repeatable: a field of training (batch_size=16), options.NAME=VALUE, "
            "learning_rates.INGREDIENT=NUMBER.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[float | None, typer.Option(min=0, help="Begin no trial after so many minutes.")] = None,
    architecture: o.Architecture = "bi",
    data_dir: o.DataDir = None,
    device: o.Device = "cpu",
    quiet: o.Quiet = False,
) -> None:
    """Search for options and learning rates with a high macro F1 on devel; the test split is not read.

    The first trial has the method's own settings, the others follow Optuna's TPE sampler. A trial that falls behind the
    median of the others is stopped. Run it again with the same folder to go on. The folder gets `report.md` with
    plots, `trials.json`, and `best.toml` to paste into a plan. Needs the extra `gliner-adapters[comparison]`.

    Example:

    gliner-adapters comparison tune heads --corpus sample --trials 10 -o tuned-heads
    """
    from gliner_adapters.comparison.tuning import tune as run
    from gliner_adapters.comparison.tuning import tuning_setting, write_tuning
    from gliner_adapters.corpora import load_corpus
    from gliner_adapters.errors import ConfigError
    from gliner_adapters.model import load_base
    from gliner_adapters.training import Reporter

    fixed = o.parse_pairs(fix or [], "--set")
    if "epochs" in fixed:
        raise ConfigError("--set epochs: give --epochs")
    setting = tuning_setting(
        load_base(base, architecture=architecture, device=device),
        load_corpus(corpus, data_dir=data_dir),
        method,
        limit=limit,
        seed=seed,
        fixed={**fixed, "epochs": epochs},
    )
    reporter = Reporter(Console(stderr=True, quiet=quiet), quiet)
    tuning = run(setting, output, trials=trials, minutes=timeout, reporter=reporter)
    for path in write_tuning(setting, tuning, output):
        reporter.say(f"wrote {path}")


def tunings(
    folder: Annotated[Path, typer.Argument(help="A folder whose folders are those of tunings.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the table there.")] = None,
) -> None:
    """Show what several tunings found, in one Markdown table.

    Example:

    gliner-adapters comparison tunings tuned -o tuned/README.md
    """
    from gliner_adapters.comparison.tuning import overview

    page = overview(folder)
    if output is None:
        typer.echo(page, nl=False)
    else:
        write_text(output, page)
        typer.echo(f"wrote {output}", err=True)
