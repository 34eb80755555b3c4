"""Run by torch's launcher in each of two processes: train, and write what each of them got."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from safetensors.torch import save_file

from bases import LABELS
from gliner_adapters.methods import attach
from gliner_adapters.model import load_base
from gliner_adapters.training import train
from training.toy import quick, toy_corpus


def main(base_folder: str, method: str, out: str) -> None:
    base = load_base(base_folder)
    adapter = attach(method, base, LABELS)
    corpus = toy_corpus()
    result = train(base, adapter, corpus, corpus[:8], quick(), folder=Path(out) / "run")
    rank = os.environ["RANK"]
    save_file(dict(adapter.trained()), Path(out) / f"{rank}.safetensors")
    curve = [{key: row[key] for key in ("epoch", "step", "macro_f1", "threshold", "best")} for row in result.curve]
    losses = [row["loss"] for row in result.curve]
    content = {"curve": curve, "losses": losses, "threshold": result.threshold, "world": os.environ["WORLD_SIZE"]}
    (Path(out) / f"{rank}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main(*sys.argv[1:])
