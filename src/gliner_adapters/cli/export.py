"""`gliner-adapters export`: a base, or an adapter on its base, for other programs."""

from __future__ import annotations

import json
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

    An adapter is merged into its base where its pieces have a counterpart in a GLiNER (heads, full, bitfit, lora,
    label-descriptions, combined or not); one that has none (free label vectors, prompts) is refused, and so is the
    deployable form.

    Examples:

    gliner-adapters export --base minilm-bi --output minilm-bi-gliner

    gliner-adapters export --adapter my-adapter --output my-gliner
    """
    from gliner_adapters.adapters import load_adapter
    from gliner_adapters.model import load_base
    from gliner_adapters.model.export import export_gliner
    from gliner_adapters.model.tokens import label_texts

    if (base is None) == (adapter is None):
        raise ConfigError("what should be exported? Give one of --base and --adapter")
    if output.exists() and (output.is_file() or any(output.iterdir())):
        raise ConfigError(f"{output} is a file, or not empty; choose another --output")
    if adapter is not None:
        trained = load_adapter(adapter, revision=revision, allow_pickle=allow_pickle)
        loaded, parts = trained.base, trained.adapter.unbake().merged_parts(trained.base.parts)
        texts = label_texts(trained.adapter.labels, trained.adapter.options.label_style)
        hint = f"; labels: {json.dumps(texts, ensure_ascii=False)}; threshold: {trained.config.threshold:g}"
    else:
        assert base is not None
        loaded = load_base(base, revision=revision, architecture=architecture, allow_pickle=allow_pickle)
        parts, hint = loaded.parts, ""
    export_gliner(loaded, parts, output)
    typer.echo(f'wrote {output}; load it with GLiNER.from_pretrained("{output}"){hint}', err=True)
