"""Where the figures come from, and how to make them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from gliner_adapters.comparison.report.cells import Cell
from gliner_adapters.comparison.report.page import Block, Bullets, Code, Console, Heading, Number, Paragraph, Row, Table
from gliner_adapters.comparison.report.wording import documents, f1


def origin(cells: Sequence[Cell], resamples: int) -> Iterator[Block]:
    """Commands, commits, devices, versions and bases, then every run."""
    runs = [run for cell in cells for run in cell.runs]
    records = [run.origin for run in runs]
    versions = [{"gliner-adapters": record["version"], **record["versions"]} for record in records]
    yield Heading(2, "Where it comes from")
    yield Bullets(
        (
            ("Source tree: ", *_counted([record["commit"] or "an installed package" for record in records])),
            ("Versions: ", *_counted([", ".join(f"{k} {v}" for k, v in each.items()) for each in versions])),
            ("Measured on: ", *_counted([str(run.metrics["device"]) for run in runs])),
        )
    )
    yield _bases(cells)
    yield Heading(3, "To make it again")
    yield Paragraph("A run that is finished is not run again. Then the report, in the folder of the runs:")
    commands = dict.fromkeys(todays_command(str(record["command"])) for record in records)
    report = f"gliner-adapters comparison report RUNS --resamples {resamples}"
    yield Console((*commands, report))
    yield _runs(cells)


def todays_command(command: str) -> str:
    """A recorded command as it is typed today: runs on record may be older than the name `comparison`."""
    former = "gliner-adapters benchmark "
    return f"gliner-adapters comparison {command.removeprefix(former)}" if command.startswith(former) else command


def _counted(values: Sequence[str]) -> Iterator[str]:
    """Different values; with several, how many runs have each."""
    counted = Counter(values)
    for number, (value, times) in enumerate(sorted(counted.items())):
        yield (", " if number else "") + value + (f" ({times} runs)" if len(counted) > 1 else "")


def _bases(cells: Sequence[Cell]) -> Table:
    rows: dict[str, Row] = {}
    for run in (run for cell in cells for run in cell.runs):
        base = run.spec["base"]
        loaded = Path(base["load"])
        # A folder is somebody's own place: its name says enough.
        source = loaded.name if loaded.is_absolute() else base["load"]
        revision = f" at {base['revision']}" if base["revision"] else ""
        rows[base["name"]] = (
            Code(base["name"]),
            source + revision,
            f"{base['architecture']}-encoder",
            f"{run.metrics['total_parameters']:,}",
            Code(run.origin["base_fingerprint"][:12]),
        )
    head = ("base", "loaded from", "kind", "parameters", "fingerprint")
    return Table("The bases.", head, tuple(rows[name] for name in sorted(rows)))


def _runs(cells: Sequence[Cell]) -> Table:
    rows = tuple(
        (
            Code(run.metrics["name"]),
            documents(cell.limit) if cell.trains else "",
            Number(f1(run.metrics["macro_f1"]), run.metrics["macro_f1"]),
            Number(f"{run.metrics['threshold']:.2f}", run.metrics["threshold"]),
            Code(run.metrics["digest"][:12]),
        )
        for cell in cells
        for run in cell.seeds.values()
    )
    head = ("run", "training documents", "macro F1", "threshold", "digest")
    return Table("Every run: its threshold, chosen on devel, and the digest of its settings.", head, rows)
