"""A web server on this machine that serves bytes, breaks off, and writes down what it was asked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gliner_adapters.corpora import DATA_VARIABLE, CorpusInfo


@dataclass
class Site:
    """What the server does; tests set it before they fetch."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes to send before each next connection is dropped
    statuses: list[int] = field(default_factory=list)  # answers to give before behaving
    delay: float = 0.0
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range header


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.requests.append((self.path, asked))
            threading.Event().wait(site.delay)
            body = site.files.get(self.path)
            status = site.statuses.pop(0) if site.statuses else (404 if body is None else 200)
            if status != 200 or body is None:
                self._answer(status, b"no", {})
                return
            headers = {}
            if asked and site.ranges:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                body, status = body[start:], 206
            self._answer(status, body, headers)

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if site.cuts:
                body = body[: site.cuts.pop(0)]
                self.close_connection = True
            self.wfile.write(body)

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def pinned(body: bytes) -> dict[str, object]:
    """Size and git blob id of bytes, as the registry's files state them."""
    return {"size": len(body), "blob": hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()}


def make_info(name: str = "tiny", **files: dict[str, object]) -> CorpusInfo:
    """A registry entry for files of a test; each split's value is what the JSON would hold."""
    return CorpusInfo.model_validate(
        {
            "name": name,
            "title": "A corpus of the tests",
            "use": "demo",
            "format": "iob2",
            "fully_annotated": True,
            "folder": "Tiny",
            "source": {"repository": "owner/repo", "revision": "0" * 40, "folder": "data/Tiny"},
            "files": files,
            "licence": {"name": "CC0-1.0", "redistribution": True},
            "citations": [],
            "labels": [{"tag": "cell_line", "name": "cell line", "description": "cells kept in culture"}],
        }
    )


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data variable, and an empty cache of the test's own."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
