"""What goes in and out, as pydantic models; the OpenAPI document is made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator


def _unicode(text: str) -> str:
    """JSON's escapes can hide half a character, which no tokenizer reads and nothing can write."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("a lone surrogate, which is not Unicode text") from None
    return text


def _unique(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("holds a name twice")
    return names


Text = Annotated[str, AfterValidator(_unicode)]
# Python's white space, which `\s` is not for every reader of a schema.
Name = Annotated[str, StringConstraints(min_length=1, pattern=r"[^\s\x1c-\x1f\x85]"), AfterValidator(_unicode)]
# Strict: `true` is not a number, nor 1 a truth value, whatever Python thinks.
Probability = Annotated[float, Field(ge=0, le=1, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Names = Annotated[list[Name], Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(_unique)]
# The names of an object's members are `patternProperties` of its schema, which says nothing of names that do not match.
_NO_OTHER_NAMES = {"additionalProperties": False}
Descriptions = Annotated[dict[Name, Text | None], Field(min_length=1, json_schema_extra=_NO_OTHER_NAMES)]
Threshold = Probability | Annotated[dict[Name, Probability], Field(min_length=1, json_schema_extra=_NO_OTHER_NAMES)]

TEXT = "Cisplatin induced apoptosis in HeLa cells."
CLASSIFICATION: dict[str, Any] = {"inputs": TEXT, "parameters": {"labels": ["chemical", "cell line"]}}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextItem(_Strict):
    """A text with an id of its own."""

    id: Text | None = Field(None, max_length=256, description="Comes back with the result.")
    text: Text


def _exactly_one(*names: str) -> dict[str, Any]:
    return {"oneOf": [_present(name) for name in names]}


def _present(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def _not_both(*names: str) -> dict[str, Any]:
    return {"not": {"allOf": [_present(name) for name in names]}}


class AnnotateRequest(_Strict):
    """Texts, and what to look for in them."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                _exactly_one("text", "texts"),
                {"anyOf": [_present("labels"), _present("adapter"), _present("adapters")]},
                _not_both("adapter", "adapters"),
            ],
            "examples": [
                {"text": TEXT, "labels": ["chemical", "cell line"], "threshold": 0.4},
                {"texts": [{"id": "7", "text": TEXT}], "adapter": "bc5cdr", "return_text": True},
            ],
        }
    )

    text: Text | None = Field(None, description="One text.")
    texts: Annotated[list[Text | TextItem], Field(min_length=1)] | None = Field(None, description="Several texts.")
    labels: Names | Descriptions | None = Field(
        None, description="Labels to find with the base alone: names, or names with descriptions."
    )
    adapter: Name | None = Field(None, description="An adapter of `GET /v1/adapters`, with its own labels.")
    adapters: Names | None = Field(None, description="Several adapters.")
    threshold: Threshold | None = Field(
        None, description="Least probability, one or one a label; else each adapter's own, and 0.5 for labels."
    )
    nested: Flag = Field(False, description="Report entities within entities.")
    segment: Literal["sentence", "window"] | None = Field(
        None, description="Read by sentence or by window; else as each adapter was trained and the base pretrained."
    )
    return_text: Flag = Field(False, description="Send each text back beside its entities (JSON).")

    @model_validator(mode="after")
    def _complete(self) -> AnnotateRequest:
        if (self.text is None) == (self.texts is None):
            raise ValueError("give exactly one of text and texts")
        if self.adapter is not None and self.adapters is not None:
            raise ValueError("give adapter or adapters, not both")
        if self.labels is None and self.adapter is None and self.adapters is None:
            raise ValueError("what should be found? Give labels, adapter or adapters")
        return self

    def items(self) -> list[TextItem]:
        """The texts."""
        if self.text is not None:
            return [TextItem(text=self.text)]
        return [TextItem(text=each) if isinstance(each, str) else each for each in self.texts or ()]

    def adapter_names(self) -> tuple[str, ...]:
        """The adapters, none or more."""
        return (self.adapter,) if self.adapter is not None else tuple(self.adapters or ())

    def label_map(self) -> dict[str, str | None]:
        """The labels, none or more, with their descriptions."""
        return dict.fromkeys(self.labels or ()) if not isinstance(self.labels, dict) else self.labels


class EntityBody(BaseModel):
    """An entity."""

    start: int = Field(description="Its first character; code points, counted from 0.")
    end: int = Field(description="The character after its last.")
    text: str
    label: str
    score: float = Field(description="Probability.")
    adapter: str | None = Field(description="What found it; null for plain labels.")


class ResultBody(BaseModel):
    """What was found in a text. ``text`` is there if asked for."""

    id: str | None
    text: str | None = None
    entities: list[EntityBody]
    windowed: bool = Field(description="Whether the text was too long for one input and was read in windows.")
    notes: list[str] = Field(description="What could not be read.")


class ModelBody(BaseModel):
    """What reads."""

    base: str
    fingerprint: str = Field(description="sha256 over the base's weights.")
    runtime: str = Field(description="What computes, and where.")


class AdapterReference(BaseModel):
    """An adapter that read."""

    name: str
    revision: str = Field(description="sha256 of its weights.")


class AnnotateResponse(BaseModel):
    """One result a text, in their order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": {"base": "minilm-bi", "fingerprint": "0f3a...", "runtime": "torch, fp32, on cpu"},
                    "results": [
                        {
                            "id": None,
                            "entities": [
                                {
                                    "start": 0,
                                    "end": 9,
                                    "text": "Cisplatin",
                                    "label": "chemical",
                                    "score": 0.91,
                                    "adapter": None,
                                }
                            ],
                            "windowed": False,
                            "notes": [],
                        }
                    ],
                    "adapters": [],
                    "request_id": "4a9b2c",
                }
            ]
        }
    )

    model: ModelBody
    results: list[ResultBody]
    adapters: list[AdapterReference]
    request_id: str


class ClassificationParameters(_Strict):
    """Parameters of the Hugging Face form."""

    model_config = ConfigDict(json_schema_extra=_not_both("adapter", "labels"))

    adapter: Name | None = Field(None, description="An adapter; else the server's own choice.")
    labels: Names | None = Field(None, description="Labels to find with the base alone.")
    threshold: Probability | None = None
    aggregation_strategy: Literal["simple", "first", "average", "max"] = Field(
        "simple", description="All mean the same here: spans are scored whole, never token by token."
    )

    @model_validator(mode="after")
    def _one_source(self) -> ClassificationParameters:
        if self.adapter is not None and self.labels is not None:
            raise ValueError("give adapter or labels, not both")
        return self


class ClassificationRequest(_Strict):
    """The form of Hugging Face's inference endpoints for token classification."""

    model_config = ConfigDict(json_schema_extra={"examples": [CLASSIFICATION]})

    inputs: Text | Annotated[list[Text], Field(min_length=1)]
    parameters: ClassificationParameters | None = None


class SourcedClassificationRequest(ClassificationRequest):
    """The same of a server that has no adapter of its own choice: the request names what finds."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {
                    "required": ["parameters"],
                    "properties": {
                        "parameters": {"type": "object", "anyOf": [_present("adapter"), _present("labels")]}
                    },
                }
            ],
            "examples": [CLASSIFICATION],
        }
    )

    @model_validator(mode="after")
    def _sourced(self) -> SourcedClassificationRequest:
        if self.parameters is None or (self.parameters.adapter is None and self.parameters.labels is None):
            raise ValueError("what should be found? Give parameters.adapter or parameters.labels")
        return self


class ClassifiedEntity(BaseModel):
    """An entity in Hugging Face's words."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class LabelBody(BaseModel):
    """A label."""

    name: str
    description: str | None


class AdapterBody(BaseModel):
    """An adapter of the library."""

    name: str
    revision: str = Field(description="sha256 of its weights.")
    method: str
    base: str
    labels: list[LabelBody]
    threshold: float = Field(description="The probability above which it finds something.")
    segment: str
    bytes: int
    loaded: bool = Field(description="Whether it is in memory; one that is not is loaded when it is asked for.")


class AdaptersBody(BaseModel):
    """The library."""

    adapters: list[AdapterBody]


class BaseBody(BaseModel):
    """The base and what the server takes."""

    id: str
    architecture: Literal["uni", "bi"]
    fingerprint: str
    segment: str = Field(description="How texts are read for labels, where the request does not say.")
    training: bool = Field(description="Whether adapters can be trained here, under `/v1/training`.")
    limits: dict[str, int | float]


class Problem(BaseModel):
    """What went wrong."""

    code: str = Field(description="For programs.")
    message: str = Field(description="For people.")
    request_id: str = Field(description="Also in the header X-Request-ID and in the server's log.")


class ErrorBody(BaseModel):
    """The form of every error."""

    error: Problem
