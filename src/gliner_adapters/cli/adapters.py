"""`gliner-adapters adapters`: look at, check, bake and publish adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Look at, check, bake and publish adapters.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="An adapter's folder.")]
Source = Annotated[
    str, typer.Argument(metavar="ADAPTER", help="An adapter's folder or hub id, OWNER/NAME or OWNER/NAME@REVISION.")
]


@app.command()
def show(
    adapter: Source,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole configuration as JSON.")] = False,
) -> None:
    """Show what an adapter is: method, base, labels, threshold, training, devel scores. Loads no weights.

    Example:

    gliner-adapters adapters show my-adapter
    """
    from gliner_adapters.adapters.config import AdapterConfig
    from gliner_adapters.adapters.hub import adapter_folder

    folder = adapter_folder(adapter)
    config = AdapterConfig.read(folder)
    if as_json:
        typer.echo(config.model_dump_json(indent=2))
        return
    table = Table(show_header=False)
    share = 100 * config.trained_parameters / config.base.parameters
    size = sum(path.stat().st_size for path in folder.glob("adapter_*"))
    rows = {
        "method": config.method + (" (deployable form)" if config.deployable else ""),
        **(
            {"plugins": "\n".join(f"{m} of {package}" for m, package in config.plugins.items())}
            if config.plugins
            else {}
        ),
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
def verify(adapter: Source) -> None:
    """Check an adapter in full: digest, strict load onto its base, baked vectors. Exits with 4 if it fails.

    Example:

    gliner-adapters adapters verify my-adapter
    """
    from gliner_adapters.adapters import verify_adapter

    for line in verify_adapter(adapter):
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


@app.command()
def push(
    folder: Folder,
    repository: Annotated[str, typer.Argument(metavar="USER/NAME", help="The repository on the hub.")],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", "--branch", help="The branch; made if it is missing. Else the main one.")
    ] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="The commit's message.")] = None,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead.")] = False,
    base_model: Annotated[
        str | None,
        typer.Option(help="Where others find a base that was loaded from a folder here.", metavar="USER/NAME@COMMIT"),
    ] = None,
    license_: Annotated[
        str | None, typer.Option("--license", help="As the hub writes it, cc-by-4.0; else the corpus's, if known.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Code of a language, en; repeatable.", show_default=False)
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="The hub's id of the corpus; repeatable.", show_default=False)
    ] = None,
    result: Annotated[
        list[Path] | None,
        typer.Option(help="Scores for the card: what `evaluate --output` wrote; repeatable.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
) -> None:
    """Publish an adapter on a model hub, in one commit; the same bytes again make none.

    Sent are configuration, weights, card and `peft/`. A path of this machine or what looks like a secret in them is
    refused. The token is the variable HF_TOKEN, or what `hf auth login` has stored; HF_ENDPOINT names another hub.

    Examples:

    gliner-adapters adapters push my-adapter USER/NAME --private

    gliner-adapters adapters push my-adapter USER/NAME --result test.json --dry-run
    """
    from gliner_adapters.adapters import prepare_upload
    from gliner_adapters.adapters.hub import check_target, send

    check_target(revision, create_pr)
    upload = prepare_upload(
        folder,
        repository,
        revision=revision,
        message=message,
        base_model=base_model,
        license=license_,
        language=language or (),
        datasets=dataset or (),
        results=result or (),
    )
    if dry_run:
        for name, size in upload.sizes.items():
            typer.echo(f"{size:>12,} bytes  {name}")
        typer.echo(f"\n{upload.card}")
        branch = upload.revision or "the main branch"
        typer.echo(f"nothing was sent; to {repository}, {branch}, with the message {upload.message!r}", err=True)
        return
    pushed = send(upload, private=private, create_pr=create_pr)
    if pushed.pull_request is not None:
        typer.echo(f"opened {pushed.pull_request}", err=True)
    elif not pushed.changed:
        typer.echo("nothing has changed since the last push", err=True)
    typer.echo(f"{pushed.repository}@{pushed.commit}")
    typer.echo(pushed.url)
