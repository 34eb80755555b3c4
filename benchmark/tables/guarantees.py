"""What was proved of an adapter's bytes."""

from __future__ import annotations

from typing import Any

from benchmark.guarantees import broken_promises
from benchmark.tables.commands import todays


def guarantees_part(record: dict[str, Any], link: str) -> str:
    """Sizes of adapters, and what was proved of their bytes.

    Args:
        record: a result of `benchmark.guarantees`.
        link: from the document to its file.
    """
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
    source = f"[{link.rpartition('results/')[2]}]({link}): `{todays(record['command'])}`"
    return "\n".join(lines) + f"\n\nOn `{record['base']}` and `{record['corpus']}`, from {source}.\n"


def _size(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
