"""Speed against the `gliner` library: same weights, same texts, one process, timed in turn.

A round times every contender once; ratios are taken within a round and their median is reported, so a machine
whose speed drifts favours nobody. What is found in fp32 is compared entity by entity.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import typer
from rich.table import Table

from benchmark.harness.passes import collator
from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.timing import interval, speedups, timed_rounds
from benchmark.harness.weights import load_weights
from gliner_adapters.annotate import Annotator
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document, entity_words, word_spans
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base
from gliner_adapters.model.passages import Passage, Segmenter
from gliner_adapters.model.precision import Precision
from gliner_adapters.training.config import TrainingConfig
from gliner_adapters.training.losses import span_loss, span_targets
from gliner_adapters.training.module import TrainingModule

#: Sentences in a training step, as in GLiNER's and our own training.
TRAINING_BATCH = 32
#: Scores of one entity may differ by float rounding between the two passes.
SCORE_TOLERANCE = 1e-4
SEED = 1


def compare_speed(
    base_name: str,
    adapter_name: str | None,
    corpus_name: str,
    data_dir: Path | None = None,
    *,
    sentences: int = 1000,
    steps: int = 12,
    rounds: int = 3,
    part: Literal["inference", "training", "all"] = "all",
) -> dict[str, Any]:
    """Time inference and training steps; see the module's docstring.

    Args:
        base_name: the base, where no adapter is given.
        adapter_name: an adapter that a GLiNER can hold (`full`, `heads`); trained weights find realistic numbers
            of entities.
        corpus_name: whose test and training sentences are taken.
        data_dir: where corpora lie.
        sentences: test sentences to read, the first of the split.
        steps: training steps to time, on sentences of the training split.
        rounds: how often everything is timed.
        part: what to time.
    """
    corpus = load_corpus(corpus_name, data_dir=data_dir)
    with tempfile.TemporaryDirectory() as folder:
        weights = load_weights(base_name, adapter_name, corpus.labels, Path(folder))
    gliner, base, threshold = weights.gliner, weights.base, weights.threshold
    result: dict[str, Any] = {"weights": adapter_name or base_name, "base": base.id, "corpus": corpus.name}
    if part in ("inference", "all"):
        result["inference"] = _inference(gliner, base, corpus, threshold, sentences, rounds)
    if part in ("training", "all"):
        result["training"] = _training(gliner, base, corpus, steps, rounds)
    return result | origin(base.device)


def _inference(
    gliner: Any, base: Base, corpus: Corpus, threshold: float, sentences: int, rounds: int
) -> dict[str, Any]:
    """Reading test sentences."""
    texts = [document.text for document in corpus.documents("test")[:sentences]]
    labels = [label.name for label in corpus.labels]
    annotators = {
        precision: Annotator(base, labels, threshold=threshold, precision=precision) for precision in ("fp32", "bf16")
    }
    contenders: dict[str, Callable[[], Any]] = {
        "gliner, defaults": lambda: gliner.inference(texts, labels, threshold=threshold),
        "gliner, batch 32": lambda: gliner.inference(texts, labels, threshold=threshold, batch_size=32),
        "gliner-adapters, fp32": lambda: _read_anew(annotators["fp32"], texts),
        "gliner-adapters, bf16": lambda: _read_anew(annotators["bf16"], texts),
    }
    with torch.inference_mode():
        seconds, results = timed_rounds(contenders, rounds)
    theirs = results["gliner, defaults"]
    return {
        "sentences": len(texts),
        "threshold": threshold,
        "sentences_per_second": {name: round(len(texts) / statistics.median(s), 1) for name, s in seconds.items()},
        "speedup_over_gliner_defaults": speedups(seconds, "gliner, defaults"),
        "fp32_same_entities": same_entities(theirs, results["gliner-adapters, fp32"]),
        "entities": {
            "gliner, defaults": sum(map(len, theirs)),
            "gliner-adapters, fp32": sum(len(d.entities) for d in results["gliner-adapters, fp32"]),
            "gliner-adapters, bf16": sum(len(d.entities) for d in results["gliner-adapters, bf16"]),
        },
    }


def _read_anew(annotator: Annotator, texts: list[str]) -> list[Document]:
    """Read texts without a memory of their words."""
    annotator.model.base.text_tokens.forget()
    return annotator.annotate(texts)


def same_entities(theirs: Sequence[Sequence[dict[str, Any]]], ours: Sequence[Document]) -> bool:
    """Whether both found the same spans and labels with the same scores, up to float rounding."""
    for found, document in zip(theirs, ours, strict=True):
        a = sorted((e["start"], e["end"], e["label"], e["score"]) for e in found)
        b = sorted((e.start, e.end, e.label, e.score) for e in document.entities)
        if [x[:3] for x in a] != [x[:3] for x in b]:
            return False
        if any(abs(x[3] - (y[3] or 0)) > SCORE_TOLERANCE for x, y in zip(a, b, strict=True)):
            return False
    return True


def _training(gliner: Any, base: Base, corpus: Corpus, steps: int, rounds: int) -> dict[str, Any]:
    """Full fine-tuning steps on the same batches: collation, forward, loss, backward, optimiser."""
    documents = corpus.documents("train")[: steps * TRAINING_BATCH]
    if len(documents) < steps * TRAINING_BATCH:
        raise ConfigError(f"{corpus.name} has too few training sentences for {steps} steps of {TRAINING_BATCH}")
    adapter = attach("full", base, corpus.labels)
    passages = Segmenter(base, corpus.labels).passages(documents, gold=True)
    order = sorted(range(len(passages)), key=lambda i: passages[i].ids.size)
    batches = _cut(order)
    at_random = _cut(np.random.default_rng(SEED).permutation(len(passages)).tolist())
    result: dict[str, Any] = {"sentences": len(documents), "steps": steps, "batch_size": TRAINING_BATCH}
    precision: Precision
    for precision in ("fp32", "bf16"):
        contenders: dict[str, Callable[[], Any]] = {
            # As the library's own trainer makes them: at random.
            "gliner, its batches": lambda p=precision: _their_steps(gliner, documents, at_random, corpus, p),  # type: ignore[misc]
            "gliner, our batches": lambda p=precision: _their_steps(gliner, documents, batches, corpus, p),  # type: ignore[misc]
            "gliner-adapters": lambda p=precision: _our_steps(base, adapter, passages, batches, p),  # type: ignore[misc]
        }
        seconds, losses = timed_rounds(contenders, rounds)
        result[precision] = {
            "sentences_per_second": {n: round(len(documents) / statistics.median(s), 1) for n, s in seconds.items()},
            "speedup": speedups(seconds, "gliner, its batches")["gliner-adapters"],
            "speedup_on_our_batches": speedups(seconds, "gliner, our batches")["gliner-adapters"],
            "first_loss": {name: round(value, 4) for name, value in losses.items()},
        }
    return result


def _cut(order: list[int]) -> list[list[int]]:
    """An order of sentences as batches."""
    return [order[i : i + TRAINING_BATCH] for i in range(0, len(order), TRAINING_BATCH)]


def _our_steps(
    base: Base, adapter: Adapter, passages: Sequence[Passage], batches: list[list[int]], precision: Precision
) -> float:
    """Training steps of ours; the summed loss of the first."""
    module = TrainingModule(base, adapter, precision)
    collate = collator(base, adapter)
    config = TrainingConfig(precision=precision)
    trained = list(adapter.trained().values())
    optimiser = torch.optim.AdamW(trained, lr=1e-6, fused=True)
    torch.manual_seed(SEED)
    adapter.train()
    first = None
    for batch in batches:
        chosen = [passages[i] for i in batch]
        collated = collate(chosen)
        logits = module(collated)
        targets = span_targets(chosen, base.max_width, len(adapter.labels))
        loss = span_loss(logits, targets, collated.lengths, config)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        first = float(loss.detach()) * len(batch) if first is None else first
    return first or 0.0


def _their_steps(
    gliner: Any, documents: Sequence[Document], batches: list[list[int]], corpus: Corpus, precision: Precision
) -> float:
    """The same steps by GLiNER's own collator, forward and loss; the summed loss of the first."""
    labels = [label.name for label in corpus.labels]
    examples = [_example(document) for document in documents]
    collator = type(gliner).data_collator_class(gliner.config, data_processor=gliner.data_processor)
    gliner.model.requires_grad_(True)
    optimiser = torch.optim.AdamW(gliner.model.parameters(), lr=1e-6, fused=True)
    torch.manual_seed(SEED)
    gliner.model.train()
    first = None
    for batch in batches:
        inputs = collator([examples[i] for i in batch], entity_types=[labels] * len(batch))
        with nullcontext() if precision == "fp32" else torch.autocast("cpu", torch.bfloat16):
            loss = gliner.model(**inputs).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        first = float(loss.detach()) if first is None else first
    gliner.model.requires_grad_(False)
    gliner.model.eval()
    return first or 0.0


def _example(document: Document) -> dict[str, Any]:
    """A document as GLiNER's collator takes it."""
    words = word_spans(document)
    spans = [(entity_words(words, entity), entity.label) for entity in document.entities]
    return {
        "tokenized_text": [document.text[start:end] for start, end in words],
        "ner": [(span[0], span[1], label) for span, label in spans if span is not None],
    }


def speed_table(result: dict[str, Any]) -> Table:
    """The result for reading."""
    table = Table("what", "sentences/s", "times faster than gliner", title="Speed", title_justify="left")
    if inference := result.get("inference"):
        ratios = inference["speedup_over_gliner_defaults"]
        for name, rate in inference["sentences_per_second"].items():
            table.add_row(f"inference: {name}", f"{rate:.1f}", interval(ratios.get(name)))
        same = inference["fp32_same_entities"]
        table.caption = "fp32 entities " + ("equal gliner's" if same else "DIFFER from gliner's")
    for precision in ("fp32", "bf16") if "training" in result else ():
        training = result["training"][precision]
        for name, rate in training["sentences_per_second"].items():
            speedup = training["speedup"] if name == "gliner-adapters" else None
            table.add_row(f"training {precision}: {name}", f"{rate:.1f}", interval(speedup))
    return table


def main(
    adapter: Annotated[str | None, typer.Option("--adapter", "-a", help="Time with these weights.")] = None,
    base: o.BaseName = "encoder:minilm",
    corpus: Annotated[str, typer.Option("--corpus", help="Whose test sentences are read.")] = "bc5cdr",
    sentences: Annotated[int, typer.Option(min=8, help="Sentences to read.")] = 1000,
    steps: Annotated[int, typer.Option(min=1, help="Training steps to time.")] = 12,
    rounds: Rounds = 3,
    part: Annotated[Literal["inference", "training", "all"], typer.Option(help="What to time.")] = "all",
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Time inference and training against the gliner library, on the same weights, in one process, in turn.

    Ratios are taken round by round, so a machine whose speed drifts does not favour either side. Entities found in
    fp32 are compared one by one.
    """
    result = compare_speed(base, adapter, corpus, data_dir, sentences=sentences, steps=steps, rounds=rounds, part=part)
    finish(result, speed_table(result), output)


if __name__ == "__main__":
    run(main)
