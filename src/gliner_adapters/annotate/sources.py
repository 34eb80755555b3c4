"""Sources: what one adapter, or one set of plain labels, brings to the reading of a text.

A source has two halves. Its :class:`Profile` says how texts are cut and laid out for it; it is small and stays in
memory. Its :class:`Source` holds the weights, and may be dropped from memory and loaded again.

Sources whose words are encoded alike share the work:

    lane       inputs that can go through the text encoder in one batch
    variant    inputs that are one and the same, so that one encoding serves several sources
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from gliner_adapters.adapters import TrainedAdapter
from gliner_adapters.documents import Label
from gliner_adapters.methods import Adapter
from gliner_adapters.methods.injection_cross import PromptedInput
from gliner_adapters.methods.injection_deep import PromptedLayers
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.encode import label_vectors
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.passages import Segment
from gliner_adapters.model.prompts import LayerPrompts
from gliner_adapters.model.tokens import LabelPrompt

#: The lane of inputs that the base's own text encoder reads, as they are or with prompt vectors among them.
BASE_LANE: tuple[Hashable, ...] = ("base",)
#: Plain labels are read at this probability, and as windows.
PLAIN_THRESHOLD = 0.5
PLAIN_SEGMENT: Segment = "window"


@dataclass(frozen=True, eq=False)
class Profile:
    """How texts are read for a source.

    Attributes:
        name: the adapter's name; ``None`` for plain labels.
        revision: sha256 of the adapter's weights, or the base's fingerprint.
        labels: the label axis.
        label_style: what the model reads for a label.
        threshold: the probability above which something is found, where a request says nothing else.
        segment: what a passage is.
        reserve: sub-tokens that prompts take in each input.
        budget: sub-tokens of text that fit in a passage.
        overhead: sub-tokens that each input carries beside the text.
        prompt: what stands before the text in a uni-encoder, with padding where prompt vectors go.
        lane: see the module's docstring.
        variant: see the module's docstring.
        prompted: whether it has prompt vectors in the input or at the layers of the base's text encoder.
        own_heads: whether it brings a span head or label head of its own.
    """

    name: str | None
    revision: str
    labels: tuple[Label, ...]
    label_style: str
    threshold: float
    segment: Segment
    reserve: int
    budget: int
    overhead: int
    prompt: LabelPrompt | None
    lane: tuple[Hashable, ...]
    variant: Hashable
    prompted: bool
    own_heads: bool

    @property
    def own_encoder(self) -> bool:
        """Whether its texts need a pass through a text encoder of its own."""
        return self.lane[0] == "own"

    @property
    def light(self) -> bool:
        """Whether its weights are a few vectors, so that those of hundreds can be held at once."""
        return not (self.own_heads or self.own_encoder)


@dataclass(frozen=True, eq=False)
class Source:
    """The weights of a source.

    Attributes:
        profile: the other half.
        parts: what a pass runs through; in a bi-encoder with label vectors.
        layers: prompts at the layers of the base's text encoder, for one row.
        inputs: ``(P, E)`` prompt vectors in the input of the base's text encoder.
    """

    profile: Profile
    parts: Parts
    layers: LayerPrompts | None = None
    inputs: Tensor | None = None


def plain_profile(base: Base, labels: Sequence[Label], style: str) -> Profile:
    """How texts are read for plain labels.

    Raises:
        BaseModelError: a uni-encoder's input has no room for so many labels.
    """
    prompt = base.prompt(labels, style) if base.architecture == "uni" else None
    return Profile(
        name=None,
        revision=base.fingerprint,
        labels=tuple(labels),
        label_style=style,
        threshold=PLAIN_THRESHOLD,
        segment=PLAIN_SEGMENT,
        reserve=0,
        budget=base.sub_token_budget(labels, style),
        overhead=_frame(base, prompt),
        prompt=prompt,
        lane=BASE_LANE,
        variant=_shared_variant(prompt),
        prompted=False,
        own_heads=False,
    )


@torch.no_grad()
def adapter_source(name: str, revision: str, trained: TrainedAdapter) -> Source:
    """What an adapter brings."""
    base, adapter = trained.base, trained.adapter.eval()
    labels, style = adapter.labels, adapter.options.label_style
    parts = _with_label_vectors(adapter.plug(base), adapter, base)
    encoder, layers, inputs = _unwrapped(parts.text_encoder, base.parts.text_encoder)
    prompt = base.prompt(labels, style) if base.architecture == "uni" else None
    if inputs is not None and prompt is not None:
        prompt = _with_room(prompt, len(base.text_tokens.prefix), len(inputs), base.text_tokens.pad_id)
    reserve = adapter.text_overhead()
    if encoder is not base.parts.text_encoder:
        lane: tuple[Hashable, ...] = ("own", name)
    else:
        lane = BASE_LANE if layers is None else ("layers", _shape(layers))
    prompted = layers is not None or inputs is not None
    heads = parts.span_head is not base.parts.span_head or (
        base.architecture == "uni" and parts.label_head is not base.parts.label_head
    )
    profile = Profile(
        name=name,
        revision=revision,
        labels=labels,
        label_style=style,
        threshold=trained.config.threshold,
        segment=trained.config.segment,
        reserve=reserve,
        budget=base.sub_token_budget(labels, style, reserve),
        overhead=_frame(base, prompt) + (reserve if inputs is None else 0),
        prompt=prompt,
        lane=lane,
        variant=_shared_variant(prompt) if lane == BASE_LANE and not prompted else ("own", name, revision),
        prompted=prompted,
        own_heads=heads,
    )
    return Source(profile, parts, layers, inputs)


def _with_label_vectors(parts: Parts, adapter: Adapter, base: Base) -> Parts:
    """In a bi-encoder, label vectors are constants; they are made here if the adapter is not baked."""
    if base.architecture == "uni" or parts.label_vectors is not None:
        return parts
    vectors = label_vectors(parts, adapter.label_inputs(base), None)
    return replace(parts, label_vectors=vectors, label_encoder=None, label_head=None)


def _unwrapped(encoder: TextEncoder, own: TextEncoder) -> tuple[TextEncoder, LayerPrompts | None, Tensor | None]:
    """The base's text encoder and the prompts that an adapter puts into it; any other encoder as it is."""
    if encoder is own:
        return own, None, None
    transformer, layers, inputs = encoder.transformer, None, None
    if encoder.projection is not own.projection or encoder.rnn is not own.rnn:
        return encoder, None, None
    if isinstance(transformer, PromptedInput):
        words = transformer.transformer.model.get_input_embeddings()
        inputs = transformer.encoder(words(transformer.ids), transformer.mask).flatten(0, 1)
        transformer = transformer.transformer
    if isinstance(transformer, PromptedLayers) and transformer.model is own.transformer.model:
        layers = transformer.prompts(1)
    elif transformer is not own.transformer:
        return encoder, None, None
    return own, layers, inputs


def _with_room(prompt: LabelPrompt, at: int, size: int, pad: int) -> LabelPrompt:
    """A label prompt with padding where prompt vectors are put in."""
    return LabelPrompt(np.insert(prompt.ids, at, np.full(size, pad, dtype=np.int64)), prompt.positions + size)


def _frame(base: Base, prompt: LabelPrompt | None) -> int:
    """Sub-tokens around a text."""
    before = len(base.text_tokens.prefix) if prompt is None else prompt.ids.size
    return before + len(base.text_tokens.suffix)


def _shared_variant(prompt: LabelPrompt | None) -> Hashable:
    """Sources of the base's own words share their encoding where the same labels are read with them."""
    return ("base", None if prompt is None else (prompt.ids.tobytes(), prompt.positions.tobytes()))


def _shape(layers: LayerPrompts) -> Hashable:
    """What prompts at layers must have in common to stand in one batch."""
    hidden = tuple((layer, states.shape[1]) for layer, states in sorted(layers.hidden.items()))
    return hidden, tuple((layer, prefix.keys.shape[1]) for layer, prefix in sorted(layers.prefixes.items()))


def own_bytes(module: nn.Module, base: Base) -> int:
    """Bytes of a module's tensors, without those whose memory is the base's."""
    shared = {tensor.untyped_storage().data_ptr() for tensor in base.network.state_dict().values()}
    sizes: dict[int, int] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in shared:
            sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())
