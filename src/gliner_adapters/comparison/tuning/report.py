"""What a tuning leaves behind: `trials.json`, `best.toml`, `report.md` and its plots."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gliner_adapters.comparison.tuning.plots import history_plot, importance_plot
from gliner_adapters.comparison.tuning.setting import Setting
from gliner_adapters.comparison.tuning.trials import Trial, Tuning
from gliner_adapters.markdown import markdown_table
from gliner_adapters.provenance import provenance
from gliner_adapters.storage import write_text
from gliner_adapters.training import TrainingConfig

TRIALS_FILE, BEST_FILE, REPORT_FILE = "trials.json", "best.toml", "report.md"
HISTORY, IMPORTANCE = "history", "importance"


def write_tuning(setting: Setting, tuning: Tuning, folder: Path) -> list[Path]:
    """Write all files of a tuning, and of the setting that it searched, into a folder; returns them."""
    texts = {TRIALS_FILE: _trials_json(setting, tuning), REPORT_FILE: report(tuning)}
    if tuning.best is not None:
        texts[BEST_FILE] = best_override(setting, tuning, tuning.best)
    written = []
    for name, text in texts.items():
        write_text(folder / name, text)
        written.append(folder / name)
    written += history_plot(tuning, folder / HISTORY)
    if tuning.importances:
        written += importance_plot(tuning.importances, folder / IMPORTANCE)
    return written


def _trials_json(setting: Setting, tuning: Tuning) -> str:
    best = tuning.best
    content = {
        **provenance(setting.base.device),
        "tuning": tuning.identity,
        "best": None if best is None else best.number,
        "importances": dict(tuning.importances),
        "trials": [asdict(trial) for trial in tuning.trials],
    }
    return json.dumps(content, indent=2) + "\n"


def best_override(setting: Setting, tuning: Tuning, best: Trial) -> str:
    """The best trial as an override of a plan, in TOML; all that differs from an untuned run."""
    options, training = setting.chosen(best.parameters)
    usual = TrainingConfig()
    changed = {
        name: value
        for name, value in training.model_dump(exclude={"seed", "checkpoint_steps", "learning_rates"}).items()
        if value != getattr(usual, name)
    }
    lines = [
        f"# Trial {best.number} of {len(tuning.trials)}: macro F1 {best.score:.4f} on devel, seed {training.seed}"
        + (f", limit {setting.limit}" if setting.limit is not None else ""),
        "[[overrides]]",
        _entry("methods", [setting.method]),
        # A folder's place in a plan is its path, which differs from machine to machine.
        *([_entry("corpora", [setting.corpus.name])] if setting.corpus.info else []),
        f"# Tuned on the base {setting.base.id}; `bases` restricts it to some.",
        "",
        "[overrides.options]",
        # TOML knows no null, and an option that may be null is null where it is not given.
        *(_entry(name, value) for name, value in options.items() if value is not None),
        "",
        "[overrides.training]",
        *(_entry(name, value) for name, value in changed.items()),
        "",
        "[overrides.training.learning_rates]",
        *(_entry(name, value) for name, value in training.learning_rates.items()),
    ]
    return "\n".join(lines) + "\n"


def _entry(name: str, value: Any) -> str:
    """A line of TOML. Strings, numbers, truth values and lists of them are written as in JSON."""
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)
    return f"{key} = {json.dumps(value)}"


def report(tuning: Tuning) -> str:
    """The tuning in Markdown."""
    identity = tuning.identity
    documents = identity["documents"]
    parts = [
        f"# Tuning `{identity['method']}` on `{identity['base']}` for `{identity['corpus']}`",
        f"Judged by macro F1 on devel ({documents['devel']} documents), the best over the epochs, after training on "
        f"{documents['train']} documents with seed {identity['training']['seed']} for up to "
        f"{identity['training']['epochs']} epochs. The test split was not read.",
        _verdict(tuning),
        f"![Macro F1 by trial]({HISTORY}.svg)",
        "## Trials",
        _trial_table(tuning),
        "## Importance",
    ]
    if tuning.importances:
        rows = [[f"`{name}`", f"{share:.2f}"] for name, share in tuning.importances.items()]
        parts += [
            "Which parameters set the best quarter of the completed trials apart (PED-ANOVA); shares of 1. Pruned "
            "trials take no part, and of few trials it is a hint at most.",
            markdown_table(["parameter", "importance"], rows),
            f"![Importance of the parameters]({IMPORTANCE}.svg)",
        ]
    else:
        parts.append("Too few completed trials to tell.")
    return "\n\n".join(parts) + "\n"


def _verdict(tuning: Tuning) -> str:
    best, default = tuning.best, tuning.default
    counts = {state: sum(t.state == state for t in tuning.trials) for state in ("completed", "pruned", "refused")}
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if best is None or default is None:
        return f"Trials: {told or 'none finished'}."
    return (
        f"Trials: {told}. The best is trial {best.number} with **{best.score:.4f}**, "
        f"{best.score - default.score:+.4f} against the method's own settings ({default.score:.4f}). "
        "The best of many trials looks better on the data that chose it than on other data."
    )


def _trial_table(tuning: Tuning) -> str:
    names = list(tuning.identity["space"])
    head = ["trial", "state", "macro F1", "epochs", "seconds", *(f"`{name}`" for name in names), "note"]
    return markdown_table(head, [_row(trial, names) for trial in tuning.trials])


def _row(trial: Trial, names: list[str]) -> list[str]:
    tried: Mapping[str, Any] = trial.parameters
    return [
        str(trial.number),
        trial.state,
        "" if trial.macro_f1 is None else f"{trial.macro_f1:.4f}",
        str(max(trial.curve, default=0)),
        "" if trial.seconds is None else f"{trial.seconds:.1f}",
        *(shown(tried[name]) if name in tried else "" for name in names),
        trial.note,
    ]


def shown(value: Any) -> str:
    """A parameter's value for a table."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
