"""What surrounds every request: its id, its deadline, its line in the log, its place in the metrics."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gliner_adapters.server.errors import CODES, ApiError, error_response
from gliner_adapters.server.limits import ClientGone
from gliner_adapters.server.metrics import Metrics
from gliner_adapters.server.security import OPEN_FOLDER, OPEN_PATHS, SECURITY_HEADERS

ACCESS = logging.getLogger("gliner_adapters.server.access")
FAILURES = logging.getLogger("gliner_adapters.server.failures")

REQUEST_ID = "X-Request-ID"
#: A client's own id is taken over if it can stand in a log and a header as it is.
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: The status, in the log alone, of a request whose client did not wait (nginx's number for it).
GONE = 499


class RequestContext:
    """The outermost layer: ``scope["state"]`` gets ``request_id`` and ``deadline``; nothing fails beyond it.

    Logs hold what a request was about in numbers: never its text, its labels or its key. Of a failure the log has
    the kind and the places in the code; its message may quote the text.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, seconds: float) -> None:
        self.app = app
        self.metrics = metrics
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; other kinds of scope pass through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.monotonic()
        asked = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = asked if _PLAIN_ID.fullmatch(asked) else uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state.update(request_id=request_id, deadline=started + self.seconds)
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                if scope["path"].startswith("/v1/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            await self.app(scope, receive, send_marked)
        except ClientGone:
            status = GONE
        except Exception as error:
            FAILURES.error(_failure(request_id, error))
            if status:  # the answer has begun: all that is left is to break it off
                raise
            failed = ApiError(500, CODES[500], "the server failed at this request; its log says more")
            await error_response(failed, scope)(scope, receive, send_marked)
        finally:
            seconds = time.monotonic() - started
            route = route_of(scope)
            self.metrics.request(route, scope["method"], status, seconds)
            ACCESS.info(
                json.dumps(
                    {
                        "id": request_id,
                        "method": scope["method"],
                        "route": route,
                        "status": status,
                        "ms": round(1000 * seconds, 1),
                        "documents": state.get("documents", 0),
                        "characters": state.get("characters", 0),
                    }
                )
            )


def route_of(scope: Scope) -> str:
    """The route that a request took, with no part that a client made up."""
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        return str(route)
    if scope["path"] in OPEN_PATHS:
        return str(scope["path"])
    return OPEN_FOLDER.rstrip("/") if scope["path"].startswith(OPEN_FOLDER) else "unmatched"


def _failure(request_id: str, error: Exception) -> str:
    """A traceback without the exception's message."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"request {request_id}: {type(error).__qualname__}\n{frames}"
