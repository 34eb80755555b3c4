"""How fast one adapter is read through each public method, in turn within each round of one process.

The adapters are trained for a few steps, which is enough to find something. ``--against`` names a Python file with a
function ``annotate(trained, documents)``: another way of reading, which the others are then compared with.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, speedups, timed_rounds
from gliner_adapters.adapters import TrainedAdapter, describe
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.model import Base, load_base
from gliner_adapters.training import TrainingConfig, train

#: Training steps of an adapter.
STEPS = 4
METHODS = ("heads", "label-embeddings")

Read = Callable[[], Sequence[Document]]


def compare_ways(
    base_name: str,
    corpus_name: str,
    methods: Sequence[str],
    data_dir: Path | None = None,
    *,
    documents: int = 300,
    rounds: int = 5,
    against: Path | None = None,
) -> dict[str, Any]:
    """Time every way of reading with one adapter.

    Args:
        base_name: the base.
        corpus_name: whose test documents are read, the first of the split.
        methods: an adapter of each is read with.
        data_dir: where corpora lie.
        documents: how many.
        rounds: how often all are timed, in turn.
        against: a file with another way.
    """
    corpus = load_corpus(corpus_name, data_dir=data_dir)
    texts = corpus.documents("test")[:documents]
    base = load_base(base_name)
    rows = {}
    for method in methods:
        trained = trained_for(method, base, corpus)
        contenders = _contenders(trained, texts, against)
        reference = next(iter(contenders))
        found = {name: [_entities(document) for document in read()] for name, read in contenders.items()}  # warms up
        counted = {name: partial(_count, read) for name, read in contenders.items()}
        seconds, _ = timed_rounds(counted, rounds)
        rows[method] = {
            "seconds": {name: [round(value, 3) for value in times] for name, times in seconds.items()},
            "reference": reference,
            "times_as_fast": speedups(seconds, reference),
            "entities": sum(map(len, found[reference])),
            "same_entities": {name: _keys(each) == _keys(found[reference]) for name, each in found.items()},
            "same_bytes": {name: each == found[reference] for name, each in found.items()},
        }
    return {"base": base.id, "corpus": corpus.name, "documents": len(texts), "methods": rows, **origin(base.device)}


def trained_for(method: str, base: Base, corpus: Corpus) -> TrainedAdapter:
    """An adapter after a few steps."""
    adapter, config = attach(method, base, corpus.labels), TrainingConfig(epochs=1)
    with tempfile.TemporaryDirectory() as folder:
        learnt = corpus.documents("train")[: STEPS * config.batch_size]
        result = train(base, adapter, learnt, config=config, folder=folder)
    return describe(adapter, base, threshold=result.threshold)


def _contenders(trained: TrainedAdapter, texts: Sequence[Document], against: Path | None) -> dict[str, Read]:
    """Every way of reading texts with an adapter."""
    single, many = Annotator(trained), Annotator(trained.base, adapters={"one": trained})
    requests = [Request(document, ("one",)) for document in texts]
    ways: dict[str, Read] = {} if against is None else {"other": partial(_function(against), trained, texts)}
    ways["annotate"] = partial(single.annotate, texts)
    ways["stream"] = lambda: list(single.stream(texts))
    ways["read"] = lambda: [reading.document for reading in many.read(requests)]
    return ways


def _function(path: Path) -> Callable[..., Sequence[Document]]:
    """The function of a file.

    Raises:
        ConfigError: the file is no Python module.
    """
    spec = importlib.util.spec_from_file_location("other_way", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"--against {path}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    annotate: Callable[..., Sequence[Document]] = module.annotate
    return annotate


def _entities(document: Document) -> list[tuple[Any, ...]]:
    return [(*entity.key, entity.score) for entity in document.entities]


def _keys(found: list[list[tuple[Any, ...]]]) -> list[list[tuple[Any, ...]]]:
    """Entities without their scores."""
    return [[entity[:-1] for entity in document] for document in found]


def _count(read: Read) -> int:
    return len(read())


def ways_table(result: dict[str, Any]) -> Table:
    """The measurement for a terminal."""
    table = Table("adapter", "way", "times as fast", "entities", title=f"{result['documents']} documents")
    for method, row in result["methods"].items():
        for name in row["seconds"]:
            same = "same bytes" if row["same_bytes"][name] else "same" if row["same_entities"][name] else "others"
            faster = interval(row["times_as_fast"].get(name)) or f"({row['reference']})"
            table.add_row(method, name, faster, same)
    return table


def main(
    method: Annotated[list[str] | None, typer.Option("--method", help="Repeatable.")] = None,
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test documents are read.")] = "bc5cdr",
    documents: Annotated[int, typer.Option(min=1, help="How many of them.")] = 300,
    rounds: Rounds = 5,
    against: Annotated[Path | None, typer.Option(help="A file with `annotate(trained, documents)`.")] = None,
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time reading with one adapter through `annotate`, `stream` and `read`, on the same documents, in turn."""
    result = compare_ways(
        base, corpus, method or METHODS, data_dir, documents=documents, rounds=rounds, against=against
    )
    finish(result, ways_table(result), output)


if __name__ == "__main__":
    run(main)
