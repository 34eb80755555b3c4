"""Training in two processes at once."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from bases import TinyBase
from training.toy import tensors_equal

HERE = Path(__file__).resolve().parent


@pytest.mark.slow
@pytest.mark.parametrize(("method", "name"), [("full", "bi-bert"), ("heads", "uni-bert")])
def test_two_processes_agree(method: str, name: str, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    # `accelerate launch` starts several processors' processes through MPI only; it reads torch's own launcher too.
    launch = "torch.distributed.run --standalone --nproc_per_node 2"
    arguments = [str(HERE / "two_processes.py"), str(tiny(name).folder), method, str(tmp_path)]
    source = os.pathsep.join([str(HERE.parent.parent / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", *launch.split(), *arguments],
        env={**os.environ, "PYTHONPATH": source, "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert [result["world"] for result in results] == ["2", "2"]
    assert all(math.isfinite(loss) for result in results for loss in result["losses"])
    assert results[0]["curve"] == results[1]["curve"]
    assert results[0]["threshold"] == results[1]["threshold"]
    assert tensors_equal(load_file(tmp_path / "0.safetensors"), load_file(tmp_path / "1.safetensors"))
