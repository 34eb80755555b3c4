"""`gliner-adapters data`: look at one's own data before training, mend it, part it into splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gliner_adapters.cli import options as o
from gliner_adapters.corpora import check_documents, check_page, mend_documents, split_documents
from gliner_adapters.corpora.checking import CheckReport, Finding, MendReport
from gliner_adapters.corpora.checking.check import MAX_WIDTH
from gliner_adapters.corpora.load import LABELS_FILE, files_of_splits, split_of
from gliner_adapters.documents import Document, ReadReport, detect_format, read_documents, write_documents
from gliner_adapters.documents.formats import builtin_formats, get_format
from gliner_adapters.documents.formats.brat_files import new_folder
from gliner_adapters.documents.formats.streams import PACKED
from gliner_adapters.errors import ConfigError
from gliner_adapters.storage import write_text

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Your own data: look at it before training, mend it, part it into splits.",
)

_NAMES = ", ".join(builtin_formats()) + ", or another package's"
From = Annotated[
    str | None, typer.Option("--from", help=f"Format of the files ({_NAMES}); else by ending and content.")
]

#: Details and places of a finding that a terminal shows.
_SHOWN = 5


@app.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files, a split each, or a folder of splits.")],
    from_: From = None,
    columns: o.Columns = None,
    tag_names: o.TagNames = None,
    max_width: Annotated[
        int, typer.Option(min=1, help="The widest entity, in words, that the base can find.")
    ] = MAX_WIDTH,
    fix: Annotated[Path | None, typer.Option("--fix", help="Write a mended copy into this folder.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as a page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show everything in your data that will hurt training or its scores, with places and what to do.

    Each file is a split, called by its name: `train.jsonl` is train, `dev.tsv` devel. A folder may hold them. `--fix`
    writes a copy with the same names that is without what can be mended safely, and says what was done. The exit code
    is 1 where something makes training or its scores wrong.

    Examples:

    gliner-adapters data check train.jsonl devel.jsonl test.jsonl --html check.html

    gliner-adapters data check my-corpus --fix my-corpus-mended
    """
    named = files_of_splits(files)
    reports: dict[str, ReadReport] = {split: ReadReport() for split in named}
    names = o.named(columns, tag_names)
    splits = {
        split: list(read_documents(path, from_, skip_bad=True, report=reports[split], **names))
        for split, path in named.items()
    }
    found = check_documents(splits, max_width=max_width, reports=reports)
    if as_json:
        Console(soft_wrap=True).print_json(data=found.to_dict())
    else:
        _show(found, Console(highlight=False))
    if html is not None:
        write_text(html, check_page(found, f"Data check: {', '.join(str(path) for path in named.values())}"))
        typer.echo(f"wrote {html}", err=True)
    if fix is not None:
        _write_mended(named, splits, from_, fix)
    if not found.ok:
        raise typer.Exit(1)


@app.command("split")
def split(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file or folder with all documents.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for train.*, devel.* and test.*.")],
    devel: Annotated[float, typer.Option(min=0, max=1, help="Share of the documents for devel.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of the documents for test.")] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same splits.")] = 0,
    from_: From = None,
    columns: o.Columns = None,
    tag_names: o.TagNames = None,
    to: Annotated[str | None, typer.Option("--to", help=f"Format to write ({_NAMES}); else that of FILE.")] = None,
) -> None:
    """Part documents into train, devel and test: seeded, with each type's share in each, documents whole.

    Sentences of one abstract and documents with the same text stay together. `gliner-adapters adapt --corpus FOLDER`
    takes the folder.

    Example: `gliner-adapters data split all.jsonl --output my-corpus --seed 1`
    """
    shares = {name: share for name, share in {"train": 1 - devel - test, "devel": devel, "test": test}.items() if share}
    source = from_ or detect_format(file)
    target = get_format(to or (source if get_format(source).writable else "jsonl"))
    ending = _ending(file, target.name, target.endings or target.shared_endings)
    parts = split_documents(read_documents(file, source, **o.named(columns, tag_names)), shares, seed=seed)
    with _new_folder(output) as folder:
        for name, documents in parts.items():
            _write(documents, folder / f"{name}{ending}", target.name)
    for name, documents in parts.items():
        kinds = len({entity.label for document in documents for entity in document.entities})
        entities = sum(len(document.entities) for document in documents)
        typer.echo(f"{name}: {len(documents):,} documents, {entities:,} entities of {kinds} types", err=True)


def _ending(file: Path, target: str, known: Iterable[str]) -> str:
    """The file's own ending where files of the target format have it, else the format's first."""
    name = file.name.lower()
    own = max((ending for ending in known if name.endswith((ending, f"{ending}.gz"))), key=len, default="")
    return own or next(iter(known), f".{target}")


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which is there afterwards only if everything was written."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists already; name a folder that is new or empty")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(folder) as fresh:
        yield fresh


def _write(documents: list[Document], path: Path, form: str) -> None:
    """Write a split, and tell what the format has no place for."""
    for line in write_documents(documents, path, form).losses():
        typer.echo(f"note: {path.name}: {line}", err=True)


def _write_mended(named: dict[str, Path], splits: dict[str, list[Document]], form: str | None, folder: Path) -> None:
    """The mended copy: files called as they were, in their formats."""
    mended, report = mend_documents(splits)
    with _new_folder(folder) as fresh:
        for name, path in named.items():
            source = form or detect_format(path)
            if get_format(source).writable:
                packed = path.suffix if path.suffix.lower() in PACKED[1:] else ""  # these are read, not written
                _write(mended[name], fresh / path.name.removesuffix(packed), source)
            else:
                _write(mended[name], fresh / f"{split_of(path)}.jsonl", "jsonl")
        for labels in {path.parent / LABELS_FILE for path in named.values()}:
            if labels.is_file():
                write_text(fresh / LABELS_FILE, labels.read_text(encoding="utf-8"))
    for line in _mended_lines(report):
        typer.echo(line, err=True)
    typer.echo(f"wrote {folder}", err=True)


def _mended_lines(report: MendReport) -> list[str]:
    lines = [f"mended: {count:,} {kind}" for kind, count in report.done.items()]
    return lines or ["mended: nothing; the copy has the same documents"]


def _show(found: CheckReport, console: Console) -> None:
    """The report on a terminal."""
    splits = found.splits.values()
    table = Table("", *found.splits)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("documents", *(f"{each.documents:,}" for each in splits))
    table.add_row("documents with entities", *(f"{each.annotated:,}" for each in splits))
    table.add_row("words", *(f"{each.words:,}" for each in splits))
    table.add_row("entities", *(f"{each.entities:,}" for each in splits))
    for name in sorted({name for each in splits for name in each.by_type}):
        table.add_row(f"  {escape(name)}", *(f"{each.by_type.get(name, 0):,}" for each in splits))
    console.print(table)
    for finding in found.findings:
        _show_finding(finding, console)
    console.print(f"[bold]{escape(found.verdict)}[/bold]")


def _show_finding(finding: Finding, console: Console) -> None:
    colour = {"error": "red", "warning": "yellow", "note": "cyan"}[finding.severity]
    where = ", ".join(f"{split} {count:,}" for split, count in finding.splits.items())
    console.print(f"[bold {colour}]{finding.severity}[/]: {finding.count:,} {escape(finding.title)} ({escape(where)})")
    console.print(f"  {escape(finding.advice)}", style="dim")
    for name, count in list(finding.details.items())[:_SHOWN]:
        console.print(f"  {count:,} × {escape(name)}")
    for place in finding.places[:_SHOWN]:
        console.print(f"  {escape(str(place))}")
    more = max(len(finding.details), finding.count) - _SHOWN
    if more > 0 and (finding.details or finding.places):
        console.print("  ... and more; --html and --json show them", style="dim")
