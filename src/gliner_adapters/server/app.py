"""The application: routes inside, and around them, from the outside in:

RequestContext   id, deadline, log, metrics, headers; whatever fails ends here
HostCheck        names of this server alone
Origins          other origins' web pages, if allowed
Gate             keys and rates
BodyLimit        the body, counted as it comes
HeadAsGet        HEAD, answered as GET without the body
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from gliner_adapters import __version__
from gliner_adapters.annotate import Annotator
from gliner_adapters.errors import ConfigError
from gliner_adapters.server import operations, routes
from gliner_adapters.server.batching import Batcher
from gliner_adapters.server.context import REQUEST_ID, RequestContext
from gliner_adapters.server.errors import CODES, ApiError, error_response
from gliner_adapters.server.head import HeadAsGet
from gliner_adapters.server.limits import BodyLimit
from gliner_adapters.server.metrics import Metrics
from gliner_adapters.server.rates import Rates
from gliner_adapters.server.reading import Reader
from gliner_adapters.server.security import OPEN_FOLDER, Gate, HostCheck, Keys, Origins, check_exposure
from gliner_adapters.server.settings import Settings
from gliner_adapters.server.training import routes as training_routes
from gliner_adapters.server.training.trainings import Trainings

PAGE = Path(__file__).parent / "page"
#: Problems of a request that a message names at most.
NAMED_PROBLEMS = 5


def create_app(
    annotator: Annotator,
    settings: Settings | None = None,
    keys: Keys | None = None,
    *,
    allow_pickle: bool = False,
) -> FastAPI:
    """The server as an ASGI application.

    Args:
        annotator: a base with its library of adapters. Only the application's reader may use it while it runs.
        settings: limits and the rest; by default `Settings()`.
        keys: of clients; none are asked for by default.
        allow_pickle: whether a training may load the base from pickled weights, as the annotator's was.

    Raises:
        ConfigError: a default adapter that the library lacks, a server that is open to others or trains without keys,
            or a folder for training that another server uses.
        AdapterError: an adapter in that folder has another base.
        DataError: the documents in that folder are malformed.
    """
    settings, keys = settings or Settings(), keys or Keys()
    check_exposure(settings, keys)
    library, metrics = annotator.library, Metrics()
    trainings = None
    if settings.train is not None:  # its adapters are the library's, too
        trainings = Trainings(settings.train, annotator, settings, metrics, allow_pickle=allow_pickle)
    if settings.default_adapter is not None and settings.default_adapter not in library:
        raise ConfigError(f"--default-adapter {settings.default_adapter}: the library has no such adapter")
    batcher = Batcher(annotator, settings, metrics)
    metrics.watch(lambda: batcher.documents, lambda: len(library.loaded))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as training:
            if trainings is not None:
                trainings.open()
                training.callback(trainings.close)
            batcher.start()
            yield
            await run_in_threadpool(batcher.close, settings.grace_seconds)

    app = FastAPI(
        title="gliner-adapters",
        version=__version__,
        summary="Named entities of any kind in biomedical text.",
        description="Offsets are code points, ends are exclusive. Every error has the form of `ErrorBody`.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    reader = Reader(batcher, library, settings)
    runtime = f"{annotator.runtime}, {annotator.precision}, on {library.base.device}"
    app.include_router(routes.router(reader, library, settings, runtime=runtime, with_keys=bool(keys)))
    if trainings is not None:
        app.include_router(training_routes.router(trainings, settings))
    app.include_router(operations.router(batcher, metrics))
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount(OPEN_FOLDER.rstrip("/"), StaticFiles(directory=PAGE), name="assets")

    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)

    # The one added last is the outermost.
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(Gate, keys=keys, rates=Rates(settings.rate, settings.burst))
    if settings.allow_origin:
        app.add_middleware(
            Origins,
            allow_origins=settings.allow_origin,
            allow_methods=["GET", "HEAD", "POST", *(["DELETE"] if trainings is not None else [])],
            allow_headers=["Authorization", "Content-Type", REQUEST_ID],
            expose_headers=[REQUEST_ID, "Retry-After"],
        )
    app.add_middleware(HostCheck, allowed=settings.allowed_hosts())
    app.add_middleware(RequestContext, metrics=metrics, seconds=settings.request_seconds)
    return app


async def _page() -> FileResponse:
    return FileResponse(PAGE / "index.html")


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error, request.scope)


async def _http_error(request: Request, error: Exception) -> Response:
    """What the framework refuses: unknown paths, methods, bodies that are no JSON."""
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "error")
    return error_response(ApiError(error.status_code, code, error.detail, error.headers), request.scope)


async def _validation_error(request: Request, error: Exception) -> Response:
    """What is wrong with a request, field by field, without the values."""
    assert isinstance(error, RequestValidationError)
    problems = [
        f"{'.'.join(map(str, each['loc'][1:])) or 'body'}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors()
    ]
    more = f"; and {len(problems) - NAMED_PROBLEMS} more" if len(problems) > NAMED_PROBLEMS else ""
    message = "; ".join(problems[:NAMED_PROBLEMS]) + more
    return error_response(ApiError(422, CODES[422], message), request.scope)
