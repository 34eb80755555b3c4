"""Words to sub-token ids.

GLiNER tokenizes texts that are already split into words, and every tokenizer it uses treats such words
independently of each other. So a word's ids are computed once and remembered, and a text is the
concatenation of its words' ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gliner_adapters.documents import Label
from gliner_adapters.errors import BaseModelError

#: Words remembered per tokenizer; beyond that the memory starts anew. Some 400 bytes each, and the words of abstracts
#: never end: more of them would be a growth of memory that no reading is faster by.
REMEMBERED_WORDS = 50_000


class WordTokenizer:
    """A tokenizer for words, with the special tokens that open and close a text.

    Args:
        tokenizer: a transformers tokenizer.
        vocabulary: how many embeddings the encoder has. GLiNER adds its markers to a bi-encoder's tokenizer but not
            to the encoder, so a word that looks like a marker would have no embedding; it is read as unknown.
    """

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:
        self.tokenizer = tokenizer
        self.vocabulary = vocabulary
        if tokenizer.pad_token_id is None:
            if tokenizer.eos_token_id is None:
                raise BaseModelError("the tokenizer has neither a padding nor an end token")
            tokenizer.pad_token = tokenizer.eos_token
        self.pad_id: int = tokenizer.pad_token_id
        self.unknown_id: int = self.pad_id if tokenizer.unk_token_id is None else tokenizer.unk_token_id
        self._memory: dict[str, tuple[int, ...]] = {}
        self.prefix, self.suffix = self._frame()

    def _frame(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The special ids before and after a text, read off the tokenizer instead of assumed."""
        bare = self.tokenizer([["a"]], is_split_into_words=True, add_special_tokens=False)["input_ids"][0]
        framed = self.tokenizer([["a"]], is_split_into_words=True)["input_ids"][0]
        for start in range(len(framed) - len(bare) + 1):
            if framed[start : start + len(bare)] == bare:
                return tuple(framed[:start]), tuple(framed[start + len(bare) :])
        raise BaseModelError("the tokenizer changes words when it adds special tokens; it is not supported")

    def forget(self) -> None:
        """Forget the words seen so far (timings that should not profit from them)."""
        self._memory.clear()

    def word_ids(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The sub-token ids of each word; empty for a word that the tokenizer drops (control characters)."""
        memory = self._memory
        missing = [word for word in dict.fromkeys(words) if word not in memory]
        if missing:
            if len(memory) + len(missing) > REMEMBERED_WORDS:
                # A new one: another thread may be reading the old.
                memory = self._memory = {}
                missing = list(dict.fromkeys(words))
            encoded = self.tokenizer(
                [[word] for word in missing],
                is_split_into_words=True,
                add_special_tokens=False,
                truncation=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )["input_ids"]
            for word, ids in zip(missing, encoded, strict=True):
                memory[word] = tuple(i if i < self.vocabulary else self.unknown_id for i in ids)
        return [memory[word] for word in words]


@dataclass(frozen=True)
class LabelPrompt:
    """The labels as a uni-encoder reads them before the text: ``<<ENT>> name <<ENT>> name ... <<SEP>>``.

    Attributes:
        ids: sub-token ids of the prompt, special opening tokens included.
        positions: ``(C,)`` where each label's vector is read, counted in sub-tokens from the input's start.
    """

    ids: np.ndarray
    positions: np.ndarray


def label_prompt(
    tokens: WordTokenizer, labels: Sequence[str], ent_token: str, sep_token: str, embed_ent_token: bool
) -> LabelPrompt:
    """Lay out the label prompt of a uni-encoder.

    Args:
        tokens: the text tokenizer.
        labels: label texts in the order of the label axis.
        ent_token: the marker before each label.
        sep_token: the marker between labels and text.
        embed_ent_token: read a label's vector at its marker, or at the token after it.
    """
    ids = list(tokens.prefix)
    positions = []
    marker, separator = tokens.word_ids([ent_token, sep_token])
    for pieces in tokens.word_ids(labels):  # an empty name has no pieces, as in GLiNER
        positions.append(len(ids) + (0 if embed_ent_token else len(marker)))
        ids.extend(marker + pieces)
    ids.extend(separator)
    return LabelPrompt(np.asarray(ids, dtype=np.int64), np.asarray(positions, dtype=np.int64))


#: What the model reads for a label.
LabelStyle = Literal["name", "description", "name: description"]


def label_texts(labels: Sequence[Label], style: str = "name") -> list[str]:
    """What the model reads for each label.

    Args:
        labels: the labels.
        style: ``"name"`` (as GLiNER does), ``"description"``, or ``"name: description"``. A label without a
            description is read by its name.
    """
    if style == "name":
        return [label.name for label in labels]
    if style == "description":
        return [label.description or label.name for label in labels]
    if style == "name: description":
        return [f"{label.name}: {label.description}" if label.description else label.name for label in labels]
    raise ValueError(f"unknown label style {style!r}")
