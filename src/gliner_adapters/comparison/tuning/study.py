"""Trials one after the other, kept in a database: a tuning that is stopped goes on where it stood.

    study.db   what Optuna keeps of the trials (SQLite; its dashboard reads it)
    work/      the trial that runs, and word vectors that all trials share; removed at the end

What a trial tries follows from the seed and the trials that were finished before it, so a tuning that was stopped and
went on tries the same as one that was not.
"""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock, Timeout
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL

from gliner_adapters.api import adapt
from gliner_adapters.comparison.tuning.setting import Setting
from gliner_adapters.comparison.tuning.trials import Trial, Tuning
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.search import Range, Real, Whole
from gliner_adapters.training import FeatureStore, Reporter

STUDY_FILE, LOCK_FILE, WORK_FOLDER = "study.db", "tuning.lock", "work"
#: Trials at random before the sampler learns from them, the default among them.
RANDOM_TRIALS = 6
#: No trial is pruned before so many are complete, nor before this epoch.
PRUNED_AFTER_TRIALS, PRUNED_FROM_EPOCH = 3, 2
#: Importances say what sets the best quarter apart; of fewer complete trials they say nothing.
BEST_SHARE, TRIALS_TO_COMPARE = 0.25, 4
#: Names of attributes in the study.
IDENTITY, REFUSED, RETRIED = "identity", "refused", "retry_of"


def tune(
    setting: Setting,
    output: str | Path,
    *,
    trials: int = 20,
    minutes: float | None = None,
    reporter: Reporter | None = None,
) -> Tuning:
    """Search for settings with a high macro F1 on devel, the technique's own first.

    Args:
        setting: what is searched.
        output: the tuning's folder; what is there of the same tuning goes on.
        trials: how many to finish in all, those included that were finished before. Trials that were killed with
            their process do not count.
        minutes: begin no trial after so many; ``None`` for no limit.
        reporter: shows the progress; silent if ``None``.

    Raises:
        ConfigError: the folder holds another tuning or is in use, or the technique's own settings cannot be trained.
    """
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    reporter = reporter or Reporter(quiet=True)
    with _alone(folder):
        study = _open(folder, setting)
        _retry_killed(study, setting)
        work = folder / WORK_FOLDER
        store = FeatureStore(work)
        began = time.monotonic()
        while (finished := len(_finished(study))) < trials:
            if minutes is not None and time.monotonic() - began >= 60 * minutes:
                reporter.say(f"time is up after {finished} of {trials} trials; run again to go on")
                break
            study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=RANDOM_TRIALS, seed=_seed(setting.training.seed, finished)
            )
            if not finished:
                _enqueue_once(study, setting.defaults)
            number = _attempt(study, setting, work / "trial", store, reporter)
            reporter.say(_told(_record(study.trials[number])))
        shutil.rmtree(work, ignore_errors=True)
        begun = [_record(trial) for trial in study.trials if trial.state != TrialState.WAITING]
        return Tuning(setting.identity(), begun, _importances(study))


def _attempt(study: optuna.Study, setting: Setting, folder: Path, store: FeatureStore, reporter: Reporter) -> int:
    """Run the next trial; its number."""
    trial = study.ask()
    parameters = {name: _suggest(trial, name, tried) for name, tried in setting.space.items()}
    options, config = setting.chosen(parameters)
    behind = False

    def judge(row: dict[str, Any]) -> bool:
        """Put the evaluation on record; whether the trial has fallen behind."""
        nonlocal behind
        trial.report(row["macro_f1"], row["epoch"])
        behind = row["epoch"] < config.epochs and trial.should_prune()
        return behind

    try:
        trained = adapt(
            setting.base,
            setting.corpus,
            setting.method,
            output=folder,
            options=options,
            config=config,
            limit=setting.limit,
            overwrite=True,
            reporter=reporter,
            on_evaluation=judge,
            store=store,
        )
    except ConfigError as error:
        if parameters == setting.defaults:
            raise
        # The sampler takes a trial that was pruned before any evaluation for the worst, and keeps away from there.
        trial.set_user_attr(REFUSED, str(error))
        behind = True
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if behind:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, trained.config.metrics["devel_macro_f1"])
    return trial.number


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two processes that tune in one folder would take each other's trials for killed ones."""
    lock = FileLock(folder / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(f"{folder} is in use by another process that tunes there") from None
    try:
        yield
    finally:
        lock.release()


def _open(folder: Path, setting: Setting) -> optuna.Study:
    """The folder's study.

    Raises:
        ConfigError: it is another one.
    """
    url = URL.create("sqlite", database=str(folder / STUDY_FILE)).render_as_string()
    study = optuna.create_study(
        storage=optuna.storages.RDBStorage(url),
        study_name="tuning",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=PRUNED_AFTER_TRIALS, n_warmup_steps=PRUNED_FROM_EPOCH),
    )
    identity = setting.identity()
    known = study.user_attrs.get(IDENTITY)
    if known is None:
        study.set_user_attr(IDENTITY, identity)
    elif known != identity:
        differing = ", ".join(name for name in identity if known.get(name) != identity[name])
        raise ConfigError(
            f"{folder} holds another tuning ({known['method']} on {known['base']} for {known['corpus']}), which "
            f"differs in {differing}; give another --output, or remove that one"
        )
    return study


def _retry_killed(study: optuna.Study, setting: Setting) -> None:
    """Mark what a killed process left running as failed, and try the same again."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if trial.params.keys() == setting.space.keys():
            _enqueue_once(study, trial.params, trial.number)
        study.tell(trial.number, state=TrialState.FAIL)


def _enqueue_once(study: optuna.Study, parameters: dict[str, Any], retry_of: int | None = None) -> None:
    """Have parameters tried next, unless something waits to be tried already."""
    if not study.get_trials(states=(TrialState.WAITING,)):
        study.enqueue_trial(parameters, user_attrs={} if retry_of is None else {RETRIED: retry_of})


def _seed(seed: int, finished: int) -> int:
    """The sampler's seed after so many finished trials."""
    return int(np.random.SeedSequence([seed, finished]).generate_state(1)[0])


def _suggest(trial: optuna.Trial, name: str, tried: Range) -> Any:
    if isinstance(tried, Real):
        return trial.suggest_float(name, tried.low, tried.high, log=tried.log)
    if isinstance(tried, Whole):
        return trial.suggest_int(name, tried.low, tried.high, log=tried.log)
    return trial.suggest_categorical(name, tried.values)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _record(trial: FrozenTrial) -> Trial:
    refused, retried = trial.user_attrs.get(REFUSED), trial.user_attrs.get(RETRIED)
    seconds = None if trial.duration is None else round(trial.duration.total_seconds(), 1)
    curve = {int(epoch): value for epoch, value in sorted(trial.intermediate_values.items())}
    note = refused or (f"trial {retried} again" if retried is not None else "")
    best = max(curve.values(), default=None)
    if trial.state == TrialState.COMPLETE:
        return Trial(trial.number, "completed", trial.value, trial.params, curve, seconds, note)
    if trial.state == TrialState.PRUNED:
        return Trial(trial.number, "refused" if refused else "pruned", best, trial.params, curve, seconds, note)
    return Trial(trial.number, "killed", best, trial.params, curve, seconds, note)


def _told(trial: Trial) -> str:
    score = "" if trial.macro_f1 is None else f", devel macro F1 {trial.macro_f1:.4f}"
    return f"trial {trial.number} {trial.state}{score}" + (f": {trial.note}" if trial.note else "")


def _importances(study: optuna.Study) -> dict[str, float]:
    """PED-ANOVA's, of the completed trials."""
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < TRIALS_TO_COMPARE:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls it experimental
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE))
