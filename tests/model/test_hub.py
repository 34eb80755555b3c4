"""Loading from a hub: the real client against a server on this machine that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bases import TinyBase

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "acme/tiny-gliner"

SCRIPT = """
import json, sys
from gliner_adapters.errors import GlinerAdaptersError
from gliner_adapters.model import load_base
try:
    base = load_base(sys.argv[1], revision=sys.argv[2] or None)
    print(json.dumps([base.id, base.revision, base.fingerprint]))
except GlinerAdaptersError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


class Hub(BaseHTTPRequestHandler):
    """The few routes that a snapshot download asks for."""

    def __init__(self, folder: Path, asked: list[str], *arguments: object) -> None:
        self.folder, self.asked = folder, asked
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        files = [p for p in sorted(self.folder.rglob("*")) if p.is_file()]
        if path == f"/api/models/{REPOSITORY}/tree/{COMMIT}":
            tree = [
                {"type": "file", "path": str(p.relative_to(self.folder)), "size": p.stat().st_size, "oid": "0" * 40}
                for p in files
            ]
            self._send(json.dumps(tree).encode(), body, {"Content-Type": "application/json"})
        elif path in (f"/api/models/{REPOSITORY}/revision/{name}" for name in ("main", "v1", COMMIT)):
            siblings = [{"rfilename": str(p.relative_to(self.folder))} for p in files]
            card = {"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "siblings": siblings}
            content = json.dumps(card).encode()
            self._send(content, body, {"Content-Type": "application/json"})
        elif path.startswith(f"/{REPOSITORY}/resolve/{COMMIT}/"):
            name = path.removeprefix(f"/{REPOSITORY}/resolve/{COMMIT}/")
            if body:
                self.asked.append(name)
            content = (self.folder / name).read_bytes()
            etag = hashlib.sha256(content).hexdigest()
            self._send(content, body, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        else:
            self.send_error(404)

    def _send(self, content: bytes, body: bool, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def hub(tiny: Callable[[str], TinyBase]) -> Iterator[tuple[str, TinyBase, list[str]]]:
    base = tiny("bi-bert")
    (base.folder / "evil.py").write_text("raise SystemExit('a checkpoint must not run')\n")
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, base.folder, asked))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", base, asked
    server.shutdown()
    (base.folder / "evil.py").unlink()


def load(endpoint: str, cache: Path, name: str, revision: str = "", offline: bool = False) -> list[str]:
    environment = os.environ | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(cache),
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "60",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, revision], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_a_base_comes_from_the_hub_with_its_commit(hub: tuple[str, TinyBase, list[str]], tmp_path: Path) -> None:
    endpoint, tiny, asked = hub
    loaded = load(endpoint, tmp_path, REPOSITORY, "v1")
    assert loaded == [REPOSITORY, COMMIT, tiny.base.fingerprint]
    assert "model.safetensors" in asked
    assert not [name for name in asked if name.endswith((".py", ".bin"))]
    # Fetched once: the commit is enough to find it again without a network.
    assert load(endpoint, tmp_path, REPOSITORY, COMMIT, offline=True)[2] == tiny.base.fingerprint


def test_what_is_not_there_is_a_clear_error(hub: tuple[str, TinyBase, list[str]], tmp_path: Path) -> None:
    endpoint, _, _ = hub
    kind, message = load(endpoint, tmp_path, "acme/nothing")
    assert kind == "BaseModelError"
    assert message.startswith("cannot fetch 'acme/nothing' from the hub")
    assert load(endpoint, tmp_path, "no folder and no id")[1].startswith("'no folder and no id' is neither a folder")
