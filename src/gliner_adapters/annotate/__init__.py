"""Reading text with a base and its adapters: one, or hundreds at once."""

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster
from gliner_adapters.annotate.annotator import Annotator
from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.origins import AdapterInfo
from gliner_adapters.annotate.requests import Found, Reading, Request

__all__ = ["AdapterInfo", "AdapterLibrary", "Annotator", "Found", "Reading", "Request"]
