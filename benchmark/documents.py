"""The documents' figures, written from result files, so that they cannot drift from them.

A part of a document stands between the comments ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.harness.script import RESULTS, SCRIPTS, run
from benchmark.tables import jobs
from benchmark.tables.bases import footprint_part, low_rank_part, reading_part, start_part, zero_shot_part
from benchmark.tables.capabilities import capability_table
from benchmark.tables.comparison import comparison_part, comparison_summary
from benchmark.tables.formats import format_table
from benchmark.tables.guarantees import guarantees_part
from benchmark.tables.inference import inference_part
from benchmark.tables.reading import memory_part, one_way_part, segments_part, spacy_part
from benchmark.tables.scores import markdown_table, read_results
from benchmark.tables.serving import train_beside_part
from benchmark.tables.speed import epochs_part, speed_part, speed_summary
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import load_base

PROJECT = SCRIPTS.parent
_MARK = "<!-- {name}: begin -->"
_MARKS = re.compile(r"<!-- ([a-z-]+): begin -->")


def document_parts(results: Path = RESULTS) -> dict[str, dict[str, str]]:
    """The parts of each document, by the document's path in the project.

    Args:
        results: the folder of result files; its neighbour ``runs`` holds the comparison's runs and report.
    """
    runs = results.parent / "runs"
    speed = {name: _read(results / "speed" / f"{name}.json") for name in ("gliner", "training", "epochs")}
    inference = _read_by_name(results, "speed/inference-*.json")
    zero_shot = _read_all(results / "zero-shot")
    return {
        "README.md": {
            "results": comparison_summary(runs, PROJECT),
            "speed": speed_summary(inference["inference-bi.json"], speed["training"]),
        },
        "docs/results.md": {
            "comparison": comparison_part(runs, PROJECT / "docs"),
            "scores": markdown_table(read_results(results)),
            "methods": capability_table([load_base("minilm-bi"), load_base("minilm-uni")]),
            "zero-shot": zero_shot_part(zero_shot),
            "start": start_part(_read_all(results / "bases")),
            "segments": segments_part(_read(results / "segments" / "zero-shot.json")),
            "low-rank": low_rank_part(zero_shot),
            "guarantees": guarantees_part(
                _read(results / "guarantees" / "core.json"), "../benchmark/results/guarantees/core.json"
            ),
        },
        "docs/jobs.md": {
            "jobs-throughput": jobs.throughput_part(_read_by_name(results, "jobs/throughput.json")),
            "jobs-kills": jobs.kills_part(_read_by_name(results, "jobs/kills-*.json")),
            "jobs-bad-inputs": jobs.bad_inputs_part(_read_by_name(results, "jobs/bad-inputs.json")),
            "jobs-memory": jobs.memory_part(_read_by_name(results, "jobs/memory-*.json")),
        },
        "docs/data.md": {"formats": format_table()},
        "docs/serving.md": {"train-beside": train_beside_part(_read(results / "serving" / "train-beside.json"))},
        "docs/spacy.md": {"spacy": spacy_part(_read(results / "spacy" / "pipe.json"))},
        "docs/speed.md": {
            "speed": speed_part(speed["gliner"], speed["training"]),
            "inference": inference_part(inference),
            "one-way": one_way_part(_read(results / "speed" / "one-way.json")),
            "memory": memory_part(_read_all(results / "memory")),
            "epochs": epochs_part(speed["epochs"]),
            "reading-bases": reading_part(_read(results / "speed" / "reading-bases.json")),
            "footprint": footprint_part(_read(results / "footprint" / "bases.json")),
        },
    }


def fill(text: str, parts: dict[str, str]) -> str:
    """The text with every part in its place.

    Raises:
        ConfigError: a part has no place in the text, or a place no part.
    """
    for name in _MARKS.findall(text):
        if name not in parts:
            raise ConfigError(f"nothing writes {name!r}: remove {_MARK.format(name=name)}, or add the part")
    for name, content in parts.items():
        pattern = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        if not pattern.search(text):
            raise ConfigError(f"the text has no place for {name!r}: expected {_MARK.format(name=name)}")
        text = pattern.sub(lambda match, content=content: match[1] + content + match[2], text)  # type: ignore[misc]
    return text


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _read_by_name(results: Path, pattern: str) -> dict[str, dict[str, Any]]:
    return {path.name: _read(path) for path in sorted(results.glob(pattern))}


def _read_all(folder: Path) -> list[dict[str, Any]]:
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def main(
    results: Annotated[Path, typer.Option(exists=True, file_okay=False, help="The folder of results.")] = RESULTS,
) -> None:
    """Write the figures of the result files into the README and the pages of results, between their comments."""
    for name, parts in document_parts(results).items():
        path = PROJECT / name
        path.write_text(fill(path.read_text(encoding="utf-8"), parts), encoding="utf-8")
        typer.echo(f"wrote {name}", err=True)


if __name__ == "__main__":
    run(main)
