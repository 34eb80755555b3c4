"""How a run trains. Every field is an option of `gliner-adapters adapt`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch


class Optimisation(BaseModel):
    """What every training shares. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_size: int = Field(32, ge=1, description="Passages in a step, over all processes.")
    learning_rates: dict[str, float] = Field(
        default_factory=dict, description="Learning rate of an ingredient, e.g. span_head; else the method's own."
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Learning rate of an encoder's layer as a share of the next higher one's."
    )
    weight_decay: float = Field(0.01, ge=0, description="Decay of weight matrices (never of biases and norms).")
    decay: Literal["linear", "cosine", "constant"] = Field("linear", description="How they fall afterwards.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    focal_alpha: float = Field(0.75, gt=0, lt=1, description="Weight of positive spans in the focal losses.")
    focal_gamma: float = Field(2.0, ge=0, description="How strongly the focal losses turn to hard spans.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Arithmetic of training and evaluation; auto: bf16 where the device has it, else fp32."
    )
    seed: int = Field(1, ge=0, description="Seed of batches, dropout and initialisation.")
    checkpoint_steps: int = Field(200, ge=1, description="Steps between checkpoints.")


class TrainingConfig(Optimisation):
    """Hyper-parameters of an adapter's training. Unknown names are errors."""

    epochs: int = Field(5, ge=0, description="Passes over the training data.")
    max_tokens: int = Field(8192, ge=64, description="Padded sub-tokens in a batch at most; larger batches are cut.")
    warmup: float = Field(0.1, ge=0, le=1, description="Share of the steps over which learning rates rise.")
    ema: float = Field(0.0, ge=0, lt=1, description="Decay of a moving average of the weights, which is kept; 0: none.")
    head_dropout: float | None = Field(None, ge=0, lt=1, description="Dropout in trained heads; else the base's own.")
    loss: Literal["bce", "focal", "balanced-focal"] = Field("bce", description="Loss over spans and labels.")
    train_on: Literal["train", "train+devel"] = Field(
        "train",
        description="Splits to train on; after train+devel the last epoch stays: no devel is left to choose by.",
    )
    threshold: float | None = Field(
        None, gt=0, lt=1, description="The adapter's threshold, fixed beforehand; else the best on devel."
    )
    evaluate_every: int = Field(1, ge=1, description="Epochs between evaluations on devel.")
    patience: int | None = Field(None, ge=1, description="Stop after so many evaluations without a better one.")
    segment: Literal["sentence", "window"] = Field(
        "sentence", description="Passages of one sentence, or of as much text as fits."
    )
    context: int = Field(
        0, ge=0, description="Sub-tokens of neighbouring text, at most, that are read on either side of a passage."
    )
    cache_features: bool = Field(True, description="Compute frozen word vectors once, where the method allows it.")

    def on(self, device: torch.device) -> TrainingConfig:
        """The configuration with the precision that is meant on a device in place of ``"auto"``."""
        from gliner_adapters.model.precision import precision_on  # the command line reads this module for its options

        return self.model_copy(update={"precision": precision_on(device, self.precision)})
