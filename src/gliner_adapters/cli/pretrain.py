"""`gliner-adapters pretrain`: many corpora and an encoder to a base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gliner_adapters.cli import options as o


def pretrain(
    recipe: Annotated[
        str, typer.Argument(help="A recipe of the package (minilm-bi, minilm-uni), or a TOML/YAML file.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The base's folder.")],
    data_dir: o.DataDir = None,
    device: o.Device = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run in --output.")] = False,
    quiet: o.Quiet = False,
) -> None:
    """Pretrain a base on many corpora."""
    from gliner_adapters.model import load_base
    from gliner_adapters.pretraining.data import read_sources
    from gliner_adapters.pretraining.recipe import read_recipe
    from gliner_adapters.pretraining.run import RUN_FOLDER, train_full
    from gliner_adapters.training import Reporter

    parsed = read_recipe(recipe)
    start = load_base(parsed.start, architecture=parsed.architecture, device=device)
    sources = read_sources(parsed, start, data_dir)
    folder = output / RUN_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with Reporter(Console(stderr=True, quiet=quiet), quiet) as reporter:
        train_full(start, sources, parsed, folder, resume=resume, reporter=reporter)
