"""Tuning: which options and learning rates suit a technique, judged on devel alone.

setting (what is searched) ──► study (trials, one after the other) ──► report (tables, plots, an override for a plan)
"""

from __future__ import annotations

from gliner_adapters.errors import ConfigError

try:
    import matplotlib  # noqa: F401
    import optuna  # noqa: F401
except ImportError as error:
    raise ConfigError(
        f"tuning needs optuna and matplotlib ({error}); install them with pip install 'gliner-adapters[comparison]'"
    ) from error

from gliner_adapters.comparison.tuning.overview import overview
from gliner_adapters.comparison.tuning.report import write_tuning
from gliner_adapters.comparison.tuning.setting import Setting, tuning_setting
from gliner_adapters.comparison.tuning.study import tune
from gliner_adapters.comparison.tuning.trials import Trial, Tuning

__all__ = ["Setting", "Trial", "Tuning", "overview", "tune", "tuning_setting", "write_tuning"]
