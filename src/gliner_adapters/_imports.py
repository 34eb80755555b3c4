"""The heavy libraries, imported with the garbage collector at rest.

They make a million objects that stay; looking through them for garbage, again and again, is a fifth of the time that
importing them takes. Whatever imports them through this module first starts faster.
"""

from __future__ import annotations

import gc

from gliner_adapters._memory import bound_kernel_cache

bound_kernel_cache()
_COLLECTING = gc.isenabled()
gc.disable()
try:
    import gliner  # noqa: F401 - brings torch and transformers
    import transformers.models.auto.modeling_auto  # noqa: F401
finally:
    if _COLLECTING:
        gc.enable()
