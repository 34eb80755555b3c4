"""The whole report: its parts in a reader's order, and its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gliner_adapters.comparison.report.cells import Cell, CorpusRuns, by_corpus, read_runs, trained_on_devel
from gliner_adapters.comparison.report.confusion import confusion_table
from gliner_adapters.comparison.report.examples import AROUND, Mistake, choose, excerpt
from gliner_adapters.comparison.report.figures import can_draw, draw_all
from gliner_adapters.comparison.report.findings import findings
from gliner_adapters.comparison.report.gold import Gold
from gliner_adapters.comparison.report.html import to_html
from gliner_adapters.comparison.report.markdown import to_markdown
from gliner_adapters.comparison.report.origin import origin
from gliner_adapters.comparison.report.page import (
    Block,
    Bullets,
    Code,
    Figure,
    Heading,
    Page,
    Paragraph,
    Text,
)
from gliner_adapters.comparison.report.paired import Comparison, comparisons, paired_table
from gliner_adapters.comparison.report.tables import (
    STUDY,
    calibration_table,
    efficiency_table,
    epoch_table,
    error_table,
    forgetting_table,
    paraphrase_table,
    runs_have,
    score_table,
    study_table,
    type_table,
    with_devel_table,
)
from gliner_adapters.evaluation import align
from gliner_adapters.storage import atomic, write_text

#: Names of the files in the report's folder.
MARKDOWN_FILE, HTML_FILE, FIGURES_FOLDER = "report.md", "report.html", "figures"

_FIGURES = (
    Figure(
        "pareto",
        "Macro F1 against trained parameters. The solid line joins the methods that no smaller one beats; dotted lines "
        "are the bases untrained; whiskers are standard deviations over seeds.",
        "Scatter plot of macro F1 against trained parameters, a panel for each corpus; score tables hold the values",
    ),
    Figure(
        "types",
        "F1 of each type (in hundredths above the bars): the base untrained, the best parameter-efficient method, full "
        "fine-tuning, as far as they were run.",
        "Bar chart of F1 by type, a panel for each corpus and base; the tables of types hold its values",
    ),
    Figure(
        "efficiency",
        "Macro F1 by number of training documents: mean and standard deviation over seeds.",
        "Line chart of macro F1 by training documents, a panel for each corpus and base; tables below hold its values",
    ),
    Figure(
        "calibration",
        "How often predicted entities of a score are right. On the dotted line, scores mean what they say.",
        "Reliability diagram, a panel for each corpus and base; the table holds the expected calibration errors",
    ),
    Figure(
        "forgetting",
        "Macro F1 on a corpus that the adapter was not trained for, before and with the adapter plugged in; the change "
        "in points.",
        "Dumbbell chart of macro F1 on another corpus, before and with each adapter; the tables hold its values",
    ),
)


def comparison_report(folder: str | Path, data_dir: Path | None = None, resamples: int = 10_000) -> Page:
    """The report over the finished runs in a folder. Figures are drawn where matplotlib is there.

    Args:
        folder: of the runs.
        data_dir: where registered corpora lie; tests and examples need the annotation.
        resamples: of the paired tests.

    Raises:
        DataError: no finished run, or predictions that do not pair up with the corpus.
        ConfigError: a corpus that is not there.
    """
    cells = read_runs(folder)
    groups = by_corpus(cells)
    golds = {runs.corpus: Gold(runs, data_dir) for runs in groups}
    tested = {runs.corpus: comparisons(runs, golds[runs.corpus], resamples) for runs in groups}
    drawn = draw_all(groups) if can_draw() else {}
    figures = {figure.name: figure for figure in _FIGURES if figure.name in drawn}

    blocks: list[Block] = [*_opening(cells, groups, golds, tested, resamples)]
    blocks += [Heading(2, "Scores and cost"), *_named(figures, "pareto")]
    for runs in groups:
        gold = golds[runs.corpus]
        blocks += [Heading(3, runs.corpus), score_table(runs, {cell: gold.interval(cell) for cell in runs.members})]
        epochs = epoch_table(runs)
        blocks += [epochs] if epochs else []
    blocks += [Heading(2, "Types"), *_named(figures, "types")]
    blocks += [block for runs in groups for block in (Heading(3, runs.corpus), type_table(runs))]
    blocks += [Heading(2, "Errors")]
    for runs in groups:
        blocks += [Heading(3, runs.corpus), error_table(runs), *_closely(runs, golds[runs.corpus])]
    blocks += _with_devel(cells)
    blocks += _tests(groups, tested)
    blocks += _where_measured(groups, figures)
    blocks += _study(groups)
    blocks += origin(cells, resamples)
    return Page("Comparison of techniques", blocks, drawn)


def write_report(page: Page, folder: Path) -> list[Path]:
    """Write a page into a folder as `report.md`, `report.html` and `figures/*.{png,svg}`; earlier figures are replaced.

    Returns:
        What was written.
    """
    texts = {MARKDOWN_FILE: to_markdown(page, FIGURES_FOLDER), HTML_FILE: to_html(page)}
    for name, text in texts.items():
        write_text(folder / name, text)
    written = [folder / name for name in texts]
    for name, drawn in page.drawn.items():
        path = folder / FIGURES_FOLDER / name
        write_text(path.with_suffix(".svg"), drawn.svg)
        with atomic(path.with_suffix(".png"), len(drawn.png)) as fresh:
            fresh.write_bytes(drawn.png)
        written += [path.with_suffix(".svg"), path.with_suffix(".png")]
    return written


def _opening(
    cells: Sequence[Cell],
    groups: Sequence[CorpusRuns],
    golds: dict[str, Gold],
    tested: dict[str, list[Comparison]],
    resamples: int,
) -> Iterator[Block]:
    methods = {cell.method for cell in cells}
    bases = {cell.base for cell in cells}
    runs = sum(len(cell.runs) for cell in cells)
    yield Paragraph(
        f"Runs: {runs}. Methods: {len(methods)}. Bases: {len(bases)}. Corpora: {len(groups)}. Scores are of exact "
        "spans and types on the whole test split, at the threshold that devel prefers. Everything here, its sentences "
        "too, is made from the runs."
    )
    yield Heading(2, "Findings")
    found: list[Text] = []
    for group in groups:
        found += findings(group, golds[group.corpus], tested[group.corpus], resamples)
    yield Bullets(tuple(found)) if found else Paragraph("These runs hold nothing to compare.")


def _named(figures: dict[str, Figure], name: str) -> list[Block]:
    return [figures[name]] if name in figures else []


def _closely(runs: CorpusRuns, gold: Gold) -> Iterator[Block]:
    """Confusion and examples, of the base whose parameter-efficient method is best."""
    best = next((cell for cell in runs.members if cell.efficient), None)
    base = best.base if best else runs.members[0].base
    chosen = runs.highlights(base) or [runs.members[0]]
    excerpts: list[Block] = []
    for cell in chosen:
        seed, run = next(iter(cell.seeds.items()))
        mistakes = [
            Mistake(document, position, alignment)
            for position, (document, predicted) in enumerate(gold.pairs(run))
            for alignment in align(document, predicted)
        ]
        caption: Text = (
            *("Types of ", Code(cell.method), " on ", Code(cell.base), f", seed {seed}: gold in rows, predicted in "),
            "columns. After a plus those whose spans overlap without being equal.",
        )
        yield confusion_table((mistake.alignment for mistake in mistakes), gold.labels, caption)
        if cell.trains:
            excerpts += [excerpt(mistake, cell.method) for mistake in choose(mistakes, len(gold.documents))]
    if excerpts:
        info = gold.corpus.info
        licence = f" The corpus's licence: {info.licence.name}. {info.licence.note or ''}".rstrip() if info else ""
        yield Paragraph(
            "Examples: of each kind of mistake one, chosen by its place in the split and not by eye, with "
            f"{AROUND} characters on either side. Gold is bold, predicted is underlined." + licence
        )
        yield from excerpts


def _tests(groups: Sequence[CorpusRuns], tested: dict[str, list[Comparison]]) -> Iterator[Block]:
    having = [runs for runs in groups if tested[runs.corpus]]
    if having:
        yield Heading(2, "Tests between methods")
    for runs in having:
        yield Heading(3, runs.corpus)
        yield paired_table(tested[runs.corpus])


def _with_devel(cells: Sequence[Cell]) -> Iterator[Block]:
    """What saw more annotation stands apart: it takes part in no comparison above or below."""
    found = trained_on_devel(cells)
    if found:
        yield Heading(2, "Trained on train and devel")
        yield Paragraph(
            "These runs have seen more annotation than all others, and nothing was chosen on devel. They stand in no "
            "other table, figure, test or finding."
        )
    for corpus, own in found.items():
        yield Heading(3, corpus)
        yield with_devel_table(own)


def _where_measured(groups: Sequence[CorpusRuns], figures: dict[str, Figure]) -> Iterator[Block]:
    """The sections that only some runs have the data for."""
    sections = (
        ("Amounts of training data", "efficiency", efficiency_table, lambda runs: bool(runs.limits)),
        ("Calibration", "calibration", calibration_table, lambda runs: runs_have(runs, "calibration", "ece")),
        ("Other corpora", "forgetting", forgetting_table, lambda runs: runs_have(runs, "forgetting", "before")),
        ("Other words for the types", "", paraphrase_table, lambda runs: runs_have(runs, "paraphrase", "paraphrased")),
    )
    for title, figure, table, has in sections:
        having = [runs for runs in groups if has(runs)]
        if having:
            yield Heading(2, title)
            yield from _named(figures, figure)
        for runs in having:
            yield Heading(3, runs.corpus)
            yield table(runs)


def _study(groups: Sequence[CorpusRuns]) -> Iterator[Block]:
    having = [runs for runs in groups if runs.corpus in STUDY]
    if having:
        yield Heading(2, "The study's figures")
        yield Paragraph(
            "A. Becci, Enhancing Entity Representations through Soft Prompt Tuning: An Efficient Approach to "
            "Biomedical Named Entity Recognition, master's thesis, Università di Bologna, 2026."
        )
    for runs in having:
        yield Heading(3, runs.corpus)
        yield study_table(runs)
