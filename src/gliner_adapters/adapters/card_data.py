"""What a model hub reads of an adapter's card: the metadata before its text.

Everything comes from the adapter's configuration, from results that `evaluate` wrote, or from the user; nothing is
guessed. Licences are those that the registry knows of the corpora.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliner_adapters.adapters.config import AdapterConfig, BaseReference
from gliner_adapters.corpora import corpus_info
from gliner_adapters.embedded_names import BASE_FILE, EMBEDDED, embedded_bases
from gliner_adapters.errors import AdapterError, ConfigError, DataError
from gliner_adapters.evaluation import AVERAGES, Scores
from gliner_adapters.model.encoders import NAMED

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

#: The registry's word for a corpus whose files state no licence.
NOT_STATED = "NOASSERTION"
#: How the hub calls the development split.
_SPLITS = {"devel": "validation"}


@dataclass(frozen=True)
class Measured:
    """Scores of an adapter on one split.

    Attributes:
        corpus: its name.
        split: train, devel or test.
        averages: precision, recall and F1, macro and micro, by name (``macro_f1``), as far as they are known.
        threshold: that they hold at.
        note: how the split was used; empty for one that decided nothing.
    """

    corpus: str
    split: str
    averages: Mapping[str, float]
    threshold: float
    note: str = ""


@dataclass(frozen=True)
class CardFields:
    """What a card says beside what the adapter's configuration knows.

    Attributes:
        repository: ``USER/NAME`` where the adapter is published.
        license: as the hub writes it (``cc-by-4.0``); else the licence of the corpus, if the registry knows it.
        language: codes of languages; else English for the registry's corpora, and none for others.
        datasets: the hub's ids of what it was trained on; else the name of the registry's corpus.
        results: scores measured by `evaluate`.
    """

    repository: str | None = None
    license: str | None = None
    language: Sequence[str] = ()
    datasets: Sequence[str] = ()
    results: Sequence[Measured] = ()


def card_data(config: AdapterConfig, fields: CardFields | None = None) -> ModelCardData:
    """The metadata of a card, as the hub's library writes it.

    Raises:
        ConfigError: the licence contradicts that of the corpus.
    """
    from huggingface_hub import ModelCardData

    fields = fields or CardFields()
    registered = "licence" in config.trained_on
    base_model, relation = _base_model(config)
    results = _eval_results(config, fields)
    language, datasets = list(fields.language), list(fields.datasets)
    if registered:
        language, datasets = language or ["en"], datasets or [config.trained_on["corpus"]]
    more: dict[str, Any] = {} if relation is None else {"base_model_relation": relation}
    return ModelCardData(
        base_model=base_model,
        datasets=datasets or None,
        eval_results=results or None,
        language=language or None,
        library_name="gliner-adapters",
        license=_license(config, fields.license),
        metrics=sorted({result.metric_type for result in results}) or None,
        model_name=fields.repository.split("/")[-1] if fields.repository else title(config),
        pipeline_tag="token-classification",
        tags=["gliner", "named-entity-recognition", config.method],
        **more,
    )


def front_matter(data: ModelCardData) -> str:
    """The metadata as it stands before a card's text, with its two lines of dashes."""
    content = data.to_dict()
    content.pop("model_name", None)  # it is the name within `model-index`, and no field of its own
    return dashed(content)


def dashed(content: Mapping[str, Any]) -> str:
    """Metadata as YAML between two lines of dashes."""
    import yaml

    return f"---\n{yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=10_000)}---"


def title(config: AdapterConfig) -> str:
    """What a card is called."""
    corpus = config.trained_on.get("corpus")
    return f"{config.method} adapter" + (f" for {corpus}" if corpus else "")


def is_public(base: BaseReference) -> bool:
    """Whether a base's name means the same on every machine: embedded, an encoder by name, or a hub's commit."""
    kind, _, name = base.id.partition(":")
    return base.id in embedded_bases() or (kind == "encoder" and name in NAMED) or base.revision is not None


def _base_model(config: AdapterConfig) -> tuple[str | list[str] | None, str | None]:
    """The hub's id of what the base is, or is made from, and the relation to it where the hub cannot know it."""
    base = config.base
    if not is_public(base):
        return None, None
    if base.id in embedded_bases():
        record = json.loads((EMBEDDED / base.id / BASE_FILE).read_text(encoding="utf-8"))
        encoders = [record["encoder"], record.get("label_encoder")]
        names = [NAMED[each.partition(":")[2]].hub for each in dict.fromkeys(encoders) if each]
        return (names[0] if len(names) == 1 else names), None
    if base.id.startswith("encoder:"):
        return NAMED[base.id.partition(":")[2]].hub, None
    return base.id, "finetune" if "full" in config.method.split("+") else "adapter"


def _license(config: AdapterConfig, given: str | None) -> str | None:
    """The licence to name.

    Raises:
        ConfigError: the given one contradicts that of the corpus.
    """
    corpus, known = config.trained_on.get("corpus"), config.trained_on.get("licence")
    own = None if known in (None, NOT_STATED) else str(known).lower()
    if given is None or own is None or given == own:
        return given or own
    # Terms that pass on: share alike, no commercial use, no derivatives.
    if {"sa", "nc", "nd"} & set(own.split("-")) and given != "other":
        raise ConfigError(
            f"licence {given}: the corpus {corpus} is under {known}, whose terms pass on to what is made from it; "
            f"leave the licence out ({own}), or say `other` and explain it in the card"
        )
    return given


def devel_scores(config: AdapterConfig) -> Measured | None:
    """The scores by which epoch and threshold were chosen."""
    corpus, metrics = config.trained_on.get("corpus"), config.metrics
    averages = {name: metrics[f"devel_{name}"] for name in AVERAGES if f"devel_{name}" in metrics}
    if corpus is None or not averages:
        return None
    if config.trained_on.get("held_out"):
        return Measured(corpus, "train", averages, config.threshold, "held-out documents, which chose epoch, threshold")
    return Measured(corpus, "devel", averages, config.threshold, "which chose epoch and threshold")


def _eval_results(config: AdapterConfig, fields: CardFields) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    devel, trained_on = devel_scores(config), config.trained_on.get("corpus")
    return [
        EvalResult(
            task_type="token-classification",
            task_name="Named entity recognition",
            dataset_type=fields.datasets[0] if fields.datasets and measured.corpus == trained_on else measured.corpus,
            dataset_name=measured.corpus,
            dataset_split=_SPLITS.get(measured.split, measured.split),
            metric_type=name.partition("_")[2],
            metric_name=f"{metric_name(name)} (exact spans{'; ' + measured.note if measured.note else ''})",
            metric_value=round(measured.averages[name], 4),
            metric_args={"threshold": round(measured.threshold, 4)},
        )
        for measured in (*([devel] if devel else []), *fields.results)
        for name in AVERAGES
        if name in measured.averages
    ]


def metric_name(average: str) -> str:
    """``Macro F1`` for ``macro_f1``."""
    kind, _, ratio = average.partition("_")
    return f"{kind.capitalize()} {'F1' if ratio == 'f1' else ratio}"


def attribution(config: AdapterConfig) -> list[str]:
    """Licence, remark and papers of the registry's corpus that an adapter was trained on; nothing of a user's own."""
    if "licence" not in config.trained_on:
        return []
    try:
        info = corpus_info(str(config.trained_on["corpus"]))
    except ConfigError:  # of a version that knew another corpus
        return []
    stated = "no licence stated" if info.licence.name == NOT_STATED else info.licence.name
    note = f" {info.licence.note}" if info.licence.note else ""
    return [f"- **{info.name}**: {info.title}. {stated}.{note}", *(f"- {paper}" for paper in info.citations)]


def measured(result: str | Path | Mapping[str, Any], config: AdapterConfig) -> Measured:
    """The scores of a result that `evaluate` gave, for this adapter.

    Args:
        result: the file that `evaluate --output` wrote, or the record of :func:`~gliner_adapters.evaluate`.
        config: the adapter's configuration.

    Raises:
        DataError: the file is no such result.
        AdapterError: the result is another adapter's.
    """
    place = None if isinstance(result, Mapping) else Path(result)
    try:
        record: Any = result if place is None else json.loads(place.read_text(encoding="utf-8"))
        digest, corpus, split = record["adapter_sha256"], str(record["corpus"]), str(record["split"])
        scores, threshold = Scores.from_dict(record["report"]["strict"]), float(record["threshold"])
    except FileNotFoundError:
        raise DataError("no such file; write it with `gliner-adapters evaluate --output`", place) from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DataError(
            f"not a result of an adapter as `gliner-adapters evaluate ADAPTER --output` writes it ({error!r})", place
        ) from None
    if digest != config.weights_sha256:
        raise AdapterError(
            f"{place or 'the result'} is of an adapter with other weights (sha256 {str(digest)[:12]}, here "
            f"{config.weights_sha256[:12]}); evaluate this one"
        )
    return Measured(corpus, split, scores.averages(), threshold)
