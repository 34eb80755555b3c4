"""Docstrings of the package as mkdocstrings wants them: an extension of griffe.

The package's docstrings are in Google's style, with roles of Sphinx for other names (``:func:`~module.name```), one
entry for parameters that share a text (``first, last: words``), comments ``#:`` above constants and ``description=`` in
the fields of pydantic. Here roles become links, where the reference has what they name, each parameter gets an entry of
its own, and the last two become docstrings.
"""

from __future__ import annotations

import ast
import re
from html import escape
from pathlib import Path
from typing import Any

from griffe import (
    Alias,
    Attribute,
    Docstring,
    ExprCall,
    Extension,
    GriffeError,
    GriffeLoader,
    Module,
    Object,
    get_logger,
)

_logger = get_logger("website.docstrings")

_ROLE = re.compile(r":(?P<role>class|func|meth|mod|attr|data|exc):`(?P<short>~?)(?P<name>[.\w]+)`")
_CALLED = ("func", "meth")
# An entry of a section with several names before its text, which may go on in lines that are indented further.
_SHARED = re.compile(r"^(?P<indent> {4,})(?P<names>\w+(?:, \w+)+): (?P<text>.*(?:\n(?P=indent) +\S.*)*)", re.MULTILINE)


class PackageDocstrings(Extension):
    """Makes the package's docstrings Markdown that links."""

    def on_attribute_instance(self, *, node: Any, attr: Attribute, agent: Any, **kwargs: Any) -> None:
        """Take an attribute's text from the comment above it, or from its field."""
        if attr.docstring is None and isinstance(node, ast.AST) and (told := _comment(node, attr) or _described(node)):
            attr.docstring = Docstring(told, parent=attr, lineno=getattr(node, "lineno", None))
        if isinstance(attr.value, ExprCall):  # what is now below the signature needs not be in it
            attr.value.arguments = [each for each in attr.value.arguments if getattr(each, "name", "") != "description"]

    def on_package(self, *, pkg: Module, loader: GriffeLoader, **kwargs: Any) -> None:
        """Turn the roles of all docstrings into links, once all names are known."""
        _convert(pkg, pkg)


def _comment(node: ast.AST, attr: Attribute) -> str | None:
    """The lines ``#:`` right above an assignment."""
    path = attr.module.filepath
    if not isinstance(path, Path):  # that of a package without a file of its own
        return None
    above = attr.module.lines_collection[path][: getattr(node, "lineno", 1) - 1]
    told: list[str] = []
    while above and (line := above.pop().strip()).startswith("#:"):
        told.insert(0, line.removeprefix("#:").strip())
    return "\n".join(told) or None


def _described(node: ast.AST) -> str | None:
    """What ``Field(description=...)`` says."""
    value = getattr(node, "value", None)
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg == "description" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return None


def _convert(obj: Object, package: Module) -> None:
    if obj.docstring is not None:
        told = _SHARED.sub(_one_by_one, obj.docstring.value)
        obj.docstring.value = _ROLE.sub(lambda match: _link(match, obj, package), told)
    for member in obj.members.values():
        if isinstance(member, Object):
            _convert(member, package)


def _one_by_one(match: re.Match[str]) -> str:
    """An entry for each of the names that share one."""
    return "\n".join(f"{match['indent']}{name}: {match['text']}" for name in match["names"].split(", "))


def _link(match: re.Match[str], obj: Object, package: Module) -> str:
    """A role as a link that is plain code where the reference does not have the name."""
    name = match["name"]
    shown = name.rpartition(".")[2] if match["short"] or name.startswith(".") else name
    shown += "()" if match["role"] in _CALLED else ""
    path = _resolve(name, obj, package)
    if path is None:
        if name.startswith((".", f"{package.name}.")):
            _logger.warning(f"{obj.path}: there is no {name}")
        return f"`{shown}`"
    return f'<autoref identifier="{escape(path)}" optional><code>{escape(shown)}</code></autoref>'


def _resolve(name: str, obj: Object, package: Module) -> str | None:
    """The full name of what a docstring means by a name: within its package, its class, its module, or in full."""
    module = obj.module
    if name.startswith("."):
        folder = module if module.is_init_module else module.parent
        beside = _canonical(f"{folder.path}{name}", package) if folder is not None else None
        return beside or _canonical(f"{module.path}{name}", package)
    if name.startswith(f"{package.name}."):
        return _canonical(name, package)
    scope: Object | None = obj
    while scope is not None and not scope.is_module:
        if scope.is_class and (found := _canonical(f"{scope.path}.{name}", package)):
            return found
        scope = scope.parent if isinstance(scope.parent, Object) else None
    return _canonical(f"{module.path}.{name}", package)


def _canonical(path: str, package: Module) -> str | None:
    try:
        found = package[path.removeprefix(f"{package.name}.")]
        return found.final_target.path if isinstance(found, Alias) else found.path
    except (KeyError, ValueError, GriffeError):  # not there, or a name of another library
        return None
