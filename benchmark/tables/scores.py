"""Result files: one JSON a score, written by `evaluate --output`; tables are made from them, never typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gliner_adapters.errors import DataError

#: What every score carries at least.
REQUIRED = (
    "base",
    "method",
    "corpus",
    "split",
    "seed",
    "train_split",
    "trained_parameters",
    "total_parameters",
    "shipped_bytes",
    "threshold",
    "micro_f1",
    "macro_f1",
    "per_type",
    "command",
    "version",
    "commit",
    "device",
    "seconds",
    "peak_memory_mb",
)


def read_results(folder: str | Path) -> list[dict[str, Any]]:
    """The scores in a folder, sorted by corpus, base, method and seed.

    Raises:
        DataError: a file is not a score, with the fields that it lacks.
    """
    records = []
    for path in sorted(Path(folder).glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in REQUIRED if name not in record]
        if missing:
            raise DataError(f"no score: misses {', '.join(missing)}", path)
        records.append(record)
    return sorted(records, key=lambda r: (r["corpus"], r["base"], r["method"], r["seed"] or 0))


def markdown_table(records: list[dict[str, Any]]) -> str:
    """Scores as a Markdown table: F1 with 95% intervals, parameters, size, training time and memory."""
    head = ["corpus (test)", "base", "method", "macro F1", "micro F1", "devel macro F1"]
    head += ["trained", "adapter", "training", "peak memory"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for r in records:
        share = 100 * r["trained_parameters"] / r["total_parameters"]
        cells = [
            r["corpus"],
            f"`{r['base']}`",
            f"`{r['method']}`{_setting(r)}",
            _with_interval(r, "macro_f1"),
            _with_interval(r, "micro_f1"),
            "" if "devel_macro_f1" not in (r.get("devel") or {}) else f"{r['devel']['devel_macro_f1']:.4f}",
            f"{r['trained_parameters'] / 1e6:.2f}M ({share:.1f}%)",
            f"{r['shipped_bytes'] / 1e6:.1f} MB",
            "" if r["seconds"] is None else f"{r['seconds'] / 60:.0f} min",
            "" if r["peak_memory_mb"] is None else f"{r['peak_memory_mb'] / 1000:.1f} GB",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _setting(record: dict[str, Any]) -> str:
    """What tells runs of one method apart."""
    training = record.get("training") or {}
    dropout = training.get("head_dropout")
    parts = [f"{training['epochs']} epochs"] if "epochs" in training else []
    return "".join(f", {part}" for part in [*parts, *([f"head dropout {dropout:g}"] if dropout is not None else [])])


def _with_interval(record: dict[str, Any], metric: str) -> str:
    interval = ((record.get("report") or {}).get("intervals") or {}).get(metric)
    text = f"{record[metric]:.4f}"
    return f"{text} ({interval['low']:.3f} to {interval['high']:.3f})" if interval else text
