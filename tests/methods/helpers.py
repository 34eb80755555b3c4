"""What the tests of single techniques share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from bases import LABELS, TinyBase
from comparing import is_near
from gliner_adapters.documents import Label
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base
from gliner_adapters.model.encode import label_vectors
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.testing.cases import logits_of, quiet, scores, unlike
from gliner_adapters.training import train
from training.toy import quick, toy_corpus

__all__ = ["in_company_as_alone", "learns", "logits_of", "on", "quiet", "renamed", "scores", "unlike", "vectors"]


def on(*names: str) -> pytest.MarkDecorator:
    """Run a test on these tiny bases."""
    return pytest.mark.parametrize("tiny_base", names, indirect=True)


def learns(tiny_base: TinyBase, adapter: Adapter, folder: Path, **rates: float) -> None:
    """A short run on the toy corpus lowers the loss and leaves the base's weights as they were."""
    base = tiny_base.base
    weights = fingerprint(base.network.state_dict())
    config = quick(epochs=4, warmup=0.0, decay="constant", learning_rates=rates)
    result = train(base, adapter, toy_corpus(12), toy_corpus(6), config, folder=folder)
    losses = [row["loss"] for row in result.curve]
    assert losses[-1] < losses[0]
    assert fingerprint(base.network.state_dict()) == weights


@torch.no_grad()
def vectors(base: Base, adapter: Adapter) -> Tensor:
    """``(C, D)`` label vectors of a bi-encoder's adapter, not baked."""
    return label_vectors(adapter.eval().parts(base.parts), adapter.label_inputs(base), None)


@torch.no_grad()
def in_company_as_alone(base: Base, method: str, options: dict[str, object]) -> bool:
    """Whether a label's vector depends on nothing but the label: padding beside longer ones does not count."""
    together = vectors(base, unlike(attach(method, base, LABELS, options)))
    alone = [vectors(base, unlike(attach(method, base, [label], options)))[0] for label in LABELS]
    return is_near(together, torch.stack(alone))


def renamed(**descriptions: str) -> tuple[Label, ...]:
    """The labels with other descriptions."""
    return tuple(Label(label.name, descriptions.get(label.name, label.description)) for label in LABELS)
