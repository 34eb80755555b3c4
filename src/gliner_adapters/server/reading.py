"""From a validated request to its readings: limits, the queue, and who still waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from starlette.requests import Request as HttpRequest

from gliner_adapters.annotate import AdapterLibrary, Reading, Request
from gliner_adapters.documents import Document, Label
from gliner_adapters.errors import BaseModelError, ConfigError
from gliner_adapters.model.base import Segment
from gliner_adapters.server.batching import Batcher, TimeIsUp
from gliner_adapters.server.errors import ApiError
from gliner_adapters.server.limits import ClientGone
from gliner_adapters.server.schemas import TextItem
from gliner_adapters.server.settings import Settings


class Reader:
    """Checks what is asked, puts it into the queue and waits for the answer.

    Args:
        batcher: the queue.
        library: where adapters are looked up, by name alone.
        settings: the limits.
    """

    def __init__(self, batcher: Batcher, library: AdapterLibrary, settings: Settings) -> None:
        self.batcher = batcher
        self.library = library
        self.settings = settings

    async def read(
        self,
        http: HttpRequest,
        texts: Sequence[TextItem],
        *,
        adapters: tuple[str, ...] = (),
        labels: dict[str, str | None] | None = None,
        threshold: float | dict[str, float] | None = None,
        nested: bool = False,
        segment: Segment | None = None,
    ) -> list[Reading]:
        """Read texts, all alike, in the order given.

        Raises:
            ApiError: too much of something, an unknown adapter, a full queue, or no time left.
            ClientGone: nobody waits any more.
        """
        labels = labels or {}
        http.state.documents = len(texts)
        http.state.characters = sum(len(item.text) for item in texts)
        check_sizes(self.settings, [item.text for item in texts], adapters, labels)
        if unknown := [name for name in adapters if name not in self.library]:
            raise ApiError(404, "unknown_adapter", f"no adapter is called {unknown[0]!r}; see GET /v1/adapters")
        looked_for = tuple(Label(name, description or None) for name, description in labels.items())
        requests = [
            Request(Document(item.text, id=item.id), adapters, looked_for, threshold, nested, segment) for item in texts
        ]
        try:
            return await self._wait(http, requests)
        except (ConfigError, BaseModelError) as error:
            raise ApiError(422, "invalid_request", str(error)) from None

    async def _wait(self, http: HttpRequest, requests: list[Request]) -> list[Reading]:
        """The answer, or why there is none: the client is gone, or the time is up."""
        deadline = http.state.deadline
        answer = asyncio.wrap_future(self.batcher.submit(requests, deadline))
        gone = asyncio.ensure_future(_disconnected(http))
        try:
            left = max(0.0, deadline - time.monotonic())
            await asyncio.wait((answer, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if gone.done():
                raise ClientGone
            raise TimeIsUp
        except TimeIsUp:
            message = f"not read within {self.settings.request_seconds:g} s; the rest of it was dropped"
            raise ApiError(504, "time_is_up", message) from None
        finally:  # whatever happened: nothing is read that nobody waits for
            answer.cancel()
            gone.cancel()


def check_sizes(
    limits: Settings, texts: Sequence[str], adapters: Sequence[str], labels: Mapping[str, str | None]
) -> None:
    """Raise the 413 of a request that has too much of something."""
    _at_most(len(texts), limits.max_texts, "too_many_texts", "texts in a request")
    for number, text in enumerate(texts, 1):
        _at_most(len(text), limits.max_text_chars, "text_too_long", "characters in a text", f" in text {number}")
    _at_most(len(adapters), limits.max_adapters, "too_many_adapters", "adapters in a request")
    _at_most(len(labels), limits.max_labels, "too_many_labels", "labels in a request")
    for name, description in labels.items():
        longest = max(len(name), len(description or ""))
        _at_most(longest, limits.max_label_chars, "label_too_long", "characters in a label's name or description")


def _at_most(found: int, most: int, code: str, what: str, where: str = "") -> None:
    if found > most:
        raise ApiError(413, code, f"at most {most} {what}, found {found}{where}")


async def _disconnected(http: HttpRequest) -> None:
    """Wait until the client closes the connection; the body has been taken in."""
    while (await http.receive())["type"] != "http.disconnect":
        pass
