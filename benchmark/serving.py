"""What reading with many adapters costs: documents a second, memory and loading, and where the time goes.

The base alone reads every document with one set of labels. Beside it, each document is read with one of many adapters
that change labels only and have as many labels as that set. All contenders are timed in turn within a round; ratios
are taken round by round and their median is reported, so a machine whose speed drifts favours nobody.
"""

from __future__ import annotations

import gc
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table

from benchmark.harness.adapters import LABELS, write_adapters
from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, middle, timed_rounds
from gliner_adapters.annotate import AdapterLibrary, Annotator, Request
from gliner_adapters.annotate.plan import Planner
from gliner_adapters.annotate.results import readings
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import Document, Label, word_spans
from gliner_adapters.errors import ConfigError
from gliner_adapters.inference import Engine
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.precision import Precision

#: How many different adapters share a read.
COUNTS = (1, 8, 64, 512)


def compare_serving(
    base_name: str,
    corpus_name: str,
    data_dir: Path | None = None,
    *,
    documents: int = 512,
    counts: Sequence[int] = COUNTS,
    rounds: int = 5,
    precision: Precision = "fp32",
) -> dict[str, Any]:
    """All measurements on one base; see the module's docstring.

    Args:
        base_name: a bi-encoder.
        corpus_name: whose test documents are read.
        data_dir: where corpora lie.
        documents: how many, the first of the split.
        counts: numbers of adapters to read with.
        rounds: how often everything is timed.
        precision: ``"fp32"`` or ``"bf16"``.

    Raises:
        ConfigError: the base is no bi-encoder, or there are fewer documents than adapters.
    """
    base = load_base(base_name)
    if base.architecture != "bi":
        raise ConfigError(f"{base_name} is a uni-encoder: its adapters cannot be a few label vectors")
    texts = [Document(d.text, words=d.words) for d in load_corpus(corpus_name, data_dir=data_dir).documents("test")]
    texts = texts[:documents]
    if len(texts) < max(counts):
        raise ConfigError(f"{len(texts)} documents cannot be spread over {max(counts)} adapters; read more")
    with tempfile.TemporaryDirectory() as folder:
        write_adapters(base, Path(folder), max(counts))
        library = AdapterLibrary.of_folder(folder, base)
        return {
            "base": base.id,
            "corpus": corpus_name,
            "documents": len(texts),
            "words_per_document": round(_words(base, texts) / len(texts), 1),
            "labels": LABELS,
            "precision": precision,
            "loading": measure_loading(library),
            "throughput": measure_throughput(library, texts, counts, rounds, precision),
            "stages": measure_stages(base, texts, rounds, precision),
            **origin(base.device),
        }


def measure_loading(library: AdapterLibrary) -> dict[str, Any]:
    """Load every adapter of a library once, from folders: time and memory for each.

    Bytes are those of the tensors; what the process has grown by, Python's objects included, is read where the system
    tells it (Linux).
    """
    seconds = []
    before = _resident_bytes()
    for name in library.names():
        start = time.perf_counter()
        library.get(name)
        seconds.append(time.perf_counter() - start)
    after = _resident_bytes()
    infos = [library.info(name) for name in library.names()]
    return {
        "adapters": len(infos),
        "milliseconds_per_adapter": round(1000 * statistics.median(seconds), 2),
        "seconds": round(sum(seconds), 2),
        "tensor_bytes_per_adapter": max(info.bytes for info in infos),
        "resident_bytes_per_adapter": None if before is None or after is None else (after - before) // len(infos),
    }


def _resident_bytes() -> int | None:
    """What the process holds of the machine's memory."""
    gc.collect()
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return None


def measure_throughput(
    library: AdapterLibrary, texts: Sequence[Document], counts: Sequence[int], rounds: int, precision: Precision
) -> dict[str, Any]:
    """Documents a second with the base's own labels, and with each document's own of so many adapters."""
    annotator = Annotator(library.base, adapters=library, precision=precision)
    plain = tuple(Label(label) for label in LABELS)
    contenders: dict[str, Callable[[], Any]] = {
        "base": lambda: annotator.read([Request(text, labels=plain) for text in texts])
    }
    for count in counts:
        names = library.names()[:count]
        requests = [Request(text, (names[i % count],)) for i, text in enumerate(texts)]
        contenders[str(count)] = lambda requests=requests: annotator.read(requests)  # type: ignore[misc]
    seconds, results = timed_rounds(contenders, rounds)
    shares = {
        name: [base / own for base, own in zip(seconds["base"], times, strict=True)]
        for name, times in seconds.items()
        if name != "base"
    }
    return {
        "rounds": rounds,
        "documents_per_second": {n: round(len(texts) / statistics.median(s), 1) for n, s in seconds.items()},
        "share_of_base": {name: middle(ratios, digits=3) for name, ratios in shares.items()},
        "entities": {name: sum(len(r.document.entities) for r in read) for name, read in results.items()},
    }


def measure_stages(base: Base, texts: Sequence[Document], rounds: int, precision: Precision) -> dict[str, Any]:
    """Where the time of reading with the base goes: preparing, text encoder, span head and picking, entities.

    The text encoder is timed from within a pass, by hooks on it, so the shares are of one and the same reading.
    """
    library = AdapterLibrary({}, base)
    engine = Engine(base, precision, load=library.weights)
    planner = Planner(engine, library, "name")
    plain = tuple(Label(label) for label in LABELS)
    requests = [Request(text, labels=plain) for text in texts]
    encoder = base.parts.text_encoder
    spent = {"encoder": 0.0, "begun": 0.0}

    def begin(*_: Any) -> None:
        spent["begun"] = time.perf_counter()

    def end(*_: Any) -> None:
        if base.device.type == "cuda":
            torch.cuda.synchronize(base.device)
        spent["encoder"] += time.perf_counter() - spent["begun"]

    shares: dict[str, list[float]] = {"preparing": [], "encoder": [], "scoring": [], "entities": []}
    hooks = [encoder.register_forward_pre_hook(begin), encoder.register_forward_hook(end)]
    try:
        for number in range(rounds + 1):
            spent["encoder"] = 0.0
            times = [time.perf_counter()]
            plan = planner.plan(requests)
            times.append(time.perf_counter())
            scored = engine.run(plan)
            times.append(time.perf_counter())
            readings(plan, scored)
            times.append(time.perf_counter())
            if number:  # the first one warms up
                whole = times[3] - times[0]
                shares["preparing"].append((times[1] - times[0]) / whole)
                shares["encoder"].append(spent["encoder"] / whole)
                shares["scoring"].append((times[2] - times[1] - spent["encoder"]) / whole)
                shares["entities"].append((times[3] - times[2]) / whole)
    finally:
        for hook in hooks:
            hook.remove()
    medians = {name: round(statistics.median(each), 4) for name, each in shares.items()}
    return {"shares": medians, "outside_the_encoder": round(1 - medians["encoder"], 4)}


def _words(base: Base, texts: Sequence[Document]) -> int:
    """The words of all texts."""
    return sum(len(word_spans(text)) for text in texts)


def serving_table(result: dict[str, Any]) -> Table:
    """The figures for a terminal."""
    throughput, loading, stages = result["throughput"], result["loading"], result["stages"]
    table = Table("read with", "documents/s", "of the base alone", title="Serving", title_justify="left")
    for name, rate in throughput["documents_per_second"].items():
        share = throughput["share_of_base"].get(name)
        told = interval(share, digits=3)
        table.add_row("the base's labels" if share is None else f"{name} adapters", f"{rate:.1f}", told)
    table.caption = (
        f"an adapter: {loading['tensor_bytes_per_adapter']} bytes of tensors, "
        f"{loading['milliseconds_per_adapter']} ms to load; "
        f"outside the encoder: {100 * stages['outside_the_encoder']:.1f}% of the time"
    )
    return table


def main(
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test documents are read.")] = "bc5cdr",
    documents: Annotated[int, typer.Option(min=8, help="Documents to read.")] = 512,
    adapters: Annotated[
        list[int] | None, typer.Option(min=1, help="Adapters to read with; repeatable. By default 1, 8, 64 and 512.")
    ] = None,
    rounds: Rounds = 5,
    precision: o.Precision = "fp32",
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time reading with many label-side adapters on one base against the base alone, and weigh an adapter.

    Also says how much of the time of reading with the base is spent outside of its text encoder.
    """
    result = compare_serving(
        base, corpus, data_dir, documents=documents, counts=adapters or COUNTS, rounds=rounds, precision=precision
    )
    finish(result, serving_table(result), output)


if __name__ == "__main__":
    run(main)
