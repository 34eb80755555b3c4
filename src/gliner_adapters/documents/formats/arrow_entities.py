"""Arrow files with a row an entity; see :mod:`.arrow_documents`."""

from __future__ import annotations

from gliner_adapters.documents.formats.arrow import Arrow


class ArrowEntities(Arrow):
    """Writer for Arrow files with a row an entity; it reads what :class:`.Arrow` reads."""

    name = "arrow-entities"
    endings = ()
    shared_endings = (".arrow", ".feather")
    summary = "Arrow (Feather), a row an entity, read as `arrow` is (extra [tables])"
    kind = "entities"

    def recognises(self, head: bytes) -> bool:
        """Never: ``arrow`` reads such files."""
        return False


FORMAT = ArrowEntities()
