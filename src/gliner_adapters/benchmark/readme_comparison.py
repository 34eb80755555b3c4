"""The README's opening figures: techniques compared, from folders of finished runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gliner_adapters.benchmark.report.cells import Cell, by_corpus, read_runs
from gliner_adapters.benchmark.report.compose import FIGURES_FOLDER, MARKDOWN_FILE
from gliner_adapters.benchmark.report.findings import smallest_near
from gliner_adapters.benchmark.report.markdown import markdown_text
from gliner_adapters.benchmark.report.wording import percent, spread
from gliner_adapters.errors import DataError
from gliner_adapters.markdown import markdown_table


def readme_section(folders: Sequence[Path], root: Path | None = None) -> str:
    """The figure of F1 against parameters, all methods by corpus, and what comes near full fine-tuning, by folder.

    Args:
        folders: of finished runs, each with its report.
        root: the folder of the text that this goes into, which links are relative to; the current one if ``None``.

    Raises:
        DataError: a folder without finished runs, or without its report's figure.
    """
    parts = []
    for folder in folders:
        figure = folder / FIGURES_FOLDER / "pareto.png"
        if not figure.is_file():
            raise DataError("no such figure; `gliner-adapters benchmark report` writes it where matplotlib is", figure)
        link, report = (Path(os.path.relpath(path, root or Path())) for path in (figure, folder / MARKDOWN_FILE))
        cells = read_runs(folder)
        parts += [
            f"![Macro F1 against trained parameters]({link.as_posix()})",
            _table(cells),
            "Macro F1 on the whole test split, mean ± standard deviation over seeds. Tests between methods, costs, "
            f"types and errors: [the report]({report.as_posix()}).",
            *_near_full(cells),
        ]
    return "\n\n".join(parts) + "\n"


def _table(cells: Sequence[Cell]) -> str:
    """A row for each method on each base, best mean over its corpora first; the most training data of each corpus."""
    groups = {runs.corpus: runs.members for runs in by_corpus(cells)}
    rows: dict[tuple[str, str], dict[str, Cell]] = {}
    for corpus, members in groups.items():
        for cell in members:
            rows.setdefault((cell.method, cell.base), {})[corpus] = cell
    # What was run on more corpora goes first: means over different corpora do not compare.
    order = sorted(rows.items(), key=lambda row: (-len(row[1]), -sum(c.macro_f1 for c in row[1].values())))
    lines = []
    for (method, base), found in order:
        first = next(iter(found.values()))
        trained = f"{first.trained_parameters / 1e6:.2f}M ({percent(first.share)})"
        scores = [spread(found[corpus].values("macro_f1")).text if corpus in found else "" for corpus in groups]
        lines.append([f"`{method}`", f"`{base}`", trained, *map(str, scores)])
    return markdown_table(["method", "base", "trained parameters", *groups], lines)


def _near_full(cells: Sequence[Cell]) -> list[str]:
    """For each corpus and base that was fully fine-tuned, the smallest method that comes near."""
    found = [text for runs in by_corpus(cells) for base in runs.bases for text in smallest_near(runs, base)]
    return ["\n".join(f"- {markdown_text(text)}" for text in found)] if found else []
