"""The parts of the README that hold figures, written from result files, so that they cannot drift from them.

A part stands between the comments ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gliner_adapters.benchmark.capabilities import capability_table
from gliner_adapters.benchmark.guarantees import broken_promises
from gliner_adapters.benchmark.readme_bases import bases_parts
from gliner_adapters.benchmark.readme_comparison import readme_section
from gliner_adapters.benchmark.readme_inference import inference_part
from gliner_adapters.benchmark.results import markdown_table, read_results
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import load_base


def readme_parts(results: Path) -> dict[str, str]:
    """Every part by name, from a folder of results.

    Args:
        results: holds scores, ``speed/gliner.json``, ``speed/training.json``, ``speed/epochs.json``,
            ``speed/inference-*.json`` and ``guarantees/core.json``, and what
            :func:`~gliner_adapters.benchmark.readme_bases.bases_parts` reads; its neighbour ``runs`` holds the
            comparison's runs and report.
    """
    bases = [load_base("minilm-bi"), load_base("minilm-uni")]
    return {
        "comparison": readme_section([results.parent / "runs"]),
        "results": markdown_table(read_results(results)),
        "methods": capability_table(bases),
        "speed": _speed(_read(results / "speed" / "gliner.json"), _read(results / "speed" / "training.json")),
        "inference": inference_part(
            {path.name: _read(path) for path in sorted(results.glob("speed/inference-*.json"))}
        ),
        "epochs": _epochs(_read(results / "speed" / "epochs.json")),
        "guarantees": _guarantees(_read(results / "guarantees" / "core.json")),
        **bases_parts(results),
    }


def fill(text: str, parts: dict[str, str]) -> str:
    """The text with every part in its place.

    Raises:
        ConfigError: a part has no place in the text.
    """
    for name, content in parts.items():
        pattern = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        if not pattern.search(text):
            raise ConfigError(f"the text has no place for {name!r}: expected <!-- {name}: begin -->")
        text = pattern.sub(lambda match, content=content: match[1] + content + match[2], text)  # type: ignore[misc]
    return text


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _speed(record: dict[str, Any], trained: dict[str, Any]) -> str:
    """Ratios against the gliner library."""
    lines = ["| | times faster than `gliner` |", "|---|---|"]
    inference, training = record["inference"], trained["training"]
    for name, ratio in inference["speedup_over_gliner_defaults"].items():
        if name != "gliner, batch 32":
            lines.append(
                f"| reading {inference['sentences']:,} {record['corpus']} sentences, {name} | {_ratio(ratio)} |"
            )
    for precision in ("fp32", "bf16"):
        steps = f"full fine-tuning steps of {training['batch_size']} sentences, both {precision}"
        lines.append(f"| {steps}, each with its own batches | {_ratio(training[precision]['speedup'])} |")
        lines.append(f"| {steps}, both with ours | {_ratio(training[precision]['speedup_on_our_batches'])} |")
    batch = inference["speedup_over_gliner_defaults"].get("gliner, batch 32")
    lines.append(
        f"\n`gliner` reads with its defaults (batches of 8); with batches of 32 it is {_ratio(batch)} times as fast."
    )
    same = inference["fp32_same_entities"]
    found = inference["entities"]["gliner-adapters, fp32"]
    lines.append(f"In fp32 {'the very same' if same else 'not the same'} {found:,} entities are found.")
    return "\n".join(lines) + "\n"


def _epochs(record: dict[str, Any]) -> str:
    """How much faster training steps on cached word vectors are than full fine-tuning."""
    lines = ["| method | word vectors | times faster than `full` |", "|---|---|---|"]
    for method, ratio in record["speedup_over_full"].items():
        words = "cached" if method in record["cached"] else "computed each time"
        lines.append(f"| `{method}` | {words} | {_ratio(ratio)} |")
    origin = f"`{record['base']}`, {record['sentences']} sentences of `{record['corpus']}`, {record['precision']}"
    return "\n".join(lines) + f"\n\nOn {origin}: `{record['command']}`.\n"


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})"


def _guarantees(record: dict[str, Any]) -> str:
    """Sizes of adapters, and what was proved of their bytes."""
    lines = [
        "| method | saved, loaded elsewhere, scored | killed and resumed | saved | deployable |",
        "|---|---|---|---|---|",
    ]
    for method, found in record["methods"].items():
        broken = broken_promises({method: found})
        scored = "differs" if any("scores" in line for line in broken) else "bit-identical logits"
        resumed = "differs" if any("resume" in line for line in broken) else "byte-identical files"
        kills = " and ".join(map(str, found["killed_after_steps"]))
        lines.append(
            f"| `{method}` | {scored} | {resumed}, killed after steps {kills} of {found['steps']} | "
            f"{_size(found['saved_bytes'])} | {_size(found['deployable_bytes'])} |"
        )
    source = f"[benchmark/results/guarantees/core.json](benchmark/results/guarantees/core.json): `{record['command']}`"
    return "\n".join(lines) + f"\n\nOn `{record['base']}` and `{record['corpus']}`, from {source}.\n"


def _size(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
