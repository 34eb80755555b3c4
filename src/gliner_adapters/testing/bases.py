"""Tiny random bases, built on the spot: folders that the `gliner` library itself writes.

Nothing here needs a hub. The weights are random but not small: heads are scaled so that scores spread over
(0, 1) and a test of entities has something to choose from.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from gliner import GLiNER
from transformers import AutoModel, BertConfig, DebertaV2Config, ModernBertConfig, MPNetConfig

from gliner_adapters.documents import Document, Label
from gliner_adapters.model import Base, load_base
from gliner_adapters.testing.tokenizers import TEXTS, TOKENIZERS

HIDDEN = 32
MAX_WIDTH = 5

#: Labels that tiny bases are asked for, with descriptions.
LABELS = (
    Label("chemical", "a drug or another substance"),
    Label("disease", "an illness of the body"),
    Label("cell line", "cells kept in culture"),
)


@dataclass(frozen=True)
class Recipe:
    """What a tiny base is made of.

    Attributes:
        name: by which it is asked for.
        architecture: ``"uni"`` or ``"bi"``.
        encoder: kind of the text encoder; a label encoder is a BERT.
        config: fields of GLiNER's configuration.
        label_hidden: width of the label encoder.
    """

    name: str
    architecture: str
    encoder: str
    config: dict[str, Any] = field(default_factory=dict)
    label_hidden: int = HIDDEN


#: The tiny bases that can be built, by name.
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
    """A folder with a base, and both ways to load it.

    Attributes:
        recipe: what it is made of.
        folder: where it lies.
    """

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
    tokenizer = TOKENIZERS[kind](positions)
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
        config = DebertaV2Config(  # type: ignore[call-arg]
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
        config = ModernBertConfig(  # type: ignore[call-arg]
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


def free(texts: Sequence[str] = TEXTS) -> list[Document]:
    """Texts as documents."""
    return [Document(text) for text in texts]


@cache
def tiny_base(name: str) -> TinyBase:
    """The tiny base of a recipe's name, built once in a process, in a folder that goes when the process ends.

    Args:
        name: one of :data:`RECIPES`.

    Raises:
        KeyError: no recipe is called so.
    """
    recipe = RECIPES[name]
    return TinyBase(recipe, build_base(recipe, Path(_place().name) / name))


@cache
def _place() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="gliner-adapters-testing-")
