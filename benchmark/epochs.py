"""How much faster is an epoch on cached word vectors than one of full fine-tuning?

Each method's own training steps, on the same sentences in the same batches, in one process and in turn. What comes
once and not every epoch (encoding the words for the cache) is timed apart.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, speedups, timed_rounds
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.model import load_base
from gliner_adapters.training import Reporter, TrainingConfig
from gliner_adapters.training.loop import Trainer
from gliner_adapters.training.optimiser import build_optimiser

REFERENCE = "full"
#: What is timed where nothing else is asked for.
METHODS = ("heads", "extension", "label-embeddings", "label-descriptions", "lora+heads")


def measure_epochs(
    base_name: str,
    corpus_name: str,
    methods: Sequence[str],
    data_dir: Path | None = None,
    *,
    documents: int = 960,
    rounds: int = 3,
    precision: str = "bf16",
) -> dict[str, Any]:
    """Time training steps of methods over the same documents.

    Args:
        base_name: the base.
        corpus_name: whose training documents are taken, the first of the split.
        methods: what is timed against full fine-tuning.
        data_dir: where corpora lie.
        documents: how many; a part of an epoch, all methods the same.
        rounds: how often all are timed, in turn.
        precision: ``"fp32"`` or ``"bf16"``.

    Raises:
        ConfigError: a method trains nothing.
    """
    base, corpus = load_base(base_name), load_corpus(corpus_name, data_dir=data_dir)
    config = TrainingConfig.model_validate({"precision": precision})
    taken = corpus.documents("train")[:documents]
    contenders: dict[str, Callable[[], int]] = {}
    encoding: dict[str, float] = {}
    cached: list[str] = []
    with tempfile.TemporaryDirectory() as folder, Reporter(quiet=True) as reporter:
        for method in dict.fromkeys([REFERENCE, *methods]):
            adapter = attach(method, base, corpus.labels)
            if not adapter.trained():
                raise ConfigError(f"method {method!r} trains nothing, so it has no epochs")
            trainer = Trainer(base, adapter, taken, [], config, Path(folder) / method, reporter)
            start = time.perf_counter()
            contenders[method] = _steps(trainer)
            if trainer.features is not None:
                cached.append(method)
                encoding[method] = round(time.perf_counter() - start, 2)
        seconds, sentences = timed_rounds(contenders, rounds)
    return {
        "base": base.id,
        "corpus": corpus.name,
        "sentences": sentences[REFERENCE],
        "precision": precision,
        "cached": cached,
        "seconds": {method: [round(value, 3) for value in times] for method, times in seconds.items()},
        "encoding_seconds": encoding,
        "speedup_over_full": speedups(seconds, REFERENCE),
        **origin(base.device),
    }


def _steps(trainer: Trainer) -> Callable[[], int]:
    """An epoch's steps, set up to be taken again and again; a call gives the number of sentences."""
    module, optimiser = trainer.prepared(build_optimiser(trainer.adapter, trainer.config))
    batches = trainer.plan()[0]

    def run() -> int:
        for indices in batches:
            trainer.step(module, optimiser, indices)
        return sum(map(len, batches))

    return run


def epochs_table(result: dict[str, Any]) -> Table:
    """The measurement for a terminal."""
    table = Table(title=f"{result['sentences']} training sentences, {result['base']} on {result['corpus']}")
    for head in ("method", "word vectors cached", "seconds", "times faster than full"):
        table.add_column(head)
    for method, times in result["seconds"].items():
        faster = interval(result["speedup_over_full"].get(method))
        table.add_row(method, "yes" if method in result["cached"] else "", f"{min(times):.2f}", faster)
    return table


def main(
    method: Annotated[list[str] | None, typer.Option("--method", help="A method to time; repeatable.")] = None,
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose training documents are taken.")] = "bc5cdr",
    documents: Annotated[int, typer.Option(min=32, help="How many of them.")] = 960,
    rounds: Rounds = 3,
    precision: o.Precision = "bf16",
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time training steps of methods against full fine-tuning, on the same sentences, in one process, in turn."""
    chosen = method or METHODS
    result = measure_epochs(base, corpus, chosen, data_dir, documents=documents, rounds=rounds, precision=precision)
    finish(result, epochs_table(result), output)


if __name__ == "__main__":
    run(main)
