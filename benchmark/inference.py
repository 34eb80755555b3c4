"""Reading against everything that runs a GLiNER: same weights, same texts, one process, timed in turn.

What is found is compared with our own float32 reading, entity by entity, and scored against the gold standard.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table
from torch import Tensor

from benchmark.harness.ours import RUNS, our_readers, read_anew
from benchmark.harness.passes import read_with
from benchmark.harness.programs import REFERENCE, Reader, other_readers
from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, speedups, timed_rounds
from benchmark.harness.weights import Weights, load_weights
from gliner_adapters.annotate import Annotator
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import Document, Entity
from gliner_adapters.evaluation import evaluate_predictions, keep_labels
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.precision import Precision
from gliner_adapters.runtimes import prepare

OURS = "gliner-adapters, "
#: What all entities are compared with.
EXACT = f"{OURS}torch"
#: Packages whose versions decide a figure, beside those of every result.
PACKAGES = ("onnxruntime", "openvino", "fast-gliner")


def compare_inference(
    base_name: str,
    adapter_name: str | None = None,
    data_dir: Path | None = None,
    *,
    corpus_name: str = "bc5cdr",
    abstracts_name: str = "bc5cdr-pubtator",
    sentences: int = 1000,
    abstracts: int = 200,
    rounds: int = 3,
) -> dict[str, Any]:
    """Time everyone on sentences and on whole abstracts; see the module's docstring.

    Args:
        base_name: the base, where no adapter is given; it reads zero-shot at the threshold 0.5.
        adapter_name: an adapter that a GLiNER can hold (`full`, `heads`, `lora`).
        data_dir: where corpora lie.
        corpus_name: whose test sentences are read, the first of the split.
        abstracts_name: whose test documents are read whole; 0 ``abstracts`` for none.
        sentences, abstracts: how many.
        rounds: how often everything is timed.
    """
    corpus = load_corpus(corpus_name, data_dir=data_dir)
    texts = {"sentences": corpus.documents("test")[:sentences]}
    if abstracts:
        texts["abstracts"] = load_corpus(abstracts_name, data_dir=data_dir).documents("test")[:abstracts]
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        weights = load_weights(base_name, adapter_name, corpus.labels, Path(folder))
        others, missing = other_readers(weights)
        readers, left_out = our_readers(weights.base, weights.labels, weights.threshold)
        ours = {OURS + name: reader for name, reader in readers.items()}
        not_ours = {OURS + name: why for name, why in left_out.items()}
        measured = {name: measure(documents, weights, others, ours, rounds) for name, documents in texts.items()}
    return {
        "weights": adapter_name or base_name,
        "base": weights.base.id,
        "architecture": weights.base.architecture,
        "labels": weights.names,
        "threshold": weights.threshold,
        "rounds": rounds,
        "left_out": missing | not_ours,
        "optional_packages": versions(),
        **measured,
        **origin(weights.base.device),
    }


def versions() -> dict[str, str | None]:
    """What is installed of the packages that some runtimes and programs need."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def measure(
    gold: Sequence[Document],
    weights: Weights,
    others: Mapping[str, Reader],
    ours: Mapping[str, Annotator],
    rounds: int,
) -> dict[str, Any]:
    """Time everyone on the same texts, and compare and score what they find."""
    texts = [document.text for document in gold]
    contenders: dict[str, Callable[[], list[list[Entity]]]] = {
        **{name: lambda r=reader: r(texts) for name, reader in others.items()},  # type: ignore[misc]
        **{name: lambda a=annotator: read_anew(a, texts) for name, annotator in ours.items()},  # type: ignore[misc]
    }
    seconds, found = timed_rounds(contenders, rounds)
    ratios = speedups(seconds, REFERENCE)
    exact = _keys(found[EXACT])
    annotated = list(keep_labels(gold, weights.names))
    table = {}
    for name, entities in found.items():
        keys = _keys(entities)
        documents = [document.with_entities(each) for document, each in zip(gold, entities, strict=True)]
        strict = evaluate_predictions(annotated, documents, weights.names).to_dict()["strict"]
        table[name] = {
            "documents_per_second": round(len(texts) / statistics.median(seconds[name]), 1),
            "times_faster": ratios.get(name),
            "entities": {"same": len(keys & exact), "only_here": len(keys - exact), "only_exact": len(exact - keys)},
            "micro_f1": strict["micro"]["f1"],
            "macro_f1": strict["macro"]["f1"],
        }
    for name in ours:
        runtime, precision = RUNS[name.removeprefix(OURS)]
        if runtime == "torch":
            table[name]["outside_encoder"] = outside_encoder(weights, texts, precision)
    best = max(others, key=lambda name: table[name]["documents_per_second"])
    over_best = speedups({name: seconds[name] for name in (best, *ours)}, best)
    return {"documents": len(texts), "contenders": table, "best_other": best, "times_faster_than_best_other": over_best}


def _keys(entities: Sequence[Sequence[Entity]]) -> set[tuple[int, tuple[int, int, str]]]:
    return {(number, entity.key) for number, each in enumerate(entities) for entity in each}


class _Timed:
    """A text encoder that adds up its seconds; it stands where a :class:`TextEncoder` has its Transformer."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self.seconds = 0.0

    def __call__(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        start = time.perf_counter()
        tokens = self.encoder(input_ids, attention_mask)
        self.seconds += time.perf_counter() - start
        return tokens


def outside_encoder(weights: Weights, texts: Sequence[str], precision: Precision) -> float:
    """The share of a reading's time in torch that is spent outside of the text encoder."""
    base = weights.base
    parts = prepare(base.parts, "torch", precision)
    timed = _Timed(parts.text_encoder)
    encoder = TextEncoder(timed, None, parts.text_encoder.rnn)
    parts = replace(parts, text_encoder=encoder)
    base.text_tokens.forget()
    start = time.perf_counter()
    read_with(base, parts, weights.labels, texts, weights.threshold, precision)
    return round(1 - timed.seconds / (time.perf_counter() - start), 3)


def inference_tables(result: Mapping[str, Any]) -> list[Table]:
    """The result for reading, a table for each kind of text."""
    tables = []
    for kind in ("sentences", "abstracts"):
        if kind not in result:
            continue
        heads = (
            "what",
            "texts/s",
            "times faster",
            "same",
            "only here",
            "only exact",
            "micro F1",
            "macro F1",
            "outside",
        )
        table = Table(*heads, title=f"{result[kind]['documents']} {kind}", title_justify="left")
        for name, row in result[kind]["contenders"].items():
            entities = row["entities"]
            table.add_row(
                name,
                f"{row['documents_per_second']:.1f}",
                interval(row["times_faster"]),
                *(str(entities[key]) for key in ("same", "only_here", "only_exact")),
                f"{row['micro_f1']:.4f}",
                f"{row['macro_f1']:.4f}",
                f"{row['outside_encoder']:.0%}" if "outside_encoder" in row else "",
            )
        table.caption = "\n".join(f"left out: {name}: {why}" for name, why in result["left_out"].items())
        tables.append(table)
    return tables


def main(
    base: o.BaseName = "minilm-bi",
    adapter: Annotated[
        str | None, typer.Option("--adapter", "-a", help="Read with these weights and labels, not zero-shot.")
    ] = None,
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test sentences are read.")] = "bc5cdr",
    abstracts_of: Annotated[str, typer.Option(help="Whose test documents are read whole.")] = "bc5cdr-pubtator",
    sentences: Annotated[int, typer.Option(min=1, help="Sentences to read.")] = 1000,
    abstracts: Annotated[int, typer.Option(min=0, help="Abstracts to read; 0 for none.")] = 200,
    rounds: Rounds = 3,
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time every runtime against the gliner library in torch, ONNX Runtime and OpenVINO, and against fast-gliner.

    The same weights read the same texts in one process, in turn. Entities are compared with those of our float32
    reading one by one, and scored against the gold standard. What is not installed, or cannot load the weights, is
    left out and named.
    """
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
    finish(result, inference_tables(result), output)


if __name__ == "__main__":
    run(main)
