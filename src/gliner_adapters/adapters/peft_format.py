"""Low-rank deltas in `peft`'s format, beside the adapter's own files: written for other programs, never read here.

peft/PART/adapter_config.json         as `peft` writes it; PART is `text_encoder` or `label_encoder`
peft/PART/adapter_model.safetensors   the deltas on that encoder's Transformer, with `peft`'s keys
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from gliner_adapters.adapters.config import CONFIG_FILE, WEIGHTS_FILE
from gliner_adapters.storage import write_tensors, write_text

PEFT_FOLDER = "peft"


def write_peft(folder: Path, deltas: Mapping[str, tuple[dict[str, Any], dict[str, Tensor]]]) -> list[str]:
    """Write the deltas on each encoder so that `peft` loads them.

    Args:
        folder: the adapter's.
        deltas: configuration and tensors for each changed part (`Adapter.peft_deltas`).

    Returns:
        the folders that were written, relative to the adapter's.
    """
    written = []
    for part, (config, tensors) in deltas.items():
        place = folder / PEFT_FOLDER / part
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_tensors(place / WEIGHTS_FILE, plain, {"format": "pt"})
        text = json.dumps(config, indent=2, sort_keys=True)
        write_text(place / CONFIG_FILE, text + "\n")
        written.append(f"{PEFT_FOLDER}/{part}")
    return written


def clear_peft(folder: Path) -> None:
    """Remove what :func:`write_peft` wrote into an adapter's folder, and nothing else."""
    places = [folder / PEFT_FOLDER / part for part in ("text_encoder", "label_encoder")]
    for place in places:
        for name in (WEIGHTS_FILE, CONFIG_FILE):
            (place / name).unlink(missing_ok=True)
    for place in (*places, folder / PEFT_FOLDER):
        with suppress(OSError):  # it is not there, or something else is in it
            place.rmdir()
