"""Tables with tabs between columns, otherwise as :mod:`.table_csv` has them; cells with line breaks are in quotes."""

from __future__ import annotations

from gliner_adapters.documents.formats.table_csv import CsvTable


class TsvTable(CsvTable):
    """Reader and writer for tables with tabs."""

    name = "tsv"
    endings = (".tab",)
    shared_endings = (".tsv",)
    summary = "the same table with tabs; tagged words (.tsv) are the format iob2"
    delimiters = ("\t",)


FORMAT = TsvTable()
