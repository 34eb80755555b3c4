"""Parquet files with a row an entity; see :mod:`.arrow_documents`."""

from __future__ import annotations

from gliner_adapters.documents.formats.parquet import Parquet


class ParquetEntities(Parquet):
    """Writer for Parquet with a row an entity; it reads what :class:`.Parquet` reads."""

    name = "parquet-entities"
    endings = ()
    shared_endings = (".parquet",)
    summary = "Parquet, a row an entity, read as `parquet` is (extra [tables])"
    kind = "entities"

    def recognises(self, head: bytes) -> bool:
        """Never: ``parquet`` reads such files."""
        return False


FORMAT = ParquetEntities()
