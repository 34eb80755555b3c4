"""`gliner-adapters comparison zero-shot`: what bases find before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gliner_adapters.cli import options as o


def zero_shot(
    base: Annotated[str, typer.Argument(help="An embedded base, a folder, a hub id or `encoder:...`.")],
    corpus: Annotated[
        list[str] | None, typer.Option("--corpus", help="Repeatable; by default bc5cdr, jnlpba and bionlp11id.")
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="NAME=BASE: other weights to score beside it, such as trained=my-base/run/trained."),
    ] = None,
    segment: o.Segment = None,
    precision: o.Precision = "fp32",
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples for 95% intervals; 0 for none.")] = 1000,
    limit: Annotated[int | None, typer.Option(min=1, help="So many documents of each split only.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    card: Annotated[bool, typer.Option("--card", help="Write the scores into the base's own card.")] = False,
    data_dir: o.DataDir = None,
) -> None:
    """Score a base on whole test sets by label names alone, at the threshold 0.5 and at the one devel prefers.

    Example:

    gliner-adapters comparison zero-shot minilm-bi --output minilm-bi.json
    """
    from gliner_adapters.comparison.zero_shot import record_scores, score_bases, zero_shot_table

    bases = {"shipped": base, **{name: str(value) for name, value in o.parse_pairs(beside or [], "--beside").items()}}
    result = score_bases(
        bases,
        corpus or ["bc5cdr", "jnlpba", "bionlp11id"],
        data_dir=data_dir,
        segment=segment,
        precision=precision,
        bootstrap=bootstrap,
        limit=limit,
    )
    Console().print(zero_shot_table(result))
    o.write_result(output, result)
    if card:
        typer.echo(f"wrote {record_scores(base, result)}", err=True)
