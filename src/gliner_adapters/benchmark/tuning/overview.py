"""What several tunings found, in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gliner_adapters.benchmark.tuning.report import REPORT_FILE, TRIALS_FILE, shown
from gliner_adapters.errors import DataError
from gliner_adapters.markdown import markdown_table


def overview(folder: Path) -> str:
    """A Markdown page with a row for each tuning in a folder, by method and corpus.

    Raises:
        DataError: no tuning there.
    """
    found = [
        (path.parent.name, json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob(f"*/{TRIALS_FILE}")
    ]
    if not found:
        raise DataError("no tuning here; `benchmark tune` makes them", folder)
    rows = [_row(name, content) for name, content in sorted(found)]
    head = ["search", "base", "training documents", "epochs", "trials", "own settings", "best", "gain", "best trial"]
    return (
        "# Searches\n\nMacro F1 on devel, the best over the epochs of a trial; one seed each. The own settings are the "
        "technique's at the time of the search. The best of many trials looks better on the data that chose it than on "
        f"other data.\n\n{markdown_table(head, rows)}\n"
    )


def _row(name: str, content: dict[str, Any]) -> list[str]:
    identity, trials = content["tuning"], content["trials"]
    completed = {trial["number"]: trial for trial in trials if trial["state"] == "completed"}
    own = next((t["macro_f1"] for t in completed.values() if t["parameters"] == identity["defaults"]), None)
    best = completed.get(content["best"])
    chosen = ", ".join(
        f"{key.partition('.')[2]} {shown(value)}" for key, value in (best or {}).get("parameters", {}).items()
    )
    return [
        f"[{name}]({name}/{REPORT_FILE})",
        f"`{identity['base']}`",
        f"{identity['documents']['train']:,}",
        str(identity["training"]["epochs"]),
        f"{len(completed)} of {len(trials)} completed",
        "" if own is None else f"{own:.4f}",
        "" if best is None else f"{best['macro_f1']:.4f}",
        "" if best is None or own is None else f"{100 * (best['macro_f1'] - own):+.1f}",
        "own settings" if best is not None and best["parameters"] == identity["defaults"] else chosen,
    ]
