"""`gliner-adapters annotate`: find entities in text."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from gliner_adapters.cli import options as o
from gliner_adapters.cli.reading_progress import ReadingProgress
from gliner_adapters.documents import Document, Label, WriteReport, read_documents, write_documents, written_format
from gliner_adapters.documents.formats import builtin_formats, check_writable
from gliner_adapters.errors import ConfigError
from gliner_adapters.runtimes import Runtime
from gliner_adapters.signals import Terminated

if TYPE_CHECKING:
    from gliner_adapters.annotate import Annotator

_NAMES = ", ".join(name for name, each in builtin_formats().items() if each.readable) + ", or another package's"

#: Coloured text, in the place of a format.
TERMINAL = "terminal"
_FORMATS = ", ".join(name for name, each in builtin_formats().items() if each.writable) + ", or another package's"


def annotate(
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts to read.")] = None,
    adapter: Annotated[
        list[str] | None, typer.Option("--adapter", "-a", help="An adapter's folder or hub id; repeatable.")
    ] = None,
    base: Annotated[str | None, typer.Option("--base", help="A base to ask zero-shot, with --label.")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", help="A label to look for, NAME or NAME=DESCRIPTION.")
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option("--file", "-f", help="A file to read (- for standard input); repeatable.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help=f"Format of the files ({_NAMES}); else by ending and content.")
    ] = None,
    columns: o.Columns = None,
    tag_names: o.TagNames = None,
    output: Annotated[str, typer.Option("--output", "-o", help="File to write, - for standard output.")] = "-",
    to: Annotated[
        str | None,
        typer.Option(help=f"Written form ({TERMINAL}, {_FORMATS}); else by the ending of --output, else {TERMINAL}."),
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Least probability; else the adapter's own.")] = None,
    nested: Annotated[bool, typer.Option("--nested", help="Also report entities within entities.")] = False,
    segment: o.Segment = None,
    precision: o.Precision = "fp32",
    runtime: o.Runtime = "torch",
    architecture: o.Architecture = "bi",
    revision: o.Revision = None,
    allow_pickle: o.AllowPickle = False,
    device: o.Device = "cpu",
    quiet: o.Quiet = False,
) -> None:
    """Find entities in texts, files or standard input.

    Plain text (`--from txt`, or an ending of .txt) is one document a line; a folder of .txt files has one in each file.
    Long text is windowed, never cut off.
    JSON Lines and Parquet hold everything. What another form has no place for (in IOB2 overlapping entities and scores;
    of overlapping ones the longest stays) is left out, counted and told. `--to csv` is a table with a row an entity.

    Several adapters of one base read together, each with its own labels and threshold. JSON Lines then tells for each
    entity which adapter found it (`meta.adapter`), by the name of its folder.

    Examples:

    gliner-adapters annotate -a my-adapter "Cisplatin induced apoptosis in HeLa cells."

    gliner-adapters annotate -a diseases -a genes --file abstracts.pubtator --output found.jsonl

    gliner-adapters annotate -a my-adapter --file abstracts.pubtator --output found.csv

    zcat texts.gz | gliner-adapters annotate -a my-adapter -f - --from txt --to jsonl > found.jsonl
    """
    written = to or (TERMINAL if output == "-" else written_format(output))
    if written == TERMINAL and output != "-":
        raise ConfigError(f"coloured text goes to a terminal; for a file choose another --to: {_FORMATS}")
    if written != TERMINAL:
        check_writable(written)
    report = WriteReport()
    adapters = adapter or []
    annotator = _annotator(adapters, base, label or [], threshold, nested, segment, precision, runtime, architecture,
                           revision, allow_pickle, device)  # fmt: skip
    documents = _read(texts or [], file or [], from_, o.named(columns, tag_names))
    if len(adapters) > 1:
        found = _with_all(annotator, documents, threshold, nested)
    else:
        found = annotator.stream(documents)
    # Texts given as arguments are answered at once; there is nothing to watch.
    with ReadingProgress(Console(stderr=True), quiet or bool(texts and not file)) as progress:
        try:
            if written == TERMINAL:
                show(progress.watch(found), Console())
            else:
                report = write_documents(progress.watch(found), output, written, on_conflict="drop")
        except (KeyboardInterrupt, Terminated):
            what = "what was found is incomplete" if output == "-" else f"{output} was not written"
            typer.echo(f"stopped after {progress.documents:,} documents; {what}", err=True)
            raise
    if not progress.quiet:
        typer.echo(progress.summary(), err=True)
    for line in (*annotator.losses.lines(), *report.losses()):
        typer.echo(f"note: {line}", err=True)


def _annotator(
    adapters: list[str],
    base: str | None,
    labels: list[str],
    threshold: float | None,
    nested: bool,
    segment: Literal["sentence", "window"] | None,
    precision: Literal["fp32", "bf16"],
    runtime: Runtime,
    architecture: Literal["bi", "uni"],
    revision: str | None,
    allow_pickle: bool,
    device: str,
) -> Annotator:
    """The annotator that the options ask for."""
    from gliner_adapters.adapters import load_adapter
    from gliner_adapters.annotate import Annotator
    from gliner_adapters.model import load_base

    if bool(adapters) == (base is not None):
        raise ConfigError("who should read? Give --adapter, or --base with --label")
    if adapters:
        if labels:
            raise ConfigError("an adapter brings its own labels; --label goes with --base")
        if len(adapters) > 1 and revision is not None:
            raise ConfigError("--revision is that of one adapter; with several, give folders")
        trained = load_adapter(adapters[0], revision=revision, allow_pickle=allow_pickle, device=device)
        if len(adapters) > 1:
            return Annotator(trained.base, adapters=adapters, segment=segment, precision=precision, runtime=runtime)
        return Annotator(
            trained, threshold=threshold, nested=nested, segment=segment, precision=precision, runtime=runtime
        )
    assert base is not None
    loaded = load_base(base, revision=revision, architecture=architecture, allow_pickle=allow_pickle, device=device)
    named = [Label(name, description or None) for name, _, description in (entry.partition("=") for entry in labels)]
    return Annotator(
        loaded, named or None, threshold=threshold, nested=nested, segment=segment, precision=precision, runtime=runtime
    )


def _with_all(
    annotator: Annotator, documents: Iterable[Document], threshold: float | None, nested: bool
) -> Iterator[Document]:
    """Documents read with all adapters of the annotator; each entity says whose it is."""
    from gliner_adapters.annotate import Request
    from gliner_adapters.annotate.marked import marked

    names = annotator.library.names()
    requests = (Request(document, names, threshold=threshold, nested=nested) for document in documents)
    for reading in annotator.read_stream(requests):
        yield marked(reading)


def _read(texts: list[str], files: list[str], form: str | None, named: o.Named) -> Iterator[Document]:
    """Texts given as arguments, then the files, as one stream."""
    if not texts and not files:
        if sys.stdin.isatty():
            raise ConfigError("nothing to read: give TEXT, --file, or text on standard input")
        files, form = ["-"], form or "txt"
    for number, text in enumerate(texts, 1):
        yield Document(text, id=f"text:{number}")
    for file in files:
        yield from read_documents(file, form, **named)


COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red", "bright_cyan", "bright_magenta", "bright_green")


def show(documents: Iterable[Document], console: Console) -> None:
    """Print documents with their entities coloured by label and named behind; without colours, in brackets."""
    from rich.text import Text

    colours: dict[str, str] = {}
    for document in documents:
        line, position = Text(), 0
        for entity in sorted(document.entities, key=lambda e: (e.start, -e.end)):
            colour = colours.setdefault(entity.label, COLOURS[len(colours) % len(COLOURS)])
            if entity.start < position:  # nested: named after the entity around it
                line.append(f"[{document.mention(entity)}: {entity.label}]", style=f"{colour} italic")
                continue
            line.append(document.text[position : entity.start])
            line.append(f"[{document.mention(entity)}", style=f"bold {colour}")
            score = f" {entity.score:.2f}" if entity.score is not None else ""
            by = f" by {entity.meta['adapter']}" if entity.meta and "adapter" in entity.meta else ""
            line.append(f" | {entity.label}{score}{by}]", style=colour)
            position = entity.end
        line.append(document.text[position:])
        console.print(line, soft_wrap=True)
