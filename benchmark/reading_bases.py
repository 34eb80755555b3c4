"""How fast the embedded bases read, in every runtime, in turn within each round of one process."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmark.harness.ours import our_readers, read_anew
from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, speedups, timed_rounds
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.model import load_base
from gliner_adapters.model.embedded import embedded_bases


def compare_bases(
    bases: Sequence[str], corpus_name: str, data_dir: Path | None = None, *, sentences: int = 300, rounds: int = 3
) -> dict[str, Any]:
    """Time every base in every runtime.

    Args:
        bases: the first one, in torch, is what all others are compared with.
        corpus_name: whose test sentences are read, the first of the split, with its labels.
        data_dir: where corpora lie.
        sentences: how many.
        rounds: how often all are timed, in turn.
    """
    corpus = load_corpus(corpus_name, data_dir=data_dir)
    texts = [document.text for document in corpus.documents("test")[:sentences]]
    contenders: dict[str, Callable[[], object]] = {}
    left_out: dict[str, str] = {}
    for name in bases:
        readers, missing = our_readers(load_base(name), corpus.labels, 0.5)
        contenders |= {f"{name}, {how}": partial(read_anew, reader, texts) for how, reader in readers.items()}
        left_out |= {f"{name}, {how}": why for how, why in missing.items()}
    seconds, _ = timed_rounds(contenders, rounds)
    reference = f"{bases[0]}, torch"
    faster = speedups(seconds, reference)
    return {
        "corpus": corpus.name,
        "sentences": len(texts),
        "rounds": rounds,
        "reference": reference,
        "reading": {
            key: {
                "sentences_per_second": round(len(texts) / statistics.median(times), 1),
                "times_as_fast": faster.get(key),
            }
            for key, times in seconds.items()
        },
        "left_out": left_out,
        **origin(load_base(bases[0]).device),
    }


def bases_table(result: dict[str, Any]) -> Table:
    """The measurement for a terminal."""
    table = Table("base, runtime", "sentences/s", "times as fast", title=f"{result['sentences']} sentences")
    for key, row in result["reading"].items():
        table.add_row(key, f"{row['sentences_per_second']:.1f}", interval(row["times_as_fast"]) or "1")
    table.caption = "\n".join(f"left out: {key}: {why}" for key, why in result["left_out"].items())
    return table


def main(
    base: Annotated[list[str] | None, typer.Option("--base", help="Repeatable; by default all embedded ones.")] = None,
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test sentences are read.")] = "bc5cdr",
    sentences: Annotated[int, typer.Option(min=1, help="How many of them.")] = 300,
    rounds: Rounds = 3,
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time the embedded bases in every runtime on the same sentences, in turn."""
    result = compare_bases(base or embedded_bases(), corpus, data_dir, sentences=sentences, rounds=rounds)
    finish(result, bases_table(result), output)


if __name__ == "__main__":
    run(main)
