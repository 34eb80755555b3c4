"""`gliner-adapters methods` and `formats`: what there is, this package's and other packages'."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gliner_adapters.plugins import OWN, Plugin

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def methods(as_json: AsJson = False) -> None:
    """List the techniques: what each does, the bases it works on, its options, the package that brings it.

    One that a package declares and that cannot be used is told on standard error. docs/plugins.md shows how to add one.

    Example:

    gliner-adapters methods --json
    """
    from gliner_adapters.methods import known_methods, plugins_of

    rows = []
    for name, method in known_methods().items():
        options = {
            option: field.get_default(call_default_factory=True)
            for option, field in method.options_type.model_fields.items()
        }
        rows.append(
            {
                "name": name,
                "bases": list(method.architectures),
                "options": options,
                "what it does": cleandoc(method.__doc__ or "").partition("\n\n")[0].replace("\n", " "),
                **_package(plugins_of(name).get(name) if not _ours(method) else None),
            }
        )
    _show(rows, as_json)


def formats(as_json: AsJson = False) -> None:
    """List the file formats: endings, whether each is read and written, the package that brings it.

    One that a package declares and that cannot be used is told on standard error. docs/plugins.md shows how to add one.

    Example:

    gliner-adapters formats --json
    """
    from gliner_adapters.documents.formats import builtin_formats
    from gliner_adapters.documents.formats import formats as known
    from gliner_adapters.documents.formats.registry import FORMAT_PLUGINS

    rows = []
    for name, each in known().items():
        use = [what for what, able in (("read", each.readable), ("written", each.writable)) if able]
        rows.append(
            {
                "name": name,
                "endings": [*each.endings, *each.shared_endings],
                "use": use,
                "what it is": each.summary,
                **_package(None if name in builtin_formats() else FORMAT_PLUGINS.plugin(name)),
            }
        )
    _show(rows, as_json)


def _ours(thing: type) -> bool:
    return thing.__module__.startswith("gliner_adapters.")


def _package(plugin: Plugin | None) -> dict[str, str | None]:
    return {"package": OWN if plugin is None else plugin.package, "version": None if plugin is None else plugin.version}


def _show(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print the rows; in a table the package stands beside what another one brings."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    columns = [column for column in rows[0] if column not in ("package", "version")]
    foreign = any(row["package"] != OWN for row in rows)
    table = Table(*columns, *(["package"] if foreign else []))
    for row in rows:
        cells = [_cell(row[column]) for column in columns]
        package = "" if row["package"] == OWN else f"{row['package']} {row['version']}"
        table.add_row(*cells, *([package] if foreign else []))
    Console(markup=False).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{name}={json.dumps(default)}" for name, default in value.items())
    return " ".join(value) if isinstance(value, list) else str(value)
