"""The low-rank form of a trained base: what ships, and how it is trained further in that form.

A trained network is projected: each matrix of an encoder becomes its start plus the closest difference of low rank.
That costs some of what was learnt, and a short training of the low-rank form itself wins most of it back: deltas,
vectors, projections and heads are trained, word embeddings stay as projected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gliner_adapters.documents import Label
from gliner_adapters.methods import Adapter
from gliner_adapters.methods.base import own_copy
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.delta import DOWN, TAIL, UP, factorise, residue
from gliner_adapters.model.parts import unused_parameters
from gliner_adapters.pretraining.recipe import Shipping

#: Matrices of so few numbers (token types) ship as they are.
SMALL = 1024
#: What starts from a public encoder; heads and projections start from random numbers, and ship as they are.
ENCODERS = ("token_rep_layer.bert_layer.", "token_rep_layer.labels_encoder.")


def project(
    start: Mapping[str, Tensor],
    trained: Mapping[str, Tensor],
    shipping: Shipping,
    tail: int = 0,
    device: torch.device | str = "cpu",
) -> dict[str, Tensor]:
    """The delta from one network's weights to another's, as :mod:`gliner_adapters.model.delta` stores it.

    Args:
        start: the weights that training started from, by GLiNER's names.
        trained: the weights that it led to.
        shipping: the ranks.
        tail: rows of the word embeddings that were added to the encoder's; they ship as they are, for what they
            start from is drawn at random.
        device: where to compute; what is found lies there.
    """
    delta: dict[str, Tensor] = {}
    for name, tensor in trained.items():
        before, after = start[name].to(device).float(), tensor.to(device)
        rank = _rank(name, after, shipping)
        rows = len(after) - tail if tail and _is_vocabulary(name) else None
        if rows is not None:
            delta[name + TAIL] = after[rows:].float()
        if torch.equal(after[:rows].float(), before[:rows]):
            continue
        if rank is None:
            delta[name] = after.float()
        elif rank > 0:
            delta[name + UP], delta[name + DOWN] = factorise(after[:rows].float() - before[:rows], rank)
    return delta


def left_out(
    start: Mapping[str, Tensor], trained: Mapping[str, Tensor], delta: Mapping[str, Tensor]
) -> dict[str, float]:
    """Share of each encoder's squared difference that a delta's products leave out, summed by kind of matrix."""
    lost: dict[str, list[float]] = {}
    for name in sorted(name.removesuffix(UP) for name in delta if name.endswith(UP)):
        up, down = delta[name + UP], delta[name + DOWN]
        after, before = (weights[name][: len(up)].to(up.device).float() for weights in (trained, start))
        difference = after - before
        entry = lost.setdefault(_kind(name), [0.0, 0.0])
        entry[0] += residue(difference, up, down)
        entry[1] += float(difference.square().sum())
    return {kind: round(part / max(whole, 1e-30), 4) for kind, (part, whole) in lost.items()}


def _rank(name: str, tensor: Tensor, shipping: Shipping) -> int | None:
    """The rank of a tensor's delta; ``None`` where it ships as it is, 0 where it is left alone."""
    if not name.startswith(ENCODERS) or tensor.ndim < 2 or tensor.numel() <= SMALL:
        return None
    kind = _kind(name)
    if kind == "embeddings":
        own = shipping.label_embedding_rank if ".labels_encoder." in name else None
        return shipping.embedding_rank if own is None else own
    return shipping.label_rank if kind == "label encoder" else shipping.text_rank


def _is_vocabulary(name: str) -> bool:
    return name.endswith(("embeddings.word_embeddings.weight", "embeddings.tok_embeddings.weight"))


def _kind(name: str) -> str:
    """Which ranks apply to a matrix."""
    if ".embeddings." in name:
        return "embeddings"
    return "label encoder" if ".labels_encoder." in name else "text encoder"


class LowRank(Adapter):
    """The low-rank form as something to train. No technique: it has no labels of its own.

    Parameters are called ``INGREDIENT.NAME``, the name being GLiNER's with slashes for dots.

    Args:
        base: the projected base.
        start: the weights that its delta is the difference to.
        delta: that delta.
    """

    name = "low-rank"

    def __init__(self, base: Base, start: Mapping[str, Tensor], delta: Mapping[str, Tensor]) -> None:
        self._start, self._delta = start, delta
        super().__init__(base, [Label("any")])

    def build(self, base: Base) -> None:
        """Start from the delta."""
        parts = base.parts
        every = ("text_encoder", "label_encoder", "span_head", "label_head")
        self._names = {part: network_names(base, part) for part in every if getattr(parts, part) is not None}
        assert parts.label_head is not None
        self.text_deltas, self.text_vectors = self._factors("text_encoder", base)
        if parts.label_encoder is not None:
            self.label_deltas, self.label_vectors = self._factors("label_encoder", base)
        self.span_head, self.label_head = own_copy(parts.span_head), own_copy(parts.label_head)

    def _factors(self, part: str, base: Base) -> tuple[nn.ParameterDict, nn.ParameterDict]:
        """The trained factors of one encoder, and what of it ships as it is: vectors, projections, small tables."""
        factors, vectors = nn.ParameterDict(), nn.ParameterDict()
        module = getattr(base.parts, part)
        idle = unused_parameters(module)
        for name in sorted(n for local, n in self._names[part].items() if local not in idle):
            if name + UP in self._delta and _kind(name) != "embeddings":
                for end in (UP, DOWN):
                    factors[_key(name + end)] = nn.Parameter(self._delta[name + end].float().clone())
            elif name in self._delta:
                vectors[_key(name)] = nn.Parameter(self._delta[name].float().clone())
        return factors, vectors

    def parts(self, parts: Parts) -> Parts:
        """Every part is the low-rank form's."""
        text = _Recomputed(parts.text_encoder, self._weights("text_encoder"))
        labels = None
        if parts.label_encoder is not None:
            labels = _Recomputed(parts.label_encoder, self._weights("label_encoder"))
        return replace(
            parts,
            text_encoder=text,  # type: ignore[arg-type]
            label_encoder=labels,  # type: ignore[arg-type]
            span_head=self.span_head,
            label_head=self.label_head,
        )

    def _weights(self, part: str) -> dict[str, Tensor]:
        """The weights of an encoder at this moment, by the names of its own parameters."""
        side = part.split("_")[0]
        deltas, vectors = getattr(self, f"{side}_deltas"), getattr(self, f"{side}_vectors")
        weights: dict[str, Tensor] = {}
        for local, name in self._names[part].items():
            if _key(name) in vectors:
                weights[local] = vectors[_key(name)]
            elif _key(name + UP) in deltas:
                weights[local] = self._start[name] + deltas[_key(name + UP)] @ deltas[_key(name + DOWN)]
        return weights

    def delta(self) -> dict[str, Tensor]:
        """What has been trained, in the form that ships."""
        found = dict(self._delta)
        for table in ("text_deltas", "text_vectors", "label_deltas", "label_vectors"):
            for key, parameter in getattr(self, table, nn.ParameterDict()).items():
                found[key.replace("/", ".")] = parameter.detach()
        for part in ("span_head", "label_head"):
            own = dict(getattr(self, part).named_parameters())
            for local, name in self._names[part].items():
                if name in found:
                    found[name] = own[local].detach()
        return found


class _Recomputed(nn.Module):
    """A part of the base run with other weights; the part itself stays as it is.

    Its dropout is that of the frozen part: none.
    """

    def __init__(self, part: nn.Module, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self._part, self._weights = (part,), weights  # in a tuple, so that it is no sub-module
        self.rnn = getattr(part, "rnn", None)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """As the part's own."""
        found: Tensor = functional_call(self._part[0], self._weights, (input_ids, attention_mask))
        return found


def network_names(base: Base, part: str) -> dict[str, str]:
    """The names of a part's parameters: its own, and GLiNER's for the whole network."""
    whole = {id(parameter): name for name, parameter in base.network.named_parameters()}
    return {local: whole[id(parameter)] for local, parameter in getattr(base.parts, part).named_parameters()}


def _key(name: str) -> str:
    return name.replace(".", "/")
