"""All checks of methods, and one call that runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gliner_adapters.testing import lives, methods
from gliner_adapters.testing.cases import BASES, MethodCase, method_cases

#: What every method must keep, from what is fast to what trains.
METHOD_CHECKS: tuple[Callable[[MethodCase], None], ...] = (
    methods.check_declaration,
    methods.check_start,
    methods.check_label_style,
    methods.check_gradients,
    methods.check_counts,
    methods.check_unplugging,
    methods.check_word_vectors,
    methods.check_baking,
    methods.check_batches,
    lives.check_saving,
    lives.check_deployable,
    lives.check_serving,
    lives.check_training,
    lives.check_resuming,
)


def check_method(
    method: str,
    options: Mapping[str, Any] | None = None,
    *,
    bases: Sequence[str] = BASES,
    training: Mapping[str, Any] | None = None,
) -> int:
    """Run every check of :data:`METHOD_CHECKS` on a method, on each tiny base that it works on.

    Args:
        method: its name, registered in this process or known by an entry point; or a combination.
        options: of the method.
        bases: names of :data:`RECIPES`.
        training: fields of :class:`~gliner_adapters.training.TrainingConfig` for the checks that train.

    Returns:
        how many checks were run.

    Raises:
        CheckFailed: the first that fails; the message says what does not hold, and on which base.
        ConfigError: there is no such method, or its options are wrong.
    """
    cases = method_cases(method, options, bases, training=dict(training or {}))
    for case in cases:
        for check in METHOD_CHECKS:
            check(case)
    return len(cases) * len(METHOD_CHECKS)
