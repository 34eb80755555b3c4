"""Cheap dropout is dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gliner_adapters.model.dropout import ByteDropout, cheapen, dropout


@pytest.mark.parametrize("p", [0.1, 0.4])
def test_cheap_dropout(p: float) -> None:
    torch.manual_seed(0)
    inputs = torch.ones(500, 401, requires_grad=True)
    out = dropout(inputs, p)
    assert float((out == 0).float().mean()) == pytest.approx(p, abs=0.01)
    assert float(out.detach().mean()) == pytest.approx(1, abs=0.01)
    out.sum().backward()
    assert torch.equal(inputs.grad, out)  # type: ignore[arg-type]
    torch.manual_seed(0)
    assert torch.equal(dropout(inputs, p), out)
    assert torch.equal(dropout(inputs, 0.0), inputs)


def test_it_stands_in_the_place_of_every_dropout() -> None:
    block = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Dropout(0.3), nn.ReLU()), nn.Dropout(0.0)).eval()
    cheapen(block)
    found = [module for module in block.modules() if isinstance(module, nn.Dropout)]
    assert [(type(module), module.p, module.training) for module in found] == [
        (ByteDropout, 0.3, False),
        (ByteDropout, 0.0, False),
    ]
    inputs = torch.randn(64, 4)
    assert torch.equal(found[0](inputs), inputs)
    found[0].train()
    assert 0 < int((found[0](inputs) == 0).sum()) < inputs.numel()
