"""What the component refuses, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("spacy", reason="needs the extra [spacy]")

import spacy
from confection import ConfigValidationError

from adapters.helpers import Tiny
from gliner_adapters.errors import AdapterError, ConfigError, GlinerAdaptersError
from integrations.conftest import MakePipeline

PLAIN = {"base": "minilm-bi", "labels": ["disease"]}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "needs an adapter, or a base and labels"),
        ({"labels": ["disease"]}, "needs an adapter, or a base and labels"),
        ({"base": "minilm-bi"}, "the base 'minilm-bi' alone needs labels"),
        ({**PLAIN, "labels": []}, "no labels given"),
        ({**PLAIN, "labels": ["a", "a"]}, "labels given twice: a"),
        ({**PLAIN, "threshold": 1.5}, "between 0 and 1, got 1.5"),
        ({**PLAIN, "threshold": {"disease": -1.0}}, "the threshold of 'disease' is a probability"),
        ({**PLAIN, "threshold": {"gene": 0.5}}, "threshold: 'gene' is not among the labels; there are: disease"),
        ({**PLAIN, "batch_size": 0}, "batch_size: at least one document"),
        ({**PLAIN, "spans_key": ""}, "spans_key is empty"),
        ({**PLAIN, "extension": "my score"}, r"extension: expected a name as in span\._\.score, got 'my score'"),
        ({"adapter": "x", "label_style": "name"}, "label_style goes with a base and labels"),
        ({"adapter": "x", "revision": "main"}, "revision is the base's, and no base is given"),
        ({"adapter": "x", "labels": {"disease": "an illness"}}, "an adapter has descriptions of its own"),
    ],
)
def test_settings_that_do_not_go_together(pipeline: MakePipeline, config: dict[str, Any], message: str) -> None:
    """Told when the component is added, before anything is loaded."""
    with pytest.raises(ConfigError, match=message):
        pipeline(**config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**PLAIN, "theshold": 0.5}, "theshold"),
        ({**PLAIN, "alignment": "near"}, "'strict', 'contract', 'expand'"),
        ({**PLAIN, "labels": "disease"}, "labels"),
        ({**PLAIN, "runtime": "tensorrt"}, "runtime"),
        ({**PLAIN, "segment": "page"}, "segment"),
        ({**PLAIN, "nested": "maybe"}, "nested"),
    ],
)
def test_what_spacy_itself_refuses(pipeline: MakePipeline, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigValidationError, match=message):
        pipeline(**config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"labels": ["gene"]}, "labels: 'gene' is not a label of the adapter .*drugs; there are: chemical, disease"),
        ({"threshold": {"gene": 0.5}}, "threshold: 'gene' is not among the labels; there are: chemical"),
        (
            {"labels": ["disease"], "threshold": {"chemical": 0.5}},
            "threshold: 'chemical' is not among the labels; there are: disease",
        ),
    ],
)
def test_labels_that_an_adapter_does_not_have(
    pipeline: MakePipeline, adapter_folder: Path, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        pipeline(adapter=str(adapter_folder), **config)


def test_a_folder_that_is_no_adapter(pipeline: MakePipeline, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="no adapter at"):
        pipeline(adapter=str(tmp_path))


def test_an_adapter_that_is_not_here(pipeline: MakePipeline) -> None:
    """It may still come with the pipeline's folder, so it is missed when it is needed."""
    nlp, component = pipeline(adapter="nowhere")
    assert component.labels == ()
    for use in (component.load, lambda: nlp("Asthma."), lambda: list(nlp.pipe(["Asthma."])), nlp.initialize):
        with pytest.raises(AdapterError, match="no adapter at nowhere"):
            use()


def test_a_base_that_does_not_fit(pipeline: MakePipeline, adapter_folder: Path, tiny: Tiny) -> None:
    nlp, _ = pipeline(adapter=str(adapter_folder), base=str(tiny("bi-deberta").folder))
    with pytest.raises(AdapterError, match=r"was trained on .* load that base"):
        nlp("Asthma.")


def test_other_devices_and_runtimes_are_checked(pipeline: MakePipeline, base_folder: str) -> None:
    for options in ({"device": "cuda:99"}, {"runtime": "int8", "precision": "bf16"}):
        nlp, _ = pipeline(base=base_folder, labels=["disease"], **options)
        with pytest.raises(GlinerAdaptersError, match=r"cuda:99|bf16"):
            nlp("Asthma.")


def test_settings_survive_a_config_file(pipeline: MakePipeline, base_folder: str, tmp_path: Path) -> None:
    labels = {"gene or protein": 'as in "TP53" = p53: 100% [x]', "cell.line": None}
    config: dict[str, Any] = {"base": base_folder, "labels": labels, "threshold": {"cell.line": 0.25}}
    nlp, component = pipeline(**config, label_style="name: description", alignment="strict")
    nlp.config.to_disk(tmp_path / "config.cfg")
    other = spacy.util.load_model_from_config(spacy.util.load_config(tmp_path / "config.cfg"), auto_fill=True)
    assert other.get_pipe("gliner_adapters").settings == component.settings  # type: ignore[attr-defined]
