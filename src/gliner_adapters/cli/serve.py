"""`gliner-adapters serve`: annotation over HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gliner_adapters.cli import options as o
from gliner_adapters.errors import ConfigError
from gliner_adapters.server.settings import Settings

if TYPE_CHECKING:
    from gliner_adapters.annotate import AdapterLibrary
    from gliner_adapters.model import Base

#: Each flag has a variable too: GLINER_ADAPTERS_SERVE_PORT for --port.
CONTEXT = {"auto_envvar_prefix": "GLINER_ADAPTERS_SERVE"}
_NEEDED = ("fastapi", "uvicorn", "prometheus_client")


@o.with_config(Settings)
def serve(
    *,
    base: o.BaseName = "minilm-bi",
    adapters: Annotated[
        Path | None, typer.Option(help="A folder of adapters: each sub-folder is one, called like it.")
    ] = None,
    adapter: Annotated[
        list[str] | None, typer.Option("--adapter", "-a", help="NAME=PATH: an adapter's folder or hub id; repeatable.")
    ] = None,
    segment: o.Segment = None,
    precision: o.Precision = "fp32",
    runtime: o.Runtime = "torch",
    architecture: o.Architecture = "bi",
    revision: o.Revision = None,
    allow_pickle: o.AllowPickle = False,
    device: o.Device = "cpu",
    config: Settings,
) -> None:
    """Serve a base and its adapters over HTTP, with a web page.

    `POST /v1/annotate` reads texts; `/openapi.json` describes the whole API. Requests of many clients are read
    together. On SIGTERM or Ctrl-C whatever was accepted is still answered.

    Other machines can connect only with --host and keys (--key-file, or the variable GLINER_ADAPTERS_SERVE_KEYS).
    Each flag has a variable: GLINER_ADAPTERS_SERVE_PORT for --port.

    With --train DIR and keys, the page trains adapters on what was reviewed there, beside the answers that it gives.

    Examples:

    gliner-adapters serve --base minilm-bi

    gliner-adapters serve --adapters my-adapters --adapter genes=other/genes --host 0.0.0.0 --key-file keys.txt

    gliner-adapters serve --base minilm-bi --train my-training --key-file keys.txt
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ConfigError(f'serving needs {", ".join(missing)}: pip install "gliner-adapters[server]"')
    from gliner_adapters.annotate import Annotator
    from gliner_adapters.model import load_base
    from gliner_adapters.server import read_keys
    from gliner_adapters.server import serve as run
    from gliner_adapters.server.security import check_exposure

    # Before the seconds that a base takes.
    keys = read_keys(config.key_file)
    check_exposure(config, keys)
    loaded = load_base(base, revision=revision, architecture=architecture, allow_pickle=allow_pickle, device=device)
    library = _library(adapters, adapter or [], loaded)
    annotator = Annotator(loaded, adapters=library, segment=segment, precision=precision, runtime=runtime)
    run(annotator, config, keys, lambda line: typer.echo(line, err=True), allow_pickle=allow_pickle)


def _library(folder: Path | None, named: list[str], base: Base) -> AdapterLibrary:
    """The adapters of a folder and those named one by one, all looked at."""
    from gliner_adapters.annotate import AdapterLibrary

    sources: dict[str, str | Path] = {}
    if folder is not None:
        sources = {name: folder / name for name in AdapterLibrary.of_folder(folder, base).names()}
    for entry in named:
        name, equals, path = entry.partition("=")
        if not (name.strip() and equals and path):
            raise ConfigError(f"--adapter: expected NAME=PATH, got {entry!r}")
        if name in sources:
            raise ConfigError(f"--adapter {name}: two adapters of this name")
        sources[name] = path
    library = AdapterLibrary(sources, base)
    for name in library.names():
        library.info(name)
    return library
