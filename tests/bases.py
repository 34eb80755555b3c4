"""Tiny random bases, built on the spot: folders that the `gliner` library itself writes.

Nothing here needs a hub. The weights are random but not small: heads are scaled so that scores spread over
(0, 1) and a test of entities has something to choose from.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from gliner import GLiNER
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    BertConfig,
    DebertaV2Config,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedTokenizerFast,
)

from gliner_adapters.documents import Document, Label
from gliner_adapters.model import Base, load_base

HIDDEN = 32
MAX_WIDTH = 5

LABELS = (
    Label("chemical", "a drug or another substance"),
    Label("disease", "an illness of the body"),
    Label("cell line", "cells kept in culture"),
)

TEXTS = (
    "Aspirin-induced asthma was treated with prednisone in 12 patients.",
    "HeLa cells grew.",
    "Naloxone reverses the antihypertensive effect of clonidine (0.2 mg/kg), but not in anaesthetised rats.",
    "Asthma",
    "The K562 and Jurkat cell lines were exposed to cisplatin, methotrexate and 5-fluorouracil for 24 h.",
    "Patients with renal failure received lithium; two of them had tremor.",
    "Unlike <<ENT>> markers, hepatitis is a disease [SEP] of the liver!",
)


@dataclass(frozen=True)
class Recipe:
    """What a tiny base is made of."""

    name: str
    architecture: str
    encoder: str
    config: dict[str, Any] = field(default_factory=dict)
    label_hidden: int = HIDDEN


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("uni-bert", "uni", "bert"),
        Recipe("uni-deberta", "uni", "deberta-v2"),
        Recipe("uni-modernbert", "uni", "modernbert"),
        Recipe("bi-bert", "bi", "bert"),
        Recipe("bi-deberta", "bi", "deberta-v2"),
        Recipe("bi-modernbert", "bi", "modernbert", label_hidden=16),
        Recipe("uni-mpnet", "uni", "mpnet"),
        Recipe("bi-mpnet", "bi", "mpnet", label_hidden=16),
        # Options that change the pass.
        Recipe("uni-bert-lstm", "uni", "bert", {"num_rnn_layers": 1}),
        Recipe("uni-deberta-after-marker", "uni", "deberta-v2", {"embed_ent_token": False}),
        Recipe("uni-bert-projected", "uni", "bert", {"hidden_size": 48}),
        Recipe("uni-modernbert-max", "uni", "modernbert", {"subtoken_pooling": "max"}),
        Recipe("uni-bert-markerV1", "uni", "bert", {"span_mode": "markerV1"}),
        Recipe("bi-bert-mean", "bi", "bert", {"subtoken_pooling": "mean"}),
        Recipe("bi-modernbert-last", "bi", "modernbert", {"subtoken_pooling": "last"}),
        Recipe("bi-deberta-conv", "bi", "deberta-v2", {"span_mode": "conv_mean"}),
    )
}
#: Enough for what does not depend on the encoder's type.
PLAIN = ("uni-bert", "bi-bert")


@dataclass
class TinyBase:
    """A folder with a base, and both ways to load it."""

    recipe: Recipe
    folder: Path

    @cached_property
    def base(self) -> Base:
        """The base as this project loads it. Shared by all tests: never change it."""
        base = load_base(str(self.folder))
        base.fresh = True  # its weights are random: a state that any training beats, and none should have to
        return base

    @cached_property
    def gliner(self) -> Any:
        """The base as the `gliner` library loads it."""
        with warnings.catch_warnings():  # that a bi-encoder's embeddings are not resized
            warnings.simplefilter("ignore", UserWarning)
            return GLiNER.from_pretrained(str(self.folder), local_files_only=True).eval()


def build_encoder(kind: str, folder: Path, hidden: int = HIDDEN, positions: int = 128) -> Path:
    """A random two-layer encoder with its tokenizer, as transformers saves them."""
    tokenizer = _TOKENIZERS[kind](positions)
    sizes = {
        "vocab_size": len(tokenizer),
        "hidden_size": hidden,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 2 * hidden,
        "max_position_embeddings": positions,
        "pad_token_id": tokenizer.pad_token_id,
        "initializer_range": 0.2,
    }
    config: Any
    if kind == "bert":
        config = BertConfig(**sizes)
    elif kind == "deberta-v2":
        # As in DeBERTa-v3: no absolute positions, relative ones in buckets, shared with the content's keys.
        config = DebertaV2Config(
            **sizes,
            relative_attention=True,
            position_biased_input=False,
            pos_att_type=["p2c", "c2p"],
            position_buckets=16,
            share_att_key=True,
            norm_rel_ebd="layer_norm",
            type_vocab_size=0,
        )
    elif kind == "mpnet":
        # Its positions begin after the padding index.
        config = MPNetConfig(**{**sizes, "max_position_embeddings": positions + 2})
    else:
        config = ModernBertConfig(
            **sizes,
            cls_token_id=tokenizer.cls_token_id,
            sep_token_id=tokenizer.sep_token_id,
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
            global_attn_every_n_layers=2,
            local_attention=16,
            embedding_dropout=0.1,
        )
    torch.manual_seed(7)
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_base(recipe: Recipe, folder: Path, positions: int = 128) -> Path:
    """A tiny GLiNER's folder, built and written by the `gliner` library."""
    encoder = build_encoder(recipe.encoder, folder / "encoder", positions=positions)
    config = {
        "model_name": str(encoder),
        "hidden_size": HIDDEN,
        "num_rnn_layers": 0,
        "max_width": MAX_WIDTH,
        "max_len": 96,
        "dropout": 0.1,
        "span_mode": "markerV0",
        **recipe.config,
    }
    if recipe.architecture == "bi":
        labels = build_encoder("bert", folder / "labels", recipe.label_hidden)
        config["labels_encoder"] = str(labels)
    torch.manual_seed(11)
    with warnings.catch_warnings():  # that a bi-encoder's embeddings are not resized
        warnings.simplefilter("ignore", UserWarning)
        model = GLiNER.from_config(config, backbone_from_pretrained=True)
    _spread_scores(model)
    model.save_pretrained(folder / "gliner", safe_serialization=True)
    return folder / "gliner"


@torch.no_grad()
def _spread_scores(model: Any) -> None:
    """Move and scale the heads' last layers until logits have a mean of 0 and a standard deviation of about 2."""
    model.eval()
    collator = model.create_collator()
    texts = [text.split() for text in TEXTS if "<<ENT>>" not in text]
    words = [{"tokenized_text": text, "ner": []} for text in texts]
    batch = collator(words, entity_types=[[label.name for label in LABELS]] * len(texts))
    spans = [module for module in model.model.span_rep_layer.modules() if isinstance(module, torch.nn.Linear)][-1]
    labels = model.model.prompt_rep_layer[-1]
    inside = batch["span_mask"].view(len(texts), -1, MAX_WIDTH)
    spans.bias.sub_(model.model(**batch, return_embeddings=True).span_embeddings[inside].mean(0))
    scale = 2.0 / model.model(**batch).logits[inside].std()
    labels.weight.mul_(scale)
    labels.bias.mul_(scale)


def free(texts: tuple[str, ...] | list[str] = TEXTS) -> list[Document]:
    """Texts as documents."""
    return [Document(text) for text in texts]


_CORPUS = (*TEXTS, "a drug that is used against a disease of the cells of the body in culture such as line")


def _pieces(words: Iterable[str], count: int) -> list[str]:
    """All characters of the words and their most common stretches.

    The trainers of `tokenizers` break ties by chance, and a base must be the same in every run.
    """
    words = list(words)
    stretches = Counter(
        word[i:j] for word in words for i in range(len(word)) for j in range(i + 2, min(i + 7, len(word) + 1))
    )
    common = sorted(stretches, key=lambda piece: (-stretches[piece] * len(piece), piece))
    return sorted({character for word in words for character in word}) + common[:count]


def _bert_tokenizer(
    positions: int, special: tuple[str, ...] = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
) -> PreTrainedTokenizerFast:
    """WordPiece, as BERT uses it: lower case, control characters dropped."""
    pieces = _pieces(" ".join(_CORPUS).lower().split(), 60)
    vocabulary = [*special, *pieces, *("##" + piece for piece in pieces)]
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=10_000))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _wrapped(tokenizer, positions)


def _mpnet_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """BERT's, with the padding token at the index that MPNet takes for it."""
    return _bert_tokenizer(positions, ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"))


def _unigram_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """Unigram pieces with a mark at the beginning of words, as DeBERTa-v3 uses them."""
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    pieces = _pieces(("▁" + word for word in " ".join(_CORPUS).split()), 120)
    scored = [(piece, 0.0) for piece in special] + [(piece, -8.0 + len(piece)) for piece in pieces]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return _wrapped(tokenizer, positions)


def _bytes_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """Byte pairs, as ModernBERT uses them: no character is unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    return _wrapped(tokenizer, positions)


def _wrapped(tokenizer: Tokenizer, positions: int) -> PreTrainedTokenizerFast:
    ends = [("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=positions,
    )


_TOKENIZERS = {
    "bert": _bert_tokenizer,
    "deberta-v2": _unigram_tokenizer,
    "modernbert": _bytes_tokenizer,
    "mpnet": _mpnet_tokenizer,
}
