"""Runs a notebook's cells in order, as a notebook's kernel does: ``python run_notebook.py FILE``.

What the last line of a cell gives is printed. A cell that fails ends the run, and the last line of the error names it.
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any


def run(path: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            try:
                shown = run_cell("".join(cell["source"]), f"{path.name}, cell {cell['id']}", names)
            except Exception as error:
                raise SystemExit(f"{path.name}, cell {cell['id']}: {type(error).__name__}: {error}") from error
            if shown is not None:
                print(shown)


def run_cell(source: str, where: str, names: dict[str, Any]) -> Any:
    """What the last line of a cell gives, if it is an expression."""
    tree = ast.parse(source, where)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, where, "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), where, "eval"), names)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
