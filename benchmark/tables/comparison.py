"""Techniques compared, from a folder of finished runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gliner_adapters.comparison.report.cells import Cell, CorpusRuns, by_corpus, read_runs
from gliner_adapters.comparison.report.compose import FIGURES_FOLDER, MARKDOWN_FILE
from gliner_adapters.comparison.report.findings import NEAR, near_full, smallest_near
from gliner_adapters.comparison.report.markdown import markdown_text
from gliner_adapters.comparison.report.page import Code, Strong, Text
from gliner_adapters.comparison.report.pareto import pareto_front
from gliner_adapters.comparison.report.tables import STUDY
from gliner_adapters.comparison.report.wording import f1, percent, points, spread
from gliner_adapters.errors import DataError
from gliner_adapters.markdown import markdown_table

#: Cells of one method on one base, by corpus.
Scored = dict[str, Cell]


def comparison_part(folder: Path, root: Path | None = None) -> str:
    """The figure of F1 against parameters, all methods by corpus, and what comes near full fine-tuning.

    Args:
        folder: of finished runs, with their report.
        root: the folder of the text that this goes into, which links are relative to; the current one if ``None``.

    Raises:
        DataError: a folder without finished runs, or without its report's figure.
    """
    cells = read_runs(folder)
    figure, report = _links(folder, root)
    parts = [
        f"![Macro F1 against trained parameters]({figure})",
        _table(_ranked(cells), _corpora(cells)),
        "Macro F1 on the whole test split, mean ± standard deviation over seeds. Tests between methods, costs, "
        f"types and errors: [the report]({report}).",
        *_near_full(cells),
    ]
    return "\n\n".join(parts) + "\n"


def comparison_summary(folder: Path, root: Path | None = None) -> str:
    """The figure, and the methods that none with as few trained parameters beats, smallest first.

    Args:
        folder, root: see :func:`comparison_part`.
    """
    cells = read_runs(folder)
    figure, _ = _links(folder, root)
    corpora = _corpora(cells)
    everywhere = [scored for scored in _ranked(cells) if len(scored) == len(corpora)]
    front = pareto_front([(_first(scored).trained_parameters, _mean(scored)) for scored in everywhere])
    shown = _table([everywhere[i] for i in front], corpora)
    told = (
        f"Of {len(everywhere)} combinations of method and base, these are the ones that no smaller one beats (mean "
        "over the corpora)."
    )
    return f"![Macro F1 against trained parameters]({figure})\n\n{shown}\n\n{told}\n"


def _links(folder: Path, root: Path | None) -> tuple[str, str]:
    """The figure and the report of a folder of runs, as the text links them."""
    figure = folder / FIGURES_FOLDER / "pareto.png"
    if not figure.is_file():
        raise DataError("no such figure; `gliner-adapters comparison report` writes it where matplotlib is", figure)
    links = [Path(os.path.relpath(path, root or Path())).as_posix() for path in (figure, folder / MARKDOWN_FILE)]
    return links[0], links[1]


def _corpora(cells: Sequence[Cell]) -> list[str]:
    return [runs.corpus for runs in by_corpus(cells)]


def _ranked(cells: Sequence[Cell]) -> list[Scored]:
    """Each method on each base, best mean over its corpora first; the most training data of each corpus."""
    rows: dict[tuple[str, str], Scored] = {}
    for runs in by_corpus(cells):
        for cell in runs.members:
            rows.setdefault((cell.method, cell.base), {})[runs.corpus] = cell
    # What was run on more corpora goes first: means over different corpora do not compare.
    return sorted(rows.values(), key=lambda scored: (-len(scored), -sum(c.macro_f1 for c in scored.values())))


def _first(scored: Scored) -> Cell:
    return next(iter(scored.values()))


def _mean(scored: Scored) -> float:
    return sum(cell.macro_f1 for cell in scored.values()) / len(scored)


def _table(rows: Sequence[Scored], corpora: Sequence[str]) -> str:
    lines = []
    for scored in rows:
        first = _first(scored)
        trained = f"{first.trained_parameters / 1e6:.2f}M ({percent(first.share)})"
        scores = [spread(scored[corpus].values("macro_f1")).text if corpus in scored else "" for corpus in corpora]
        lines.append([f"`{first.method}`", f"`{first.base}`", trained, *map(str, scores)])
    return markdown_table(["method", "base", "trained parameters", *corpora], lines)


def _near_full(cells: Sequence[Cell]) -> list[str]:
    """How near the best parameter-efficient method of a corpus comes, and the smallest one of a base that does."""
    groups = by_corpus(cells)
    found = [text for runs in groups for text in _beside_the_study(runs)]
    found += [text for runs in groups for base in runs.bases for text in smallest_near(runs, base)]
    found += _near_everywhere(groups)
    return ["\n".join(f"- {markdown_text(text)}" for text in found)] if found else []


def _near_everywhere(groups: Sequence[CorpusRuns]) -> Iterator[Text]:
    """Of each base, the smallest method that comes near full fine-tuning on every one of several corpora."""
    for base in dict.fromkeys(base for runs in groups for base in runs.bases):
        found = [{cell.method: cell for cell in near_full(runs, base)} for runs in groups]
        common = [cell for method, cell in found[0].items() if all(method in each for each in found)]
        if len(groups) > 1 and common:
            smallest = min(common, key=lambda cell: cell.trained_parameters)
            every = "both" if len(groups) == 2 else f"all {len(groups)}"
            near = f" that comes within {100 * NEAR:g} point of full fine-tuning on {every} corpora is "
            head = ("The smallest method with ", Code(base), near)
            yield (*head, Code(smallest.method), f": {percent(smallest.share)} of the parameters.")


def _beside_the_study(runs: CorpusRuns) -> Iterator[Text]:
    """The distance to full fine-tuning of the same base, and the study's own."""
    best = next((cell for cell in runs.members if cell.efficient and runs.reference(cell.base)), None)
    if best is None or runs.corpus not in STUDY:
        return
    full, study = runs.reference(best.base), STUDY[runs.corpus]
    assert full is not None
    head = (Strong(runs.corpus), ": ", Code(best.method), " on ", Code(best.base))
    ours, theirs = points(best.macro_f1 - full.macro_f1), points(study["extension"] - study["full"])
    yield (
        *head,
        f" trains {percent(best.share)} of the parameters and reaches {f1(best.macro_f1)}, full fine-tuning "
        f"{f1(full.macro_f1)} ({ours} points). The 2026 study: {f1(study['extension'])} with 13%, {f1(study['full'])} "
        f"with all ({theirs} points).",
    )
