"""The module that is trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bases import LABELS, TinyBase
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base, collate, forward
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.training.module import TrainingModule
from methods.helpers import on, unlike
from training.toy import toy_corpus

#: And which encoders hold halves: those that every step runs as they are in the base.
METHODS = [
    pytest.param("bi-bert", "extension", {}, {"label_encoder"}, id="bi-bert-extension"),
    pytest.param("bi-deberta", "injection-bi", {}, {"label_encoder"}, id="bi-deberta-injection"),
    pytest.param("bi-bert", "injection-deep", {}, {"text_encoder"}, id="bi-bert-keys"),
    pytest.param("uni-modernbert", "injection-deep", {"kind": "hidden"}, {"text_encoder"}, id="uni-modernbert-hidden"),
    pytest.param("uni-deberta", "injection-cross", {}, {"text_encoder"}, id="uni-deberta-cross"),
    pytest.param("bi-bert", "injection-deep+extension", {}, {"text_encoder", "label_encoder"}, id="bi-bert-both"),
    pytest.param("bi-bert", "lora+heads", {}, set(), id="bi-bert-lora"),
    pytest.param("bi-bert", "full", {}, set(), id="bi-bert-full"),
    pytest.param("bi-bert", "heads", {}, set(), id="bi-bert-heads"),
]


def gradients(adapter: Adapter, logits: torch.Tensor) -> dict[str, torch.Tensor]:
    adapter.zero_grad()
    logits.square().sum().backward()
    return {name: p.grad.clone() for name, p in adapter.trained().items() if p.grad is not None}


@pytest.mark.parametrize(("tiny_base", "method", "options", "halved"), METHODS, indirect=["tiny_base"])
def test_matrices_that_are_halves_already_change_no_bit(
    tiny_base: TinyBase, method: str, options: dict[str, Any], halved: set[str]
) -> None:
    """A step of bfloat16 training against autocast over the base's own parts: logits and gradients."""
    base = tiny_base.base
    adapter = unlike(attach(method, base, LABELS, options)).eval()
    batch, inputs = a_batch(base, adapter)
    module = TrainingModule(base, adapter, "bf16")
    found = {name: getattr(module._frozen[0], name) for name in ("text_encoder", "label_encoder")}
    assert {name for name, part in found.items() if part and torch.bfloat16 in kinds(part)} == halved
    halves = module(batch)
    of_halves = gradients(adapter, halves)
    with torch.autocast("cpu", torch.bfloat16):
        whole = forward(adapter.parts(base.parts), batch, inputs, base.max_width, base.config.subtoken_pooling)
    assert torch.equal(halves, whole)
    of_whole = gradients(adapter, whole)
    assert of_whole.keys() == of_halves.keys() != set()
    assert all(torch.equal(of_whole[name], of_halves[name]) for name in of_whole)
    assert all(p.dtype == torch.float32 for p in base.network.parameters())


def kinds(part: torch.nn.Module) -> set[torch.dtype]:
    return {parameter.dtype for parameter in part.parameters()}


def a_batch(base: Base, adapter: Adapter) -> tuple[Any, Any]:
    style = adapter.options.label_style
    passages = Segmenter(base, LABELS, "sentence", style, reserve=adapter.text_overhead()).passages(toy_corpus(4))
    prompt = None if base.architecture == "bi" else base.prompt(LABELS, style)
    return collate(passages, base.text_tokens, prompt, base.config.subtoken_pooling), adapter.label_inputs(base)


@on("bi-bert")
def test_in_full_precision_the_parts_are_the_bases_own(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    module = TrainingModule(base, attach("extension", base, LABELS), "fp32")
    assert module._frozen[0] is base.parts
