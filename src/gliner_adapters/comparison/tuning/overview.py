"""What several tunings found, in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gliner_adapters.comparison.tuning.report import REPORT_FILE, TRIALS_FILE, shown
from gliner_adapters.comparison.tuning.trials import Trial, Tuning
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
        raise DataError("no tuning here; `comparison tune` makes them", folder)
    rows = [_row(name, content) for name, content in sorted(found)]
    head = ["search", "base", "training documents", "epochs", "trials", "own settings", "best", "gain", "best trial"]
    return (
        "# Searches\n\nMacro F1 on devel, the best over the epochs of a trial; one seed each. The own settings are the "
        "technique's at the time of the search. The best of many trials looks better on the data that chose it than on "
        f"other data.\n\n{markdown_table(head, rows)}\n"
    )


def _row(name: str, content: dict[str, Any]) -> list[str]:
    identity = content["tuning"]
    tuning = Tuning(identity, [Trial(**trial) for trial in content["trials"]], content["importances"])
    own, best = tuning.default, tuning.best
    chosen = {} if best is None or best is own else best.parameters
    return [
        f"[{name}]({name}/{REPORT_FILE})",
        f"`{identity['base']}`",
        f"{identity['documents']['train']:,}",
        str(identity["training"]["epochs"]),
        f"{len(tuning.completed)} of {len(tuning.trials)} completed",
        "" if own is None else f"{own.score:.4f}",
        "" if best is None else f"{best.score:.4f}",
        "" if best is None or own is None else f"{100 * (best.score - own.score):+.1f}",
        ", ".join(f"{key.partition('.')[2]} {shown(value)}" for key, value in chosen.items())
        or ("own settings" if best else ""),
    ]
