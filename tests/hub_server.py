"""A model hub on this machine: the part of the hub's protocol that fetching and publishing use, kept in memory.

Repositories have branches, commits and files; the real client speaks to it in a process of its own, since it reads
where the hub is when it is imported. Large files come in by LFS and are checked against their digest; a commit is all
or nothing; a commit that names its parent is refused where the branch is at another one by now.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

#: The hub's identifiers that cards in tests may have; what is not here is refused, as the hub does.
LICENCES = {"apache-2.0", "mit", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "other"}
#: Endings of files that the hub keeps out of git.
LARGE = (".safetensors", ".bin")


@dataclass
class Repository:
    """Files of each commit, and where the branches are."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch: str, files: dict[str, bytes], message: str) -> str:
        seed = f"{len(self.messages)} {message} {sorted(files)}".encode()
        name = hashlib.sha1(seed).hexdigest()
        self.messages.append(message)
        self.commits[name] = dict(files)
        self.branches[branch] = name
        return name

    def find(self, revision: str) -> str | None:
        return self.branches.get(revision) or (revision if revision in self.commits else None)


@dataclass
class Hub:
    """What the hub holds and how it behaves.

    Attributes:
        users: token to the user's name.
        readers: tokens that may not write.
        asked: method and path of each request.
        fails: paths, as regular expressions, with the status that they are answered with.
        stuck: paths, as regular expressions, whose requests are read and never answered.
        waiting: set when a request is stuck.
    """

    users: dict[str, str] = field(default_factory=lambda: {"hf_ours": "acme", "hf_reads": "acme"})
    readers: set[str] = field(default_factory=lambda: {"hf_reads"})
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    fails: dict[str, int] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    waiting: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    endpoint: str = ""

    def add(self, name: str, folder: Path, branch: str = "main") -> str:
        """Put a folder there; its commit."""
        files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        return self.repositories.setdefault(name, Repository()).commit(branch, files, "add")

    @contextmanager
    def serving(self) -> Iterator[Hub]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            self.closing.set()
            server.shutdown()
            server.server_close()


class _Refused(Exception):
    def __init__(self, status: int, message: str, code: str = "", errors: list[str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.errors = status, message, code, errors or []


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *arguments: Any) -> None:
        self.hub = hub
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(url.query).items()}
        path = unquote(url.path)
        self.hub.asked.append((self.command, path))
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.content = b"".join(self._chunks())
        for pattern in self.hub.stuck:
            if re.search(pattern, path):
                self.hub.waiting.set()
                self.hub.closing.wait(60)
                self.close_connection = True
                return
        try:
            for pattern, status in self.hub.fails.items():
                if re.search(pattern, path):
                    raise _Refused(status, "so it was arranged")
            for method, pattern, answer in _ROUTES:
                if (self.command == method or (self.command, method) == ("HEAD", "GET")) and (
                    found := re.fullmatch(pattern, path)
                ):
                    return answer(self, **found.groupdict())
            raise _Refused(404, f"no such address: {path}")
        except _Refused as refused:
            headers = {"X-Error-Message": refused.message, "X-Error-Code": refused.code}
            content = {"error": refused.message, "errors": [{"message": each} for each in refused.errors]}
            self._send(json.dumps(content).encode(), {k: v for k, v in headers.items() if v}, refused.status)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().strip() or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _send(self, content: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), {"Content-Type": "application/json"})

    @property
    def token(self) -> str | None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else None

    def _user(self) -> str | None:
        if self.token is None:
            return None
        if self.token not in self.hub.users:
            raise _Refused(401, "Invalid credentials in Authorization header")
        return self.hub.users[self.token]

    def _writer(self, owner: str) -> None:
        user = self._user()
        if user is None:
            raise _Refused(401, "Invalid username or password.")
        if self.token in self.hub.readers or user != owner:
            raise _Refused(403, f"You don't have the rights to write under the namespace {owner!r}")

    def _repository(self, name: str, write: bool = False) -> Repository:
        found, user, owner = self.hub.repositories.get(name), self._user(), name.split("/")[0]
        if found is None or (found.private and user != owner):
            if user is None:
                raise _Refused(401, "Invalid username or password.")
            raise _Refused(404, "Repository not found", "RepoNotFound")
        if write:
            self._writer(owner)
        return found

    def _commit_of(self, repository: Repository, revision: str) -> str:
        commit = repository.find(revision)
        if commit is None:
            raise _Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def create(self) -> None:
        asked = json.loads(self.content)
        owner = asked.get("organization") or self._user() or ""
        self._writer(owner)
        name = f"{owner}/{asked['name']}"
        if name in self.hub.repositories:
            raise _Refused(409, "You already created this model repo")
        private = asked.get("visibility") == "private" or asked.get("private") is True
        made = self.hub.repositories[name] = Repository(private)
        made.commit("main", {".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
        self._json({"url": f"{self.hub.endpoint}/{name}", "name": name})

    def info(self, name: str, revision: str = "main") -> None:
        repository = self._repository(name)
        commit = self._commit_of(repository, revision)
        siblings = [{"rfilename": path} for path in repository.commits[commit]]
        self._json({"id": name, "sha": commit, "private": repository.private, "siblings": siblings})

    def validate(self) -> None:
        """What the hub refuses: a licence, a language or results that are none."""
        card = json.loads(self.content)["content"]
        self.hub.cards.append(card)
        front = re.match(r"---\n(.*?)\n---", card, re.DOTALL)
        errors = []
        data = yaml.safe_load(front[1]) if front else {}
        if data.get("license") not in LICENCES | {None}:
            errors.append(f'"license" must be one of {sorted(LICENCES)}')
        languages = data.get("language") or []
        for language in [languages] if isinstance(languages, str) else languages:
            if not re.fullmatch(r"[a-z]{2,3}", str(language)):
                errors.append(f'"language" must be an ISO code, not {language}')
        for entry in data.get("model-index") or []:
            for result in entry["results"]:
                if not {"task", "dataset", "metrics"} <= set(result) or not {"name", "type"} <= set(result["dataset"]):
                    errors.append('"model-index" must name task, dataset and metrics of each result')
        if errors:
            raise _Refused(400, "Invalid metadata", errors=errors)
        self._json({"errors": [], "warnings": []})

    def preupload(self, name: str, revision: str) -> None:
        repository = self._repository(name, write=self.query.get("create_pr") != "1")
        there = repository.commits[self._commit_of(repository, revision)]
        files = []
        for asked in json.loads(self.content)["files"]:
            path, large = asked["path"], asked["path"].endswith(LARGE)
            known = {"oid": _oid(there[path], large)} if path in there else {}
            files.append({"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, **known})
        self._json({"files": files})

    def lfs_batch(self, name: str) -> None:
        self._repository(name)
        objects = []
        for asked in json.loads(self.content)["objects"]:
            oid = asked["oid"]
            links = {
                "upload": {"href": f"{self.hub.endpoint}/storage/{oid}"},
                "verify": {"href": f"{self.hub.endpoint}/{name}.git/info/lfs/verify"},
            }
            objects.append(
                {"oid": oid, "size": asked["size"]} | ({} if oid in self.hub.objects else {"actions": links})
            )
        self._json({"transfer": "basic", "objects": objects})

    def store(self, oid: str) -> None:
        if hashlib.sha256(self.content).hexdigest() != oid:
            raise _Refused(400, "the digest differs")
        self.hub.objects[oid] = self.content
        self._send(b"")

    def lfs_verify(self, name: str) -> None:
        asked = json.loads(self.content)
        if len(self.hub.objects.get(asked["oid"], b"")) != asked["size"]:
            raise _Refused(404, "no such object")
        self._json({})

    def commit(self, name: str, revision: str) -> None:
        pull_request = self.query.get("create_pr") == "1"
        repository = self._repository(name, write=not pull_request)
        if self._user() is None:
            raise _Refused(401, "Invalid username or password.")
        head = self._commit_of(repository, revision)
        files, header = dict(repository.commits[head]), {}
        for line in self.content.splitlines():
            entry = json.loads(line)
            key, value = entry["key"], entry["value"]
            if key == "header":
                header = value
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                if value["oid"] not in self.hub.objects:
                    raise _Refused(400, f"no object {value['oid']} was uploaded")
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif key == "deletedFile":
                if files.pop(value["path"], None) is None:
                    raise _Refused(404, "A file with this name doesn't exist", "EntryNotFound")
            else:
                raise _Refused(400, f"no operation {key}")
        if header.get("parentCommit") not in (None, head):
            raise _Refused(412, "A commit has happened since. Please refresh and try again.")
        number = 1 + sum(branch.startswith("refs/pr/") for branch in repository.branches)
        made = repository.commit(f"refs/pr/{number}" if pull_request else revision, files, header["summary"])
        answer = {"commitUrl": f"{self.hub.endpoint}/{name}/commit/{made}", "commitOid": made, "hookOutput": ""}
        if pull_request:
            answer["pullRequestUrl"] = f"{self.hub.endpoint}/{name}/discussions/{number}"
        self._json(answer)

    def branch(self, name: str, branch: str) -> None:
        repository = self._repository(name, write=True)
        if branch in repository.branches:
            raise _Refused(409, "Reference already exists")
        start = json.loads(self.content or b"{}").get("startingPoint", "main")
        repository.branches[branch] = self._commit_of(repository, start)
        self._json({})

    def tree(self, name: str, revision: str) -> None:
        repository = self._repository(name)
        files = repository.commits[self._commit_of(repository, revision)]
        self._json([_entry(path, content) for path, content in files.items()])

    def resolve(self, name: str, revision: str, path: str) -> None:
        repository = self._repository(name)
        commit = self._commit_of(repository, revision)
        if path not in repository.commits[commit]:
            raise _Refused(404, "Entry not found", "EntryNotFound")
        content = repository.commits[commit][path]
        etag = _oid(content, path.endswith(LARGE))
        self._send(content, {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "Accept-Ranges": "none"})


def _oid(content: bytes, large: bool) -> str:
    """As git names a blob; large files by the digest of their content."""
    if large:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": _oid(content, False)}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": _oid(content, True), "size": len(content), "pointerSize": 130}
    return entry


_NAME = r"(?P<name>[\w.-]+/[\w.-]+)"
_ROUTES = [
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate),
    ("POST", f"/api/models/{_NAME}/preupload/(?P<revision>.+)", _Handler.preupload),
    ("POST", f"/api/models/{_NAME}/commit/(?P<revision>.+)", _Handler.commit),
    ("POST", f"/api/models/{_NAME}/branch/(?P<branch>.+)", _Handler.branch),
    ("GET", f"/api/models/{_NAME}/tree/(?P<revision>[^/]+)/?", _Handler.tree),
    ("GET", f"/api/models/{_NAME}/revision/(?P<revision>.+)", _Handler.info),
    ("GET", f"/api/models/{_NAME}", _Handler.info),
    ("POST", f"/{_NAME}\\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    ("POST", f"/{_NAME}\\.git/info/lfs/verify", _Handler.lfs_verify),
    ("PUT", "/storage/(?P<oid>[0-9a-f]{64})", _Handler.store),
    ("GET", f"/{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _Handler.resolve),
]

_WORKER = """
import contextlib, io, json, sys, traceback
out = sys.stdout
names = {}
for line in sys.stdin:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(json.loads(line), names)
        answer = {"value": names.pop("result", None), "out": said.getvalue()}
    except BaseException as error:
        kind, shown = type(error).__name__, traceback.format_exc()
        answer = {"error": [kind, str(error)], "trace": shown, "out": said.getvalue()}
    out.write(json.dumps(answer) + "\\n")
    out.flush()
"""


class Failed(Exception):
    """What a client's code raised: the kind's name and the message."""

    def __init__(self, kind: str, message: str, trace: str) -> None:
        super().__init__(f"{kind}: {message}\n{trace}")
        self.kind, self.message = kind, message


class Client:
    """A process with the real client, that runs code; what the code leaves in ``result`` comes back.

    Args:
        hub: where its hub is.
        cache: its home: tokens and snapshots.
        environment: more variables, such as the token.
    """

    def __init__(self, hub: Hub, cache: Path, environment: dict[str, str]) -> None:
        import os

        cleared = {k: v for k, v in os.environ.items() if k not in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            env={
                **cleared,
                "HF_ENDPOINT": hub.endpoint,
                "HF_HOME": str(cache),
                "HF_HUB_OFFLINE": "0",
                "HF_HUB_DISABLE_XET": "1",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "HF_HUB_DOWNLOAD_TIMEOUT": "60",
                "COLUMNS": "160",
                "TERM": "dumb",
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, code: str) -> None:
        """Start code, and do not wait for it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()

    def run(self, code: str) -> Any:
        """Run code; its ``result``.

        Raises:
            Failed: the code raised something.
        """
        self.begin(code)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the client's process ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(*answer["error"], answer["trace"])
        return answer["value"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
