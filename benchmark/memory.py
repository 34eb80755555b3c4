"""What a process holds of the machine's memory while it reads a long stream of short texts.

Texts are made on the spot, of many different lengths and with words that no text had before, so that nothing that is
remembered by word or by shape can hide.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import typer
from rich.table import Table

from benchmark.harness.memory import TENTHS, resident_mb
from benchmark.harness.script import Output, finish, origin, run
from benchmark.harness.server import PATIENCE, serving
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.cli import options as o
from gliner_adapters.documents import Document, Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.precision import Precision

Way = Literal["annotate", "read_stream", "server"]
LABELS = ("chemical", "disease")
#: Clients that ask a server at the same time.
CLIENTS = 32
#: Documents after which the process should hold what it needs.
WARM = 500


def texts(count: int, known: Sequence[str], seed: int = 1) -> Iterator[str]:
    """Short texts: 1 or 2 sentences of 3 to 12 words, one in fifty of up to 60; about one word in ten is new."""
    chance = random.Random(seed)
    for _ in range(count):
        sentences = []
        for _ in range(chance.randint(1, 2)):
            words = chance.choices(known, k=chance.randint(3, 60 if chance.random() < 0.02 else 12))
            for place in range(0, len(words), 10):
                words[place] = "".join(chance.choices("abcdefghilmnoprstu", k=chance.randint(5, 12)))
            sentences.append(" ".join(words).capitalize() + ".")
        yield " ".join(sentences)


def read(base: Base, way: Way, made: Iterator[str], precision: Precision) -> Iterator[None]:
    """Read texts in this process, one step a document."""
    annotator = Annotator(base, LABELS, precision=precision)
    if way == "annotate":
        yield from (None for _ in annotator.stream(made))
        return
    labels = tuple(Label(name) for name in LABELS)
    yield from (None for _ in annotator.read_stream(Request(Document(text), labels=labels) for text in made))


def ask(base: str, made: Iterator[str], precision: Precision) -> Iterator[int]:
    """Have a server of its own read texts, each a request of one of many clients: after each, the server's process."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(CLIENTS) as clients:
        options = ["--base", base, "--precision", precision, "--rate", "0"]
        with (
            serving(options, Path(folder) / "server.log") as (process, address),
            httpx.Client(base_url=address, timeout=PATIENCE, limits=httpx.Limits(max_connections=CLIENTS)) as client,
        ):

            def answered(text: str) -> int:
                answer = client.post("/v1/annotate", json={"text": text, "labels": LABELS})
                answer.raise_for_status()
                return process.pid

            waiting = deque(clients.submit(answered, text) for text in islice(made, CLIENTS))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(clients.submit(answered, text) for text in islice(made, 1))


def measure_memory(base_name: str, way: Way, documents: int, every: int, precision: Precision) -> dict[str, Any]:
    """Read a stream and look now and then at the memory of the process that reads.

    Args:
        base_name: the base.
        way: how it reads.
        documents: how many.
        every: documents between two looks.
        precision: ``"fp32"`` or ``"bf16"``.
    """
    base = load_base(base_name)
    vocabulary = base.text_tokens.tokenizer.get_vocab()
    known = sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2)
    made = texts(documents, known)
    steps = ask(base_name, made, precision) if way == "server" else read(base, way, made, precision)
    start, curve = time.monotonic(), list[tuple[int, float]]()
    for number, process in enumerate(steps, 1):
        if number % every == 0:
            curve.append((number, round(resident_mb(process), 1)))
    after = [size for count, size in curve if count >= WARM]
    seconds = time.monotonic() - start
    return {
        "base": base.id,
        "way": way,
        "precision": precision,
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
    if documents // every * every < WARM or documents <= TENTHS * every:
        raise ConfigError(
            f"too few documents: growth is told from {WARM} on, and each tenth of the documents needs a look at the "
            "memory; have more documents, or a smaller --every"
        )
    result = measure_memory(base, way, documents, every, precision)
    finish(result, memory_table(result), output)


if __name__ == "__main__":
    run(main)
