"""`gliner-adapters demo`: the main job from end to end, on a corpus that ships with the package."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

TEXTS = (
    "Gemcitabine reduced the growth of PANC-1 cells, and loss of TP53 made pancreatic cancer resistant to it.",
    "Patients with type 2 diabetes who took metformin had lower expression of IL6.",
)


def demo(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the adapter there instead of in a temporary folder.")
    ] = None,
    base: Annotated[str, typer.Option("--base", help="The base that is asked and then adapted.")] = "minilm-bi",
    method: Annotated[str, typer.Option("--method", help="The technique that adapts it.")] = "full",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training data.")] = 6,
) -> None:
    """Ask a base zero-shot, adapt it, and compare, in a few minutes, without a network.

    The embedded base `minilm-bi` reads `sample`, a corpus of the project's own, by the names of its labels alone; then
    it is adapted to the training split, and both are scored on the test split and read two sentences that are in none
    of the splits.

    Example:

    gliner-adapters demo --output my-adapter
    """
    from gliner_adapters.annotate import Annotator
    from gliner_adapters.api import adapt, evaluate
    from gliner_adapters.cli.annotate import show
    from gliner_adapters.corpora import load_corpus
    from gliner_adapters.model import load_base
    from gliner_adapters.training import Reporter, TrainingConfig

    console = Console()
    corpus = load_corpus("sample")
    with tempfile.TemporaryDirectory() as temporary:
        folder = output or Path(temporary) / "adapter"
        loaded = load_base(base)
        config = TrainingConfig(epochs=epochs, batch_size=8)
        # First, so that an --output that is taken is refused before anything is computed.
        trained = adapt(loaded, corpus, method, output=folder, config=config, reporter=Reporter())
        before, after = evaluate(loaded, corpus, bootstrap=0), evaluate(trained, corpus, bootstrap=0)
        console.rule("F1 on the test split")
        table = Table("", "zero-shot", f"adapted ({method})")
        for name in (label.name for label in corpus.labels):
            table.add_row(name, *(f"{r.report.strict.per_type[name].f1:.3f}" for r in (before, after)))
        table.add_section()
        for name in ("macro_f1", "micro_f1"):
            figures = (f"{getattr(r.report, name):.3f}" for r in (before, after))
            table.add_row(name.replace("_f1", " average"), *figures)
        console.print(table)
        console.rule("Zero-shot")
        show(Annotator(loaded, corpus.labels).annotate(TEXTS), console)
        console.rule("Adapted")
        show(Annotator(trained).annotate(TEXTS), console)
        if output:
            console.print(f"\nThe adapter is in {output}; try: gliner-adapters annotate -a {output} TEXT")
