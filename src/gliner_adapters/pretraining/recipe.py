"""A recipe: everything that decides how a base is pretrained, in one TOML or YAML file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gliner_adapters.corpora.registry import builtin_infos, corpus_info, is_corpus
from gliner_adapters.errors import ConfigError
from gliner_adapters.model.base import Segment
from gliner_adapters.model.delta import Numbers
from gliner_adapters.settings import problems_of, read_settings
from gliner_adapters.training.config import Optimisation, TrainingConfig

RECIPES = Path(__file__).parent / "recipes"
LABELS = Path(__file__).parent / "labels.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Settings = TypeVar("Settings", bound=_Strict)


class Texts(_Strict):
    """The texts that stand for one entity type: short names, and descriptions of a sentence."""

    names: tuple[str, ...] = Field(min_length=1)
    descriptions: tuple[str, ...] = ()


class Kind(Texts):
    """A narrower type within a type of a corpus, told by the mention's own words.

    Attributes:
        mention: a regular expression that is searched for in the mention; ``None`` for all that is left.
    """

    mention: str | None = None

    @field_validator("mention")
    @classmethod
    def _is_a_pattern(cls, mention: str | None) -> str | None:
        try:
            re.compile(mention or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return mention


class TypeTexts(Texts):
    """A type of a corpus, and the kinds that its mentions can be split into.

    Corpora lump together what users tell apart ("the TP53 gene", "TP53 mRNA" and "TP53" are all GENE). Where the
    mention's own words settle it, a group of sentences can be scored against the kinds in the type's place. Every
    mention is of the first kind that matches, so the last kind takes all the others.
    """

    split: tuple[Kind, ...] = ()

    @model_validator(mode="after")
    def _last_takes_the_rest(self) -> TypeTexts:
        if self.split and [kind.mention is None for kind in self.split] != [False] * (len(self.split) - 1) + [True]:
            raise ValueError("split: each kind but the last needs `mention`, and the last takes what is left")
        return self


class Sampling(_Strict):
    """How many sentences are drawn, and from which corpora how often."""

    sentences: int = Field(60_000, ge=1, description="Sentences drawn in all; one may be drawn several times.")
    corpus_power: float = Field(
        0.5, ge=0, le=1, description="A corpus is drawn in proportion to its sentences' weight to this power."
    )
    type_power: float = Field(0.5, ge=0, le=1, description="Sentences of rarer types are preferred by this power.")
    type_boost: float = Field(4.0, ge=1, description="By how much at most.")
    empty_weight: float = Field(0.3, ge=0, le=1, description="Weight of a sentence without a mention.")
    most_repeats: float = Field(4.0, ge=1, description="How often one sentence is drawn at most, on average.")
    most_tokens: int = Field(160, ge=16, description="Sentences of more sub-tokens are left out, and counted.")
    window_share: float = Field(
        0.0, ge=0, le=1, description="Share of the sentences that are drawn together, as windows of their documents."
    )
    window_tokens: int = Field(320, ge=32, description="Sub-tokens of such a window at most.")


class LabelDrawing(_Strict):
    """How the labels of a group of sentences are worded and chosen."""

    description: float = Field(0.15, ge=0, le=1, description="Probability that a label is worded by a description.")
    both: float = Field(0.1, ge=0, le=1, description="Probability of `name: description`.")
    other_case: float = Field(
        0.15, ge=0, le=1, description="Probability that a name changes case or takes underscores."
    )
    drop_from: float = Field(0.5, ge=0, le=1, description="Probability that labels of a group are dropped at all.")
    drop: float = Field(0.3, ge=0, lt=1, description="Probability that one label is dropped then.")
    split: float = Field(0.4, ge=0, le=1, description="Probability that a type's kinds stand in its place.")
    most: int = Field(16, ge=1, description="Labels of a group at most.")

    @model_validator(mode="after")
    def _shares(self) -> LabelDrawing:
        if self.description + self.both > 1:
            raise ValueError("description and both are shares of one whole; together they exceed 1")
        return self


class Further(_Strict):
    """One further training of every parameter; what is not given stays as in the main stage."""

    sentences: int = Field(8_000, ge=1, description="Sentences drawn.")
    sampling: dict[str, Any] = Field(default_factory=dict, description="Other values of the table `sampling`.")
    drawing: dict[str, Any] = Field(default_factory=dict, description="Other values of the table `drawing`.")


class Stage(Further):
    """One further training of the low-rank form."""

    learning_rate: float = Field(3e-4, gt=0, description="Learning rate of the text encoder's deltas.")
    label_learning_rate: float = Field(1e-4, gt=0, description="That of the label encoder; heads have half of theirs.")


class Shipping(_Strict):
    """What is shipped in place of the trained weights: low-rank deltas, and heads as they are."""

    text_rank: int = Field(48, ge=1, description="Rank of the deltas on the text encoder's matrices.")
    label_rank: int = Field(16, ge=1, description="Rank of the deltas on the label encoder's matrices.")
    embedding_rank: int = Field(8, ge=0, description="Rank of the deltas on word embeddings; 0 leaves them alone.")
    label_embedding_rank: int | None = Field(
        None, ge=0, description="That of the label encoder's own; as `embedding_rank` if not given."
    )
    numbers: Numbers = Field("float16", description="How large matrices are stored: float16 or int8.")
    megabytes: float = Field(16.0, gt=0, description="Largest size of the shipped file.")
    stages: tuple[Stage, ...] = Field((Stage(),), description="How the low-rank form is trained further, in turn.")


class RecipeTraining(Optimisation):
    """How the loop trains; ingredients without a learning rate have that of full fine-tuning."""

    warmup: float = Field(0.05, ge=0, le=1, description="Share of the steps over which learning rates rise.")
    loss: Literal["bce", "focal"] = Field("bce", description="Loss over spans and known labels.")
    precision: Literal["auto", "fp32", "bf16"] = Field("bf16", description="Arithmetic of training.")

    def config(self, **changes: Any) -> TrainingConfig:
        """As the configuration that the optimiser and the loss read."""
        return TrainingConfig(**{**self.model_dump(), **changes})


class Recipe(_Strict):
    """A pretraining run.

    Attributes:
        name: of the base.
        architecture: ``bi`` or ``uni``.
        encoder: the public encoder that ships as a difference: ``encoder:minilm``, ``encoder:mpnet`` or
            ``encoder:DIR``.
        label_encoder: the one that reads the labels of a bi-encoder, called in the same way; the text's if not given.
        hidden_size: width of the heads, to which GLiNER projects what encoders of other widths give; the text
            encoder's own if not given.
        segment: what the base is read by where nothing else is asked: by ``sentence``, or by ``window``.
        warm_start: a base whose weights training starts from instead of the encoder and fresh heads.
        corpora: names of corpora; their training splits are used.
        held_out: corpora whose sentences (all splits) are removed from the training data; unless said otherwise,
            every benchmark and held-out corpus of the registry.
        labels: names and descriptions of each type, by corpus and tag.
        sampling: see :class:`Sampling`.
        drawing: see :class:`LabelDrawing`.
        stages: how every parameter is trained further after the main stage, in turn.
        shipping: see :class:`Shipping`.
        training: hyper-parameters of the loop; ``batch_size`` sentences make a step.
        group_size: sentences of one corpus that share a set of labels; several groups make a step.
    """

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    architecture: Literal["bi", "uni"]
    encoder: str = Field("encoder:minilm", pattern="^encoder:.+")
    label_encoder: str | None = Field(None, pattern="^encoder:.+")
    hidden_size: int | None = Field(None, ge=1)
    segment: Segment = "sentence"
    warm_start: str | None = None
    corpora: tuple[str, ...] = Field(min_length=1)
    held_out: tuple[str, ...] = Field(default_factory=lambda: _benchmarks())
    labels: Mapping[str, Mapping[str, TypeTexts]]
    sampling: Sampling = Sampling()
    drawing: LabelDrawing = LabelDrawing()
    stages: tuple[Further, ...] = ()
    shipping: Shipping = Shipping()
    training: RecipeTraining = RecipeTraining()
    group_size: int = Field(16, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        for stage in (*self.stages, *self.shipping.stages):  # their tables are checked like the main ones
            self.in_stage(stage)
        for name in (*self.corpora, *self.held_out):
            if not is_corpus(name):
                raise ValueError(f"no corpus named {name!r}")
        if len({corpus_info(n).name for n in self.corpora}) < len(self.corpora):
            raise ValueError("a corpus is listed twice")
        both = {corpus_info(n).name for n in self.corpora} & {corpus_info(n).name for n in self.held_out}
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is to be trained on and held out; it can be one of them")
        for name in self.corpora:
            tags = {label.tag for label in corpus_info(name).labels}
            known = set(self.labels.get(corpus_info(name).name, {}))
            if tags != known:
                wrong = ", ".join(sorted(tags ^ known))
                raise ValueError(f"labels of {name}: each of its types needs its texts, and no other; check {wrong}")
            _check_texts(name, self.labels[corpus_info(name).name])
        if self.label_encoder is not None and self.architecture == "uni":
            raise ValueError("label_encoder: a uni-encoder reads labels in the text, with the text's encoder")
        parts = {"text_encoder", "span_head", "label_head"} | (
            {"label_encoder"} if self.architecture == "bi" else set()
        )
        unknown = sorted(set(self.training.learning_rates) - parts)
        if unknown:
            raise ValueError(f"learning_rates: a {self.architecture}-encoder has no {', '.join(unknown)}")
        if self.training.batch_size % self.group_size:
            raise ValueError(f"group_size {self.group_size} does not divide batch_size {self.training.batch_size}")
        return self

    def in_stage(self, stage: Further) -> Recipe:
        """The recipe as a further stage draws by it."""
        sampling = _changed(self.sampling, {**stage.sampling, "sentences": stage.sentences})
        return self.model_copy(update={"sampling": sampling, "drawing": _changed(self.drawing, stage.drawing)})


def _changed(table: Settings, changes: Mapping[str, Any]) -> Settings:
    """A table with other values, checked anew."""
    return type(table).model_validate({**table.model_dump(), **changes})


def _benchmarks() -> tuple[str, ...]:
    """Corpora that scores are measured on; this package's, so that a recipe means the same wherever it is run."""
    return tuple(name for name, info in builtin_infos().items() if info.use in ("benchmark", "held-out"))


def _check_texts(corpus: str, types: Mapping[str, TypeTexts]) -> None:
    """A text must not be blank, nor stand for two types that are scored side by side.

    A kind stands in its type's place, so those two may share a text.
    """
    entries = [(tag, tag, texts) for tag, texts in types.items()]
    kinds = [(tag, kind) for tag, texts in types.items() for kind in texts.split]
    entries += [(tag, f"{tag} ({kind.names[0]})", kind) for tag, kind in kinds]  # type: ignore[misc]
    owners: dict[str, list[tuple[str, str]]] = {}
    for tag, owner, texts in entries:
        for text in (*texts.names, *texts.descriptions):
            if not text.strip():
                raise ValueError(f"labels of {corpus}: {owner} has an empty text")
            others = owners.setdefault(text.casefold(), [])
            for other_tag, other in others:
                if other != owner and not (other_tag == tag and tag in (owner, other)):
                    raise ValueError(f"labels of {corpus}: {text!r} stands for both {other} and {owner}")
            others.append((tag, owner))


def read_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe: one that comes with the package by name (``minilm-bi``), or a file.

    A file that gives no ``labels`` takes the package's own.

    Raises:
        ConfigError: no such file, not TOML or YAML, or a field that is wrong; the message names it.
    """
    path = RECIPES / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise ConfigError(f"no recipe {str(name_or_path)!r}: give a TOML or YAML file, or one of {known}")
    content = read_settings(path)
    content.setdefault("labels", read_settings(LABELS))
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {problems_of(error, 'recipe')}") from None
