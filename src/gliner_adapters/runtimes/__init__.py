"""Runtimes: what multiplies the matrices of a text encoder when text is read.

A runtime takes the place of the text encoder in a base's parts; whatever runs a pass does not see the difference.
Nothing is imported until it is asked for.
"""

from gliner_adapters.runtimes.choose import check_runtime, prepare
from gliner_adapters.runtimes.names import RUNTIMES, Runtime

__all__ = ["RUNTIMES", "Runtime", "check_runtime", "prepare"]
