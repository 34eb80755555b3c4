"""The report over runs of tiny bases: its tables, tests, figures and forms."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bases import TinyBase
from gliner_adapters.cli import app
from gliner_adapters.comparison import runner
from gliner_adapters.comparison.plan import Plan, PlannedBase
from gliner_adapters.comparison.report import comparison_report, drawing, read_runs, write_report
from gliner_adapters.comparison.report.cells import by_corpus
from gliner_adapters.comparison.report.findings import findings
from gliner_adapters.comparison.report.gold import Gold
from gliner_adapters.comparison.report.html import to_html
from gliner_adapters.comparison.report.markdown import to_markdown
from gliner_adapters.comparison.report.named_points import draw_efficiency, draw_pareto
from gliner_adapters.comparison.report.page import Bullets, Code, Excerpt, Heading, Number, Page, Strong, Table, Text
from gliner_adapters.comparison.report.paired import comparisons
from gliner_adapters.comparison.report.tables import STUDY, epoch_seconds
from gliner_adapters.comparison.runner import execute, load_planned
from gliner_adapters.comparison.specs import expand
from gliner_adapters.corpora import load_corpus
from gliner_adapters.errors import DataError
from gliner_adapters.model import Base

Tiny = Callable[[str], TinyBase]

#: What only some runs hold; the sections about it must not appear without.
OPTIONAL = ("at_half", "calibration", "deployable_bytes")
EXTRA_FILES = ("forgetting.json", "paraphrase.json", "latency.json")


def random_base(planned: PlannedBase, device: str = "cpu") -> Base:
    """A plan's base, known for random, so that any training beats what it starts from."""
    base = load_planned(planned, device)
    base.fresh = True
    return base


@pytest.fixture(scope="module")
def complete(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three methods with two seeds and two amounts of data, and zero-shot; with all that may stand beside scores."""
    folder = tmp_path_factory.mktemp("complete") / "runs"
    base = {"name": "tiny", "load": str(tiny("bi-bert").folder), "architecture": "bi"}
    plan = {
        "bases": [base],
        "methods": ["zero-shot", "heads", "extension", "full"],
        "corpora": ["sample"],
        "seeds": [1, 2],
        "limits": [2, 4],
        "training": {"epochs": 2, "precision": "fp32"},
    }
    for spec in expand(Plan.model_validate(plan)).runs:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner, "load_planned", random_base)
            metrics = execute(spec, folder / spec.name)
        scores = {name: metrics[name] for name in ("macro_f1", "micro_f1")}
        lower = {name: value - 0.1 for name, value in scores.items()}
        other = {"corpus": "other", "before": scores, "plugged": lower, "unplugged_equal": True}
        words = {"labels": {"gene": "protein-coding gene"}, "adapted": scores, "paraphrased": lower}
        for name, content in (
            ("forgetting", other),
            ("paraphrase", words),
            ("latency", {"ratio": 1.25, "device": "a quiet one"}),
        ):
            (folder / spec.name / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def finished(complete: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same runs with scores and predictions alone."""
    folder = tmp_path_factory.mktemp("plain") / "runs"
    shutil.copytree(complete, folder)
    for run in folder.iterdir():
        change(run, lambda metrics: {name: value for name, value in metrics.items() if name not in OPTIONAL})
        for name in EXTRA_FILES:
            (run / name).unlink()
    return folder


@pytest.fixture(scope="module")
def page(complete: Path) -> Page:
    return comparison_report(complete, resamples=100)


def change(run: Path, how: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = run / "metrics.json"
    path.write_text(json.dumps(how(json.loads(path.read_text()))))


def words(text: Text | Number) -> str:
    text = text.text if isinstance(text, Number) else text
    parts = text if isinstance(text, tuple) else (text,)
    return "".join(part if isinstance(part, str) else part.text for part in parts)


def sections(page: Page) -> dict[str, list[Table]]:
    """The tables below each heading of level 2."""
    found: dict[str, list[Table]] = {}
    for block in page.blocks:
        if isinstance(block, Heading) and block.level == 2:
            found[block.text] = tables = []
        elif isinstance(block, Table):
            tables.append(block)
    return found


def rows(table: Table) -> dict[str, dict[str, str]]:
    """A table's rows by their first cell."""
    return {words(row[0]): dict(zip(table.head, map(words, row), strict=True)) for row in table.rows}


def cell_of(folder: Path, method: str, limit: int | None = 4) -> Any:
    return next(cell for cell in read_runs(folder) if (cell.method, cell.limit) == (method, limit))


def test_scores_and_costs(complete: Path, page: Page) -> None:
    table = sections(page)["Scores and cost"][0]
    found = rows(table)["heads"]
    heads = cell_of(complete, "heads")
    macro = [run.metrics["macro_f1"] for run in heads.runs]
    assert len(macro) == 2
    assert found["macro F1"] == f"{statistics.mean(macro):.4f} ± {statistics.stdev(macro):.4f}"
    half = [run.metrics["at_half"]["macro_f1"] for run in heads.runs]
    assert found["macro F1 at 0.5"].startswith(f"{statistics.mean(half):.4f}")
    assert found["epochs"] == str(heads.runs[0].spec["training"]["epochs"])
    assert found["trained parameters"] == f"{heads.runs[0].metrics['trained_parameters']:,}"
    assert found["deployable"] == f"{statistics.mean(heads.values('deployable_bytes')):,.0f} B"
    assert (found["time per document"], found["seeds"]) == ("1.25 ×", "2")
    assert "that of the base alone times the figure, on a quiet one." in words(table.caption)
    low, high = map(float, found["95% interval"].split(" to "))
    assert low <= round(statistics.mean(macro), 4) <= high
    assert "Trained on 4 training documents" in words(table.caption)
    order = [row[table.head.index("macro F1")].order for row in table.rows]
    assert order == sorted(order, reverse=True)


def test_the_difference_is_that_of_the_scores(complete: Path, page: Page) -> None:
    found = rows(sections(page)["Tests between methods"][0])
    full, heads = (cell_of(complete, method) for method in ("full", "heads"))
    gaps = {seed: heads.seeds[seed].metrics["macro_f1"] - full.seeds[seed].metrics["macro_f1"] for seed in (1, 2)}
    assert found["heads"]["against"] == "full"
    assert found["heads"]["difference"] == f"{100 * statistics.mean(gaps.values()):+.1f}"
    assert found["heads"]["seed by seed"] == ", ".join(f"{seed}: {100 * gap:+.1f}" for seed, gap in gaps.items())
    assert found["zero-shot"]["seed by seed"].startswith("1: ")  # it has one seed, so that one is tested
    assert "full" not in found


def test_findings_are_those_of_the_runs(complete: Path) -> None:
    runs = by_corpus(read_runs(complete))[0]
    gold = Gold(runs)
    tested = comparisons(runs, gold, 100)
    told = [words(text) for text in findings(runs, gold, tested, 100)]
    full, extension, heads = (cell_of(complete, method) for method in ("full", "extension", "heads"))
    near = [cell for cell in (extension, heads) if cell.macro_f1 >= full.macro_f1 - 0.01]
    if near:
        smallest = min(near, key=lambda cell: cell.trained_parameters)
        wanted = f"the smallest method within 1 point of full fine-tuning is {smallest.method}: "
    else:
        wanted = "no other method that was run comes within 1 point of full fine-tuning."
    assert any(wanted in line for line in told)
    # These bases are so small that no method trains 13% of them or less.
    efficient = [cell for cell in runs.members if cell.efficient]
    assert any("the best method that trains at most 13%" in line for line in told) == bool(efficient)
    line = next(line for line in told if "extension against heads" in line)
    for limit in (2, 4):
        a, b = (cell_of(complete, method, limit) for method in ("extension", "heads"))
        gap = statistics.mean(a.values("macro_f1")) - statistics.mean(b.values("macro_f1"))
        assert f"{100 * gap:+.1f} points with {limit} training documents (2 seeds, p " in line
    assert not any("without trained heads" in line for line in told)


def test_what_the_extension_does_without_trained_heads(complete: Path, tmp_path: Path) -> None:
    """Its runs, taken for those of a variant that trains the transform alone, against the base untrained."""
    for path in complete.iterdir():
        shutil.copytree(path, tmp_path / path.name)
        origin = json.loads((path / "run.json").read_text())
        if origin["spec"]["method"] == "extension":
            origin["spec"].update(options={"heads": False}, variant="transform")
            (tmp_path / path.name / "run.json").write_text(json.dumps(origin))
    runs = by_corpus(read_runs(tmp_path))[0]
    told = [words(text) for text in findings(runs, Gold(runs), [], 100)]
    alone, untrained = cell_of(tmp_path, "transform"), cell_of(tmp_path, "zero-shot", None)
    gap = alone.seeds[1].metrics["macro_f1"] - untrained.macro_f1
    assert any(
        f"without trained heads extension (loss bce) stands at {alone.seeds[1].metrics['macro_f1']:.4f} with the first "
        f"seed, the base untrained at "
        f"{untrained.macro_f1:.4f} ({100 * gap:+.1f} points, p " in line
        for line in told
    )
    assert not any("extension against heads" in line for line in told)


def test_the_best_efficient_method_is_told_with_its_test(complete: Path, tmp_path: Path) -> None:
    """Of a base so large that the heads are a small share of it."""
    for path in complete.iterdir():
        shutil.copytree(path, tmp_path / path.name)
        change(tmp_path / path.name, lambda metrics: {**metrics, "total_parameters": 10**7})
    runs = by_corpus(read_runs(tmp_path))[0]
    gold = Gold(runs)
    tested = comparisons(runs, gold, 100)
    told = words(findings(runs, gold, tested, 100)[0])
    best = runs.best_efficient("tiny")
    comparison = next(c for c in tested if c.cell is best)
    assert f"at most 13% of the parameters is {best.method} ({100 * best.share:.1f}%)" in told
    assert f"macro F1 {best.macro_f1:.4f} (mean of 2 seeds, {best.epochs} epoch{'s' * (best.epochs > 1)})" in told
    assert f"the difference is {100 * comparison.difference:+.1f} points (95% interval " in told


def test_epochs_cost_what_the_curve_says(finished: Path) -> None:
    heads = cell_of(finished, "heads")
    curves = [run.metrics["curve"] for run in heads.runs]
    first, later = epoch_seconds(heads)
    assert first == statistics.median(curve[0]["seconds"] for curve in curves)
    assert later == pytest.approx(statistics.median(curve[1]["seconds"] - curve[0]["seconds"] for curve in curves))


def test_types_errors_and_amounts(complete: Path, page: Page) -> None:
    found = sections(page)
    heads = cell_of(complete, "heads")
    f1 = statistics.mean(run.metrics["per_type"]["gene"]["f1"] for run in heads.runs)
    assert rows(found["Types"][0])["heads"]["gene"].startswith(f"{f1:.4f}")
    errors = rows(found["Errors"][0])["heads"]
    totals = [run.metrics["report"]["errors"]["total"] for run in heads.runs]
    assert errors["missed"] == f"{statistics.mean(total['missed'] for total in totals):,.0f}"
    unseen = statistics.mean(run.metrics["report"]["unseen"]["macro"]["f1"] for run in heads.runs)
    assert errors["unseen mentions"].startswith(f"{unseen:.4f}")
    amounts = found["Amounts of training data"][0]
    assert amounts.head == ("method", "base", "2", "4")
    assert rows(amounts)["full"]["2"].startswith(f"{cell_of(complete, 'full', 2).macro_f1:.4f}")


def test_confusion_adds_up_to_the_gold_mentions(page: Page) -> None:
    tables = [table for table in sections(page)["Errors"] if table.head[0] == "gold"]
    assert tables
    support = {label.name: 0 for label in load_corpus("sample").labels}
    for document in load_corpus("sample").documents("test"):
        for key in {entity.key for entity in document.entities}:
            support[key[2]] += 1
    for table in tables:
        counted = {words(row[0]): sum(cell.order or 0 for cell in row[1:]) for row in table.rows}
        counted.pop("spurious")
        assert counted == support


def test_examples_show_the_text(page: Page) -> None:
    texts = [" ".join(document.text.split()) for document in load_corpus("sample").documents("test")]
    excerpts = [block for block in page.blocks if isinstance(block, Excerpt)]
    assert 0 < len(excerpts) <= 10
    for each in excerpts:
        shown = " ".join("".join(piece.text for piece in each.pieces).split()).strip("… ")
        assert any(shown in text for text in texts)
        assert any(piece.gold or piece.predicted for piece in each.pieces)


def test_sections_appear_where_runs_have_the_data(finished: Path, page: Page) -> None:
    only_some = {"Calibration", "Other corpora", "Other words for the types"}
    plain = comparison_report(finished, resamples=100)
    assert only_some <= sections(page).keys()
    assert only_some.isdisjoint(sections(plain))
    head = sections(plain)["Scores and cost"][0].head
    assert {"deployable", "macro F1 at 0.5", "time per document"}.isdisjoint(head)
    assert set(page.drawn) - set(plain.drawn) == {"calibration", "forgetting"}
    forgot = rows(sections(page)["Other corpora"][0])["heads"]
    assert (forgot["other corpus"], forgot["points"], forgot["unplugged"]) == ("other", "-10.0", "same as before")
    reworded = sections(page)["Other words for the types"][0]
    assert rows(reworded)["heads"]["points"] == "-10.0"
    assert "gene → protein-coding gene" in words(reworded.caption)


def test_what_trains_nothing_has_no_amount_of_data(finished: Path, tmp_path: Path) -> None:
    for path in (*finished.glob("*_2_seed*"), *finished.glob("*zero-shot*")):
        shutil.copytree(path, tmp_path / path.name)
    found = sections(comparison_report(tmp_path, resamples=100))
    assert "Amounts of training data" not in found
    assert "zero-shot" in rows(found["Scores and cost"][0])


def test_the_study_is_marked_as_the_study(finished: Path, tmp_path: Path, page: Page) -> None:
    """Beside a run on a corpus that the study has figures for."""
    name = "tiny_full_sample_4_seed1"
    shutil.copytree(finished / name, tmp_path / name)
    change(tmp_path / name, lambda metrics: {**metrics, "corpus": "bc5cdr"})
    study = sections(comparison_report(tmp_path, resamples=100))["The study's figures"][0]
    ours = cell_of(tmp_path, "full").macro_f1
    assert "The study's own figures, not ours" in words(study.caption)
    assert rows(study)["extension"]["macro F1 (the study)"] == f"{STUDY['bc5cdr']['extension']:.4f}"
    assert rows(study)["full"]["macro F1, tiny (ours)"] == f"{ours:.4f}"
    assert "The study's figures" not in sections(page)  # it has none for that corpus


def test_where_it_comes_from(complete: Path, page: Page) -> None:
    text = to_markdown(page)
    origin = json.loads((complete / "tiny_full_sample_4_seed1" / "run.json").read_text())
    assert f"torch {origin['versions']['torch']}" in text
    assert f"$ {origin['command']}\n$ gliner-adapters comparison report RUNS --resamples 100" in text
    assert origin["spec"]["base"]["load"] not in text  # a folder is somebody's own place
    runs = sections(page)["Where it comes from"][-1]
    assert set(rows(runs)) == {path.name for path in complete.iterdir()}


class Reader(HTMLParser):
    """Reads a page strictly: what is opened is closed."""

    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)


def test_the_page_stands_alone(page: Page) -> None:
    text = to_html(page)
    reader = Reader(text)
    assert len(text) < 3_000_000
    links = [value for _, attributes in reader.tags for name, value in attributes.items() if name.endswith("href")]
    assert all(link.startswith("#") for link in links)
    assert not [attributes for _, attributes in reader.tags if "src" in attributes]
    assert not re.search(r"url\((?!#)|@import", text)
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links} <= set(ids)
    assert len(list(reader.all("svg"))) == len(page.drawn) == 5


def test_tables_of_the_page_can_be_sorted(page: Page) -> None:
    reader = Reader(to_html(page))
    tables = [block for block in page.blocks if isinstance(block, Table)]
    sortable = [table for table in tables if table.sorted_by is not None]
    assert len(list(reader.all("table"))) == len(tables)
    assert len(list(reader.all("button"))) == sum(len(table.head) for table in sortable)
    orders = [head["aria-sort"] for head in reader.all("th") if "aria-sort" in head]
    assert orders.count("descending") == len(sortable)
    for table in sortable:
        column = [row[table.sorted_by] for row in table.rows]
        order = [cell.order for cell in column if isinstance(cell, Number) and cell.order is not None]
        assert order == sorted(order, reverse=True), table.caption


def test_both_forms_say_the_same(page: Page) -> None:
    text = to_markdown(page)
    tables = [block for block in page.blocks if isinstance(block, Table)]
    assert text.count("\n|---") == len(tables)
    for name in page.drawn:
        assert f"](figures/{name}.png)" in text
    assert isinstance(tables[0].rows[0][0], Code)
    assert not [block for block in page.blocks if isinstance(block, Strong)]


def test_the_same_runs_give_the_same_bytes(complete: Path, page: Page, tmp_path: Path) -> None:
    first = write_report(page, tmp_path / "one")
    second = write_report(comparison_report(complete, resamples=100), tmp_path / "two")
    assert [path.name for path in first] == [path.name for path in second]
    assert len(first) == 12
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name


def test_names_in_figures_do_not_lie_on_each_other(complete: Path) -> None:
    groups = by_corpus(read_runs(complete))
    subjects = {draw_pareto: groups, draw_efficiency: [(groups[0], "tiny")]}
    for draw, what in subjects.items():
        with drawing.settings("test"):
            figure = draw(what)
            boxes = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}
        assert set(boxes) == {"zero-shot", "heads", "extension", "full"}
        assert not [pair for pair in combinations(boxes, 2) if boxes[pair[0]].overlaps(boxes[pair[1]])]


def test_what_an_untrained_base_beats_is_not_on_the_front(complete: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(complete, folder)
    best = max(cell.macro_f1 for cell in by_corpus(read_runs(folder))[0].members if cell.trains)
    for untrained, top in ((0.0, [best]), (0.999, [])):
        for path in folder.glob("*_zero-shot_*/metrics.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"macro_f1": untrained}))
        assert front_of(folder)[-1:] == top


def test_a_variant_is_a_row_of_its_own(complete: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(complete, folder)
    shutil.copytree(next(folder.glob("*_heads_*")), folder / "twin")
    record = json.loads((folder / "twin" / "run.json").read_text())
    record["spec"]["variant"] = "heads-again"
    (folder / "twin" / "run.json").write_text(json.dumps(record))
    (again,) = [cell for cell in read_runs(folder) if cell.method == "heads-again"]
    (heads,) = [cell for cell in read_runs(folder) if (cell.method, cell.limit) == ("heads", again.limit)]
    assert len(again.runs) == 1
    assert len(heads.runs) == len({run.spec["training"]["seed"] for run in heads.runs})


def test_what_was_trained_on_devel_stands_apart(complete: Path, page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(complete, folder)
    shutil.copytree(next(folder.glob("*_heads_*_4_*")), folder / "joined")
    record = json.loads((folder / "joined" / "run.json").read_text())
    record["spec"]["training"]["train_on"] = "train+devel"
    (folder / "joined" / "run.json").write_text(json.dumps(record))
    change(folder / "joined", lambda metrics: {**metrics, "macro_f1": 0.9876})
    found = sections(comparison_report(folder, resamples=100))
    (table,) = found.pop("Trained on train and devel")
    assert [words(row[0]) for row in table.rows] == ["heads"]
    assert rows(table)["heads"]["macro F1"] == "0.9876"
    others = {heading: tables for heading, tables in sections(page).items() if not heading.startswith("Where")}
    assert "Trained on train and devel" not in others
    for heading, tables in others.items():
        assert [table.rows for table in found[heading]] == [table.rows for table in tables], heading


def test_training_that_did_not_help_is_told(complete: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(complete, folder)
    for run in folder.iterdir():
        change(run, lambda metrics: {**metrics, "training_helped": True})
    told = "training did not help on devel"
    assert not [text for text in sentences(folder) if told in text]
    change(next(folder.glob("*_heads_*_4_*")), lambda metrics: {**metrics, "training_helped": False})
    (text,) = [text for text in sentences(folder) if told in text]
    assert "heads with 4 training documents (1 of 2 runs)" in text


def sentences(folder: Path) -> list[str]:
    """What the report says of its runs."""
    blocks = comparison_report(folder, resamples=100).blocks
    return [words(item) for block in blocks if isinstance(block, Bullets) for item in block.items]


def front_of(folder: Path) -> list[float]:
    """The macro F1 scores along the line in the first panel."""
    with drawing.settings("test"):
        line = draw_pareto(by_corpus(read_runs(folder))).axes[0].lines[0]
    return list(line.get_ydata())


def test_without_matplotlib(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = CliRunner().invoke(app, ["comparison", "report", str(finished), "-o", str(tmp_path), "--resamples", "100"])
    assert done.exit_code == 0
    assert "no figures: matplotlib is missing; install it with pip install 'gliner-adapters[comparison]'" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.md"]
    assert "![" not in (tmp_path / "report.md").read_text()


def test_the_command_writes_beside_the_runs(complete: Path, page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    shutil.copytree(complete, folder)
    done = CliRunner().invoke(app, ["comparison", "report", str(folder), "--resamples", "100"])
    assert done.exit_code == 0
    assert (folder / "report.html").read_text() == to_html(page)
    assert (folder / "figures" / "pareto.svg").read_text() == page.drawn["pareto"].svg
    assert (folder / "figures" / "pareto.png").read_bytes().startswith(b"\x89PNG")
    # A second report finds the runs and nothing else.
    assert len(read_runs(folder)) == len(read_runs(complete))


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run"):
        read_runs(tmp_path)
