"""A page as one HTML file that needs nothing beside it: no network, no other file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from gliner_adapters.comparison.report.drawing import INK, PAPER, RULE
from gliner_adapters.comparison.report.page import (
    Block,
    Bullets,
    Code,
    Console,
    Figure,
    Heading,
    Inline,
    Number,
    Page,
    Paragraph,
    Piece,
    Strong,
    Table,
    Text,
)

STYLE, SCRIPT = Path(__file__).with_name("page.css"), Path(__file__).with_name("page.js")

#: Colours of drawings that follow the page's own, light or dark.
_VARIABLES = {INK: "var(--ink)", RULE: "var(--rule)", PAPER: "var(--paper)"}


def to_html(page: Page) -> str:
    """The page as text. Everything is escaped; the policy forbids to load anything."""
    sections = [block.text for block in page.blocks if isinstance(block, Heading) and block.level == 2]
    links = "".join(f'<li><a href="#{_anchor(name)}">{escape(name)}</a></li>' for name in sections)
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(page.title)}</title>",
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>",
        "</head>",
        "<body>",
        f"<header><h1>{escape(page.title)}</h1></header>",
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>',
        "<main>",
        *(written for block in page.blocks if (written := _block(block, page))),
        "</main>",
        f"<script>\n{SCRIPT.read_text(encoding='utf-8')}</script>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _block(block: Block, page: Page) -> str:
    if isinstance(block, Heading):
        anchor = f' id="{_anchor(block.text)}"' if block.level == 2 else ""
        return f"<h{block.level}{anchor}>{escape(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{_text(block.text)}</p>"
    if isinstance(block, Bullets):
        return "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in block.items) + "</ul>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Figure):
        if block.name not in page.drawn:
            return ""
        drawing = inlined(page.drawn[block.name].svg, block.name, block.alternative)
        return f"<figure>{drawing}<figcaption>{escape(block.caption)}</figcaption></figure>"
    if isinstance(block, Console):
        return "<pre><code>" + escape("\n".join(f"$ {line}" for line in block.lines)) + "</code></pre>"
    return f'<p class="excerpt"><span class="head">{_text(block.head)}</span><br>{_pieces(block.pieces)}</p>'


def inlined(svg: str, name: str, alternative: str) -> str:
    """A drawing to be put into a page.

    Its colours for ink, rules and paper become the page's, and its ids get the drawing's name before them, since ids of
    a page have to differ.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg).replace("url(#", f"url(#{name}-")
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    # The page's own width decides; the view box keeps the proportions.
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(alternative)}"', 1).strip()


def _table(table: Table) -> str:
    sortable = table.sorted_by is not None
    head = []
    for column, name in enumerate(table.head):
        if sortable:
            order = "descending" if column == table.sorted_by else "none"
            button = f'<button type="button">{escape(name)}</button>'
            head.append(f'<th scope="col" aria-sort="{order}">{button}</th>')
        else:
            head.append(f'<th scope="col">{escape(name)}</th>')
    body = ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in table.rows]
    kind = ' class="sortable"' if sortable else ""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(_words(table.caption))}">\n<table{kind}>'
        f"<caption>{_text(table.caption)}</caption>\n<thead><tr>{''.join(head)}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table></div>"
    )


def _cell(cell: Text | Number) -> str:
    if not isinstance(cell, Number):
        return f"<td>{_text(cell)}</td>"
    order = "" if cell.order is None else f' data-order="{cell.order:.9g}"'
    tint = f' style="--share: {cell.share:.3f}"' if cell.share else ""
    return f'<td class="number"{order}{tint}>{_text(cell.text)}</td>'


def _text(text: Text) -> str:
    return "".join(map(_inline, text if isinstance(text, tuple) else (text,)))


def _inline(part: Inline) -> str:
    if isinstance(part, Code):
        return f"<code>{escape(part.text)}</code>"
    if isinstance(part, Strong):
        return f"<strong>{escape(part.text)}</strong>"
    return escape(part)


def _words(text: Text) -> str:
    """The first sentence of a text, without markup."""
    parts = text if isinstance(text, tuple) else (text,)
    return "".join(part if isinstance(part, str) else part.text for part in parts).split(". ")[0]


def _pieces(pieces: Sequence[Piece]) -> str:
    parts = []
    for piece in pieces:
        text = escape(piece.text)
        text = f"<ins>{text}</ins>" if piece.predicted else text
        parts.append(f"<b>{text}</b>" if piece.gold else text)
    return "".join(parts)


def _anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")
