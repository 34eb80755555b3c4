"""The model card, whole."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.helpers import Tiny, trained_adapter
from bases import LABELS
from gliner_adapters.adapters import AdapterConfig, load_adapter, save_adapter
from gliner_adapters.adapters.card import model_card

# `{{number}}` and the like stand for patterns; everything else is compared letter by letter.
EXPECTED = """\
---
library_name: gliner-adapters
metrics:
- f1
pipeline_tag: token-classification
tags:
- gliner
- named-entity-recognition
- heads
model-index:
- name: heads adapter for toy
  results:
  - task:
      type: token-classification
      name: Named entity recognition
    dataset:
      name: toy
      type: toy
      split: validation
    metrics:
    - type: f1
      value: 0.8124
      name: Macro F1 (exact spans; which chose epoch and threshold)
      args:
        threshold: 0.4
---

# heads adapter for toy

An adapter for [GLiNER](https://github.com/urchade/GLiNER) made with `gliner-adapters`, method `heads`: \
{{number}} trained parameters, {{percent}}% of the base's {{number}}.

## Use

```python
import gliner_adapters as ga

annotator = ga.Annotator(ga.load_adapter("PATH/TO/THIS/FOLDER"))
for entity in annotator.annotate(["TEXT"])[0].entities:
    print(entity)
```

An entity is reported when its probability exceeds 0.4; text is read by sentences.

## Labels

| label | description |
|---|---|
| chemical | a drug \\| or another substance |
| disease | an illness of the body |
| cell line |  |

## Training

- corpus: toy
- train split: train
- documents: 20
- seed: 3

| config | value |
|---|---|
| epochs | 5 |
| warmup | 0.1 |
| learning_rates | {'span_head': 0.0005} |

## Scores

On the development split, by which epoch and threshold were chosen; no test data was read.

| metric | value |
|---|---|
| devel epoch | 4 |
| devel macro f1 | 0.8124 |

## Base and versions

- base: `{{folder}}`
- architecture: bi-encoder
- fingerprint (sha256 over its weights): `{{sha256}}`
- gliner-adapters {{version}}
- gliner {{version}}
- torch {{version}}
- transformers {{version}}
"""
PATTERNS = {
    "number": r"\d{1,3}(?:,\d{3})*",
    "percent": r"\d+\.\d",
    "sha256": r"[0-9a-f]{64}",
    "version": r"\d+\.[\w.+]+",
    "folder": r"[^`\n]+",
}


def pattern(template: str) -> str:
    parts = re.split(r"\{\{(\w+)\}\}", template)
    return "".join(PATTERNS[part] if number % 2 else re.escape(part) for number, part in enumerate(parts))


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> AdapterConfig:
    labels = (
        replace(LABELS[0], description="a drug | or another substance"),
        LABELS[1],
        replace(LABELS[2], description=None),
    )
    trained = trained_adapter(
        tiny("bi-bert").base,
        "heads",
        labels,
        trained_on={
            "corpus": "toy",
            "train_split": "train",
            "documents": 20,
            "seed": 3,
            "limit": None,
            "config": {"epochs": 5, "warmup": 0.1, "learning_rates": {"span_head": 5e-4}},
        },
        metrics={"devel_epoch": 4, "devel_macro_f1": 0.81239},
    )
    save_adapter(trained, tmp_path)
    return trained.config


def test_the_whole_card(config: AdapterConfig, tmp_path: Path) -> None:
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert re.fullmatch(pattern(EXPECTED), card), card
    numbers = re.search(r"`heads`: ([\d,]+) trained parameters, ([\d.]+)% of the base's ([\d,]+)\.", card)
    assert numbers is not None
    trained, share, total = numbers[1], float(numbers[2]), numbers[3]
    assert (trained, total) == (f"{config.trained_parameters:,}", f"{config.base.parameters:,}")
    assert share == pytest.approx(100 * config.trained_parameters / config.base.parameters, abs=0.05)
    assert config.base.fingerprint in card


def test_the_code_of_the_card_runs(config: AdapterConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = re.search(r"```python\n(.+?)```", (tmp_path / "README.md").read_text(), re.DOTALL)
    assert code is not None
    exec(code[1].replace("PATH/TO/THIS/FOLDER", str(tmp_path)).replace("TEXT", "Aspirin and asthma."), {})
    found = capsys.readouterr().out
    from gliner_adapters.annotate import Annotator

    entities = Annotator(load_adapter(tmp_path)).annotate(["Aspirin and asthma."])[0].entities
    assert found.splitlines() == [str(entity) for entity in entities]


def card(config: AdapterConfig, **changes: Any) -> str:
    base = changes.pop("base", {})
    return model_card(config.model_copy(update={**changes, "base": config.base.model_copy(update=base)}))


def test_what_depends_on_the_base(config: AdapterConfig) -> None:
    hub = card(config, base={"id": "urchade/gliner_small-v2.1", "revision": "abc123", "architecture": "uni"})
    assert hub.startswith("---\nbase_model: urchade/gliner_small-v2.1\n")
    assert "\nbase_model_relation: adapter\n" in hub
    assert "- base: `urchade/gliner_small-v2.1`, revision `abc123`\n- architecture: uni-encoder\n" in hub
    assert "base_model: sentence-transformers/all-MiniLM-L6-v2\n" in card(config, base={"id": "encoder:minilm"})
    # A folder has no revision, whatever it is called.
    for elsewhere in ("encoder:some/folder", "/a/folder", "./a/folder", "../a", "a/folder"):
        assert "base_model" not in card(config, base={"id": elsewhere})


def test_what_there_is_nothing_to_say_about_is_left_out(config: AdapterConfig) -> None:
    bare = card(config, trained_on={}, metrics={})
    assert "# heads adapter\n" in bare
    assert "## Training" not in bare
    assert "## Scores" not in bare


def test_other_forms(config: AdapterConfig) -> None:
    assert "windows of as many sentences as fit" in card(config, segment="window")
    assert "deployable form" in card(config, deployable=True)
    assert "deployable form" not in card(config)


def test_a_line_break_in_a_description_stays_in_its_row(config: AdapterConfig) -> None:
    labels = [config.labels[0].model_copy(update={"description": "two\nlines"})]
    assert "| chemical | two lines |" in card(config, labels=labels)
