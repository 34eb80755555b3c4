"""The API: annotate, its Hugging Face form, and what there is to annotate with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPBearer
from pydantic import TypeAdapter
from starlette.responses import Response

from gliner_adapters.annotate import AdapterLibrary, Reading
from gliner_adapters.errors import DataError
from gliner_adapters.server import schemas as s
from gliner_adapters.server.errors import ApiError
from gliner_adapters.server.formats import (
    JSON,
    MEDIA_TYPES,
    NOTES,
    choose,
    notes_header,
    result_body,
    score_of,
    sourced,
    write,
)
from gliner_adapters.server.reading import Reader
from gliner_adapters.server.settings import Settings

_MEANINGS = {
    400: "The body cannot be parsed.",
    401: "No key, or a wrong one (where the server has keys).",
    404: "No adapter of that name.",
    406: "None of the media types that are asked for is known.",
    409: "Not as things stand; the message says what is in the way.",
    408: "The body did not arrive in time.",
    413: "Too much of something; the code says of what.",
    421: "Another name of the host than the server's own.",
    422: "The request makes no sense; the message names the fields.",
    429: "Too many requests of this key or address; Retry-After says when to come again.",
    500: "The server failed.",
    503: "Too much is waiting, or the server stops; Retry-After says when to come again.",
    507: "No room on the server's disk.",
    504: "Not read in time; what was left of it was dropped.",
}
_NOT_HELD = "What an answer in a file format does not hold, such as scores; absent where it holds everything."
_ALWAYS = (401, 421, 429, 500)
_READING = (400, 404, 408, 413, 422, 503, 504)


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with, beside those that every route may, for the schema."""
    return {
        status: {"model": s.ErrorBody, "description": _MEANINGS[status]} for status in sorted({*statuses, *_ALWAYS})
    }


def router(reader: Reader, library: AdapterLibrary, settings: Settings, *, runtime: str, with_keys: bool) -> APIRouter:
    """All under `/v1`.

    Args:
        reader: checks and reads.
        library: the adapters and their base, which are described.
        settings: the limits, which `/v1/base` tells.
        runtime: what computes, as answers name it.
        with_keys: say in the schema that keys are asked for (:class:`~.security.Gate` asks for them).
    """
    bearer = [Security(HTTPBearer(auto_error=False, description="A key of the server."))] if with_keys else []
    api = APIRouter(prefix="/v1", tags=["api"], dependencies=bearer)
    base = library.base
    model = s.ModelBody(base=base.id, fingerprint=base.fingerprint, runtime=runtime)

    @api.post(
        "/annotate",
        summary="Find entities in texts.",
        response_model=s.AnnotateResponse,
        responses={
            200: {
                "content": {each: {"schema": {"type": "string"}} for each in MEDIA_TYPES if each != JSON},
                "headers": {NOTES: {"schema": {"type": "string"}, "description": _NOT_HELD}},
            },
            **error_responses(*_READING, 406),
        },
    )
    async def annotate(http: Request, body: s.AnnotateRequest) -> Response:
        """One result a text, in their order. `Accept` chooses JSON, or documents in a file format."""
        media_type = choose(http.headers.get("accept", ""))
        readings = await reader.read(
            http,
            body.items(),
            adapters=body.adapter_names(),
            labels=body.label_map(),
            threshold=body.threshold,
            nested=body.nested,
            segment=body.segment,
        )
        if name := MEDIA_TYPES[media_type]:
            content, notes = _written(readings, name)
            return Response(content, media_type=media_type, headers={NOTES: notes_header(notes)} if notes else None)
        answer = s.AnnotateResponse(
            model=model,
            results=[result_body(reading, body.return_text) for reading in readings],
            adapters=_adapters(readings),
            request_id=http.state.request_id,
        )
        return _json(answer.model_dump_json(exclude=None if body.return_text else _NO_TEXT))

    async def token_classification(http: Request, body: s.ClassificationRequest) -> Response:
        """A list of entities for a text, a list of such lists for a list of texts."""
        texts = body.inputs if isinstance(body.inputs, list) else [body.inputs]
        parameters = body.parameters or s.ClassificationParameters()
        adapter = parameters.adapter
        if adapter is None and parameters.labels is None:
            adapter = settings.default_adapter
        readings = await reader.read(
            http,
            [s.TextItem(text=text) for text in texts],
            adapters=() if adapter is None else (adapter,),
            labels=dict.fromkeys(parameters.labels or ()),
            threshold=parameters.threshold,
        )
        lists = [_classified(reading) for reading in readings]
        return _json(_LISTS.dump_json(lists) if isinstance(body.inputs, list) else _LIST.dump_json(lists[0]))

    async def sourced_token_classification(http: Request, body: s.SourcedClassificationRequest) -> Response:
        """A list of entities for a text, a list of such lists for a list of texts."""
        return await token_classification(http, body)

    api.post(
        "/token-classification",
        name="token_classification",
        summary="The same in the form of Hugging Face's inference endpoints.",
        response_model=list[s.ClassifiedEntity] | list[list[s.ClassifiedEntity]],
        responses=error_responses(*_READING),
    )(sourced_token_classification if settings.default_adapter is None else token_classification)

    @api.get("/adapters", summary="The adapters.", responses=error_responses())
    def adapters() -> s.AdaptersBody:  # in a thread: the library may be busy with loading
        return s.AdaptersBody(adapters=[s.AdapterBody(**asdict(library.info(name))) for name in library.names()])

    @api.get("/base", summary="The base, and what the server takes.", responses=error_responses())
    async def about_base() -> s.BaseBody:
        limits = {name: getattr(settings, name) for name in _LIMITS}
        return s.BaseBody(
            id=base.id,
            architecture=base.architecture,
            fingerprint=base.fingerprint,
            segment=base.segment,
            training=settings.train is not None,
            limits=limits,
        )

    return api


_LIST = TypeAdapter(list[s.ClassifiedEntity])
_LISTS = TypeAdapter(list[list[s.ClassifiedEntity]])
_NO_TEXT: dict[str, Any] = {"results": {"__all__": {"text"}}}
#: The settings that a client has to know.
_LIMITS = (
    "max_body_bytes",
    "max_text_chars",
    "max_texts",
    "max_labels",
    "max_label_chars",
    "max_adapters",
    "request_seconds",
)


def _json(content: str | bytes) -> Response:
    return Response(content, media_type=JSON)


def _written(readings: list[Reading], name: str) -> tuple[bytes, list[str]]:
    try:
        return write(readings, name)
    except DataError as error:
        raise ApiError(422, "not_expressible", f"{error}; ask for {JSON}") from None


def _adapters(readings: list[Reading]) -> list[s.AdapterReference]:
    """The adapters that read, each once."""
    used = {each.adapter: each.revision for each in readings[0].found if each.adapter is not None}
    return [s.AdapterReference(name=name, revision=revision) for name, revision in used.items()]


def _classified(reading: Reading) -> list[s.ClassifiedEntity]:
    return [
        s.ClassifiedEntity(
            entity_group=each.entity.label,
            score=score_of(each.entity),
            word=reading.document.mention(each.entity),
            start=each.entity.start,
            end=each.entity.end,
        )
        for each in sourced(reading)
    ]
