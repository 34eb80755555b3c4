"""One forward pass, from a batch to logits. Everything that runs a GLiNER goes through here."""

from __future__ import annotations

from torch import Tensor

from gliner_adapters.model.batches import Batch
from gliner_adapters.model.encode import Encoded, encode_text, label_vectors
from gliner_adapters.model.parts import Parts
from gliner_adapters.model.score import score_spans


def forward(
    parts: Parts,
    batch: Batch | Encoded,
    label_inputs: tuple[Tensor, Tensor] | None,
    max_width: int,
    pooling: str = "first",
) -> Tensor:
    """Score every span of a batch against every label.

    Args:
        parts: what the pass runs through.
        batch: passages, or what the text encoder made of them before (a feature cache).
        label_inputs: ids and mask of the labels, where a label encoder reads them.
        max_width: K.
        pooling: GLiNER's `subtoken_pooling`.

    Returns:
        ``(N, K, C)`` float32 logits over packed words; see :func:`~gliner_adapters.model.score.valid_spans`.
    """
    encoded = batch if isinstance(batch, Encoded) else encode_text(parts.text_encoder, batch, pooling)
    labels = label_vectors(parts, label_inputs, encoded.labels)
    return score_spans(parts.span_head, encoded.words, encoded.lengths, labels, max_width)
