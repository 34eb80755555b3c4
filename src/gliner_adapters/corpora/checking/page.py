"""A check's report as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from gliner_adapters.corpora.checking.findings import CheckReport, Finding

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --error: #c62828; --warning: #b26a00; --note: #3a6ea5; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--line); }
th { text-align: left; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
section { border-left: .3rem solid var(--line); padding: 0 1rem; margin: 1.5rem 0; overflow-x: auto; }
section.error { border-color: var(--error); } section.warning { border-color: var(--warning); }
section.note { border-color: var(--note); } h2 { font-size: 1.1rem; } .verdict { font-weight: bold; }
code { white-space: pre-wrap; } li { margin: .2rem 0; }
"""
#: Further counts that a finding shows.
_DETAILS = 25


def check_page(report: CheckReport, title: str = "Data check") -> str:
    """The page as text; everything that comes from the data is escaped.

    Args:
        report: what was found.
        title: the page's heading.
    """
    splits = list(report.splits)
    types = sorted({name for counts in report.splits.values() for name in counts.by_type})
    rows: list[tuple[str, list[int]]] = [
        ("documents", [report.splits[split].documents for split in splits]),
        ("documents with entities", [report.splits[split].annotated for split in splits]),
        ("words", [report.splits[split].words for split in splits]),
        ("entities", [report.splits[split].entities for split in splits]),
    ]
    rows += [(f"type {name}", [report.splits[split].by_type.get(name, 0) for split in splits]) for name in types]
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>",
        f"<body><main><h1>{escape(title)}</h1>",
        f'<p class="verdict">{escape(report.verdict)}</p>',
        _table(["", *splits], rows),
        *(_section(finding) for finding in report.findings),
        f"<p>Entities of more than {report.max_width} words are counted as too wide.</p>",
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _table(head: Iterable[str], rows: Iterable[tuple[str, list[int]]]) -> str:
    lines = ["<table><thead><tr>", *(f'<th scope="col">{escape(each)}</th>' for each in head), "</tr></thead><tbody>"]
    for name, values in rows:
        cells = "".join(f'<td class="number">{value:,}</td>' for value in values)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return "".join(lines) + "</tbody></table>"


def _section(finding: Finding) -> str:
    where = ", ".join(f"{split}: {count:,}" for split, count in finding.splits.items())
    mended = " A mended copy is without them." if finding.fixable else ""
    details = list(finding.details.items())
    rest = [(f"and {len(details) - _DETAILS} more", sum(count for _, count in details[_DETAILS:]))]
    shown = [*details[:_DETAILS], *(rest if len(details) > _DETAILS else [])]
    title = f"{finding.severity}: {finding.count:,} {escape(finding.title)}"
    return "".join(
        [
            f'<section class="{finding.severity}"><h2>{title}</h2>',
            f"<p>{escape(where)}.</p><p>{escape(finding.advice + mended)}</p>",
            _table(["what", "how often"], [(name, [count]) for name, count in shown]) if shown else "",
            "<ul>" if finding.places else "",
            *(f"<li><code>{escape(str(place))}</code></li>" for place in finding.places),
            "</ul>" if finding.places else "",
            "</section>",
        ]
    )
