"""What a process holds of the machine's memory while it reads a long stream of short texts.

Texts are made on the spot, of many different lengths and with words that no text had before, so that nothing that is
remembered by word or by shape can hide.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from benchmark.harness.memory import resident_mb
from benchmark.harness.script import Output, finish, origin, run
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.cli import options as o
from gliner_adapters.documents import Document, Label
from gliner_adapters.model import load_base
from gliner_adapters.model.precision import Precision

Way = Literal["annotate", "read_stream", "server"]
LABELS = ("chemical", "disease")
#: The server reads batches of so many documents, each in one call.
SERVED = 64
#: Documents after which the process should hold what it needs.
WARM = 500


def texts(count: int, known: Sequence[str], seed: int = 1) -> Iterator[str]:
    """Short texts: 1 to 3 sentences of 3 to 20 words; every tenth word is new, the others are known ones."""
    chance = random.Random(seed)
    for _ in range(count):
        sentences = []
        for _ in range(chance.randint(1, 3)):
            words = chance.choices(known, k=chance.randint(3, 20))
            for place in range(0, len(words), 10):
                words[place] = "".join(chance.choices("abcdefghilmnoprstu", k=chance.randint(5, 12)))
            sentences.append(" ".join(words).capitalize() + ".")
        yield " ".join(sentences)


def read(annotator: Annotator, way: Way, made: Iterator[str]) -> Iterator[None]:
    """Read texts in one of the ways in which they are read, one step a document."""
    labels = tuple(Label(name) for name in LABELS)
    if way == "annotate":
        yield from (None for _ in annotator.stream(made))
        return
    requests = (Request(Document(text), labels=labels) for text in made)
    if way == "read_stream":
        yield from (None for _ in annotator.read_stream(requests))
        return
    batch: list[Request] = []  # as the server does
    for request in requests:
        batch.append(request)
        if len(batch) == SERVED:
            yield from (None for _ in annotator.read(batch))
            batch = []
    yield from (None for _ in annotator.read(batch))


def measure_memory(base_name: str, way: Way, documents: int, every: int, precision: Precision) -> dict[str, Any]:
    """Read a stream and look at the process's memory now and then.

    Args:
        base_name: the base.
        way: how it reads.
        documents: how many.
        every: documents between two looks.
        precision: ``"fp32"`` or ``"bf16"``.
    """
    base = load_base(base_name)
    annotator = Annotator(base, LABELS, precision=precision)
    vocabulary = base.text_tokens.tokenizer.get_vocab()
    known = sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2)
    start, curve = time.monotonic(), [(0, round(resident_mb(), 1))]
    for number, _ in enumerate(read(annotator, way, texts(documents, known)), 1):
        if number % every == 0:
            curve.append((number, round(resident_mb(), 1)))
    after = [size for count, size in curve if count >= WARM] or [curve[-1][1]]
    seconds = time.monotonic() - start
    return {
        "base": base.id,
        "way": way,
        "precision": precision,
        "segment": annotator.segment,
        "documents": documents,
        "seconds": round(seconds, 1),
        "documents_per_second": round(documents / seconds, 1),
        "growth_after_500": round(max(after) / after[0] - 1, 4),
        "curve_mb": curve,
        **origin(base.device),
    }


def memory_table(result: dict[str, Any]) -> Table:
    """The curve for a terminal, at ten places."""
    grown = f"{result['growth_after_500']:+.1%} after the first {WARM} documents"
    table = Table("documents", "MB", title=f"{result['way']}, {result['base']}, {result['precision']}: {grown}")
    curve = result["curve_mb"]
    for documents, size in curve[:: max(1, len(curve) // 10)]:
        table.add_row(f"{documents:,}", f"{size:,.0f}")
    return table


def main(
    base: o.BaseName = "minilm-bi",
    way: Annotated[Way, typer.Option(help="How texts are read.")] = "annotate",
    documents: Annotated[int, typer.Option(min=1, help="How many.")] = 100_000,
    every: Annotated[int, typer.Option(min=1, help="Documents between two looks.")] = 500,
    precision: o.Precision = "fp32",
    output: Output = None,
) -> None:
    """Read a long stream of made-up texts and tell what the process holds of the memory."""
    result = measure_memory(base, way, documents, every, precision)
    finish(result, memory_table(result), output)


if __name__ == "__main__":
    run(main)
