"""The page in a headless Chromium, served by the real server.

Needs the Python package ``playwright`` and a Chromium of the system (``chromium`` on Debian, or the program that
``GLINER_ADAPTERS_CHROMIUM`` names); skipped without them. ``GLINER_ADAPTERS_SCREENSHOTS=1`` writes docs/images anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from server.browser.helpers import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from gliner_adapters.annotate import Annotator
    from gliner_adapters.model import Base

CHROMIUM = os.environ.get("GLINER_ADAPTERS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
#: Milliseconds that the page may take for anything.
PATIENCE = 60_000
#: Name of an adapter to its labels and threshold.
ADAPTERS: dict[str, tuple[dict[str, str | None], float]] = {
    "molecules": ({"gene": "a gene or a protein", "chemical": "a drug or another chemical"}, 0.3),
    "clinic": ({"disease": "a disease or a syndrome", "chemical": "a drug or another chemical"}, 0.2537),
    HOSTILE: ({HOSTILE: "a cell line"}, 0.5),
}


@pytest.fixture(scope="package")
def extra() -> None:
    """Skips where the server's own libraries are missing."""
    for name in ("fastapi", "uvicorn", "prometheus_client"):
        pytest.importorskip(name, reason="the server needs its extra: pip install 'gliner-adapters[server]'")


@pytest.fixture(scope="package")
def base() -> Base:
    """What the adapters stand on."""
    from gliner_adapters.model import load_base

    return load_base("minilm-bi")


@pytest.fixture(scope="package")
def adapters(extra: None, base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of untrained label-embeddings on minilm-bi: they find what the labels' descriptions find."""
    from gliner_adapters.adapters import describe, save_adapter
    from gliner_adapters.documents import Label
    from gliner_adapters.methods import attach

    folder = tmp_path_factory.mktemp("adapters")
    for name, (labels, threshold) in ADAPTERS.items():
        adapter = attach("label-embeddings", base, [Label(*label) for label in labels.items()])
        save_adapter(describe(adapter, base, threshold=threshold, segment="window"), folder / name)
    return folder


@pytest.fixture(scope="package")
def annotator(base: Base, adapters: Path) -> Annotator:
    """What reads in the servers of `serve_with`."""
    from gliner_adapters.annotate import AdapterLibrary, Annotator

    return Annotator(base, adapters=AdapterLibrary.of_folder(adapters, base))


@pytest.fixture(scope="package")
def server(adapters: Path) -> Iterator[str]:
    """Address of the server that ``gliner-adapters serve`` starts."""
    command = [sys.executable, "-m", "gliner_adapters", "serve", "--base", "minilm-bi", "--adapters", str(adapters)]
    with subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if line.startswith("listening on "):
                break
        else:
            pytest.fail(f"the server ended with {process.wait()}: {''.join(seen)}")
        rest = threading.Thread(target=process.stderr.read, daemon=True)  # or a full pipe would stop the server
        rest.start()
        yield line.removeprefix("listening on ").strip()
        process.terminate()
        rest.join()


@pytest.fixture
def serve_with(annotator: Annotator) -> Iterator[Callable[..., str]]:
    """Starts the same application in a thread with other settings; gives its address."""
    with ExitStack() as stack:
        yield lambda keys=(), **settings: stack.enter_context(_served(annotator, keys, settings))


@contextmanager
def _served(annotator: Annotator, keys: tuple[str, ...], settings: dict[str, Any]) -> Iterator[str]:
    import uvicorn

    from gliner_adapters.server import create_app
    from gliner_adapters.server.security import Keys
    from gliner_adapters.server.settings import Settings

    app = create_app(annotator, Settings(**settings), Keys(keys))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


# For this package alone: Playwright's loop runs in the main thread until it is closed, and others need one there.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="the page is tested with the Python package playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium: install the system's package, or name one in GLINER_ADAPTERS_CHROMIUM")
    with api.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        api.expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@dataclass
class Watched:
    """What went wrong on a page while it was watched."""

    origin: str
    refusals_expected: bool
    problems: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """Answers of 400 and more, and none: a browser reports them as errors of the console; some tests ask for them."""

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("console", self._console)
        page.on("request", lambda request: self._request(request.url))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            refused = message.text.startswith("Failed to load resource: ")
            (self.refusals if refused else self.problems).append(message.text)

    def _request(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "data:", f"blob:{self.origin}/")):
            self.problems.append(f"a request left for {url}")


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the page of a server. At the end: nothing uncaught, no policy violated, no request to elsewhere.

    ``refusals``: whether the server is to refuse something.
    """
    watches: list[Watched] = []
    with ExitStack() as stack:

        def open_at(address: str, refusals: bool = False, **options: Any) -> Page:
            permissions = ["clipboard-read", "clipboard-write"]
            context = stack.enter_context(
                browser.new_context(base_url=address, permissions=permissions, reduced_motion="reduce", **options)
            )
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            watch = Watched(address, refusals)
            watch.watch(page)
            watches.append(watch)
            page.goto("/")
            return page

        yield open_at
        for watch in watches:
            assert bool(watch.refusals) is watch.refusals_expected
            assert not watch.problems


@pytest.fixture
def page(open_page: Callable[..., Page], server: str) -> Page:
    """The page of the server, ready."""
    page = open_page(server)
    page.locator("#adapters input").first.wait_for()
    return page
