"""`gliner-adapters evaluate`: an adapter, a base or a file of predictions against a split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from gliner_adapters.cli import options as o
from gliner_adapters.errors import ConfigError


def evaluate(
    adapter: Annotated[str | None, typer.Argument(metavar="[ADAPTER]", help="An adapter's folder or hub id.")] = None,
    base: Annotated[str | None, typer.Option("--base", help="A base to score zero-shot, instead of ADAPTER.")] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help="Score this file instead of running a model.")
    ] = None,
    corpus: o.CorpusName = None,
    train: o.TrainFile = None,
    devel: o.DevelFile = None,
    test: o.TestFile = None,
    columns: o.Columns = None,
    tag_names: o.TagNames = None,
    split: Annotated[Literal["train", "devel", "test"], typer.Option(help="Which split.")] = "test",
    threshold: Annotated[float | None, typer.Option(help="Least probability; else the adapter's own.")] = None,
    segment: o.Segment = None,
    precision: o.Precision = "fp32",
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples for 95% intervals; 0 for none.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    save_predictions: Annotated[Path | None, typer.Option(help="Write what was found as JSON Lines.")] = None,
    fail_under: Annotated[float | None, typer.Option(help="Exit with 1 if macro F1 is lower than this.")] = None,
    architecture: o.Architecture = "bi",
    revision: o.Revision = None,
    data_dir: o.DataDir = None,
    allow_pickle: o.AllowPickle = False,
    device: o.Device = "cpu",
) -> None:
    """Score exact spans on a split: per type, micro and macro, boundaries, unseen mentions, intervals.

    Examples:

    gliner-adapters evaluate my-adapter --corpus bc5cdr --output result.json

    gliner-adapters evaluate --base urchade/gliner_small-v2.1 --corpus jnlpba

    gliner-adapters evaluate --predictions found.jsonl --corpus bc5cdr

    `comparison zero-shot` scores bases on several corpora, at the threshold that devel prefers too.
    """
    from gliner_adapters.evaluation import (
        abstract_groups,
        evaluate_predictions,
        keep_labels,
        mention_strings,
        read_predictions,
        render,
    )
    from gliner_adapters.evaluation import write_predictions as save

    if sum(given is not None for given in (adapter, base, predictions)) != 1:
        raise ConfigError("what should be scored? Give one of ADAPTER, --base and --predictions")
    if predictions is not None and not threshold is segment is save_predictions is None:
        raise ConfigError(
            "--threshold, --segment and --save-predictions go with a model; --predictions scores a file as it is"
        )
    found = o.find_corpus(corpus, train, devel, test, data_dir, columns, tag_names)
    if predictions is not None:
        gold = found.documents(split)
        labels = [label.name for label in found.labels]
        report = evaluate_predictions(
            gold,
            list(keep_labels(read_predictions(predictions), labels)),
            labels,
            training_mentions=mention_strings(found.documents("train")) if "train" in found.splits else None,
            groups=abstract_groups(gold),
            bootstrap=bootstrap,
            seed=seed,
        )
        record = {"corpus": found.name, "split": split, "predictions": str(predictions), "report": report.to_dict()}
    else:
        from gliner_adapters.adapters import TrainedAdapter, load_adapter
        from gliner_adapters.api import evaluate as run
        from gliner_adapters.model import Base, load_base

        model: Base | TrainedAdapter
        if base is not None:
            model = load_base(
                base, revision=revision, architecture=architecture, allow_pickle=allow_pickle, device=device
            )
        else:
            assert adapter is not None
            model = load_adapter(adapter, revision=revision, allow_pickle=allow_pickle, device=device)
        result = run(
            model,
            found,
            split,
            threshold=threshold,
            segment=segment,
            precision=precision,
            bootstrap=bootstrap,
            seed=seed,
        )
        report, record = result.report, result.record
        for line in result.losses.lines():
            typer.echo(f"note: {line}", err=True)
        if save_predictions is not None:
            save(save_predictions, result.predictions)
    Console().print(render(report))
    o.write_result(output, record)
    if fail_under is not None and report.macro_f1 < fail_under:
        typer.echo(f"macro F1 {report.macro_f1:.4f} is under {fail_under}", err=True)
        raise typer.Exit(1)
