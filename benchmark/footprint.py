"""What a base weighs: bytes on disk, seconds and memory of a fresh process until its first entity."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmark.harness.script import Output, finish, origin, run
from gliner_adapters.errors import GlinerAdaptersError
from gliner_adapters.model import load_base
from gliner_adapters.model.embedded import DELTA_FILE, EMBEDDED, embedded_bases

TEXT = "Loss of TP53 makes pancreatic cancer resistant to gemcitabine in mice."
LABELS = ("gene or protein", "disease", "chemical", "species")

#: Run in a process of its own: when the library is imported, the base loaded and the first text read.
_PROGRAM = """
import json, resource, sys, time
start = time.perf_counter()
import gliner_adapters.annotate, gliner_adapters.model
imported = time.perf_counter()
base = gliner_adapters.model.load_base(sys.argv[1])
loaded = time.perf_counter()
document = gliner_adapters.annotate.Annotator(base, sys.argv[3:], threshold=0.3).annotate([sys.argv[2]])[0]
read, clock = time.perf_counter(), time.time()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
seconds = {"import": imported - start, "load": loaded - imported, "read": read - loaded}
entities = [entity.key for entity in document.entities]
print(json.dumps({"clock": clock, "seconds": seconds, "peak_memory_mb": memory, "entities": entities}))
"""


def measure_footprint(bases: list[str], rounds: int = 5, wheel: Path | None = None) -> dict[str, Any]:
    """Start fresh processes that load a base and read one sentence, the bases in turn.

    Args:
        bases: what to load; by default the embedded ones.
        rounds: processes a base; one more is started first, so that files are in the system's cache for all.
        wheel: the built package, to be weighed.

    Raises:
        GlinerAdaptersError: a process failed.
    """
    found: dict[str, list[dict[str, Any]]] = {base: [] for base in bases}
    for number in range(rounds + 1):
        for base in bases:
            run = _fresh_process(base)
            if number:
                found[base].append(run)
    records = {}
    for base, runs in found.items():
        folder = EMBEDDED / base
        records[base] = {
            "delta_bytes": (folder / DELTA_FILE).stat().st_size if base in embedded_bases() else None,
            "parameters": load_base(base).parameters,
            "first_entity_seconds": statistics.median(run["total"] for run in runs),
            "first_entity_seconds_all": [round(run["total"], 2) for run in runs],
            "seconds": {
                part: round(statistics.median(run["seconds"][part] for run in runs), 2) for part in runs[0]["seconds"]
            },
            "peak_memory_mb": round(max(run["peak_memory_mb"] for run in runs)),
            "entities": runs[0]["entities"],
        }
    device = load_base(bases[0]).device
    return {
        "text": TEXT,
        "labels": LABELS,
        "wheel": None if wheel is None else {"name": wheel.name, "bytes": wheel.stat().st_size},
        "bases": records,
        **origin(device),
    }


def _fresh_process(base: str) -> dict[str, Any]:
    """One process, from its start to its first entity (how long it takes to end is nobody's wait)."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, base, TEXT, *LABELS]
    start = time.time()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise GlinerAdaptersError(f"a process that loads {base} failed: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return {"total": found["clock"] - start, **found}


def footprint_table(result: dict[str, Any]) -> Table:
    """The figures for a terminal."""
    wheel = result["wheel"]
    table = Table(title=f"{wheel['name']}, {wheel['bytes'] / 1e6:.1f} MB" if wheel else None)
    for head in ("base", "ships", "first entity", "import", "load", "read", "peak memory"):
        table.add_column(head)
    for base, record in result["bases"].items():
        ships = "" if record["delta_bytes"] is None else f"{record['delta_bytes'] / 1e6:.1f} MB"
        parts = [f"{record['seconds'][part]:.2f} s" for part in ("import", "load", "read")]
        table.add_row(base, ships, f"{record['first_entity_seconds']:.2f} s", *parts, f"{record['peak_memory_mb']} MB")
    return table


def main(
    base: Annotated[list[str] | None, typer.Option("--base", help="Repeatable; by default the embedded bases.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Fresh processes for each base.")] = 5,
    wheel: Annotated[Path | None, typer.Option(exists=True, help="The built package, to be weighed.")] = None,
    output: Output = None,
) -> None:
    """Measure what a base weighs, and how long a fresh process takes from its start to the first entity."""
    result = measure_footprint(base or embedded_bases(), rounds, wheel)
    finish(result, footprint_table(result), output)


if __name__ == "__main__":
    run(main)
