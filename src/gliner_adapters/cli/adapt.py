"""`gliner-adapters adapt`: a base and a corpus to an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gliner_adapters.cli import options as o
from gliner_adapters.training.config import TrainingConfig

#: Written out, since the registry takes the seconds that loading torch takes.
TECHNIQUES = (
    "The technique: zero-shot, heads, label-descriptions, label-embeddings, injection-bi, injection-cross, "
    "injection-deep, extension, head-deltas, bitfit, lora or full. Those of other packages: `gliner-adapters methods`. "
    "Names joined by + are combined: lora+heads."
)


@o.with_config(TrainingConfig)
def adapt(
    output: Annotated[Path, typer.Option("--output", "-o", help="The adapter's folder.")],
    config: TrainingConfig,
    base: o.BaseName = "minilm-bi",
    method: Annotated[str, typer.Option(help=TECHNIQUES)] = "heads",
    corpus: o.CorpusName = None,
    train: o.TrainFile = None,
    devel: o.DevelFile = None,
    test: o.TestFile = None,
    columns: o.Columns = None,
    tag_names: o.TagNames = None,
    option: Annotated[
        list[str] | None, typer.Option(help="A technique's own option, NAME=VALUE; repeatable.", show_default=False)
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Train on so many documents only, drawn by the seed.")] = None,
    hold_out: Annotated[
        float, typer.Option(min=0, max=0.9, help="Without devel: share of the training documents to choose by.")
    ] = 0.1,
    architecture: o.Architecture = "bi",
    revision: o.Revision = None,
    data_dir: o.DataDir = None,
    allow_pickle: o.AllowPickle = False,
    device: o.Device = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run in --output.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in --output.")] = False,
    quiet: o.Quiet = False,
) -> None:
    """Adapt a base to a corpus and save the adapter.

    The training split trains, the development split chooses epoch and threshold, the test split is not read. Without
    a development split, a tenth of the training documents (`--hold-out`) is drawn by the seed to choose by. A run that
    was killed goes on with `--resume` and gives the very same adapter.

    Examples:

    gliner-adapters adapt --corpus bc5cdr --method full --output my-adapter

    gliner-adapters adapt --base urchade/gliner_small-v2.1 --train a.jsonl --devel b.jsonl -o my-adapter

    gliner-adapters adapt --corpus sample --method heads --learning-rate span_head=1e-3 -o my-adapter

    gliner-adapters adapt --corpus sample --method lora+heads --option rank=8 -o my-adapter
    """
    from gliner_adapters.api import adapt as run
    from gliner_adapters.api.files import shipped_bytes
    from gliner_adapters.model import load_base
    from gliner_adapters.training import Reporter

    console = Console(stderr=True, quiet=quiet)
    found = o.find_corpus(corpus, train, devel, test, data_dir, columns, tag_names)
    loaded = load_base(base, revision=revision, architecture=architecture, allow_pickle=allow_pickle, device=device)
    trained = run(
        loaded,
        found,
        method,
        output=output,
        options=o.parse_pairs(option or [], "--option"),
        config=config,
        limit=limit,
        hold_out=hold_out,
        resume=resume,
        overwrite=overwrite,
        reporter=Reporter(console, quiet),
    )
    held_out = trained.config.trained_on.get("held_out")
    if "devel" not in found.splits:
        console.print(_without_devel(held_out), highlight=False)
    share = 100 * trained.config.trained_parameters / trained.config.base.parameters
    console.print(
        f"saved {output}: {trained.config.trained_parameters:,} parameters ({share:.1f}% of the base), "
        f"{shipped_bytes(output) / 1e6:.1f} MB, threshold {trained.config.threshold:g}",
        highlight=False,
    )


def _without_devel(held_out: dict[str, Any] | None) -> str:
    """What was done in place of a development split."""
    if held_out is None:
        return (
            "no development split, and none held out: trained on all documents to the last epoch, threshold 0.5; "
            "give --devel to choose them"
        )
    return (
        f"no development split: epoch and threshold were chosen on {held_out['documents']} training documents held out "
        f"for it (seed {held_out['seed']}); give --devel to choose on others"
    )
