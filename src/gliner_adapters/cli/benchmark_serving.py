"""`gliner-adapters benchmark serving`: what reading with many adapters costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gliner_adapters.cli import options as o


def serving(
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test documents are read.")] = "bc5cdr",
    documents: Annotated[int, typer.Option(min=8, help="Documents to read.")] = 512,
    adapters: Annotated[
        list[int] | None, typer.Option(min=1, help="Adapters to read with; repeatable. By default 1, 8, 64 and 512.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; in each, everything is timed in turn.")] = 5,
    precision: o.Precision = "fp32",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time reading with many label-side adapters on one base against the base alone, and weigh an adapter.

    Also says how much of the time of reading with the base is spent outside of its text encoder.

    Example:

    gliner-adapters benchmark serving --output serving.json
    """
    from gliner_adapters.benchmark.serving import COUNTS, compare_serving, serving_table

    result = compare_serving(
        base, corpus, data_dir, documents=documents, counts=adapters or COUNTS, rounds=rounds, precision=precision
    )
    Console().print(serving_table(result))
    o.write_result(output, result)
