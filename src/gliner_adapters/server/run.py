"""The process: a socket, uvicorn, a log, and an end that leaves no accepted request without an answer."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn

from gliner_adapters.annotate import Annotator
from gliner_adapters.errors import ConfigError
from gliner_adapters.server.app import create_app
from gliner_adapters.server.security import Keys
from gliner_adapters.server.settings import Settings

_LOGGER = "gliner_adapters.server"
_BACKLOG = 1024


def serve(
    annotator: Annotator, settings: Settings, keys: Keys, say: Callable[[str], None], *, allow_pickle: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT: then nothing new is accepted, and what was accepted is answered.

    Args:
        annotator: what reads; see :func:`~gliner_adapters.server.create_app`.
        settings: where to listen, and the limits.
        keys: of clients.
        say: is told the address once connections are taken.
        allow_pickle: see :func:`~gliner_adapters.server.create_app`.

    Raises:
        ConfigError: the address is taken or not this machine's, or the settings do not go together.
    """
    app = create_app(annotator, settings, keys, allow_pickle=allow_pickle)
    listening = _bind(settings)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # A client could make up its address: callers without a key are told apart by their connections.
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(settings.grace_seconds)),
        backlog=_BACKLOG,
    )
    server = uvicorn.Server(config)
    _log_to_standard_error()
    # uvicorn sends itself the signals again that ended it. With its own handler in place they do nothing by then,
    # and the process ends as one that has done its work.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    listening.listen(_BACKLOG)
    host, port = listening.getsockname()[:2]
    say(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}")
    server.run(sockets=[listening])


def _bind(settings: Settings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}; "
            "choose another --host or --port"
        ) from None
    return listening


def _log_to_standard_error() -> None:
    """Lines of JSON for requests, plain lines for failures; nothing twice."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger(_LOGGER)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
