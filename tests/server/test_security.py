"""Keys, names of the host, headers, and what the log does not say."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from gliner_adapters.annotate import Annotator
from gliner_adapters.errors import ConfigError
from gliner_adapters.server import Settings, create_app, read_keys
from gliner_adapters.server.security import KEYS_VARIABLE, SECURITY_HEADERS, Keys

from .conftest import Held, Serve, assert_error

pytestmark = pytest.mark.anyio

KEY = "correct-horse-battery"
ASK = {"text": "HeLa", "labels": ["x"]}


async def test_keys(serve: Serve) -> None:
    async with serve(keys=("another-key-of-this-server", KEY)) as client:
        for path in ("/", "/healthz", "/readyz", "/openapi.json", "/assets/style.css"):
            assert (await client.get(path)).status_code == 200, path
        for path in ("/metrics", "/v1/base", "/v1/adapters", "/nowhere"):
            answer = await client.get(path)
            assert_error(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        for wrong in ("", "Bearer", "Bearer ", f"Bearer {KEY}x", f"Basic {KEY}", KEY, "Bearer \xff" * 3):
            headers = [(b"authorization", wrong.encode("latin-1"))]
            assert_error(await client.post("/v1/annotate", json=ASK, headers=headers), 401, "unauthorized")
        for right in (f"Bearer {KEY}", f"bearer  {KEY}"):
            answer = await client.post("/v1/annotate", json=ASK, headers={"Authorization": right})
            assert answer.status_code == 200
        schema = (await client.get("/openapi.json")).json()
        assert schema["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_key_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# mine\n{KEY}\n\n  {'b' * 16}  \n")
    keys = read_keys(file)
    assert len(keys) == 2
    assert KEY in keys
    assert "b" * 16 in keys
    assert "# mine" not in keys
    monkeypatch.setenv(KEYS_VARIABLE, f"{'c' * 16} {'d' * 16}")
    assert len(read_keys(file)) == 4
    assert len(read_keys(None)) == 2
    monkeypatch.setenv(KEYS_VARIABLE, "short")
    with pytest.raises(ConfigError, match=f"{KEYS_VARIABLE}: a key has 16"):
        read_keys(None)
    monkeypatch.delenv(KEYS_VARIABLE)
    for content, message in (
        ("# none\n", "holds no key"),
        ("short\n", "keys:1: a key has 16"),
        (f"{KEY} {KEY}", ":1:"),
    ):
        file.write_text(content)
        with pytest.raises(ConfigError, match=message):
            read_keys(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_keys(tmp_path / "missing")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_others_connect_only_with_keys(annotator: Annotator, host: str) -> None:
    with pytest.raises(ConfigError, match="clients need keys"):
        create_app(annotator, Settings(host=host))
    create_app(annotator, Settings(host=host), Keys([KEY]))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_none(annotator: Annotator, host: str) -> None:
    create_app(annotator, Settings(host=host))


async def test_an_unknown_default_adapter(annotator: Annotator) -> None:
    with pytest.raises(ConfigError, match="--default-adapter none"):
        create_app(annotator, Settings(default_adapter="none"))


async def test_names_of_the_host(serve: Serve) -> None:
    async with serve(allow_host=["Reader.example.org"]) as client:
        for name in ("localhost", "127.0.0.1:8000", "[::1]:8000", "reader.example.org", "READER.example.org:443"):
            assert (await client.get("/healthz", headers={"Host": name})).status_code == 200, name
        for name in ("evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example:8000", "localhost:80:80"):
            assert_error(await client.get("/", headers={"Host": name}), 421, "unknown_host")
    async with serve(host="0.0.0.0", keys=(KEY,)) as client:
        assert (await client.get("/healthz", headers={"Host": "any.example"})).status_code == 200


async def test_headers(serve: Serve) -> None:
    async with serve() as client:
        for answer in (await client.get("/"), await client.get("/nowhere"), await client.post("/v1/annotate")):
            assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
            assert "server" not in answer.headers
        policy = answer.headers["content-security-policy"]
        assert policy.startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert (await client.get("/docs")).status_code == (await client.get("/redoc")).status_code == 404


async def test_head_is_answered_as_get_without_a_body(serve: Serve) -> None:
    async with serve() as client:
        for path in ("/", "/healthz", "/readyz", "/metrics", "/v1/base", "/v1/adapters", "/openapi.json", "/nowhere"):
            asked, got = await client.head(path), await client.get(path)
            assert (asked.status_code, asked.content) == (got.status_code, b""), path
            assert asked.headers["content-type"] == got.headers["content-type"], path
        assert (await client.head("/v1/annotate")).status_code == 405


async def test_other_origins(serve: Serve) -> None:
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    async with serve() as client:
        assert "access-control-allow-origin" not in (await client.get("/v1/base", headers=ask)).headers
        assert (await client.options("/v1/annotate", headers=ask)).status_code == 405
    async with serve(allow_origin=["https://a.example"], keys=(KEY,)) as client:
        answer = await client.options("/v1/annotate", headers=ask)
        assert answer.status_code == 200
        for refused in ({**ask, "Origin": "https://b.example"}, {**ask, "Access-Control-Request-Method": "DELETE"}):
            answered = await client.options("/v1/annotate", headers=refused)
            assert "Disallowed CORS" in assert_error(answered, 400, "not_allowed")
            assert "access-control-allow-methods" not in answered.headers
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        refused = await client.get("/v1/base", headers={"Origin": "https://a.example"})
        assert refused.status_code == 401  # and the page may read why
        assert refused.headers["access-control-allow-origin"] == "https://a.example"
        other = await client.get("/v1/base", headers={"Origin": "https://b.example"})
        assert "access-control-allow-origin" not in other.headers


class Failing(Held):
    """An annotator that fails as no input of a user should make it fail."""

    def read(self, requests):
        raise RuntimeError(f"cannot read {requests[0].document.text}")


async def test_failures_hide_what_failed(serve: Serve, annotator: Annotator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serve(reader=Failing(annotator)) as client:
        answer = await client.post("/v1/annotate", json={"text": "secret patient", "labels": ["secret label"]})
        assert "secret" not in assert_error(answer, 500, "internal_error")
        assert answer.headers["x-frame-options"] == "DENY"
        assert (await client.get("/readyz")).status_code == 200
    assert "RuntimeError" in caplog.text
    assert "batching.py" in caplog.text
    assert "secret" not in caplog.text


async def test_the_log_has_numbers_alone(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "gliner_adapters.server")
    async with serve(keys=(KEY,)) as client:
        ask = {"texts": ["secret text", {"id": "secret id", "text": "b"}], "labels": ["secret label"]}
        headers = {"Authorization": f"Bearer {KEY}", "X-Request-ID": "7"}
        await client.post("/v1/annotate?secret=1", json=ask, headers=headers)
        await client.post("/v1/annotate", json={"text": "secret", "labels": 1}, headers=headers)
        await client.get("/secret/path")
        await client.get("/openapi.json")
    lines = [json.loads(record.message) for record in caplog.records if record.name.endswith("access")]
    assert [(line["route"], line["status"], line["documents"], line["characters"]) for line in lines] == [
        ("/v1/annotate", 200, 2, 12),
        ("/v1/annotate", 422, 0, 0),
        ("unmatched", 401, 0, 0),
        ("/openapi.json", 200, 0, 0),
    ]
    assert lines[0]["id"] == "7"
    assert set(lines[0]) == {"id", "method", "route", "status", "ms", "documents", "characters"}
    assert "secret" not in caplog.text
    assert KEY not in caplog.text


async def test_metrics(serve: Serve) -> None:
    async with serve() as client:
        await client.post("/v1/annotate", json={"texts": ["HeLa cells grew.", "x"], "labels": ["x"], "threshold": 0})
        await client.request("MADE-UP", "/v1/annotate")
        await client.get("/made/up/1")
        await client.get("/made/up/2")
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    values = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    prefix = "gliner_adapters"
    assert values[f'{prefix}_requests_total{{method="POST",route="/v1/annotate",status="200"}}'] == "1.0"
    assert values[f'{prefix}_requests_total{{method="GET",route="unmatched",status="404"}}'] == "2.0"
    assert not [name for name in values if "MADE-UP" in name or "made/up" in name]
    assert values[f"{prefix}_documents_total"] == "2.0"
    assert float(values[f"{prefix}_entities_total"]) > 0
    assert values[f"{prefix}_batch_documents_count"] == "1.0"
    assert values[f"{prefix}_batch_characters_sum"] == "17.0"
    assert values[f"{prefix}_queue_documents"] == "0.0"
    assert values[f'{prefix}_request_seconds_count{{route="/v1/annotate"}}'] == "2.0"
    assert float(values[f"{prefix}_adapters_loaded"]) >= 0
