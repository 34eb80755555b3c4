"""Reading against everything that runs a GLiNER: same weights, same texts, one process, timed in turn.

The others are the `gliner` library in torch, in ONNX Runtime and in OpenVINO (graphs of its own export), and
`fast-gliner`, where they are installed and can load the weights; one that cannot is named with the reason. What is
found is compared with our own float32 reading, entity by entity, and scored against the gold standard.
"""

from __future__ import annotations

import importlib
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from gliner import GLiNER
from rich.table import Table
from torch import Tensor

from gliner_adapters.adapters import load_adapter
from gliner_adapters.benchmark.speed import gliner_base
from gliner_adapters.benchmark.timing import interval, speedups, timed_rounds
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import Document, Entity, Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import evaluate_predictions
from gliner_adapters.methods import attach
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.export import export_gliner
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.predict import Precision, Predictor
from gliner_adapters.provenance import provenance
from gliner_adapters.runtimes import Runtime, prepare

#: What all ratios are taken against, and what all entities are compared with.
REFERENCE = "gliner, torch"
OURS = "gliner-adapters, "
EXACT = f"{OURS}torch"
#: Ours, by name: runtime and precision.
RUNS: dict[str, tuple[Runtime, Precision]] = {
    "torch": ("torch", "fp32"),
    "torch bf16": ("torch", "bf16"),
    "int8": ("int8", "fp32"),
    "onnx": ("onnx", "fp32"),
    "onnx-int8": ("onnx-int8", "fp32"),
    "openvino": ("openvino", "fp32"),
    "openvino bf16": ("openvino", "bf16"),
}

#: Reads texts; a list of entities for each.
Reader = Callable[[Sequence[str]], list[list[Entity]]]


@dataclass
class Weights:
    """What everyone runs.

    Attributes:
        gliner: as the `gliner` library loads it.
        base: ours, on the very same tensors.
        folder: the GLiNER's folder.
        labels: the label axis; everyone reads the labels' names.
        threshold: least probability.
    """

    gliner: Any
    base: Base
    folder: Path
    labels: tuple[Label, ...]
    threshold: float

    @property
    def names(self) -> list[str]:
        """What the labels are called."""
        return [label.name for label in self.labels]


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
        ours, not_ours = our_readers(weights, Path(folder))
        measured = {name: measure(documents, weights, others, ours, rounds) for name, documents in texts.items()}
    return {
        "weights": adapter_name or base_name,
        "base": weights.base.id,
        "architecture": weights.base.architecture,
        "labels": weights.names,
        "threshold": weights.threshold,
        "rounds": rounds,
        "left_out": missing | not_ours,
        **measured,
        **provenance(weights.base.device),
    }


def load_weights(base_name: str, adapter_name: str | None, labels: Sequence[Label], folder: Path) -> Weights:
    """The same tensors in both libraries."""
    if adapter_name is not None:
        trained = load_adapter(adapter_name)
        base, adapter, threshold = trained.base, trained.adapter.unbake(), trained.config.threshold
        labels = trained.adapter.labels
    else:
        base, threshold = load_base(base_name), 0.5
        adapter = attach("zero-shot", base, labels)
    export_gliner(base, adapter.merged_parts(base.parts), folder)
    gliner = GLiNER.from_pretrained(str(folder), local_files_only=True)
    return Weights(gliner, gliner_base(gliner, base), folder, tuple(labels), threshold)


def our_readers(weights: Weights, cache: Path) -> tuple[dict[str, Predictor], dict[str, str]]:
    """Each of our runtimes, and why some are left out."""
    base = weights.base
    inputs = base.label_inputs(weights.labels) if base.architecture == "bi" else None
    readers, missing = {}, {}
    for name, (runtime, precision) in RUNS.items():
        try:
            parts = prepare(base.parts, runtime, precision, cache)
        except ConfigError as error:
            missing[OURS + name] = str(error)
        else:
            readers[OURS + name] = Predictor(base, parts, weights.labels, inputs, precision=precision)
    return readers, missing


def other_readers(weights: Weights) -> tuple[dict[str, Reader], dict[str, str]]:
    """The others by name, and why some are left out."""
    readers: dict[str, Reader] = {
        REFERENCE: _gliner_reader(weights.gliner, weights, 8),
        "gliner, torch, batch 32": _gliner_reader(weights.gliner, weights, 32),
    }
    missing = {}
    threads = torch.get_num_threads()
    for name, load in {
        "gliner, onnxruntime": lambda: _gliner_on_onnx(weights, threads),
        "gliner, openvino": lambda: _gliner_on_openvino(weights, threads),
        "fast-gliner": lambda: _fast_gliner(weights),
    }.items():
        try:
            reader = load()
            reader(["Aspirin cures asthma.", "Naloxone."])
        except Exception as error:  # whatever another program's loader raises is the reason
            missing[name] = f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0][:300]
        else:
            readers[name] = reader
    return readers, missing


def _gliner_reader(gliner: Any, weights: Weights, batch_size: int) -> Reader:
    def read(texts: Sequence[str]) -> list[list[Entity]]:
        with warnings.catch_warnings():  # that long texts are cut off, which the entities show
            warnings.simplefilter("ignore", UserWarning)
            found = gliner.inference(list(texts), weights.names, threshold=weights.threshold, batch_size=batch_size)
        return [[Entity(e["start"], e["end"], e["label"], e["score"]) for e in each] for each in found]

    return read


def _gliner_on_onnx(weights: Weights, threads: int) -> Reader:
    """GLiNER's own export in its own ONNX Runtime loader."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    weights.gliner.export_to_onnx(weights.folder)
    gliner = GLiNER.from_pretrained(
        str(weights.folder), local_files_only=True, runtime="onnxruntime", session_options=options
    )
    return _gliner_reader(gliner, weights, 8)


def _gliner_on_openvino(weights: Weights, threads: int) -> Reader:
    """GLiNER's own export in its own OpenVINO loader; float32, which OpenVINO does not take by itself everywhere."""
    importlib.import_module("openvino")
    weights.gliner.export_to_openvino(weights.folder)
    config = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    gliner = GLiNER.from_pretrained(
        str(weights.folder),
        local_files_only=True,
        runtime="openvino",
        runtime_model_file="model.xml",
        runtime_options={"config": config},
    )
    return _gliner_reader(gliner, weights, 8)


def _fast_gliner(weights: Weights) -> Reader:
    """`fast-gliner` on GLiNER's own export. Its offsets are in characters; its threshold is 0.5 and cannot be set."""
    if weights.base.architecture == "bi":
        raise ConfigError("fast-gliner reads uni-encoders only")
    if weights.threshold != 0.5:
        raise ConfigError("fast-gliner has no threshold other than 0.5")
    fast: Any = importlib.import_module("fast_gliner")
    if not (weights.folder / "model.onnx").is_file():
        weights.gliner.export_to_onnx(weights.folder)
    model = fast.FastGLiNER(str(weights.folder), "model.onnx", "cpu")

    def read(texts: Sequence[str]) -> list[list[Entity]]:
        found: list[list[Entity]] = []
        for start in range(0, len(texts), 8):
            batch = model.predict_entities(list(texts[start : start + 8]), weights.names)
            found += [[Entity(e["start"], e["end"], e["label"], e["score"]) for e in each] for each in batch]
        return found

    return read


def measure(
    gold: Sequence[Document],
    weights: Weights,
    others: Mapping[str, Reader],
    ours: Mapping[str, Predictor],
    rounds: int,
) -> dict[str, Any]:
    """Time everyone on the same texts, and compare and score what they find."""
    texts = [document.text for document in gold]
    contenders: dict[str, Callable[[], list[list[Entity]]]] = {
        **{name: lambda r=reader: r(texts) for name, reader in others.items()},  # type: ignore[misc]
        **{name: lambda p=predictor: read_anew(p, texts, weights.threshold) for name, predictor in ours.items()},  # type: ignore[misc]
    }
    seconds, found = timed_rounds(contenders, rounds)
    ratios = speedups(seconds, REFERENCE)
    exact = _keys(found[EXACT])
    table = {}
    for name, entities in found.items():
        keys = _keys(entities)
        documents = [document.with_entities(each) for document, each in zip(gold, entities, strict=True)]
        strict = evaluate_predictions(gold, documents, weights.names).to_dict()["strict"]
        table[name] = {
            "documents_per_second": round(len(texts) / statistics.median(seconds[name]), 1),
            "times_faster": ratios.get(name),
            "entities": {"same": len(keys & exact), "only_here": len(keys - exact), "only_exact": len(exact - keys)},
            "micro_f1": strict["micro"]["f1"],
            "macro_f1": strict["macro"]["f1"],
        }
        if name in ours:
            table[name]["outside_encoder"] = outside_encoder(ours[name], texts, weights.threshold)
    best = max((name for name in others), key=lambda name: table[name]["documents_per_second"])
    over_best = speedups({name: seconds[name] for name in (best, *ours)}, best)
    return {"documents": len(texts), "contenders": table, "best_other": best, "times_faster_than_best_other": over_best}


def _keys(entities: Sequence[Sequence[Entity]]) -> set[tuple[int, tuple[int, int, str]]]:
    return {(number, entity.key) for number, each in enumerate(entities) for entity in each}


def read_anew(predictor: Predictor, texts: Sequence[str], threshold: float) -> list[list[Entity]]:
    """Read texts without a memory of their words."""
    predictor.base.text_tokens.forget()
    documents, _ = predictor.annotate([Document(text) for text in texts], threshold, segment="window")
    return [list(document.entities) for document in documents]


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


def outside_encoder(predictor: Predictor, texts: Sequence[str], threshold: float) -> float:
    """The share of a reading's time that is spent outside of the text encoder."""
    parts = predictor.parts
    timed = _Timed(parts.text_encoder)
    predictor.parts = replace(parts, text_encoder=TextEncoder(timed, None, parts.text_encoder.rnn))
    try:
        start = time.perf_counter()
        read_anew(predictor, texts, threshold)
        whole = time.perf_counter() - start
    finally:
        predictor.parts = parts
    return round(1 - timed.seconds / whole, 3)


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
