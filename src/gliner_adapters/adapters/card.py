"""The model card of an adapter, written from what is saved beside it, so that it is always true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gliner_adapters.adapters.card_data import (
    CardFields,
    Measured,
    attribution,
    card_data,
    front_matter,
    metric_name,
    title,
)
from gliner_adapters.adapters.config import AdapterConfig
from gliner_adapters.evaluation import AVERAGES
from gliner_adapters.markdown import markdown_table

#: Stands in a card for the place that the adapter is loaded from.
PLACE = "PATH/TO/THIS/FOLDER"


def model_card(config: AdapterConfig, deltas: Sequence[str] = (), fields: CardFields | None = None) -> str:
    """The text of an adapter's README.md.

    Args:
        config: the content of its `adapter_config.json`.
        deltas: the folders with deltas in `peft`'s format, relative to the adapter's.
        fields: what the card says beside that.

    Raises:
        ConfigError: the licence contradicts that of the corpus.
    """
    fields = fields or CardFields()
    blocks = [
        front_matter(card_data(config, fields)),
        f"# {title(config)}",
        _summary(config),
        "## Use",
        _use(config, fields.repository or PLACE),
        *_install(config),
        *_for_peft(deltas),
        "## Labels",
        markdown_table(["label", "description"], [[e.name, e.description or ""] for e in config.labels]),
        *_training(config),
        *_data(config),
        *_metrics(config, fields.results),
        "## Base and versions",
        _base(config),
    ]
    return "\n\n".join(blocks) + "\n"


def _summary(config: AdapterConfig) -> str:
    share = 100 * config.trained_parameters / config.base.parameters
    text = (
        f"An adapter for [GLiNER](https://github.com/urchade/GLiNER) made with `gliner-adapters`, method "
        f"`{config.method}`{_brought(config)}: {config.trained_parameters:,} trained parameters, {share:.1f}% of the "
        f"base's {config.base.parameters:,}."
    )
    if config.deployable:
        text += " This is the deployable form: it holds what inference needs and cannot be trained further."
    return text


def _brought(config: AdapterConfig) -> str:
    """The packages that brought the method."""
    if not config.plugins:
        return ""
    if list(config.plugins) == [config.method]:
        return f" of the package `{config.plugins[config.method]}`"
    told = (f"`{method}` of the package `{package}`" for method, package in config.plugins.items())
    return f" ({', '.join(told)})"


def _install(config: AdapterConfig) -> list[str]:
    packages = " and ".join(f"`{package}`" for package in dict.fromkeys(config.plugins.values()))
    return [f"Reading with it needs {packages} beside `gliner-adapters`."] if packages else []


def _use(config: AdapterConfig, place: str) -> str:
    return "\n".join(
        [
            "```python",
            "import gliner_adapters as ga",
            "",
            f'annotator = ga.Annotator(ga.load_adapter("{place}"))',
            'for entity in annotator.annotate(["TEXT"])[0].entities:',
            "    print(entity)",
            "```",
            "",
            f"An entity is reported when its probability exceeds {config.threshold:g}; text is read by "
            + ("sentences." if config.segment == "sentence" else "windows of as many sentences as fit.")
            + (
                f" Up to {config.context} sub-tokens of the text on either side are read with it."
                if config.context
                else ""
            ),
        ]
    )


def _for_peft(deltas: Sequence[str]) -> list[str]:
    if not deltas:
        return []
    folders = " and ".join(f"`{folder}/`" for folder in deltas)
    return [f"The low-rank deltas alone also lie in {folders}, for `peft` to load onto that encoder of the base."]


def _training(config: AdapterConfig) -> list[str]:
    if not config.trained_on:
        return []
    plain = {k: v for k, v in config.trained_on.items() if not isinstance(v, dict)}
    lines = [f"- {key.replace('_', ' ')}: {value}" for key, value in plain.items() if value is not None]
    blocks = ["## Training", "\n".join(lines)]
    for key, values in config.trained_on.items():
        if isinstance(values, dict) and values:
            blocks.append(markdown_table([key.replace("_", " "), "value"], [[k, _show(v)] for k, v in values.items()]))
    if config.trained_on.get("train_split") == "train+devel":
        blocks.append(
            "The development split was trained on too, so nothing was chosen by it: the last epoch stays, and the "
            "threshold was fixed beforehand."
        )
    return blocks


def _data(config: AdapterConfig) -> list[str]:
    lines = attribution(config)
    return ["## Data", "\n".join(lines)] if lines else []


def _metrics(config: AdapterConfig, results: Sequence[Measured]) -> list[str]:
    blocks: list[str] = []
    if config.metrics:
        rows = [[key.replace("_", " "), _show(value)] for key, value in config.metrics.items()]
        note = "On the development split, by which epoch and threshold were chosen; no test data was read."
        if config.metrics.get("devel_untrained_macro_f1") is not None and config.metrics.get("devel_epoch") == 0:
            note += " Training did not help: no epoch was better than the untrained adapter, which is what is kept."
        blocks += [note, markdown_table(["metric", "value"], rows)]
    if results:
        head = ["corpus", "split", "threshold", *map(metric_name, AVERAGES)]
        measured = [
            [each.corpus, each.split, f"{each.threshold:g}", *(f"{each.averages[name]:.4f}" for name in AVERAGES)]
            for each in results
        ]
        blocks += ["Measured afterwards, exact spans:", markdown_table(head, measured)]
    return ["## Scores", *blocks] if blocks else []


def _base(config: AdapterConfig) -> str:
    base = config.base
    lines = [
        f"- base: `{base.id}`" + (f", revision `{base.revision}`" if base.revision else ""),
        f"- architecture: {base.architecture}-encoder",
        f"- fingerprint (sha256 over its weights): `{base.fingerprint}`",
        *(f"- {name} {number}" for name, number in config.versions.items()),
    ]
    return "\n".join(lines)


def _show(value: Any) -> str:
    return (
        f"{value:.4f}" if isinstance(value, float) and 0 < abs(value) < 1 and round(value, 3) != value else str(value)
    )
