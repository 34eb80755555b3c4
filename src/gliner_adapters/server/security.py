"""Who may ask: keys, names of the host, and what browsers may do with the answers."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from pathlib import Path

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gliner_adapters.errors import ConfigError
from gliner_adapters.server.errors import ApiError, error_response
from gliner_adapters.server.rates import Rates
from gliner_adapters.server.settings import Settings

#: Further keys, separated by white space: an environment is not shown in the list of processes, a flag is.
KEYS_VARIABLE = "GLINER_ADAPTERS_SERVE_KEYS"
#: Characters of a key at least.
SHORTEST_KEY = 16
_KEY = re.compile(rf"[A-Za-z0-9._~+/=-]{{{SHORTEST_KEY},512}}")

#: What needs no key: the page, what it loads, the description of the API, and what a supervisor asks.
OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/openapi.json"})
OPEN_FOLDER = "/assets/"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Keys:
    """The keys of clients, kept as digests."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = tuple(_digest(key) for key in keys)

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, key: str) -> bool:
        """Whether a key is one of them; takes as long for any key of the same length."""
        asked, found = _digest(key), False
        for digest in self._digests:
            found |= hmac.compare_digest(digest, asked)
        return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).digest()


def read_keys(file: Path | None) -> Keys:
    """The keys of a file (one a line; ``#`` begins a comment) and of the environment (`KEYS_VARIABLE`).

    Raises:
        ConfigError: the file cannot be read, holds no key, or a key is too short or of odd characters.
    """
    named = [(KEYS_VARIABLE, key) for key in os.environ.get(KEYS_VARIABLE, "").split()]
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: the keys cannot be read: {error}") from None
        found = [
            (f"{file}:{number}", line.strip())
            for number, line in enumerate(lines, 1)
            if line.strip() and not line.strip().startswith("#")
        ]
        if not found:
            raise ConfigError(f"{file} holds no key; write one a line, or leave --key-file out")
        named += found
    for place, key in named:
        if not _KEY.fullmatch(key):
            raise ConfigError(
                f"{place}: a key has {SHORTEST_KEY} to 512 letters, digits or ._~+/=-; "
                "`openssl rand -hex 32` makes a good one"
            )
    return Keys(key for _, key in named)


def caller_name(scope: Scope) -> str:
    """Who sends a request, for others to read: the key by the beginning of its sha256, which gives nothing away."""
    _, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
    return f"the key {_digest(key.strip()).hex()[:8]}"


def check_exposure(settings: Settings, keys: Keys) -> None:
    """Raise :class:`ConfigError` if others than this machine could connect, or anyone train, without a key."""
    if not settings.loopback and not keys:
        raise ConfigError(
            f"--host {settings.host} lets other machines connect, so clients need keys: "
            f"give --key-file, or set {KEYS_VARIABLE}"
        )
    if settings.train is not None and not keys:
        raise ConfigError(
            f"--train {settings.train} lets clients keep documents and train, so they need keys: give --key-file, or "
            f"set {KEYS_VARIABLE}"
        )


class HostCheck:
    """Answers only requests that name this server as their host."""

    def __init__(self, app: ASGIApp, allowed: frozenset[str] | None) -> None:
        self.app = app
        self.allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "http" and self.allowed is not None:
            host = Headers(scope=scope).get("host", "").lower()
            name = re.sub(r":\d*$", "", host)
            if name not in self.allowed:
                error = ApiError(421, "unknown_host", "this server does not answer to that Host; see --allow-host")
                await error_response(error, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Origins(CORSMiddleware):
    """Lets the web pages of some other origins call; others are refused in the form of every error."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer a browser that asks whether a page may send it."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "origin" in headers and "access-control-request-method" in headers and scope["method"] == "OPTIONS":
            answer = self.preflight_response(headers)
            if answer.status_code >= 400:
                message = bytes(answer.body).decode()
                answer = error_response(ApiError(answer.status_code, "not_allowed", message, {"Vary": "Origin"}), scope)
            await answer(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


class Gate:
    """Asks for a key where there are keys, and holds every caller to its rate."""

    def __init__(self, app: ASGIApp, keys: Keys, rates: Rates) -> None:
        self.app = app
        self.keys = keys
        self.rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 or 429."""
        if scope["type"] == "http" and not _is_open(scope["path"]) and (error := self._refusal(scope)):
            await error_response(error, scope)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        kind, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        known = kind.lower() == "bearer" and key.strip() in self.keys
        client = scope.get("client")
        # Wrong keys count for the address that tries them.
        caller = _digest(key.strip()) if known else (client[0] if client else "")
        if seconds := self.rates.wait(caller):
            message = f"more requests than {self.rates.rate:g} a second; try again in {seconds} s"
            return ApiError(429, "rate_limited", message, {"Retry-After": str(seconds)})
        if self.keys and not known:
            message = "send a key of this server: Authorization: Bearer KEY"
            return ApiError(401, "unauthorized", message, {"WWW-Authenticate": "Bearer"})
        return None


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)
