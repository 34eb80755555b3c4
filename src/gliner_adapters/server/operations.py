"""What those ask who run the server: does it live, does it take requests, how does it fare."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from gliner_adapters.server.batching import Batcher
from gliner_adapters.server.errors import busy
from gliner_adapters.server.metrics import CONTENT_TYPE, Metrics
from gliner_adapters.server.schemas import ErrorBody


class Health(BaseModel):
    """The answer of a server that is well."""

    status: Literal["ok"] = "ok"


def router(batcher: Batcher, metrics: Metrics) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`."""
    api = APIRouter(tags=["operations"])

    @api.get("/healthz", summary="Does the process live?")
    async def healthz() -> Health:
        return Health()

    @api.get(
        "/readyz",
        summary="Does it take requests?",
        responses={503: {"model": ErrorBody, "description": "Not now: it starts or stops."}},
    )
    async def readyz() -> Health:
        if not batcher.accepting:
            raise busy("not_ready", "no requests are taken now")
        return Health()

    @api.get(
        "/metrics",
        summary="Metrics for Prometheus.",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics_text() -> Response:
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    return api
