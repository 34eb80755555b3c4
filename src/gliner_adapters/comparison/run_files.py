"""What a run's folder holds, by name. Who only reads runs needs no torch for it."""

from __future__ import annotations

SPEC_FILE = "run.json"
METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "found.jsonl.gz"
ADAPTER_FOLDER = "adapter"
