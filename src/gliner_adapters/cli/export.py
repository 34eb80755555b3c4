"""`gliner-adapters export`: a base, or an adapter on its base, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gliner_adapters.cli import options as o
from gliner_adapters.errors import ConfigError


def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The GLiNER's folder.")],
    base: Annotated[
        str | None, typer.Option("--base", help="An embedded base, a folder, a hub id or `encoder:...`.")
    ] = None,
    adapter: Annotated[str | None, typer.Option("--adapter", "-a", help="An adapter, written with its base.")] = None,
    architecture: o.Architecture = "bi",
    revision: o.Revision = None,
    allow_pickle: o.AllowPickle = False,
) -> None:
    """Write a plain GLiNER checkpoint that the gliner library loads by itself.

    An adapter is merged into its base where its pieces have a counterpart in a GLiNER (heads, full, lora, ...); one
    that has none (free label vectors, prompts) is refused.

    Examples:

    gliner-adapters export --base minilm-bi --output minilm-bi-gliner

    gliner-adapters export --adapter my-adapter --output my-gliner
    """
    from gliner_adapters.adapters import load_adapter
    from gliner_adapters.model import load_base
    from gliner_adapters.model.export import export_gliner

    if (base is None) == (adapter is None):
        raise ConfigError("what should be exported? Give one of --base and --adapter")
    if output.exists() and any(output.iterdir()):
        raise ConfigError(f"{output} is not empty; choose another --output")
    if adapter is not None:
        trained = load_adapter(adapter, revision=revision, allow_pickle=allow_pickle)
        loaded, parts = trained.base, trained.adapter.parts(trained.base.parts)
    else:
        assert base is not None
        loaded = load_base(base, revision=revision, architecture=architecture, allow_pickle=allow_pickle)
        parts = loaded.parts
    export_gliner(loaded, parts, output)
    typer.echo(f'wrote {output}; load it with GLiNER.from_pretrained("{output}")', err=True)
