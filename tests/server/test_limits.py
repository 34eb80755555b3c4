"""The limits: each one is met, says so, and leaves the server well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import ValidationError

from gliner_adapters.server import Settings, limits
from gliner_adapters.server.rates import CALLERS, Rates

from .conftest import Held, Serve, assert_error

pytestmark = pytest.mark.anyio

ASK = {"text": "HeLa", "labels": ["x"]}


async def post(client: httpx.AsyncClient, text: str = "HeLa", **headers: str) -> httpx.Response:
    return await client.post("/v1/annotate", json={"text": text, "labels": ["x"]}, headers=headers)


async def busy(held: Held) -> None:
    """Let others run until the reader is busy."""
    while not held.reading.is_set():
        await asyncio.sleep(0.01)


async def test_bodies_are_counted_as_they_come(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINGERING_BYTES", 5000)
    whole = json.dumps(ASK).encode()
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield b" " * 100

    async def pieces() -> AsyncIterator[bytes]:
        for byte in whole:
            yield bytes([byte])

    json_type = {"Content-Type": "application/json"}
    async with serve(max_body_bytes=1000) as client:
        answer = await client.post("/v1/annotate", content=endless(), headers=json_type)
        assert_error(answer, 413, "body_too_large")
        assert sent <= 1200 + 5000
        assert answer.headers["connection"] == "close"
        lied = {**json_type, "Content-Length": "10", "Transfer-Encoding": "chunked"}
        assert_error(await client.post("/v1/annotate", content=endless(), headers=lied), 413, "body_too_large")
        announced = {**json_type, "Content-Length": "1001"}
        assert_error(await client.post("/v1/annotate", content=b"", headers=announced), 413, "body_too_large")
        assert (await client.post("/v1/annotate", content=pieces(), headers=json_type)).status_code == 200


async def test_who_goes_on_sending_now_and_then_keeps_no_place(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINGERING_IN_ALL", 0.3)

    async def drops() -> AsyncIterator[bytes]:
        yield b" " * 1001
        while True:
            await asyncio.sleep(0.02)
            yield b" "

    async with serve(max_body_bytes=1000) as client:
        asked = client.post("/v1/annotate", content=drops(), headers={"Content-Type": "application/json"})
        assert_error(await asyncio.wait_for(asked, 20), 413, "body_too_large")


async def test_a_body_that_does_not_come(serve: Serve) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async with serve(request_seconds=0.2) as client:
        assert_error(await client.post("/v1/annotate", content=slow()), 408, "body_too_slow")


@pytest.mark.parametrize(
    ("code", "settings", "body"),
    [
        ("text_too_long", {"max_text_chars": 3}, {"texts": ["abc", "abcd"], "labels": ["x"]}),
        ("too_many_texts", {"max_texts": 2}, {"texts": ["a", "b", "c"], "labels": ["x"]}),
        ("too_many_labels", {"max_labels": 1}, {"text": "a", "labels": ["x", "y"]}),
        ("label_too_long", {"max_label_chars": 3}, {"text": "a", "labels": {"x": "long"}}),
        ("label_too_long", {"max_label_chars": 3}, {"text": "a", "labels": ["long"]}),
        ("too_many_adapters", {"max_adapters": 1}, {"text": "a", "adapters": ["genes", "drugs"]}),
    ],
)
async def test_too_much_of_something(serve: Serve, code: str, settings: dict[str, int], body: object) -> None:
    async with serve(**settings) as client:
        message = assert_error(await client.post("/v1/annotate", json=body), 413, code)
        assert f"at most {next(iter(settings.values()))}" in message


async def test_labels_that_leave_no_room_are_the_requests_fault(serve: Serve) -> None:
    async with serve() as client:
        ask = {"text": "a", "labels": {"x": "a very long description " * 40}}
        assert (await client.post("/v1/annotate", json=ask)).status_code in (200, 422)
        ask = {"text": "a", "labels": ["a very long name " * 40]}
        assert "longer than the label encoder reads" in assert_error(
            await client.post("/v1/annotate", json=ask), 422, "invalid_request"
        )


async def test_rates(serve: Serve) -> None:
    async with serve(keys=("a" * 20, "b" * 20), rate=0.5, burst=2) as client:
        a, b = ({"Authorization": f"Bearer {each * 20}"} for each in "ab")
        assert [(await post(client, **a)).status_code for _ in range(2)] == [200, 200]
        refused = await post(client, **a)
        assert_error(refused, 429, "rate_limited")
        assert refused.headers["retry-after"] in ("1", "2")
        assert (await post(client, **b)).status_code == 200
        # Who tries keys is held to the rate of the address.
        wrong = [await post(client, Authorization=f"Bearer {'c' * 20}{i}") for i in range(4)]
        assert [each.status_code for each in wrong] == [401, 401, 429, 429]
        assert (await client.get("/healthz")).status_code == 200


def test_token_buckets() -> None:
    now = 0.0
    rates = Rates(2.0, 3, clock=lambda: now)
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 1]
    assert rates.wait("b") == 0
    now = 0.5  # one more is there
    assert [rates.wait("a") for _ in range(2)] == [0, 1]
    now = 100.0
    assert [rates.wait("a") for _ in range(4)] == [0, 0, 0, 1]
    for number in range(CALLERS):
        rates.wait(number)
    assert rates.wait("a") == 0  # long forgotten
    assert [Rates(0, 1).wait("a") for _ in range(5)] == [0] * 5
    assert [Rates(0.1, 1).wait("a") for _ in range(1)] == [0]


async def test_a_full_queue(serve: Serve, held: Held) -> None:
    async with serve(reader=held, queue_requests=1, batch_wait_ms=0) as client:
        first = asyncio.create_task(post(client, "first"))
        await busy(held)
        second = asyncio.create_task(post(client, "second"))
        await asyncio.sleep(0.1)
        refused = await post(client, "third")
        assert_error(refused, 503, "queue_full")
        assert refused.headers["retry-after"] == "1"
        held.go.set()
        assert [(await each).status_code for each in (first, second)] == [200, 200]
    assert held.texts == [["first"], ["second"]]


async def test_too_many_open_requests(serve: Serve, held: Held) -> None:
    async with serve(reader=held, queue_requests=1, max_open_requests=1) as client:
        first = asyncio.create_task(post(client, "first"))
        await busy(held)
        assert_error(await post(client), 503, "too_many_requests_open")
        assert (await client.get("/readyz")).status_code == 200
        held.go.set()
        assert (await first).status_code == 200
        assert (await post(client)).status_code == 200


async def test_time_is_up(serve: Serve, held: Held) -> None:
    async with serve(reader=held, request_seconds=0.3, batch_wait_ms=0) as client:
        answers = await asyncio.gather(post(client, "a"), post(client, "b"))
        for answer in answers:
            assert_error(answer, 504, "time_is_up")
        held.go.set()
        assert (await post(client, "c")).status_code == 200
    assert sorted(held.texts) == [["a"], ["c"]] or sorted(held.texts) == [["a", "b"], ["c"]]


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(ValidationError, match="cannot be less than queue_requests"):
        Settings(max_open_requests=5)
    with pytest.raises(ValidationError, match="would never fit"):
        Settings(queue_chars=100)
