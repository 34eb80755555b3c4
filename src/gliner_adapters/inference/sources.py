"""Sources: what one adapter, or one set of plain labels, brings to the reading of a text.

A source has two halves. Its :class:`Profile` says how texts are cut and laid out for it; it is small and stays in
memory. Its :class:`Source` holds the weights, and may be dropped from memory and loaded again.

Sources whose words are encoded alike share the work:

    batch key       inputs of one key can go through the text encoder in one batch
    encoding key    inputs of one key are one and the same, so that one encoding serves several sources
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from gliner_adapters.documents import Label
from gliner_adapters.methods import Adapter
from gliner_adapters.methods.injection_cross import PromptedInput
from gliner_adapters.methods.injection_deep import PromptedLayers
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.base import Segment
from gliner_adapters.model.encode import label_vectors
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.prompts import LayerPrompts
from gliner_adapters.model.tokens import LabelPrompt

#: The batch key of inputs that the base's own text encoder reads, as they are or with prompt vectors among them.
BASE_BATCHES: tuple[Hashable, ...] = ("base",)
#: Plain labels are read at this probability.
PLAIN_THRESHOLD = 0.5
#: What of a uni-encoder's input is kept for the text, whatever the number of labels: a share, and sub-tokens.
TEXT_SHARE, LEAST_TEXT = 0.25, 8


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
        context: sub-tokens of neighbouring text that are read on either side of a passage, at most.
        reserve: sub-tokens that prompts take in each input.
        budget: sub-tokens of text that fit in a passage.
        overhead: sub-tokens that each input carries beside the text.
        prompt: what stands before the text in a uni-encoder, with padding where prompt vectors go.
        batch_key: see the module's docstring.
        encoding_key: see the module's docstring.
        prompted: whether it has prompt vectors in the input or at the layers of the base's text encoder.
        has_heads: whether it brings a span head or label head of its own.
    """

    name: str | None
    revision: str
    labels: tuple[Label, ...]
    label_style: str
    threshold: float
    segment: Segment
    context: int
    reserve: int
    budget: int
    overhead: int
    prompt: LabelPrompt | None
    batch_key: tuple[Hashable, ...]
    encoding_key: Hashable
    prompted: bool
    has_heads: bool

    @property
    def has_encoder(self) -> bool:
        """Whether its texts need a pass through a text encoder of its own."""
        return self.batch_key[0] == "own"

    @property
    def light(self) -> bool:
        """Whether its weights are a few vectors, so that those of hundreds can be held at once."""
        return not (self.has_heads or self.has_encoder)


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


def plain_profiles(base: Base, labels: Sequence[Label], style: str) -> tuple[Profile, ...]:
    """How texts are read for plain labels: one profile, or several where a uni-encoder reads the labels in groups.

    All of them cut a text into the same passages.

    Raises:
        BaseModelError: a uni-encoder's input has no room for text beside one of the labels.
    """
    groups = label_groups(base, labels, style)
    budget = min(base.sub_token_budget(group, style) for group in groups)
    profiles = []
    for group in groups:
        prompt = base.prompt(group, style) if base.architecture == "uni" else None
        profile = Profile(
            name=None,
            revision=base.fingerprint,
            labels=tuple(group),
            label_style=style,
            threshold=PLAIN_THRESHOLD,
            segment=base.segment,
            context=0,
            reserve=0,
            budget=budget,
            overhead=_frame(base, prompt),
            prompt=prompt,
            batch_key=BASE_BATCHES,
            encoding_key=_shared_encoding(prompt),
            prompted=False,
            has_heads=False,
        )
        profiles.append(profile)
    return tuple(profiles)


def label_groups(base: Base, labels: Sequence[Label], style: str) -> list[list[Label]]:
    """Labels in as few groups, in their order, as leave :data:`TEXT_SHARE` of a uni-encoder's input for the text.

    A bi-encoder has them in one group.
    """
    if base.architecture == "bi":
        return [list(labels)]
    room = base.longest_input
    frame = base.prompt([], style).ids.size + len(base.text_tokens.suffix)
    most = room - max(LEAST_TEXT, round(TEXT_SHARE * room)) - frame
    groups: list[list[Label]] = [[]]
    taken = 0
    for label in labels:
        size = base.prompt([label], style).ids.size - base.prompt([], style).ids.size
        if groups[-1] and taken + size > most:
            groups.append([])
            taken = 0
        groups[-1].append(label)
        taken += size
    return groups


@torch.no_grad()
def adapter_source(
    adapter: Adapter,
    base: Base,
    name: str,
    revision: str,
    *,
    threshold: float,
    segment: Segment,
    context: int = 0,
    alone: bool = False,
) -> Source:
    """What an adapter brings to readings that it shares with others.

    Args:
        adapter: the adapter.
        base: that it is for.
        name: what it is called there.
        revision: sha256 of its weights.
        threshold: the probability above which something is found.
        segment: what a passage is.
        context: sub-tokens of neighbouring text on either side of a passage, at most.
        alone: there is no other adapter, so that it may take the room of merged weights (`Adapter.read_alone`).
    """
    adapter = adapter.eval()
    labels, style = adapter.labels, adapter.options.label_style
    parts = with_label_vectors(adapter.plug(base), base, adapter.label_inputs(base))
    if alone:
        parts = adapter.read_alone(parts, base.parts)
    encoder, layers, inputs = _unwrapped(parts.text_encoder, base.parts.text_encoder)
    prompt = base.prompt(labels, style) if base.architecture == "uni" else None
    if inputs is not None and prompt is not None:
        prompt = _with_room(prompt, len(base.text_tokens.prefix), len(inputs), base.text_tokens.pad_id)
    reserve = adapter.text_overhead()
    if encoder is not base.parts.text_encoder:
        batch_key: tuple[Hashable, ...] = ("own", name)
    else:
        batch_key = BASE_BATCHES if layers is None else ("layers", _shape(layers))
    prompted = layers is not None or inputs is not None
    shared = batch_key == BASE_BATCHES and not prompted
    profile = Profile(
        name=name,
        revision=revision,
        labels=labels,
        label_style=style,
        threshold=threshold,
        segment=segment,
        context=context,
        reserve=reserve,
        budget=base.sub_token_budget(labels, style, reserve),
        overhead=_frame(base, prompt) + (reserve if inputs is None else 0),
        prompt=prompt,
        batch_key=batch_key,
        encoding_key=_shared_encoding(prompt) if shared else ("own", name, revision),
        prompted=prompted,
        has_heads=_has_heads(parts, base),
    )
    return Source(profile, parts, layers, inputs)


@torch.no_grad()
def single_source(
    base: Base,
    parts: Parts,
    labels: Sequence[Label],
    label_inputs: tuple[Tensor, Tensor] | None = None,
    *,
    label_style: str = "name",
    reserve: int = 0,
    threshold: float = PLAIN_THRESHOLD,
    segment: Segment = "sentence",
    context: int = 0,
) -> Source:
    """Parts that read alone, through the text encoder that they have: nothing is shared, so nothing is taken apart.

    Args:
        base: tokenizers and limits.
        parts: an adapter plugged in (`Adapter.plug`), or the base's own; their text encoder may run in a runtime.
        labels: the label axis.
        label_inputs: ids and mask of the labels where a label encoder reads them: label vectors are made now. Without
            them, parts of a bi-encoder that have no label vectors can encode, but not score.
        label_style: how a uni-encoder's labels are written into the text.
        reserve: sub-tokens that prompts take in each input (`Adapter.text_overhead`).
        threshold: the probability above which something is found.
        segment: what a passage is.
        context: sub-tokens of neighbouring text on either side of a passage, at most.

    Raises:
        BaseModelError: labels and prompts leave no room for text.
    """
    prompt = base.prompt(labels, label_style) if base.architecture == "uni" else None
    profile = Profile(
        name=None,
        revision=base.fingerprint,
        labels=tuple(labels),
        label_style=label_style,
        threshold=threshold,
        segment=segment,
        context=context,
        reserve=reserve,
        budget=base.sub_token_budget(labels, label_style, reserve),
        overhead=_frame(base, prompt) + reserve,
        prompt=prompt,
        batch_key=("own", object()),  # like no other's
        encoding_key=("own",),
        prompted=False,  # its prompts are a matter of its text encoder
        has_heads=_has_heads(parts, base),
    )
    return Source(profile, parts if label_inputs is None else with_label_vectors(parts, base, label_inputs))


def _has_heads(parts: Parts, base: Base) -> bool:
    """Whether parts have a span head, or a label head that reads texts, which is not the base's."""
    label_head = base.architecture == "uni" and parts.label_head is not base.parts.label_head
    return parts.span_head is not base.parts.span_head or label_head


def with_label_vectors(parts: Parts, base: Base, label_inputs: tuple[Tensor, Tensor] | None) -> Parts:
    """In a bi-encoder, label vectors are constants; they are made here if the adapter is not baked."""
    if base.architecture == "uni" or parts.label_vectors is not None:
        return parts
    return replace(parts, label_vectors=label_vectors(parts, label_inputs, None), label_encoder=None, label_head=None)


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


def _shared_encoding(prompt: LabelPrompt | None) -> Hashable:
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
