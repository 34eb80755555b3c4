"""What serving costs while something else goes on, in words."""

from __future__ import annotations

from typing import Any

from benchmark.harness.timing import interval


def train_beside_part(result: dict[str, Any]) -> str:
    """How long answers take beside a training, as one paragraph.

    Args:
        result: of ``benchmark.train_beside``.
    """
    steps = [each["steps_trained_meanwhile"] for each in result["rounds"]]
    loads = [each["load_average"] for each in result["rounds"]]
    threads = f"{result['train_threads']} {'thread' if result['train_threads'] == 1 else 'threads'}"
    return (
        f"While `{result['method']}` was trained on `{result['base']}` with {threads} at the lowest "
        f"priority, beside a server that reads with {result['threads']}, on {result['cores']} cores that did other "
        f"things as well (load average {min(loads):g} to {max(loads):g}), "
        f"{result['requests']} requests of one abstract each "
        f"took {interval(result['ratio_of_medians'])} times as long as while it was halted (median of {len(steps)} "
        f"rounds, lowest and highest in brackets), and the 95th percentile {interval(result['ratio_of_p95'])} times; "
        f"{min(steps)} to {max(steps)} steps were trained meanwhile. "
        "[serving/train-beside.json](../benchmark/results/serving/train-beside.json) has all rounds; "
        "`make benchmark-train-beside` writes it.\n"
    )
