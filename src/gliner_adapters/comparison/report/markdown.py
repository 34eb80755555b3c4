"""A page as Markdown, as code hosting sites read it."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
from gliner_adapters.markdown import markdown_table

#: What Markdown reads as markup within a line. A bar is the tables' business.
_SPECIAL = re.compile(r"([\\`*_<>\[\]#~&])")


def to_markdown(page: Page, figures: str = "figures") -> str:
    """The page as text.

    Args:
        page: what to write.
        figures: where its figures lie, relative to the text.
    """
    blocks = [f"# {escape(page.title)}"]
    blocks += [written for block in page.blocks if (written := _block(block, page, figures))]
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _block(block: Block, page: Page, figures: str) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {escape(block.text)}"
    if isinstance(block, Paragraph):
        return markdown_text(block.text)
    if isinstance(block, Bullets):
        return "\n".join(f"- {markdown_text(item)}" for item in block.items)
    if isinstance(block, Table):
        rows = [[_cell(cell) for cell in row] for row in block.rows]
        return f"{markdown_text(block.caption)}\n\n{markdown_table([escape(name) for name in block.head], rows)}"
    if isinstance(block, Figure):
        if block.name not in page.drawn:
            return ""
        return f"![{escape(block.alternative)}]({figures}/{block.name}.png)\n\n{escape(block.caption)}"
    if isinstance(block, Console):
        return "\n".join(["```console", *(f"$ {line}" for line in block.lines), "```"])
    return f"- {markdown_text(block.head)}\\\n  {_pieces(block.pieces)}"


def markdown_text(text: Text) -> str:
    """A text as Markdown, on one line."""
    parts = text if isinstance(text, tuple) else (text,)
    return "".join(map(_inline, parts))


def _inline(part: Inline) -> str:
    if isinstance(part, Code):
        return f"`{part.text}`"
    if isinstance(part, Strong):
        return f"**{escape(part.text)}**"
    return _plain(part)


def _plain(part: str) -> str:
    """Escaped; blanks at its ends part it from its neighbours."""
    if part.isspace():
        return " "
    before, after = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
    return (" " if before else "") + escape(part) + (" " if after else "")


def _cell(cell: Text | Number) -> str:
    return markdown_text(cell.text if isinstance(cell, Number) else cell)


def _pieces(pieces: Sequence[Piece]) -> str:
    """Gold in bold, predicted underlined; tags, since asterisks within words are not read as such."""
    parts = []
    for piece in pieces:
        text = _plain(piece.text)
        text = f"<ins>{text}</ins>" if piece.predicted else text
        parts.append(f"<b>{text}</b>" if piece.gold else text)
    return "".join(parts).strip()
