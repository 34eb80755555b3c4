"""What an option of training or of a method gives: devel scores with and without it, seed by seed.

Both are trained on the whole training split with everything else equal, and scored on devel by the trainer itself: the
test split is not read.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmark.harness.script import Output, finish, origin, run
from gliner_adapters.api import adapt
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.model import load_base
from gliner_adapters.training import TrainingConfig
from gliner_adapters.training.feature_store import FeatureStore


def measure_option(
    base_name: str,
    method: str,
    corpus_name: str,
    option: dict[str, Any],
    common: dict[str, Any],
    method_options: dict[str, Any],
    method_option: dict[str, Any],
    *,
    seeds: int,
    limit: int | None,
    data_dir: Path | None,
) -> dict[str, Any]:
    """Train with and without an option, in turn.

    Args:
        base_name: the base.
        method: the technique.
        corpus_name: trained on its train split, scored on devel.
        option: fields of the training configuration that are tried.
        common: those that both have.
        method_options: the method's options that both have.
        method_option: the method's options that are tried.
        seeds: so many, from 1 on.
        limit: training documents; ``None`` for all.
        data_dir: where corpora lie.
    """
    base, corpus = load_base(base_name), load_corpus(corpus_name, data_dir=data_dir)
    ways = {"without": ({}, {}), "with": (option, method_option)}
    scores: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores = {way: FeatureStore(folder / f"features-{way}") for way in ways}
        for seed in range(1, seeds + 1):
            for way, (training, own) in ways.items():
                (folder / f"features-{way}").mkdir(exist_ok=True)
                since = time.monotonic()
                trained = adapt(
                    base,
                    corpus,
                    method,
                    output=folder / f"{way}{seed}",
                    options={**method_options, **own} or None,
                    config=TrainingConfig(**{**common, **training, "seed": seed}),
                    limit=limit,
                    store=stores[way],
                )
                metrics = trained.config.metrics
                scores[way].append(
                    {
                        "macro_f1": metrics["devel_macro_f1"],
                        "micro_f1": metrics["devel_micro_f1"],
                        "epoch": metrics["devel_epoch"],
                        "seconds": round(time.monotonic() - since, 1),
                    }
                )
    gains = [
        mine["macro_f1"] - theirs["macro_f1"] for mine, theirs in zip(scores["with"], scores["without"], strict=True)
    ]
    return {
        "base": base.id,
        "method": method,
        "corpus": corpus.name,
        "split": "devel",
        "limit": limit,
        "option": {**option, **method_option},
        "training": common,
        "options": method_options,
        "scores": scores,
        "gain_macro_f1": {
            "mean": round(statistics.fmean(gains), 5),
            "lowest": round(min(gains), 5),
            "highest": round(max(gains), 5),
        },
        **origin(base.device),
    }


def option_table(result: dict[str, Any]) -> Table:
    """Scores for a terminal."""
    gain = result["gain_macro_f1"]
    title = f"{result['option']}, {result['method']} on {result['corpus']}: {100 * gain['mean']:+.2f} points"
    table = Table("seed", "without", "with", title=title)
    pairs = zip(result["scores"]["without"], result["scores"]["with"], strict=True)
    for seed, (without, mine) in enumerate(pairs, 1):
        table.add_row(str(seed), f"{without['macro_f1']:.4f}", f"{mine['macro_f1']:.4f}")
    return table


def main(
    method: Annotated[str, typer.Option(help="The technique.")] = "heads",
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option(help="Trained on its train split, scored on devel.")] = "bc5cdr",
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of training that is tried; repeatable.")] = None,
    method_option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the method that is tried; repeatable.")
    ] = None,
    training: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of training that both have.")] = None,
    options: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the method that both have.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Training documents.")] = None,
    data_dir: o.DataDir = None,
    output: Output = None,
) -> None:
    """Train with and without an option, and compare devel scores."""
    named = {"--option": option, "--training": training, "--options": options, "--method-option": method_option}
    tried, common, shared, own = (o.parse_pairs(pairs or [], name) for name, pairs in named.items())
    result = measure_option(
        base, method, corpus, tried, common, shared, own, seeds=seeds, limit=limit, data_dir=data_dir
    )
    finish(result, option_table(result), output)


if __name__ == "__main__":
    run(main)
