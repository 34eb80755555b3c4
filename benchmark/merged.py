"""What merging is worth: an adapter with deltas that reads alone, against the base and against the same unmerged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, middle, timed_rounds
from benchmark.one_way import trained_for
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import Document
from gliner_adapters.model import load_base
from gliner_adapters.model.precision import Precision

METHODS = ("lora", "lora+head-deltas", "lora+heads", "bitfit")


def compare_merged(
    base_name: str,
    methods: Sequence[str],
    data_dir: Path | None,
    *,
    documents: int,
    rounds: int,
    precision: Precision,
) -> dict[str, Any]:
    """Time each adapter merged and unmerged against the base, in turn.

    Args:
        base_name: the base.
        methods: of the adapters, which are trained for a few steps.
        data_dir: where corpora lie.
        documents: sentences of BC5CDR's test split that are read.
        rounds: how often.
        precision: of reading.
    """
    corpus = load_corpus("bc5cdr", data_dir=data_dir)
    texts = corpus.documents("test")[:documents]
    base = load_base(base_name)
    plain = Annotator(base, corpus.labels, precision=precision, segment="sentence")
    rows = {}
    for method in methods:
        trained = trained_for(method, base, corpus)
        other = trained_for("label-embeddings" if base.architecture == "bi" else "heads", base, corpus)
        alone = Annotator(trained, precision=precision)
        beside = Annotator(base, adapters={"one": trained, "other": other}, precision=precision)
        requests = [Request(document, ("one",)) for document in texts]
        ways: dict[str, Callable[[], Sequence[Document]]] = {
            "base": partial(plain.annotate, texts),
            "merged": partial(alone.annotate, texts),
            "unmerged": lambda beside=beside, requests=requests: [r.document for r in beside.read(requests)],  # type: ignore[misc]
        }
        found = {name: [{e.key for e in d.entities} for d in read()] for name, read in ways.items()}  # warms up
        seconds, _ = timed_rounds({name: partial(_count, read) for name, read in ways.items()}, rounds)
        rows[method] = {
            "seconds": {name: [round(value, 3) for value in times] for name, times in seconds.items()},
            "merged_to_base": _ratio(seconds, "merged"),
            "unmerged_to_base": _ratio(seconds, "unmerged"),
            "entities": sum(map(len, found["unmerged"])),
            "sentences_with_other_entities": sum(
                a != b for a, b in zip(found["merged"], found["unmerged"], strict=True)
            ),
        }
    return {
        "base": base.id,
        "corpus": corpus.name,
        "sentences": len(texts),
        "precision": precision,
        "methods": rows,
        **origin(base.device),
    }


def _count(read: Callable[[], Sequence[Document]]) -> int:
    return len(read())


def _ratio(seconds: dict[str, list[float]], name: str) -> dict[str, float]:
    """How many times as long as the base, round by round."""
    return middle([a / b for a, b in zip(seconds[name], seconds["base"], strict=True)], 3)


def merged_table(result: dict[str, Any]) -> Table:
    """Ratios for a terminal."""
    table = Table("method", "merged to base", "unmerged to base", "entities", "sentences that differ")
    for method, row in result["methods"].items():
        differing = str(row["sentences_with_other_entities"])
        ratios = (interval(row["merged_to_base"], 3), interval(row["unmerged_to_base"], 3))
        table.add_row(method, *ratios, str(row["entities"]), differing)
    return table


def main(
    base: o.BaseName = "minilm-bi",
    method: Annotated[list[str] | None, typer.Option(help="A technique; repeatable.")] = None,
    documents: Annotated[int, typer.Option(min=1, help="Sentences.")] = 1000,
    precision: o.Precision = "fp32",
    rounds: Rounds = 5,
    data_dir: o.DataDir = None,
    output: Output = None,
) -> None:
    """Time adapters with deltas, merged and unmerged, against the base."""
    result = compare_merged(base, method or METHODS, data_dir, documents=documents, rounds=rounds, precision=precision)
    finish(result, merged_table(result), output)


if __name__ == "__main__":
    run(main)
