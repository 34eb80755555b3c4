"""Reading: every runtime against every other program that runs a GLiNER."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.harness.programs import REFERENCE
from benchmark.harness.timing import interval
from benchmark.inference import EXACT, OURS
from benchmark.tables.commands import todays

#: Points of macro F1 within which a runtime counts as giving the same result.
SAME_F1 = 0.2
KINDS = ("sentences", "abstracts")


def inference_part(records: Mapping[str, Mapping[str, Any]]) -> str:
    """A table for each base, and what follows from it.

    Args:
        records: results of `benchmark.inference`, by the name of their file.
    """
    return "\n".join(_table(record) + _findings(name, record) for name, record in records.items())


def _table(record: Mapping[str, Any]) -> str:
    kinds = [kind for kind in KINDS if kind in record]
    heads = [f"{record[kind]['documents']:,} {kind}: times faster | entities | macro F1" for kind in kinds]
    lines = [f"| `{record['weights']}` | {' | '.join(heads)} |", "|---|" + "---|---|---|" * len(kinds)]
    for name in record[kinds[0]]["contenders"]:
        cells = [cell for kind in kinds for cell in _cells(record[kind]["contenders"][name])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(row: Mapping[str, Any]) -> list[str]:
    entities = row["entities"]
    others = [f"{sign}{entities[key]}" for sign, key in (("+", "only_here"), ("−", "only_exact")) if entities[key]]
    return [
        interval(row["times_faster"]) or "1",
        f"{entities['same']:,} {' '.join(others) or 'the same'}",
        f"{row['macro_f1']:.4f}",
    ]


def _findings(name: str, record: Mapping[str, Any]) -> str:
    """Best against best, and how much of the time the encoder takes."""
    source = f"`benchmark/results/speed/{name}`: `{todays(record['command'])}`"
    lines = [f"\nAgainst `{REFERENCE}`, {record['device']}; from {source}."]
    for kind in KINDS:
        if kind not in record:
            continue
        found = record[kind]
        best = best_of_ours(found)
        ratio = interval(found["times_faster_than_best_other"][best])
        lines.append(
            f"On {kind}, `{best}` is {ratio} times as fast as the best of the others (`{found['best_other']}`), at "
            f"equal macro F1 (within {SAME_F1} points)."
        )
    shares = [
        f"{row['outside_encoder']:.0%} ({contender.removeprefix(OURS)})"
        for contender, row in record["sentences"]["contenders"].items()
        if "outside_encoder" in row
    ]
    lines.append(f"Of the time on sentences, {' and '.join(shares)} is spent outside of the text encoder.")
    lines += [f"Left out: {what}: {_short(why)}." for what, why in record["left_out"].items()]
    return "\n".join(lines) + "\n"


def best_of_ours(found: Mapping[str, Any]) -> str:
    """The fastest runtime of ours whose macro F1 is that of float32."""
    table = found["contenders"]
    exact = table[EXACT]["macro_f1"]
    equal = [name for name in table if name.startswith(OURS) and abs(table[name]["macro_f1"] - exact) * 100 <= SAME_F1]
    return max(equal, key=lambda name: table[name]["documents_per_second"])


def _short(why: str) -> str:
    """A program's own message, in code, cut to what a table's foot holds."""
    text = " ".join(why.split()).replace("`", "'")
    return f"`{text if len(text) <= 120 else text[:117] + '...'}`"
