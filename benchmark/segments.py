"""Zero-shot scores on abstracts, read by sentence and by window.

Corpora that a base was pretrained on say how much a way of reading takes from what the base knows, not how well it
reads what it has not seen; the result marks them. Each split is read at 0.5 and at a threshold that was tuned on the
devel split; a corpus without one has scores at 0.5 alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmark.harness.script import Output, finish, origin, run
from gliner_adapters.annotate import Annotator
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.corpora.registry import builtin_infos
from gliner_adapters.documents import Document
from gliner_adapters.evaluation import above, best_threshold, keep_labels, score_documents
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.base import Segment
from gliner_adapters.model.embedded import embedded_bases
from gliner_adapters.model.precision import Precision

#: Devel is read at this threshold, and the tuned one is sought above it.
READ_AT = 0.05
SEGMENTS: tuple[Segment, ...] = ("sentence", "window")


def corpora_of_abstracts() -> list[str]:
    """Corpora that come as whole abstracts with every type of their schema annotated, the made-up one left out."""
    known = builtin_infos().values()
    return [info.name for info in known if info.format == "pubtator" and info.fully_annotated and info.use != "demo"]


def compare_segments(
    bases: Sequence[str], corpora: Sequence[str], data_dir: Path | None, precision: Precision, limit: int | None
) -> dict[str, Any]:
    """Score bases on corpora, read in both ways.

    Args:
        bases: their names.
        corpora: names of corpora of documents.
        data_dir: where corpora lie.
        precision: ``"fp32"`` or ``"bf16"``.
        limit: read so many documents of each split only.
    """
    loaded = [load_base(name) for name in bases]
    rows = [_row(base, corpus, data_dir, precision, limit) for base in loaded for corpus in corpora]
    return {"precision": precision, "limit": limit, "scores": rows, **origin(loaded[0].device)}


def _row(base: Base, name: str, data_dir: Path | None, precision: Precision, limit: int | None) -> dict[str, Any]:
    """Scores of a base on a corpus."""
    corpus = load_corpus(name, data_dir=data_dir)
    labels = [label.name for label in corpus.labels]
    split = "test" if "test" in corpus.splits else "train"
    gold = corpus.documents(split)[:limit]
    devel = corpus.documents("devel")[:limit] if "devel" in corpus.splits else []
    row: dict[str, Any] = {
        "base": base.id,
        "corpus": corpus.name,
        "split": split,
        "documents": len(gold),
        "pretrained_on": builtin_infos()[corpus.name].use == "pretraining",
    }
    for segment in SEGMENTS:
        annotator = Annotator(base, corpus.labels, threshold=READ_AT, segment=segment, precision=precision)
        start = time.perf_counter()
        found = annotator.annotate(gold)
        seconds = time.perf_counter() - start
        row[segment] = {
            "seconds": round(seconds, 1),
            "documents_per_second": round(len(gold) / seconds, 1),
            "at_0.5": _scores(gold, above(found, 0.5), labels),
        }
        if devel:
            tuned = best_threshold(devel, annotator.annotate(devel), labels, decoded_at=READ_AT).threshold
            row[segment]["tuned"] = {"threshold": tuned, **_scores(gold, above(found, tuned), labels)}
    return row


def _scores(gold: list[Document], found: list[Document], labels: list[str]) -> dict[str, float]:
    scores = score_documents(gold, list(keep_labels(found, labels)), labels)
    return {"macro_f1": round(scores.macro_f1, 4), "micro_f1": round(scores.micro_f1, 4)}


def segments_table(result: dict[str, Any]) -> Table:
    """The scores for a terminal."""
    table = Table("base", "corpus", "documents", *(f"{s}, {at}" for s in SEGMENTS for at in ("at 0.5", "tuned")))
    for row in result["scores"]:
        cells = [row[segment].get(at) for segment in SEGMENTS for at in ("at_0.5", "tuned")]
        shown = ["" if cell is None else f"{cell['macro_f1']:.4f}" for cell in cells]
        table.add_row(row["base"], f"{row['corpus']} ({row['split']})", f"{row['documents']:,}", *shown)
    return table


def main(
    base: Annotated[list[str] | None, typer.Option(help="Repeatable; by default all embedded bases.")] = None,
    corpus: Annotated[list[str] | None, typer.Option(help="Repeatable; by default all corpora of abstracts.")] = None,
    precision: o.Precision = "fp32",
    limit: Annotated[int | None, typer.Option(min=1, help="So many documents of each split only.")] = None,
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Score bases zero-shot on abstracts that are read by sentence and by window (macro F1)."""
    result = compare_segments(base or embedded_bases(), corpus or corpora_of_abstracts(), data_dir, precision, limit)
    finish(result, segments_table(result), output)


if __name__ == "__main__":
    run(main)
