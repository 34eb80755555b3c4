"""`gliner-adapters benchmark`: measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from gliner_adapters.cli import benchmark_inference, benchmark_load, benchmark_runs
from gliner_adapters.cli import options as o
from gliner_adapters.cli.benchmark_serving import serving
from gliner_adapters.cli.benchmark_tune import tune, tunings

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Measure.")
app.add_typer(benchmark_runs.app)
app.add_typer(benchmark_load.app)
app.add_typer(benchmark_inference.app)
app.command()(serving)
app.command()(tune)
app.command()(tunings)


@app.command()
def speed(
    adapter: Annotated[str | None, typer.Option("--adapter", "-a", help="Time with these weights.")] = None,
    base: o.BaseName = "encoder:minilm",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test sentences are read.")] = "bc5cdr",
    sentences: Annotated[int, typer.Option(min=8, help="Sentences to read.")] = 1000,
    steps: Annotated[int, typer.Option(min=1, help="Training steps to time.")] = 12,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; in each, everything is timed in turn.")] = 3,
    part: Annotated[Literal["inference", "training", "all"], typer.Option(help="What to time.")] = "all",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time inference and training against the gliner library, on the same weights, in one process, in turn.

    Ratios are taken round by round, so a machine whose speed drifts does not favour either side. Entities found in
    fp32 are compared one by one.
    """
    from gliner_adapters.benchmark.speed import compare_speed, speed_table

    result = compare_speed(base, adapter, corpus, data_dir, sentences=sentences, steps=steps, rounds=rounds, part=part)
    Console().print(speed_table(result))
    o.write_result(output, result)


@app.command()
def epochs(
    method: Annotated[list[str] | None, typer.Option("--method", help="A method to time; repeatable.")] = None,
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose training documents are taken.")] = "bc5cdr",
    documents: Annotated[int, typer.Option(min=32, help="How many of them.")] = 960,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; in each, everything is timed in turn.")] = 3,
    precision: o.Precision = "bf16",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time training steps of methods against full fine-tuning, on the same sentences, in one process, in turn."""
    from gliner_adapters.benchmark.epochs import epochs_table, measure_epochs

    chosen = method or ["heads", "extension", "label-embeddings", "label-descriptions", "lora+heads"]
    result = measure_epochs(base, corpus, chosen, data_dir, documents=documents, rounds=rounds, precision=precision)
    Console().print(epochs_table(result))
    o.write_result(output, result)


@app.command()
def table(
    folder: Annotated[Path, typer.Argument(help="A folder of results, as `evaluate --output` writes them.")],
) -> None:
    """Print the scores of a folder as a Markdown table."""
    from gliner_adapters.benchmark.results import markdown_table, read_results

    typer.echo(markdown_table(read_results(folder)), nl=False)


@app.command()
def methods() -> None:
    """Print what each method trains, found by attaching it to the embedded bases, as a Markdown table."""
    from gliner_adapters.benchmark.capabilities import capability_table
    from gliner_adapters.model import load_base

    typer.echo(capability_table([load_base("minilm-bi"), load_base("minilm-uni")]), nl=False)


@app.command(name="zero-shot")
def zero_shot(
    base: Annotated[str, typer.Argument(help="An embedded base, a folder, a hub id or `encoder:...`.")],
    corpus: Annotated[
        list[str] | None, typer.Option("--corpus", help="Repeatable; by default bc5cdr, jnlpba and bionlp11id.")
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="NAME=BASE: other weights to score beside it, such as trained=my-base/run/trained."),
    ] = None,
    precision: o.Precision = "fp32",
    bootstrap: Annotated[int, typer.Option(min=0, help="Resamples for 95% intervals; 0 for none.")] = 1000,
    limit: Annotated[int | None, typer.Option(min=1, help="So many documents of each split only.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    card: Annotated[bool, typer.Option("--card", help="Write the scores into the base's own card.")] = False,
    data_dir: o.DataDir = None,
) -> None:
    """Score a base on whole test sets by label names alone, at the threshold 0.5 and at the one devel prefers.

    Example:

    gliner-adapters benchmark zero-shot minilm-bi --output minilm-bi.json
    """
    from gliner_adapters.benchmark.zero_shot import record_scores, score_bases, zero_shot_table

    bases = {"shipped": base, **{name: str(value) for name, value in o.parse_pairs(beside or [], "--beside").items()}}
    result = score_bases(
        bases,
        corpus or ["bc5cdr", "jnlpba", "bionlp11id"],
        data_dir=data_dir,
        precision=precision,
        bootstrap=bootstrap,
        limit=limit,
    )
    Console().print(zero_shot_table(result))
    o.write_result(output, result)
    if card:
        typer.echo(f"wrote {record_scores(base, result)}", err=True)


@app.command()
def footprint(
    base: Annotated[list[str] | None, typer.Option("--base", help="Repeatable; by default the embedded bases.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Fresh processes a base.")] = 5,
    wheel: Annotated[Path | None, typer.Option(exists=True, help="The built package, to be weighed.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
) -> None:
    """Measure what a base weighs, and how long a fresh process takes from its start to the first entity.

    Example:

    gliner-adapters benchmark footprint --output footprint.json
    """
    from gliner_adapters.benchmark.footprint import footprint_table, measure_footprint
    from gliner_adapters.model.embedded import embedded_bases

    result = measure_footprint(base or embedded_bases(), rounds, wheel)
    Console().print(footprint_table(result))
    o.write_result(output, result)


@app.command()
def readme(
    file: Annotated[Path, typer.Argument(help="The README to fill.")],
    results: Annotated[Path, typer.Option(help="The folder of results.")] = Path("benchmark/results"),
) -> None:
    """Write the figures of the result files into a README, between its comments `NAME: begin` and `NAME: end`."""
    from gliner_adapters.benchmark.readme import fill, readme_parts

    text = fill(file.read_text(encoding="utf-8"), readme_parts(results))
    file.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {file}", err=True)


@app.command()
def guarantees(
    base: o.BaseName = "encoder:minilm",
    corpus: Annotated[str, typer.Option("--corpus", help="What is trained on.")] = "sample",
    method: Annotated[
        list[str] | None, typer.Option(help="A method to check; repeatable. By default heads, full, label-embeddings.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training data in each run.")] = 2,
    batch_size: Annotated[int, typer.Option(min=1, help="Passages in a step.")] = 8,
    limit: Annotated[int | None, typer.Option(help="Train on so many documents only.")] = 8,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the result as JSON.")] = None,
    data_dir: o.DataDir = None,
) -> None:
    """Check that saving and loading keep every bit of a score, and that a killed run resumes to the same bytes.

    Each method is trained by `adapt` in processes of their own: once without interruption, once killed twice with
    SIGKILL and resumed. Files and logits are compared by their sha256. Exits with 1 if anything differs.

    Example:

    gliner-adapters benchmark guarantees --output guarantees.json
    """
    from gliner_adapters.benchmark.guarantees import (
        METHODS,
        Run,
        broken_promises,
        check_guarantees,
        guarantees_table,
    )

    run = Run(base, corpus, epochs, batch_size, limit, data_dir)
    console = Console(stderr=True, markup=False, highlight=False)
    result = check_guarantees(run, method or METHODS, console.print)
    Console().print(guarantees_table(result))
    o.write_result(output, result)
    for line in broken_promises(result["methods"]):
        typer.echo(f"BROKEN: {line}", err=True)
    if not result["passed"]:
        raise typer.Exit(1)
