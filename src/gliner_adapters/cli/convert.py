"""``gliner-adapters convert``: documents from one file format to another."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

import typer

from gliner_adapters.cli import options as o
from gliner_adapters.documents import (
    ReadReport,
    WriteReport,
    read_documents,
    write_documents,
    written_format,
)
from gliner_adapters.documents.formats import builtin_formats, get_format

_NAMES = ", ".join(builtin_formats()) + ", or another package's"


class OnConflictChoice(str, Enum):
    """The values of ``--on-conflict``; see :data:`gliner_adapters.documents.OnConflict`."""

    ERROR = "error"
    DROP = "drop"
    SPLIT = "split"


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="File to read, or - for standard input.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="File to write, or - for standard output.")],
    from_: Annotated[
        str | None, typer.Option("--from", help=f"Format of IN ({_NAMES}). Default: by its ending.")
    ] = None,
    columns: o.Columns = None,
    tag_names: o.TagNames = None,
    to: Annotated[str | None, typer.Option("--to", help=f"Format of OUT ({_NAMES}). Default: by its ending.")] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Leave out malformed records and list them, instead of stopping."),
    ] = False,
    on_conflict: Annotated[
        OnConflictChoice,
        typer.Option(
            help="For entities that IOB2 cannot hold. error: stop at the first. drop: leave them out; of "
            "overlapping ones the longest stays. split: cut words where an entity begins or ends inside "
            "them, and drop only what overlaps; for training data, since the cuts follow the annotation.",
        ),
    ] = OnConflictChoice.ERROR,
    discontinuous: Annotated[
        Literal["span", "split", "drop"],
        typer.Option(
            help="For annotations of several parts. span: read from the first part to the last. split: read each part "
            "as an entity. drop: leave them out.",
        ),
    ] = "span",
) -> None:
    """Convert annotated documents from one file format to another.

    Endings tell the formats, and content does where several formats share one; a .gz after them means compressed. JSON
    Lines keeps everything. PubTator keeps no scores. IOB2 keeps no scores and no ids, and puts one sentence in a block.
    BioC keeps no word boundaries.
    Counts go to standard error. OUT appears only when all of IN has been converted.

    Examples:

    gliner-adapters convert train.tsv train.jsonl

    gliner-adapters convert abstracts.PubTator.gz abstracts.tsv --on-conflict split

    zcat corpus.pubtator.gz | gliner-adapters convert - - --from pubtator --to jsonl | head -n 1
    """
    writing = get_format(to or written_format(target))
    found = ReadReport()
    documents = read_documents(
        source,
        from_,
        skip_bad=skip_bad,
        discontinuous=discontinuous,
        report=found,
        **o.named(columns, tag_names),
    )
    written = write_documents(documents, target, writing.name, on_conflict=on_conflict.value)
    for line in _summary(found, written):
        typer.echo(line, err=True)


def _summary(found: ReadReport, written: WriteReport) -> list[str]:
    """What was read, repaired, left out, written and changed: one fact a line."""
    lines = [f"read: {found.documents} documents, {found.entities} entities"]
    lines.extend(found.problems())
    lines.extend(f"  {reason}" for reason in found.reasons)
    if found.skipped > len(found.reasons):
        lines.append(f"  and {found.skipped - len(found.reasons)} more")
    lines.append(f"written: {written.documents} documents, {written.entities} entities")
    return [*lines, *written.losses()]
