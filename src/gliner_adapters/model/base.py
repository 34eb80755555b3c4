"""A base: a pretrained GLiNER, its tokenizers and the fingerprint of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn

from gliner_adapters.documents import Label
from gliner_adapters.errors import BaseModelError
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.model.parts import Parts, device_of, position_limit, split_network
from gliner_adapters.model.tokens import LabelPrompt, WordTokenizer, label_prompt, label_texts

#: Labels are read in the text, or by an encoder of their own.
Architecture = Literal["uni", "bi"]
#: What a passage is: one sentence, or as many sentences as fit.
Segment = Literal["sentence", "window"]

#: A tokenizer without a limit of its own reports a huge number; beyond this it is taken as "none".
NO_LIMIT = 1_000_000


class Base:
    """A pretrained GLiNER, frozen; :func:`~gliner_adapters.load_base` makes one.

    Args:
        network, config: GLiNER's own.
        text_tokenizer, label_tokenizer: of the encoders; the latter for bi-encoders only.
        id, revision, segment, fresh: see the attributes.
        fingerprint: where it is known beforehand; else it is computed when it is first asked for.

    Raises:
        BaseModelError: labels and text are fused by cross-attention, or a bi-encoder's label tokenizer is missing.

    Attributes:
        id: what it was loaded as (a hub id, a folder, ``encoder:NAME``).
        revision: the hub's commit, where it came from a hub.
        segment: how texts are read where nothing else is asked: as in pretraining, by ``"sentence"``, or by
            ``"window"`` where nothing is known of it (a hub's GLiNER).
        fresh: its heads are random, put on a plain encoder: there is nothing yet that it could find.
        architecture: ``"uni"`` (labels in the text) or ``"bi"`` (labels have an encoder of their own).
        config: GLiNER's configuration.
        network: GLiNER's `UniEncoderSpanModel` or `BiEncoderSpanModel`.
        parts: the parts of the network; they share its weights.
        text_tokens: words to sub-token ids.
        label_tokenizer: the label encoder's tokenizer (bi-encoders).
    """

    def __init__(
        self,
        network: nn.Module,
        config: Any,
        text_tokenizer: Any,
        label_tokenizer: Any = None,
        *,
        id: str,  # noqa: A002 - the word of the domain
        revision: str | None = None,
        fingerprint: str | None = None,
        segment: Segment = "window",
        fresh: bool = False,
    ) -> None:
        if hasattr(network, "cross_fuser"):
            raise BaseModelError(
                f"{id} fuses labels and text by cross-attention (post_fusion_schema), so its label vectors depend "
                "on the text; such checkpoints are not supported"
            )
        network.requires_grad_(False)
        network.eval()
        self.id = id
        self.revision = revision
        self.segment: Segment = segment
        self.fresh = fresh
        self._fingerprint = fingerprint
        self.network = network
        self.config = config
        self.parts: Parts = split_network(network)
        self.architecture: Architecture = "uni" if self.parts.label_encoder is None else "bi"
        embeddings = self.parts.text_encoder.transformer.model.get_input_embeddings()
        self.text_tokens = WordTokenizer(text_tokenizer, embeddings.num_embeddings)
        self.label_tokenizer = label_tokenizer
        if self.architecture == "bi" and label_tokenizer is None:
            raise BaseModelError(f"{id} is a bi-encoder; its label tokenizer is missing")

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the weights, or over the files that they were reconstructed from."""
        return self._fingerprint or fingerprint(self.network.state_dict())

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return device_of(self.network)

    @property
    def hidden_size(self) -> int:
        """D, the width of word and label vectors."""
        return int(self.config.hidden_size)

    @property
    def max_width(self) -> int:
        """K, the widest span in words."""
        return int(self.config.max_width)

    @property
    def max_words(self) -> int:
        """The longest text in words that the base was trained to read at once."""
        return int(self.config.max_len)

    @property
    def parameters(self) -> int:
        """How many parameters the base has."""
        return sum(p.numel() for p in self.network.parameters())

    def to(self, device: str | torch.device) -> Base:
        """Move the weights to a device, in place."""
        self.network.to(device)
        return self

    @property
    def longest_input(self) -> int:
        """How many sub-tokens the text encoder reads at once, special tokens and a label prompt included."""
        return _longest_input(self.parts.text_encoder.transformer.model.config, self.text_tokens.tokenizer)

    def sub_token_budget(self, labels: Sequence[Label], style: str = "name", reserve: int = 0) -> int:
        """How many sub-tokens of text fit in one input, beside special tokens and the label prompt.

        Args:
            labels: a uni-encoder reads them in the input.
            style: how it reads them.
            reserve: sub-tokens to keep free for an adapter's prompts.

        Raises:
            BaseModelError: labels and prompts leave no room for text.
        """
        budget = self.longest_input
        prefix = self.prompt(labels, style).ids.size if self.architecture == "uni" else len(self.text_tokens.prefix)
        budget -= prefix + len(self.text_tokens.suffix) + reserve
        if budget < 8:
            prompts = f" and {reserve} prompt vectors" if reserve else ""
            advice = "use fewer or shorter labels" + (", or shorter prompts" if reserve else "")
            raise BaseModelError(
                f"{len(labels)} labels{prompts} leave {budget} sub-tokens for the text in {self.id}; {advice}"
            )
        return budget

    def prompt(self, labels: Sequence[Label], style: str = "name") -> LabelPrompt:
        """The label prompt that a uni-encoder reads before the text; ``style`` is ``name``, ``description`` or both."""
        return label_prompt(
            self.text_tokens,
            label_texts(labels, style),
            self.config.ent_token,
            self.config.sep_token,
            self.config.embed_ent_token,
        )

    @property
    def label_limit(self) -> int:
        """How many sub-tokens a bi-encoder's label encoder reads at once, special tokens included."""
        assert self.parts.label_encoder is not None
        return _longest_input(self.parts.label_encoder.transformer.model.config, self.label_tokenizer)

    def label_inputs(self, labels: Sequence[Label], style: str = "name") -> tuple[Tensor, Tensor]:
        """:meth:`label_ids` of labels in a style, ``(C, T)`` each, on the base's device."""
        ids, mask = self.label_ids(labels, style)
        return ids.to(self.device), mask.to(self.device)

    def label_ids(self, labels: Sequence[Label], style: str = "name") -> tuple[Tensor, Tensor]:
        """Ids and mask ``(C, T)`` of the labels, in a style, for a bi-encoder's label encoder, on the CPU.

        Raises:
            BaseModelError: a label text is longer than the label encoder reads.
        """
        texts = label_texts(labels, style)
        encoded = self.label_tokenizer(texts, return_tensors="pt", truncation=False, padding="longest", verbose=False)
        limit = self.label_limit
        if encoded["input_ids"].shape[1] > limit:
            longest = max(texts, key=len)
            raise BaseModelError(
                f"the label text {longest[:60]!r}... is longer than the label encoder reads ({limit} sub-tokens)"
            )
        return encoded["input_ids"], encoded["attention_mask"]

    def __repr__(self) -> str:
        return f"Base({self.id!r}, {self.architecture}, {self.parameters / 1e6:.1f}M parameters)"


def _longest_input(encoder: Any, tokenizer: Any) -> int:
    """How many sub-tokens an encoder reads at once, special tokens included."""
    limits = (position_limit(encoder), tokenizer.model_max_length)
    known = [int(limit) for limit in limits if limit and 0 < limit < NO_LIMIT]
    return min(known, default=512)
