"""What goes in and out of a training, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gliner_adapters.server.schemas import TEXT, Descriptions, LabelBody, Name, Names, Text
from gliner_adapters.server.training.documents import FEWEST_TO_TRAIN

Offset = Annotated[int, Field(ge=0, strict=True)]
#: The name of an adapter is the name of its folder, too.
FolderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Method = Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,40}(\+[a-z-]{1,40}){0,4}$")]
MOST_EPOCHS = 500


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReviewedEntity(_Strict):
    """An entity that a person accepted, corrected or added."""

    start: Offset = Field(description="Its first character; code points, counted from 0.")
    end: Offset = Field(description="The character after its last.")
    label: Name


class ReviewedDocument(_Strict):
    """A text with all its entities of the labels that it was reviewed for."""

    id: Text | None = Field(None, max_length=256)
    text: Name = Field(description="What was read; a document is known by it.")
    entities: list[ReviewedEntity]

    @model_validator(mode="after")
    def _within(self) -> ReviewedDocument:
        for entity in self.entities:
            if not entity.start < entity.end <= len(self.text):
                raise ValueError(
                    f"an entity from {entity.start} to {entity.end} does not lie within {len(self.text)} characters"
                )
        return self


class KeepRequest(_Strict):
    """Reviewed documents, to train on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "documents": [{"text": TEXT, "entities": [{"start": 0, "end": 9, "label": "chemical"}]}],
                    "labels": {"chemical": "a drug or another substance", "cell line": None},
                }
            ]
        }
    )

    documents: Annotated[list[ReviewedDocument], Field(min_length=1)]
    labels: Names | Descriptions | None = Field(
        None,
        description="All that was looked for in each of them: what has no entity there is absent, not unknown. By "
        "default the labels of their entities.",
    )
    split: Literal["train", "devel"] | None = Field(
        None, description="`devel`: only to choose and score by; by default that is settled when a training starts."
    )

    @model_validator(mode="after")
    def _named(self) -> KeepRequest:
        named = self.label_map()
        if strange := sorted({e.label for each in self.documents for e in each.entities} - named.keys()):
            raise ValueError(f"{len(strange)} labels of entities are not among the labels that were reviewed for")
        return self

    def label_map(self) -> dict[str, str | None]:
        """What was reviewed for, with descriptions."""
        if isinstance(self.labels, dict):
            return self.labels
        return dict.fromkeys(self.labels or sorted({e.label for each in self.documents for e in each.entities}))


class KeptBody(BaseModel):
    """What became of reviewed documents."""

    added: int
    replaced: int = Field(description="Documents whose text was there already.")


class ForgottenBody(BaseModel):
    """What was deleted."""

    deleted: int


class StartRequest(_Strict):
    """An adapter to train."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "mine", "beside": "chemicals"}]})

    name: FolderName = Field(description="What it is going to be called.")
    method: Method = Field("heads", description="The technique, as in `gliner-adapters adapt --method`.")
    epochs: int = Field(20, ge=1, le=MOST_EPOCHS, strict=True, description="Passes over the documents at most.")
    labels: Names | None = Field(None, description="What it learns; by default all labels that were reviewed for.")
    beside: Name | None = Field(None, description="The adapter that it is compared with; by default the base alone.")


class DataBody(BaseModel):
    """What was reviewed."""

    train: int = Field(description="Documents that train.")
    devel: int = Field(description="Documents that are held out, to choose and score by.")
    open: int = Field(description="Documents that have no split yet.")
    labels: dict[str, int] = Field(description="Labels that were reviewed for, with the number of entities.")
    needed: int = Field(FEWEST_TO_TRAIN, description="Documents that a training needs, held-out ones not counted.")


class JobBody(BaseModel):
    """What is, or was, trained."""

    name: str
    method: str
    epochs: int
    labels: list[LabelBody]
    beside: str | None
    by: str = Field(description="Who started it, or went on with it: the beginning of the sha256 of the key.")
    since: str
    train: int = Field(description="Documents that it trains on.")
    devel: int = Field(description="Documents that choose epoch and threshold; 0: none, so all epochs are trained.")
    left_out: int = Field(description="Documents that were not reviewed for all of its labels.")
    without: list[str] = Field(description="Labels that were asked for and have no entity to learn from.")
    choice: str = Field(description="How epoch and threshold are chosen, in words.")
    message: str | None = Field(description="Why it failed, or stands still.")


class EvaluationBody(BaseModel):
    """One evaluation on the held-out documents; step 0 is the untrained adapter."""

    epoch: int
    step: int
    loss: float | None
    macro_f1: float
    micro_f1: float
    threshold: float
    best: bool


class ProgressBody(BaseModel):
    """How far it is."""

    phase: str
    done: int
    total: int
    loss: list[tuple[int, float]] = Field(description="The loss curve: step and mean loss since the point before.")
    devel: list[EvaluationBody]
    notes: list[str]


class SideBody(BaseModel):
    """One adapter's scores, exact spans, over the labels that both know."""

    threshold: float
    micro_f1: float
    macro_f1: float


class LabelScoreBody(BaseModel):
    """Both adapters' F1 of a label."""

    label: str
    mentions: int
    new_f1: float
    old_f1: float | None = Field(description="`null`: the old adapter does not know the label.")


class ScoresBody(BaseModel):
    """The new adapter beside the old one, on the same held-out documents."""

    documents: int
    new: SideBody
    old: SideBody | None
    labels: list[LabelScoreBody]


class TrainingBody(BaseModel):
    """How things stand."""

    state: Literal["idle", "running", "interrupted", "failed", "finished"]
    data: DataBody
    job: JobBody | None
    progress: ProgressBody | None
    scores: ScoresBody | None = Field(description="Once it is finished, if documents were held out.")


def evaluation(row: dict[str, Any]) -> EvaluationBody:
    """A row of the curve."""
    return EvaluationBody(**{name: row.get(name) for name in EvaluationBody.model_fields})
