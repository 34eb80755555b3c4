"""Settings for the tests of this package."""

from __future__ import annotations

from hypothesis import settings

# A time limit for each example would fail on a machine that is busy with something else.
settings.register_profile("model", deadline=None)
settings.load_profile("model")
