"""The command line: one verb a file.

Exit codes: 0 success; 1 a check failed (`--fail-under`) or a run of a comparison did; 2 wrong usage; 3 bad data; 4 a
base or an adapter that cannot be loaded; 5 a download or an upload failed; 6 a file cannot be written; 130 interrupted;
143 terminated.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from contextlib import suppress
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from gliner_adapters.cli import adapters, comparison, corpora, data, job
from gliner_adapters.cli.adapt import adapt
from gliner_adapters.cli.annotate import annotate
from gliner_adapters.cli.compare import compare
from gliner_adapters.cli.convert import convert
from gliner_adapters.cli.demo import demo
from gliner_adapters.cli.evaluate import evaluate
from gliner_adapters.cli.export import export
from gliner_adapters.cli.known import formats, methods
from gliner_adapters.cli.pretrain import pretrain
from gliner_adapters.cli.serve import CONTEXT as SERVE_CONTEXT
from gliner_adapters.cli.serve import serve
from gliner_adapters.corpora import FetchError
from gliner_adapters.errors import (
    AdapterError,
    BaseModelError,
    ConfigError,
    DataError,
    GlinerAdaptersError,
    HubError,
    StorageError,
)
from gliner_adapters.signals import TERMINATED, Terminated, raise_on_sigterm

#: Exit code after Ctrl-C.
INTERRUPTED = 130
EXIT_CODES: dict[type[GlinerAdaptersError], int] = {
    ConfigError: 2,
    DataError: 3,
    BaseModelError: 4,
    AdapterError: 4,
    FetchError: 5,
    HubError: 5,
    StorageError: 6,
}

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Adapt GLiNER to biomedical text with small adapters, and annotate literature with the result.\n\n"
    "Start with `gliner-adapters demo`. Then: `corpora list`, `adapt`, `evaluate`, `annotate`.",
    epilog="Exit codes: 0 success, 1 a check failed, 2 wrong usage, 3 bad data, 4 base or adapter not loadable, "
    "5 a download or an upload failed, 6 a file cannot be written.",
)
app.command()(demo)
app.command()(adapt)
app.command()(evaluate)
app.command()(compare)
app.command()(annotate)
app.command(context_settings=SERVE_CONTEXT)(serve)
app.command()(convert)
app.command()(methods)
app.command()(formats)
app.command()(export)
app.command()(pretrain)
app.add_typer(corpora.app, name="corpora")
app.add_typer(data.app, name="data")
app.add_typer(job.app, name="job")
app.add_typer(adapters.app, name="adapters")
app.add_typer(comparison.app, name="comparison")
#: The old name, for one release.
app.add_typer(comparison.app, name="benchmark", hidden=True, callback=comparison.renamed)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gliner-adapters {installed_version('gliner-adapters')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    run_app(app, "gliner-adapters")


def run_app(app: typer.Typer, name: str) -> None:
    """Run a command line; errors that the user can mend are printed without a traceback, with an exit code for each.

    Args:
        app: its verbs and options.
        name: the program as it is called.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    raise_on_sigterm()
    try:
        app(prog_name=name)
    except GlinerAdaptersError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1))
    except KeyboardInterrupt:
        _end_at_once("interrupted", INTERRUPTED)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # what typer makes of Ctrl-C within a verb
            _end_at_once("interrupted", INTERRUPTED)
        raise
    except Terminated:
        _end_at_once("terminated", TERMINATED)


def _end_at_once(told: str, code: int) -> None:
    """End the process, with all cleaned up that is ours.

    The interpreter's own end would wait for libraries' threads that are in the middle of their work, or crash on them.
    """
    typer.echo(told, err=True)
    with suppress(OSError, ValueError):  # whoever read the output may be gone
        sys.stdout.flush()
    os._exit(code)
