"""The report over finished runs: one page, written as Markdown and as HTML, with figures.

    runs ──► cells (seeds together) ──► tables, tests, findings, figures ──► page ──► report.md, report.html, figures/

`cells` reads, `compose` puts together; each other module makes one part or writes one form.
"""

from gliner_adapters.comparison.report.cells import Cell, FinishedRun, read_runs
from gliner_adapters.comparison.report.compose import comparison_report, write_report

__all__ = ["Cell", "FinishedRun", "comparison_report", "read_runs", "write_report"]
