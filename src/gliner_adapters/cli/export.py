"""`gliner-adapters export`: a base, or an adapter on its base, for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from gliner_adapters.cli import options as o
from gliner_adapters.errors import ConfigError

#: Which architecture an `encoder:` base gets.
Kind = Literal["bi", "uni"]


def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")],
    base: Annotated[
        str | None, typer.Option("--base", help="An embedded base, a folder, a hub id or `encoder:...`.")
    ] = None,
    adapter: Annotated[str | None, typer.Option("--adapter", "-a", help="An adapter, written with its base.")] = None,
    kind: Annotated[
        Literal["gliner", "onnx", "openvino"],
        typer.Option("--format", help="A GLiNER checkpoint, or a graph for ONNX Runtime or OpenVINO."),
    ] = "gliner",
    architecture: o.Architecture = "bi",
    revision: o.Revision = None,
    allow_pickle: o.AllowPickle = False,
) -> None:
    """Write a plain GLiNER checkpoint that the gliner library loads by itself, or a graph for programs without torch.

    An adapter is merged into its base where its pieces have a counterpart in a GLiNER (heads, head-deltas, full,
    bitfit, lora, label-descriptions, combined or not); one that has none (free label vectors, prompts) is refused, and
    so is the deployable form.

    A graph (`--format onnx`, `--format openvino`) is a whole pass with factorised scoring, checked against torch. In a
    bi-encoder it takes label vectors as an input, so it holds any adapter without prompts in the text, in the
    deployable form too.

    Examples:

    gliner-adapters export --base minilm-bi --output minilm-bi-gliner

    gliner-adapters export --adapter my-adapter --output my-gliner

    gliner-adapters export --adapter my-adapter --format onnx --output my-graph
    """
    if (base is None) == (adapter is None):
        raise ConfigError("what should be exported? Give one of --base and --adapter")
    if output.exists() and (output.is_file() or any(output.iterdir())):
        raise ConfigError(f"{output} is a file, or not empty; choose another --output")
    if kind == "gliner":
        told = _as_gliner(output, base, adapter, architecture, revision, allow_pickle)
    else:
        told = _as_graph(kind, output, base, adapter, architecture, revision, allow_pickle)
    typer.echo(f"wrote {output}; {told}", err=True)


def _as_gliner(
    output: Path, base: str | None, adapter: str | None, architecture: Kind, revision: str | None, allow_pickle: bool
) -> str:
    """Write a checkpoint; what to tell."""
    from gliner_adapters.adapters import load_adapter
    from gliner_adapters.model import load_base
    from gliner_adapters.model.export import export_gliner
    from gliner_adapters.model.tokens import label_texts

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
    return f'load it with GLiNER.from_pretrained("{output}"){hint}'


def _as_graph(
    kind: Literal["onnx", "openvino"],
    output: Path,
    base: str | None,
    adapter: str | None,
    architecture: Kind,
    revision: str | None,
    allow_pickle: bool,
) -> str:
    """Write a graph; what to tell."""
    from gliner_adapters.adapters import load_adapter
    from gliner_adapters.model import load_base
    from gliner_adapters.runtimes.export import GraphRecord, export_graph

    if adapter is not None:
        trained = load_adapter(adapter, revision=revision, allow_pickle=allow_pickle)
        export_graph(
            trained.base,
            trained.adapter.merged_parts(trained.base.parts),
            output,
            kind,
            labels=trained.adapter.labels,
            label_style=trained.adapter.options.label_style,
            label_vectors=trained.adapter.baked,
            threshold=trained.config.threshold,
            segment=trained.config.segment,
            context=trained.config.context,
        )
    else:
        assert base is not None
        loaded = load_base(base, revision=revision, architecture=architecture, allow_pickle=allow_pickle)
        export_graph(loaded, loaded.parts, output, kind)
    record = GraphRecord.read(output)
    return f"{GraphRecord.file} says what {record.graph} takes: {', '.join(record.inputs)}"
