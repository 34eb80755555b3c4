"""The server as a process, with sockets: what only a real connection shows."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from adapters.helpers import Tiny
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.cli import app
from gliner_adapters.documents import Document
from gliner_adapters.errors import AdapterError, ConfigError
from warm import WarmProcess

LONG = "Aspirin-induced asthma was treated with prednisone in 12 patients. " * 1500


class Server:
    """`gliner-adapters serve` on a free port."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        line = [sys.executable, "-m", "gliner_adapters", "serve", "--port", "0", *arguments]
        self.process = WarmProcess(line, environment={**os.environ, **environment}, errors=log)
        until = time.monotonic() + 120
        while "listening on " not in log.read_text():
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        self.url = log.read_text().split("listening on ", 1)[1].split()[0]
        self.port = int(self.url.rpartition(":")[2])

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def server(tiny: Tiny, adapters_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Tests use it one after the other; the last one stops it."""
    log = tmp_path_factory.mktemp("server") / "log"
    limits = ["--max-body-bytes", "300000", "--batch-documents", "1", "--adapter", f"more={adapters_folder / 'genes'}"]
    running = Server(
        log,
        *limits,
        f"--base={tiny('bi-bert').folder}",
        f"--adapters={adapters_folder}",
        GLINER_ADAPTERS_SERVE_DEFAULT_ADAPTER="drugs",
    )
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()


def test_it_reads(server: Server, annotator: Annotator) -> None:
    text = "Naloxone reverses the antihypertensive effect of clonidine."
    with httpx.Client(base_url=server.url) as client:
        names = [each["name"] for each in client.get("/v1/adapters").json()["adapters"]]
        found = client.post("/v1/token-classification", json={"inputs": text}).json()
    assert names == ["drugs", "genes", "more"]
    (reading,) = annotator.read([Request(Document(text), ("drugs",))])
    assert [(e["start"], e["end"], e["entity_group"]) for e in found] == [e.key for e in reading.document.entities]


def test_hugging_faces_own_client_understands_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import InferenceClient, constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # tests are, but this server is here
    client = InferenceClient(model=f"{server.url}/v1/token-classification")
    text = "Asthma was treated with prednisone in HeLa cells."
    found = client.token_classification(text)
    assert found
    assert all(text[each.start : each.end] == each.word for each in found)


def test_a_body_without_an_end(server: Server) -> None:
    """Chunks without a length: refused as soon as they are too many, and the connection is closed."""
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = b"POST /v1/annotate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            connection.sendall(chunk)
        answer = b""
        while part := connection.recv(100_000):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert b"body_too_large" in answer


@pytest.mark.parametrize("chunked", [False, True])
def test_who_sends_all_before_it_listens_gets_the_answer_too(server: Server, chunked: bool) -> None:
    """Most clients do. A connection that is closed while they send would be reset, and the answer be lost."""
    body = b" " * 5_000_000
    content = (body[start : start + 50_000] for start in range(0, len(body), 50_000)) if chunked else body
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/v1/annotate", content, {"Content-Type": "application/json"}, encode_chunked=chunked)
    answer = connection.getresponse()
    assert (answer.status, json.load(answer)["error"]["code"]) == (413, "body_too_large")
    assert answer.getheader("connection") == "close"


def test_what_a_client_left_behind_is_not_read(server: Server) -> None:
    body = json.dumps({"texts": [LONG[:60_000]] * 4, "labels": ["x"]}).encode()
    head = (
        "POST /v1/annotate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Request-ID: gone\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(0.1)
    until = time.monotonic() + 60
    while not (gone := [line for line in server.lines() if line["id"] == "gone"]):
        assert time.monotonic() < until
        time.sleep(0.05)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.post("/v1/annotate", json={"text": "a", "labels": ["x"]}).status_code == 200
        metrics = client.get("/metrics").text
    assert [line["status"] for line in gone] == [499]
    assert 'gliner_adapters_dropped_requests_total{reason="client gone"} 1.0' in metrics


def test_a_stopping_server_answers_what_it_accepted(server: Server) -> None:
    """SIGTERM while one request is read and others wait."""
    answers: dict[int, int] = {}
    body = {"texts": [LONG[:20_000]] * 8, "labels": ["x"]}

    def ask(number: int) -> None:
        headers = {"X-Request-ID": f"last-{number}"}
        with httpx.Client(base_url=server.url, timeout=120) as client:
            answers[number] = client.post("/v1/annotate", json=body, headers=headers).status_code

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    with httpx.Client(base_url=server.url) as client:
        until = time.monotonic() + 60
        waiting = 0.0
        while waiting <= 3 * 8:  # more than three of them can have put there: the fourth has been accepted, too
            assert time.monotonic() < until
            assert not answers
            waiting = float(client.get("/metrics").text.split("\ngliner_adapters_queue_documents ")[1].split()[0])
    server.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(120)
    assert server.process.wait(60) == 0
    assert answers == dict.fromkeys(range(4), 200)
    assert {line["id"] for line in server.lines() if line["status"] == 200} >= {f"last-{i}" for i in range(4)}
    assert "Traceback" not in server.log.read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_ctrl_c_ends_it_too(tiny: Tiny, tmp_path: Path) -> None:
    server = Server(tmp_path / "log", f"--base={tiny('bi-bert').folder}")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    ("kind", "message", "line"),
    [
        (ConfigError, "clients need keys", "--host 0.0.0.0"),
        (ConfigError, "cannot be read", "--key-file {tmp}/none"),
        (ConfigError, "--port", "--port 70000"),
        (ConfigError, "cannot listen on 127.0.0.1", "--port {port} --base {base}"),
        (ConfigError, "expected NAME=PATH, got 'genes'", "--base {base} --adapter genes"),
        (ConfigError, "two adapters of this name", "--base {base} --adapters {folder} --adapter genes={folder}/drugs"),
        (ConfigError, "no adapters in", "--base {base} --adapters {tmp}"),
        (ConfigError, "has no such adapter", "--base {base} --default-adapter none"),
        (AdapterError, "no adapter at", "--base {base} --adapter x={tmp}"),
    ],
)
def test_what_does_not_start(
    tiny: Tiny, adapters_folder: Path, tmp_path: Path, kind: type[Exception], message: str, line: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {"tmp": tmp_path, "base": tiny("bi-bert").folder, "folder": adapters_folder}
        arguments = line.format(**places, port=taken.getsockname()[1]).split()
        result = CliRunner().invoke(app, ["serve", *arguments])
    assert isinstance(result.exception, kind), result.output
    assert message in str(result.exception)


def test_flags_come_from_the_environment_too() -> None:
    result = CliRunner().invoke(app, ["serve"], env={"GLINER_ADAPTERS_SERVE_HOST": "192.0.2.1"})
    assert "--host 192.0.2.1 lets other machines connect" in str(result.exception)
