"""Reading in a spaCy pipeline against the annotator's own stream: the same texts and model, in turn in each round.

The pipeline is `spacy.blank("en")` with the component alone, so what it takes beyond the stream is spaCy's tokenizer
(timed by itself, too), fitting entities to tokens and writing them down. Entities are compared as they were found, in
characters and with their scores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, middle, timed_rounds
from gliner_adapters.adapters import describe, load_adapter, save_adapter
from gliner_adapters.annotate import Annotator
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document
from gliner_adapters.extras import require
from gliner_adapters.methods import attach
from gliner_adapters.model import Base, load_base
from gliner_adapters.training import TrainingConfig, train

#: Training steps of an adapter: enough to find something.
STEPS = 4
ZERO_SHOT = "zero-shot"
METHODS = (ZERO_SHOT, "heads")

Found = list[list[tuple[int, int, str, float]]]


def compare_with_stream(
    base_name: str,
    corpus_name: str,
    methods: Sequence[str],
    data_dir: Path | None = None,
    *,
    documents: int = 500,
    rounds: int = 5,
) -> dict[str, Any]:
    """Time `nlp.pipe` against `Annotator.stream`.

    Args:
        base_name: the base.
        corpus_name: whose test documents are read, the first of the split.
        methods: an adapter of each is read with; ``zero-shot`` is the base with the corpus's labels.
        data_dir: where corpora lie.
        documents: how many.
        rounds: how often both are timed, in turn.
    """
    spacy = require("spacy", "spacy")
    corpus = load_corpus(corpus_name, data_dir=data_dir)
    texts = [document.text for document in corpus.documents("test")[:documents]]
    base = load_base(base_name)
    rows = {}
    with tempfile.TemporaryDirectory() as place:
        for method in methods:
            folder = Path(place) / method
            annotator, config = _reader(method, base, corpus, folder)
            nlp = spacy.blank("en")
            component = nlp.add_pipe("gliner_adapters", config=config)
            ways: dict[str, Callable[[], list[Any]]] = {
                "stream": partial(_streamed, annotator, texts),
                "spacy": partial(_piped, nlp, texts),
                "tokenizer": partial(_tokenized, nlp, texts),
            }
            seconds, results = timed_rounds(ways, rounds)
            streamed, piped = _of_documents(results["stream"]), _of_docs(results["spacy"])
            merged = component.counts.merged // (rounds + 1)
            pairs = list(zip(seconds["spacy"], seconds["stream"], strict=True))
            rows[method] = {
                "seconds": {name: [round(value, 3) for value in times] for name, times in seconds.items()},
                "times_as_long": middle([mine / stream for mine, stream in pairs], digits=3),
                "tokenizer_share": middle(
                    [own / stream for own, stream in zip(seconds["tokenizer"], seconds["stream"], strict=True)],
                    digits=3,
                ),
                "entities": sum(map(len, streamed)),
                "same_entities": _same(_keys(piped), _keys(streamed), merged),
                "same_scores": _same(_rounded(piped), _rounded(streamed), merged),
                "moved": component.counts.moved // (rounds + 1),
                "merged": merged,
                "left_out": component.counts.left_out // (rounds + 1),
            }
    return {
        "base": base.id,
        "corpus": corpus.name,
        "documents": len(texts),
        "spacy": spacy.__version__,
        "methods": rows,
        **origin(base.device),
    }


def _reader(method: str, base: Base, corpus: Corpus, folder: Path) -> tuple[Annotator, dict[str, Any]]:
    """An annotator, and the component's config that reads with the same."""
    if method == ZERO_SHOT:
        labels = [label.name for label in corpus.labels]
        return Annotator(base, labels), {"base": base.id, "labels": labels}
    adapter, config = attach(method, base, corpus.labels), TrainingConfig(epochs=1)
    learnt = corpus.documents("train")[: STEPS * config.batch_size]
    result = train(base, adapter, learnt, config=config, folder=folder / "run")
    save_adapter(describe(adapter, base, threshold=result.threshold), folder)
    return Annotator(load_adapter(folder, base)), {"adapter": str(folder)}


def _streamed(annotator: Annotator, texts: list[str]) -> list[Document]:
    return list(annotator.stream(texts))


def _piped(nlp: Any, texts: list[str]) -> list[Any]:
    return list(nlp.pipe(texts))


def _tokenized(nlp: Any, texts: list[str]) -> list[Any]:
    return list(nlp.tokenizer.pipe(texts))


def _of_documents(documents: Sequence[Document]) -> Found:
    return [[(*entity.key, entity.score or 0.0) for entity in document.entities] for document in documents]


def _of_docs(docs: Sequence[Any]) -> Found:
    """Entities as they were found, before they were fitted to tokens."""
    found = []
    for doc in docs:
        group = doc.spans["gliner_adapters"]
        rows = zip(group.attrs["offsets"].tolist(), group, group.attrs["scores"].tolist(), strict=True)
        found.append([(start, end, span.label_, score) for (start, end), span, score in rows])
    return found


def _same(piped: list[list[Any]], streamed: list[list[Any]], merged: int) -> bool:
    """Whether spaCy's documents have what the stream gives, less those that share a token with a better one."""
    pairs = list(zip(piped, streamed, strict=True))
    return all(set(own) <= set(other) for own, other in pairs) and merged == sum(len(b) - len(a) for a, b in pairs)


def _keys(found: Found) -> list[list[tuple[int, int, str]]]:
    return [sorted(entity[:3] for entity in document) for document in found]


def _rounded(found: Found) -> list[list[tuple[Any, ...]]]:
    """Scores to six digits: the last bits of one depend on what is read beside it."""
    return [sorted((*entity[:3], round(entity[3], 6)) for entity in document) for document in found]


def pipe_table(result: dict[str, Any]) -> Table:
    """The measurement for a terminal."""
    table = Table(
        "reads with", "times as long", "tokenizer alone", "entities", title=f"{result['documents']} documents"
    )
    for method, row in result["methods"].items():
        same = "same, scores too" if row["same_scores"] else "same" if row["same_entities"] else "others"
        table.add_row(method, interval(row["times_as_long"], 3), interval(row["tokenizer_share"], 3), same)
    return table


def main(
    method: Annotated[list[str] | None, typer.Option("--method", help="Repeatable.")] = None,
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test documents are read.")] = "bc5cdr-pubtator",
    documents: Annotated[int, typer.Option(min=1, help="How many of them.")] = 500,
    rounds: Rounds = 5,
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time reading in a spaCy pipeline against `Annotator.stream`, on the same texts, in turn."""
    result = compare_with_stream(base, corpus, method or METHODS, data_dir, documents=documents, rounds=rounds)
    finish(result, pipe_table(result), output)


if __name__ == "__main__":
    run(main)
