"""The command that makes a result again: a file keeps the one that wrote it, whose verb may have another name today."""

from __future__ import annotations

from gliner_adapters.comparison.report.origin import todays_command

#: Verbs that `gliner-adapters benchmark` once had and that are scripts now.
SCRIPTS = ("epochs", "footprint", "guarantees", "inference", "load", "serving", "speed")


def todays(command: str) -> str:
    """A recorded command as it is typed today, from the repository's folder; its options stay what they were."""
    words = command.split(" ")
    if words[:2] == ["gliner-adapters", "benchmark"] and words[2] in SCRIPTS:
        return " ".join(["python -m", f"benchmark.{words[2]}", *words[3:]])
    return todays_command(command)
