"""What an adapter costs beyond its score: what was forgotten, what other words do to it, how much slower reading gets.

Each measure is a function of a trained adapter and writes nothing; the runner keeps what it returns in a file of the
measure's name.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from gliner_adapters.adapters import TrainedAdapter, describe
from gliner_adapters.annotate import Annotator
from gliner_adapters.comparison.timing import timed_rounds
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document, Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import score_documents
from gliner_adapters.inference import Engine, single_source
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.methods.carry import carry_over
from gliner_adapters.model import Base, forward, load_base
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.model.precision import Precision
from gliner_adapters.settings import read_settings

Measure = Literal["forgetting", "paraphrase", "latency"]

#: What zero-shot reading is measured on before and after: a corpus whose labels no base was trained on.
FORGETTING_CORPUS = "bionlp11id"
#: Zero-shot scores are taken at GLiNER's own threshold.
ZERO_SHOT_THRESHOLD = 0.5
#: Documents that latency is measured on, and how often.
LATENCY_DOCUMENTS, LATENCY_ROUNDS = 200, 3
#: Sentences whose logits are compared with the adapter unplugged.
UNPLUGGED_SENTENCES = 32


def forgetting(trained: TrainedAdapter, data_dir: Path | None, precision: Precision) -> dict[str, Any]:
    """Zero-shot reading of other labels: the base alone, and with the adapter plugged in.

    Plugged in, the adapter's trained pieces read the other labels (:func:`~gliner_adapters.methods.carry.carry_over`).
    Unplugged, the base that was in memory all the while is compared with one that is loaded afresh, logit by logit.

    Args:
        trained: the adapter.
        data_dir: where registered corpora lie.
        precision: of reading.
    """
    other = load_corpus(FORGETTING_CORPUS, data_dir=data_dir)
    base, gold = trained.base, other.documents("test")
    before = _zero_shot(describe(_plain(base, other.labels), base, threshold=ZERO_SHOT_THRESHOLD), gold, precision)
    carried = carry_over(trained.adapter, base, other.labels)
    plugged = _zero_shot(describe(carried, base, threshold=ZERO_SHOT_THRESHOLD), gold, precision)
    return {
        "corpus": other.name,
        "documents": len(gold),
        "threshold": ZERO_SHOT_THRESHOLD,
        "before": before,
        "plugged": plugged,
        "unplugged_equal": _unplugged_equal(base, other.labels, gold[:UNPLUGGED_SENTENCES]),
    }


def _plain(base: Base, labels: Sequence[Label]) -> Adapter:
    return attach("zero-shot", base, labels)


def _zero_shot(model: TrainedAdapter, gold: Sequence[Document], precision: Precision) -> dict[str, float]:
    found = Annotator(model, precision=precision).annotate(gold)
    return _both_f1(gold, found, list(model.labels))


def _both_f1(gold: Sequence[Document], found: Sequence[Document], labels: list[str]) -> dict[str, float]:
    scores = score_documents(gold, found, labels)
    return {"macro_f1": scores.macro_f1, "micro_f1": scores.micro_f1}


def _unplugged_equal(base: Base, labels: Sequence[Label], documents: Sequence[Document]) -> bool:
    """Whether the base's logits are those of the same base loaded afresh, to the bit."""
    fresh = load_base(base.id, revision=base.revision, architecture=base.architecture, device=base.device)
    ours, theirs = (span_logits(each, _plain(each, labels), documents) for each in (base, fresh))
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def span_logits(base: Base, adapter: Adapter, documents: Sequence[Document]) -> list[torch.Tensor]:
    """The logits of every span of documents with an adapter, one tensor (B, L, K, C) for each batch.

    Args:
        base: the base that the adapter is for.
        adapter: the adapter.
        documents: what is read, in windows.
    """
    reading: dict[str, Any] = {"label_style": adapter.options.label_style, "reserve": adapter.text_overhead()}
    source = single_source(base, adapter.plug(base), adapter.labels, adapter.label_inputs(base), **reading)
    engine, pooling = Engine(base), base.config.subtoken_pooling
    passages = Segmenter(base, adapter.labels, **reading).passages(documents)
    return [
        forward(source.parts, encoded, None, base.max_width, pooling)
        for _, encoded in engine.word_vectors(source, passages)
    ]


def paraphrase(trained: TrainedAdapter, corpus: Corpus, precision: Precision) -> dict[str, Any]:
    """The adapted labels under other names and descriptions, on the test split, at the adapter's threshold.

    Args:
        trained: the adapter.
        corpus: what it was trained for.
        precision: of reading.

    Raises:
        ConfigError: the corpus's labels have no other wordings here.
    """
    wordings = other_wordings(corpus)
    others = [wordings[label.name] for label in corpus.labels]
    back = {other.name: label.name for label, other in zip(corpus.labels, others, strict=True)}
    config = trained.config
    threshold = config.threshold
    gold = corpus.documents("test", neighbours=bool(config.context))
    carried = carry_over(trained.adapter, trained.base, others)
    model = describe(carried, trained.base, threshold=threshold, segment=config.segment, context=config.context)
    found = Annotator(model, precision=precision).annotate(gold)
    found = [d.with_entities([replace(e, label=back[e.label]) for e in d.entities]) for d in found]
    return {
        "corpus": corpus.name,
        "documents": len(gold),
        "labels": {name: other for other, name in back.items()},
        "threshold": threshold,
        "paraphrased": _both_f1(gold, found, list(back.values())),
    }


def other_wordings(corpus: Corpus) -> dict[str, Label]:
    """Each label of a corpus in other words, by its name.

    Raises:
        ConfigError: there are none for this corpus.
    """
    entries = read_settings(Path(__file__).parent / "paraphrases.toml")
    found = {name: Label(**entry) for name, entry in entries.get(corpus.name, {}).items()}
    missing = [label.name for label in corpus.labels if label.name not in found]
    if missing:
        known = ", ".join(sorted(entries))
        raise ConfigError(
            f"no other wordings for {', '.join(missing)} of {corpus.name}; the measure `paraphrase` has them for "
            f"{known}: leave it out of the plan's measures"
        )
    return found


def latency(trained: TrainedAdapter, corpus: Corpus, precision: Precision) -> dict[str, Any]:
    """Time to read with the adapter against the base alone, in turn within each round, on the first test documents.

    Args:
        trained: the adapter.
        corpus: what it was trained for.
        precision: of reading.
    """
    neighbours = bool(trained.config.context)
    documents = corpus.documents("test", neighbours=neighbours)[:LATENCY_DOCUMENTS]
    plain = describe(_plain(trained.base, corpus.labels), trained.base, threshold=trained.config.threshold)
    readers = {
        "base": Annotator(plain, precision=precision, segment=trained.config.segment),
        "adapter": Annotator(trained, precision=precision),
    }
    contenders = {name: partial(reader.annotate, documents) for name, reader in readers.items()}
    seconds, _ = timed_rounds(contenders, LATENCY_ROUNDS)
    rounds = list(zip(seconds["base"], seconds["adapter"], strict=True))
    return {
        "documents": len(documents),
        "rounds": [{"adapter": round(adapter, 4), "base": round(base, 4)} for base, adapter in rounds],
        "ratio": round(statistics.median(adapter / base for base, adapter in rounds), 4),
    }


MEASURES: dict[Measure, Callable[[TrainedAdapter, Corpus, Path | None, Precision], dict[str, Any]]] = {
    "forgetting": lambda trained, corpus, data_dir, precision: forgetting(trained, data_dir, precision),
    "paraphrase": lambda trained, corpus, data_dir, precision: paraphrase(trained, corpus, precision),
    "latency": lambda trained, corpus, data_dir, precision: latency(trained, corpus, precision),
}
