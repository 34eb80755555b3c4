"""`gliner-adapters demo`: the main job from end to end, on a corpus that ships with the package."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

TEXTS = (
    "Gemcitabine reduced the growth of PANC-1 cells, and loss of TP53 made pancreatic cancer resistant to it.",
    "Patients with type 2 diabetes who took metformin had lower expression of IL6.",
)


def demo(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the adapter there instead of in a temporary folder.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training data.")] = 10,
) -> None:
    """Adapt, evaluate and annotate in a few minutes, without a network.

    Fresh GLiNER heads on all-MiniLM-L6-v2 are fine-tuned on `sample`, a corpus of the project's own, scored on its
    test split, and read two sentences that are in none of its splits.

    Example:

    gliner-adapters demo --output my-adapter
    """
    from gliner_adapters.annotate import Annotator
    from gliner_adapters.api import adapt, evaluate
    from gliner_adapters.cli.annotate import show
    from gliner_adapters.corpora import load_corpus
    from gliner_adapters.evaluation import render
    from gliner_adapters.training import Reporter, TrainingConfig

    console = Console()
    with tempfile.TemporaryDirectory() as temporary:
        folder = output or Path(temporary) / "adapter"
        corpus = load_corpus("sample")
        config = TrainingConfig(epochs=epochs, batch_size=8)
        trained = adapt("encoder:minilm", corpus, "full", output=folder, config=config, reporter=Reporter())
        console.rule("Scores on the test split")
        console.print(render(evaluate(trained, corpus).report, brief=True))
        console.rule("Entities")
        show(Annotator(trained).annotate(TEXTS), console)
        if output:
            console.print(f"\nThe adapter is in {output}; try: gliner-adapters annotate -a {output} TEXT")
