"""A notebook as a page. Nothing is run: what the cells print is the reader's to see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def to_markdown(notebook: dict[str, Any]) -> str:
    """The cells of a notebook, text as it is and code in fences.

    Args:
        notebook: what the file holds, in version 4 of the format.

    Raises:
        ValueError: a cell of a kind that has no place on a page.
    """
    return "\n\n".join(_cell(cell) for cell in notebook["cells"]) + "\n"


def read_notebook(path: Path) -> str:
    """A notebook's file as Markdown, under a line that says where to get it."""
    title, _, rest = to_markdown(json.loads(path.read_text(encoding="utf-8"))).partition("\n")
    return f"{title}\n\n*This page is a notebook: `examples/notebooks/{path.name}`.*\n{rest}"


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    if cell["cell_type"] == "code":
        fence = "```"
        while fence in source:
            fence += "`"
        return f"{fence}python\n{source}\n{fence}"
    raise ValueError(f"a cell of the kind {cell['cell_type']!r}")
