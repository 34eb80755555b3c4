"""The techniques. One file each; importing this package registers them all."""

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster
from gliner_adapters.methods.base import Adapter, Options
from gliner_adapters.methods.bitfit import BitFit
from gliner_adapters.methods.combination import Combination, combine
from gliner_adapters.methods.extension import Extension
from gliner_adapters.methods.full import Full
from gliner_adapters.methods.head_deltas import HeadDeltas
from gliner_adapters.methods.heads import Heads
from gliner_adapters.methods.injection_bi import InjectionBi
from gliner_adapters.methods.injection_cross import InjectionCross
from gliner_adapters.methods.injection_deep import InjectionDeep
from gliner_adapters.methods.label_descriptions import LabelDescriptions
from gliner_adapters.methods.label_embeddings import LabelEmbeddings
from gliner_adapters.methods.lora import Lora
from gliner_adapters.methods.registry import (
    METHODS,
    attach,
    get_method,
    known_methods,
    package_versions,
    plugins_of,
    register,
)
from gliner_adapters.methods.zero_shot import ZeroShot

__all__ = [
    "METHODS",
    "Adapter",
    "BitFit",
    "Combination",
    "Extension",
    "Full",
    "HeadDeltas",
    "Heads",
    "InjectionBi",
    "InjectionCross",
    "InjectionDeep",
    "LabelDescriptions",
    "LabelEmbeddings",
    "Lora",
    "Options",
    "ZeroShot",
    "attach",
    "combine",
    "get_method",
    "known_methods",
    "package_versions",
    "plugins_of",
    "register",
]
