"""The application without a socket, over a tiny random base with a few adapters."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.helpers import Tiny, trained_adapter
from gliner_adapters.adapters import save_adapter
from gliner_adapters.annotate import AdapterLibrary, Annotator, Reading, Request
from gliner_adapters.documents import Label
from gliner_adapters.server import Settings, create_app
from gliner_adapters.server.security import Keys

TEXT = "Aspirin-induced asthma was treated with prednisone in 12 patients."
GENES = (Label("gene", "a stretch of DNA"), Label("protein", None))

Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def adapters_folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two adapters on disk: one changes labels alone, the other has heads of its own."""
    base, folder = tiny("bi-bert").base, tmp_path_factory.mktemp("adapters")
    save_adapter(trained_adapter(base, "label-embeddings", GENES), folder / "genes")
    save_adapter(trained_adapter(base, "heads"), folder / "drugs")
    return folder


@pytest.fixture(scope="session")
def annotator(tiny: Tiny, adapters_folder: Path) -> Annotator:
    base = tiny("bi-bert").base
    return Annotator(base, adapters=AdapterLibrary.of_folder(adapters_folder, base))


class Held:
    """An annotator that reads only when it is let go, and tells when it was asked to."""

    def __init__(self, annotator: Annotator) -> None:
        self.annotator = annotator
        self.library = annotator.library
        self.check = annotator.check
        self.runtime, self.precision = annotator.runtime, annotator.precision
        self.reading = threading.Event()
        self.go = threading.Event()
        self.texts: list[list[str]] = []

    def read(self, requests: list[Request]) -> list[Reading]:
        self.texts.append([request.document.text for request in requests])
        self.reading.set()
        assert self.go.wait(30)
        return self.annotator.read(requests)


@pytest.fixture
def held(annotator: Annotator) -> Held:
    return Held(annotator)


@pytest.fixture
def serve(annotator: Annotator) -> Serve:
    """Runs an application and gives a client of it."""

    @asynccontextmanager
    async def run(
        *, keys: tuple[str, ...] = (), reader: Any = None, base_url: str = "http://127.0.0.1:8000", **settings: Any
    ) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(reader or annotator, Settings(**settings), Keys(keys))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=base_url) as client,
        ):
            yield client

    return run


def assert_error(response: httpx.Response, status: int, code: str) -> str:
    """Check the envelope; the message."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == response.headers["X-Request-ID"]
    assert response.headers["content-type"] == "application/json"
    return error["message"]
