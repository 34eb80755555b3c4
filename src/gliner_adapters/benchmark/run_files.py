"""What a run's folder holds, by name. Who only reads runs needs no torch for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Ending of a file that is being written.
PART = ".part"
SPEC_FILE = "run.json"
METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "found.jsonl.gz"
ADAPTER_FOLDER = "adapter"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON at once or not at all, so that a killed run leaves no half of a file."""
    beside = path.with_name(path.name + PART)
    beside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)
