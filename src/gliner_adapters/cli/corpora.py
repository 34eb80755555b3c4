"""``gliner-adapters corpora``: list the known corpora, download them, look at what is in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from gliner_adapters.corpora import (
    DATA_VARIABLE,
    CorpusInfo,
    CorpusStats,
    corpus_info,
    corpus_infos,
    corpus_stats,
    fetch_corpus,
    load_corpus,
)
from gliner_adapters.corpora.info import RAW_URL
from gliner_adapters.corpora.registry import corpus_package, packaged_corpus
from gliner_adapters.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Known corpora: list them, download them, look at what is in one.\n\n"
    "Files are looked for in `--data-dir`, then in the folder that "
    f"`{DATA_VARIABLE}` names, then in the cache that `fetch` fills. Whatever is found is verified "
    "against the checksum of the published file before it is used.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_corpora(as_json: AsJson = False) -> None:
    """List the known corpora: what each is for, its types, its licence.

    **benchmark**: score on it. **pretraining**: train bases on it. **held-out**: never train on it.
    **demo**: shipped with the package. `--json` prints all there is to know, such as descriptions of the
    types, checksums and papers to cite. Corpora of other packages stand among them, with the package.
    Your own data needs no entry: see `gliner-adapters adapt --help`.

    Example:

    gliner-adapters corpora list --json
    """
    infos = list(corpus_infos().values())
    if as_json:
        _print_json([_description(info) for info in infos])
        return
    others = {info.name: _package(info) for info in infos}
    of = ["package"] if any(others.values()) else []
    table = Table("name", "use", "splits", "types", "licence", "what it is", *of)
    for info in infos:
        row = [info.name, info.use, " ".join(info.splits), _types(info), info.licence.name, info.title]
        table.add_row(*row, *([others[info.name]] if of else []))
    Console().print(table)


@app.command("fetch")
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Corpora to download.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Download every known corpus.")] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Put them under this folder instead of the cache."),
    ] = None,
    base_url: Annotated[str, typer.Option(help="A mirror that is laid out like raw.githubusercontent.com.")] = RAW_URL,
) -> None:
    """Download corpora from where they are published.

    A broken transfer goes on where it stopped, and each file must match its pinned checksum. Read the licence
    that is printed: the corpora belong to their makers.

    Example: `gliner-adapters corpora fetch jnlpba bc5cdr`
    """
    if everything == bool(names):
        raise ConfigError("name the corpora to fetch, or give --all; `gliner-adapters corpora list` shows them")
    wanted = [corpus_info(name) for name in names] if names else list(corpus_infos().values())
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    for info in wanted:
        with Progress(*columns, console=console) as progress:
            files = fetch_corpus(info.name, data_dir=data_dir, base_url=base_url, progress=progress)
        folder = next(iter(files.values())).parent
        typer.echo(f"{info.name}: {len(files)} files in {folder} (licence: {info.licence.name})")


@app.command("stats")
def stats(
    name: Annotated[str, typer.Argument(help="A known corpus, or a folder with train.*, devel.*, test.*.")],
    max_width: Annotated[
        int, typer.Option(min=1, help="Widest span in words that your base scores (12 in most GLiNERs).")
    ] = 12,
    data_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder that holds the corpora.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show counts, mention widths and how much of devel and test stands in train.

    A high share of **seen mentions** flatters a model that memorises; **too wide** mentions are missed
    whatever the model learns; **cut words** are mentions that begin or end inside a word.

    Example: `gliner-adapters corpora stats sample`
    """
    found = corpus_stats(load_corpus(name, data_dir=data_dir), max_width)
    if as_json:
        _print_json(found.to_dict())
        return
    console = Console()
    console.print(_count_table(found), _width_table(found))
    for split, overlap in found.overlap.items():
        console.print(
            f"{split}: {overlap.sentences:,} sentences stand in train too; "
            f"{overlap.seen_share:.0%} of its mentions ({overlap.seen_mentions:,}) are seen in train"
        )


def _package(info: CorpusInfo) -> str | None:
    """The package that brings a corpus, with its version; ``None`` if it is this one."""
    plugin = corpus_package(info.name) if packaged_corpus(info) is not None else None
    return None if plugin is None else f"{plugin.package} {plugin.version}"


def _description(info: CorpusInfo) -> dict[str, Any]:
    data = info.model_dump(mode="json")
    data["package"] = _package(info)
    data["urls"] = {split: info.url(split) for split in info.splits}
    return data


def _types(info: CorpusInfo) -> str:
    """The types in a table's cell: all of a few, the first ones of many."""
    names = [label.name for label in info.labels]
    shown = ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    return shown if info.fully_annotated else f"{shown} (marked partially)"


def _count_table(found: CorpusStats) -> Table:
    splits = found.splits.values()
    table = Table("", *found.splits, title=found.corpus)
    for column in table.columns[1:]:
        column.justify = "right"
    rows = {
        "documents as read": [s.documents for s in splits],
        "sentences": [s.sentences for s in splits],
        "repeated sentences": [s.repeated_sentences for s in splits],
        "words": [s.words for s in splits],
        "words in the longest sentence": [s.longest_sentence for s in splits],
        "mentions": [s.mentions for s in splits],
    }
    for label in next(iter(splits)).mentions_by_label:
        rows[f"  {label}"] = [s.mentions_by_label[label] for s in splits]
    rows["cut words"] = [s.unaligned for s in splits]
    rows[f"too wide (over {found.max_width} words)"] = [s.too_wide for s in splits]
    rows["words in the widest mention"] = [s.widest for s in splits]
    for title, counts in rows.items():
        table.add_row(title, *(f"{count:,}" for count in counts))
    return table


def _width_table(found: CorpusStats) -> Table:
    """Mentions by width, with one row for everything that is too wide."""
    table = Table("words", *found.splits, title="Mention widths")
    for column in table.columns:
        column.justify = "right"
    used = {width for split in found.splits.values() for width in split.widths if width <= found.max_width}
    for width in sorted(used):
        table.add_row(str(width), *(f"{s.widths.get(width, 0):,}" for s in found.splits.values()))
    table.add_row(f"> {found.max_width}", *(f"{s.too_wide:,}" for s in found.splits.values()))
    return table


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
