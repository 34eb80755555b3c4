"""`gliner-adapters compare`: are two sets of predictions really different?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from gliner_adapters.cli import options as o


def compare(
    a: Annotated[Path, typer.Argument(help="Predictions (JSON Lines, as `evaluate --save-predictions` writes).")],
    b: Annotated[Path, typer.Argument(help="Predictions on the same documents.")],
    corpus: o.CorpusName = None,
    devel: o.DevelFile = None,
    test: o.TestFile = None,
    columns: o.Columns = None,
    tag_names: o.TagNames = None,
    split: Annotated[Literal["train", "devel", "test"], typer.Option(help="The split that both are about.")] = "test",
    resamples: Annotated[int, typer.Option(min=100, help="Random exchanges of documents between A and B.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    data_dir: o.DataDir = None,
) -> None:
    """Compare two prediction files on one split: difference in F1, its 95% interval, and a paired test.

    Example:

    gliner-adapters compare heads.jsonl full.jsonl --corpus bc5cdr
    """
    from gliner_adapters.evaluation import abstract_groups, compare_predictions, keep_labels, read_predictions

    found = o.find_corpus(corpus, None, devel, test, data_dir, columns, tag_names)
    gold = found.documents(split)
    labels = [label.name for label in found.labels]
    tests = compare_predictions(
        gold,
        keep_labels(read_predictions(a), labels),
        keep_labels(read_predictions(b), labels),
        labels,
        groups=abstract_groups(gold),
        resamples=resamples,
        seed=seed,
    )
    table = Table("", "A", "B", "B - A", "95% interval", "p")
    for name, result in tests.items():
        gap = result.difference
        table.add_row(
            name.replace("_f1", " F1"),
            f"{result.a:.4f}",
            f"{result.b:.4f}",
            f"{gap.value:+.4f}",
            f"{gap.low:+.4f} to {gap.high:+.4f}",
            f"{result.p_value:.4f}",
        )
    Console().print(table)
    o.write_result(output, {name: result.to_dict() for name, result in tests.items()})
