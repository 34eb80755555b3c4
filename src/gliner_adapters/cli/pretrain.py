"""`gliner-adapters pretrain`: many corpora and an encoder to a base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gliner_adapters.cli import options as o


def pretrain(
    recipe: Annotated[
        str, typer.Argument(help="A recipe of the package (minilm-bi, minilm-uni, mpnet-bi), or a TOML/YAML file.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The base's folder.")],
    data_dir: o.DataDir = None,
    device: o.Device = "cpu",
    checkpoint_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Steps between checkpoints, in place of the recipe's; the result is the same."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run in --output.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Remove what is in --output first.")] = False,
    quiet: o.Quiet = False,
) -> None:
    """Pretrain a base on many corpora and write it as a small difference to its encoder.

    Every part is trained; the difference is projected to low rank, trained a little further in that form, and
    written with its model card. A run that was killed goes on with `--resume` and gives the very same base.

    Examples:

    gliner-adapters pretrain minilm-bi --output my-base

    gliner-adapters pretrain my-recipe.toml --output my-base --resume

    gliner-adapters pretrain mpnet-bi --output my-base --device cuda
    """
    from gliner_adapters.pretraining import pretrain as run
    from gliner_adapters.training import Reporter

    console = Console(stderr=True, quiet=quiet)
    made = run(
        recipe,
        output,
        data_dir=data_dir,
        device=device,
        checkpoint_steps=checkpoint_steps,
        resume=resume,
        overwrite=overwrite,
        reporter=Reporter(console, quiet),
    )
    console.print(f"saved {output}: {made.bytes / 1e6:.1f} MB; load it with `--base {output}`", highlight=False)
