"""Figures of the embedded bases."""

from __future__ import annotations

from typing import Any

from benchmark.harness.timing import interval
from gliner_adapters.markdown import markdown_table

#: Corpora in the order of their columns.
CORPORA = ("bc5cdr", "jnlpba", "bionlp11id")


def zero_shot_part(records: list[dict[str, Any]]) -> str:
    """Macro and micro F1 of the shipped bases, at both thresholds."""
    head = ["base", "corpus (test)", "macro F1 at 0.5", "micro F1 at 0.5", "macro F1 tuned", "micro F1 tuned"]
    rows = []
    for record in records:
        for score in sorted(_of(record, "shipped"), key=lambda s: CORPORA.index(s["corpus"])):
            fixed, tuned = score["at_0.5"], score["tuned"]
            cells = [f"`{record['base']}`", score["corpus"]]
            cells += [_with_interval(part, metric) for part in (fixed, tuned) for metric in ("macro_f1", "micro_f1")]
            rows.append([*cells, f"{tuned['threshold']:.2f}"])
    return markdown_table([*head, "threshold"], rows) + "\n"


def low_rank_part(records: list[dict[str, Any]]) -> str:
    """What the low-rank form costs: macro F1 of all parameters trained, and of what ships."""
    head = ["base", "corpus (test)"]
    head += [f"{form}, {at}" for at in ("at 0.5", "tuned") for form in ("every parameter", "shipped", "difference")]
    rows = []
    for record in records:
        trained, shipped = ({s["corpus"]: s for s in _of(record, form)} for form in ("trained", "shipped"))
        for corpus in CORPORA:
            if corpus not in trained:
                continue
            cells = [f"`{record['base']}`", corpus]
            for at in ("at_0.5", "tuned"):
                before, after = trained[corpus][at]["macro_f1"], shipped[corpus][at]["macro_f1"]
                cells += [f"{before:.4f}", f"{after:.4f}", f"{100 * (after - before):+.1f} points"]
            rows.append(cells)
    return markdown_table(head, rows) + "\n"


def start_part(records: list[dict[str, Any]]) -> str:
    """Full fine-tuning from the plain encoder and from embedded bases, by number of training sentences."""
    table: dict[int, dict[str, dict[str, Any]]] = {}
    for record in records:
        table.setdefault(record["train_passages"], {})[record["base"]] = record
    bases = sorted({record["base"] for record in records}, key=lambda base: not base.startswith("encoder:"))
    rows = []
    for sentences, row in sorted(table.items()):
        epochs = {record["training"]["epochs"] for record in row.values()}
        figures = [_with_interval(row[base]["report"], "macro_f1") if base in row else "" for base in bases]
        rows.append([f"{sentences:,}", ", ".join(map(str, epochs)), *figures])
    head = ["training sentences", "epochs", *(f"`{base}`" for base in bases)]
    return markdown_table(head, rows) + "\n"


def footprint_part(record: dict[str, Any]) -> str:
    """Sizes, time to the first entity and memory."""
    head = [
        "base",
        "ships",
        "parameters",
        "first entity in a fresh process",
        "of which loading the base",
        "peak memory",
    ]
    rows = []
    for base, found in record["bases"].items():
        cells = [
            f"`{base}`",
            f"{found['delta_bytes'] / 1e6:.1f} MB" if found["delta_bytes"] else "",
            f"{found['parameters'] / 1e6:.1f}M",
            f"{found['first_entity_seconds']:.1f} s",
            f"{found['seconds']['load']:.1f} s",
            f"{found['peak_memory_mb'] / 1000:.2f} GB",
        ]
        rows.append(cells)
    text = markdown_table(head, rows) + "\n"
    if record["wheel"]:
        text += f"\nThe wheel with all of them: {record['wheel']['bytes'] / 1e6:.1f} MB.\n"
    return text


def reading_part(record: dict[str, Any]) -> str:
    """How fast bases read: a row for each runtime, a column for each base."""
    found: dict[str, dict[str, str]] = {}
    for key, row in record["reading"].items():
        base, _, runtime = key.partition(", ")
        times = interval(row["times_as_fast"]) or "1"
        found.setdefault(runtime, {})[base] = f"{times}; {row['sentences_per_second']:.0f} a second"
    bases = list(dict.fromkeys(key.partition(", ")[0] for key in record["reading"]))
    rows = [[runtime, *(cells.get(base, "") for base in bases)] for runtime, cells in found.items()]
    table = markdown_table(["runtime", *(f"`{base}`" for base in bases)], rows)
    where = f"Times as fast as `{bases[0]}` in torch, on {record['sentences']} sentences of `{record['corpus']}`"
    return f"{table}\n\n{where}, {record['device']}; `{record['command']}`.\n"


def _of(record: dict[str, Any], form: str) -> list[dict[str, Any]]:
    return [score for score in record["scores"] if score["weights"] == form]


def _with_interval(scores: dict[str, Any], metric: str) -> str:
    interval = (scores.get("intervals") or {}).get(metric)
    text = f"{scores[metric]:.4f}"
    return f"{text} ({interval['low']:.3f} to {interval['high']:.3f})" if interval else text
