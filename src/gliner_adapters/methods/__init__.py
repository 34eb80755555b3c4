"""The techniques. One file each; importing this package registers them all."""

from gliner_adapters.methods.base import REGISTRY as METHODS
from gliner_adapters.methods.base import Adapter, Options, attach, get_method
from gliner_adapters.methods.full import Full
from gliner_adapters.methods.heads import Heads
from gliner_adapters.methods.label_embeddings import LabelEmbeddings
from gliner_adapters.methods.zero_shot import ZeroShot

__all__ = ["METHODS", "Adapter", "Full", "Heads", "LabelEmbeddings", "Options", "ZeroShot", "attach", "get_method"]
