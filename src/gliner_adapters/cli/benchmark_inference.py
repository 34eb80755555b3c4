"""`gliner-adapters benchmark inference`: reading, in every runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gliner_adapters.cli import options as o

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def inference(
    base: o.BaseName = "minilm-bi",
    adapter: Annotated[
        str | None, typer.Option("--adapter", "-a", help="Read with these weights and labels, not zero-shot.")
    ] = None,
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test sentences are read.")] = "bc5cdr",
    abstracts_of: Annotated[str, typer.Option(help="Whose test documents are read whole.")] = "bc5cdr-pubtator",
    sentences: Annotated[int, typer.Option(min=1, help="Sentences to read.")] = 1000,
    abstracts: Annotated[int, typer.Option(min=0, help="Abstracts to read; 0 for none.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; in each, everything is timed in turn.")] = 3,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time every runtime against the gliner library in torch, ONNX Runtime and OpenVINO, and against fast-gliner.

    The same weights read the same texts in one process, in turn. Entities are compared with those of our float32
    reading one by one, and scored against the gold standard. What is not installed, or cannot load the weights, is
    left out and named.

    Example:

    gliner-adapters benchmark inference --base minilm-uni --output inference.json
    """
    from gliner_adapters.benchmark.inference import compare_inference, inference_tables

    result = compare_inference(
        base,
        adapter,
        data_dir,
        corpus_name=corpus,
        abstracts_name=abstracts_of,
        sentences=sentences,
        abstracts=abstracts,
        rounds=rounds,
    )
    for table in inference_tables(result):
        Console().print(table)
    o.write_result(output, result)
