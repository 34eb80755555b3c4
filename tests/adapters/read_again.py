"""Run as a program: load each adapter's folder that is named and print the digest of its logits, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from adapters.helpers import logits_digest
from gliner_adapters.adapters import load_adapter

if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps({folder: logits_digest(load_adapter(folder)) for folder in sys.argv[1:]}))
