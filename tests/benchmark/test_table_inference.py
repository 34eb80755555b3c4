"""The README's part on reading says what the result says."""

from __future__ import annotations

from typing import Any

from benchmark.harness.programs import REFERENCE
from benchmark.inference import EXACT, OURS
from benchmark.tables.inference import best_of_ours, inference_part


def row(speed: float, f1: float, only_here: int = 0, only_exact: int = 0) -> dict[str, Any]:
    ratio = {"median": speed / 10, "lowest": speed / 11, "highest": speed / 9}
    entities = {"same": 1200 - only_exact, "only_here": only_here, "only_exact": only_exact}
    found: dict[str, Any] = {"documents_per_second": speed, "entities": entities, "macro_f1": f1}
    return {**found, "times_faster": None if speed == 10 else ratio}


def result() -> dict[str, Any]:
    contenders = {
        REFERENCE: row(10, 0.8),
        "gliner, openvino": row(40, 0.8),
        EXACT: {**row(50, 0.8), "outside_encoder": 0.214},
        f"{OURS}openvino bf16": row(90, 0.8015, only_here=3),
        f"{OURS}int8": row(120, 0.797, only_exact=7),
    }
    over_best = {"median": 2.25, "lowest": 2.0, "highest": 2.5}
    sentences = {
        "documents": 1000,
        "contenders": contenders,
        "best_other": "gliner, openvino",
        "times_faster_than_best_other": {f"{OURS}openvino bf16": over_best},
    }
    return {
        "weights": "some-base",
        "sentences": sentences,
        "left_out": {"fast-gliner": "RuntimeError: no `such`\n  input " + "x" * 200},
        "command": "gliner-adapters benchmark inference",
        "device": "a processor, 2 threads",
    }


def test_a_runtime_that_scores_differently_is_not_the_best() -> None:
    sentences = result()["sentences"]
    assert best_of_ours(sentences) == f"{OURS}openvino bf16"
    sentences["contenders"][f"{OURS}openvino bf16"]["macro_f1"] = 0.8021
    assert best_of_ours(sentences) == EXACT


def test_the_part() -> None:
    text = inference_part({"inference-some.json": result()})
    lines = text.splitlines()
    assert lines[0] == "| `some-base` | 1,000 sentences: times faster | entities | macro F1 |"
    assert f"| {REFERENCE} | 1 | 1,200 the same | 0.8000 |" in lines
    assert f"| {OURS}openvino bf16 | 9.00 (8.18 to 10.00) | 1,200 +3 | 0.8015 |" in lines
    assert f"| {OURS}int8 | 12.00 (10.91 to 13.33) | 1,193 −7 | 0.7970 |" in lines
    assert "is 2.25 (2.00 to 2.50) times as fast as the best of the others (`gliner, openvino`)" in text
    assert "Of the time on sentences, 21% (torch) is spent outside of the text encoder." in text
    left_out = next(line for line in lines if line.startswith("Left out: fast-gliner"))
    assert "no 'such' input" in left_out
    assert left_out.endswith("...`.")
