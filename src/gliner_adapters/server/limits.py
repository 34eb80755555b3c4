"""Bodies: counted as they come, in bounded number, within the request's time."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gliner_adapters.server.errors import ApiError, busy, error_response
from gliner_adapters.server.settings import Settings


class ClientGone(Exception):
    """The client closed the connection; nobody waits for an answer."""


class BodyLimit:
    """Takes a request's body in before the request is handled.

    The length that a client announces is only believed where it is too large already: what counts are the bytes
    that arrive. The application sees the whole body as one message, then whatever the client does next.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 408, 413 or 503."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        if self._open >= self.settings.max_open_requests:
            await error_response(busy("too_many_requests_open", "too many requests at once"), scope)(
                scope, receive, send
            )
            return
        self._open += 1
        try:
            body = await self._body(scope, receive)
            await self.app(scope, _replay(body, receive), send)
        except ApiError as error:
            await _last_answer(error_response(error, scope), scope, receive, send)
        finally:
            self._open -= 1

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self.settings.max_body_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            left = scope["state"]["deadline"] - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, left))
            except asyncio.TimeoutError:
                raise ApiError(408, "body_too_slow", "the body did not arrive in time", _CLOSE) from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.settings.max_body_bytes:
                raise self._too_large()
            more = message.get("more_body", False)
        return b"".join(parts)

    def _too_large(self) -> ApiError:
        return ApiError(413, "body_too_large", f"a body has {self.settings.max_body_bytes} bytes at most", _CLOSE)


#: What was not read of a body must not be taken for the next request.
_CLOSE = {"Connection": "close"}
#: What is still taken in, and dropped, of the body of a request that was refused: bytes, seconds for each part, and for
#: all of them: whoever sends a byte now and then must not keep a place.
LINGERING_BYTES, LINGERING_SECONDS, LINGERING_IN_ALL = 64 * 2**20, 1.0, 10.0


async def _last_answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer before the body has arrived, and take in what the client is still sending before the connection closes.

    A connection that is closed with bytes unread is reset: the client would see that in place of the answer.
    """

    async def send_and_linger(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({**message, "more_body": True})
        await _drop(receive)
        await send({"type": "http.response.body", "body": b""})

    await response(scope, receive, send_and_linger)


async def _drop(receive: Receive) -> None:
    """Take in the rest of a body, as long as it comes and within bounds."""
    left, more, until = LINGERING_BYTES, True, time.monotonic() + LINGERING_IN_ALL
    while more and left > 0 and time.monotonic() < until:
        try:
            message = await asyncio.wait_for(receive(), LINGERING_SECONDS)
        except asyncio.TimeoutError:
            return
        left -= len(message.get("body", b"")) + 1  # an endless body may have empty parts
        more = message.get("more_body", False)  # a client that is gone sends none


def _replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body first."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
