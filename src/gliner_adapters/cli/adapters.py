"""`gliner-adapters adapters`: look at, check and bake adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Look at, check and bake adapters.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="An adapter's folder.")]


@app.command()
def show(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole configuration as JSON.")] = False,
) -> None:
    """Show what an adapter is: method, base, labels, threshold, training, devel scores. Loads no weights.

    Example:

    gliner-adapters adapters show my-adapter
    """
    from gliner_adapters.adapters.config import AdapterConfig

    config = AdapterConfig.read(folder)
    if as_json:
        typer.echo(config.model_dump_json(indent=2))
        return
    table = Table(show_header=False)
    share = 100 * config.trained_parameters / config.base.parameters
    size = sum(path.stat().st_size for path in folder.glob("adapter_*"))
    rows = {
        "method": config.method + (" (deployable form)" if config.deployable else ""),
        "base": f"{config.base.id} ({config.base.architecture}-encoder, {config.base.fingerprint[:12]})",
        "labels": "\n".join(f"{e.name}: {e.description}" if e.description else e.name for e in config.labels),
        "threshold": f"{config.threshold:g}",
        "trained parameters": f"{config.trained_parameters:,} ({share:.2f}% of the base)",
        "size": f"{size / 1e6:.2f} MB",
        **{key.replace("_", " "): str(value) for key, value in config.trained_on.items() if key != "config"},
        **{
            key.replace("_", " "): f"{value:g}" if isinstance(value, (int, float)) else str(value)
            for key, value in config.metrics.items()
        },
    }
    for name, value in rows.items():
        table.add_row(name, value)
    Console(markup=False).print(table)  # brackets in labels are the labels' own


@app.command()
def verify(folder: Folder) -> None:
    """Check an adapter in full: digest, strict load onto its base, baked vectors. Exits with 4 if it fails.

    Example:

    gliner-adapters adapters verify my-adapter
    """
    from gliner_adapters.adapters import verify_adapter

    for line in verify_adapter(folder):
        typer.echo(f"ok: {line}")


@app.command()
def bake(
    folder: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the deployable form.")],
) -> None:
    """Write the deployable form of a bi-encoder's adapter: label vectors instead of what makes them.

    Example:

    gliner-adapters adapters bake my-adapter --output my-adapter-deployable
    """
    from gliner_adapters.adapters import load_adapter, save_adapter
    from gliner_adapters.adapters.config import CONFIG_FILE
    from gliner_adapters.errors import ConfigError

    if (output / CONFIG_FILE).exists():
        raise ConfigError(f"{output} holds an adapter already, and the deployable form holds less; choose another")
    trained = load_adapter(folder)
    before = sum(p.stat().st_size for p in folder.glob("adapter_*"))
    save_adapter(trained, output, deployable=True)
    after = sum(p.stat().st_size for p in output.glob("adapter_*"))
    typer.echo(f"{output}: {after / 1e6:.2f} MB instead of {before / 1e6:.2f} MB")
