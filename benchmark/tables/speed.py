"""Speed against the `gliner` library, and of training steps against full fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.harness.programs import REFERENCE
from benchmark.harness.timing import interval
from benchmark.tables.commands import todays
from benchmark.tables.inference import EXACT, KINDS, best_of_ours
from gliner_adapters.markdown import markdown_table


def speed_part(record: dict[str, Any], trained: dict[str, Any]) -> str:
    """Ratios against the gliner library."""
    lines = ["| | times faster than `gliner` |", "|---|---|"]
    inference, training = record["inference"], trained["training"]
    for name, ratio in inference["speedup_over_gliner_defaults"].items():
        if name != "gliner, batch 32":
            lines.append(
                f"| reading {inference['sentences']:,} {record['corpus']} sentences, {name} | {interval(ratio)} |"
            )
    for precision in ("fp32", "bf16"):
        steps = f"full fine-tuning steps of {training['batch_size']} sentences, both {precision}"
        lines.append(f"| {steps}, each with its own batches | {interval(training[precision]['speedup'])} |")
        lines.append(f"| {steps}, both with ours | {interval(training[precision]['speedup_on_our_batches'])} |")
    batch = inference["speedup_over_gliner_defaults"].get("gliner, batch 32")
    lines.append(
        f"\n`gliner` reads with its defaults (batches of 8); with batches of 32 it is {interval(batch)} times as fast."
    )
    same = inference["fp32_same_entities"]
    found = inference["entities"]["gliner-adapters, fp32"]
    lines.append(f"In fp32 {'the very same' if same else 'not the same'} {found:,} entities are found.")
    return "\n".join(lines) + "\n"


def epochs_part(record: dict[str, Any]) -> str:
    """How much faster training steps on cached word vectors are than full fine-tuning."""
    lines = ["| method | word vectors | times faster than `full` |", "|---|---|---|"]
    for method, ratio in record["speedup_over_full"].items():
        words = "cached" if method in record["cached"] else "computed each time"
        lines.append(f"| `{method}` | {words} | {interval(ratio)} |")
    origin = f"`{record['base']}`, {record['sentences']} sentences of `{record['corpus']}`, {record['precision']}"
    return "\n".join(lines) + f"\n\nOn {origin}: `{todays(record['command'])}`.\n"


def speed_summary(inference: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    """The README's table: reading and training against the `gliner` library.

    Args:
        inference: a result of `benchmark.inference`.
        training: a result of `benchmark.speed`.
    """
    rows = []
    for kind in KINDS:
        if kind not in inference:
            continue
        found = inference[kind]
        for name in dict.fromkeys((found["best_other"], EXACT, best_of_ours(found))):
            if name != REFERENCE:
                ratio = interval(found["contenders"][name]["times_faster"])
                rows.append([f"reading {found['documents']:,} {kind}: `{name}`", ratio])
    steps = training["training"]
    for precision in ("fp32", "bf16"):
        what = (
            f"full fine-tuning, steps of {steps['batch_size']} sentences, both {precision}, each with its own batches"
        )
        rows.append([what, interval(steps[precision]["speedup"])])
    return markdown_table(["", "times faster than `gliner` in torch"], rows) + "\n"
