"""Every public name says what it is, what it takes, what it gives and what goes wrong.

Public is what stands in ``__all__`` of the package's front and of its packages, with the public methods and properties
of the classes there. What a class says holds for its constructor, and what a method says for those that override it.

- A docstring of its own; for a constant, or the name of a type, a comment ``#:`` right above it or a text right below.
- Two parameters or more, and the fields of a class, each by its name, be it as a word of a sentence. Options with a
  description of their own (pydantic) have it there.
- Each of our errors that is raised in its body, by its name.
- Where it gives a tensor, a shape such as ``(B, L, D)``.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from torch import Tensor

import gliner_adapters
from gliner_adapters.errors import GlinerAdaptersError

PACKAGE = gliner_adapters.__name__
SHAPE = re.compile(r"\([A-Z1][^()]*\)")


def packages() -> Iterator[ModuleType]:
    """The front and the packages that list what is public in them."""
    yield gliner_adapters
    for found in pkgutil.walk_packages(gliner_adapters.__path__, f"{PACKAGE}."):
        if found.ispkg and not any(part.startswith("_") for part in found.name.split(".")):
            module = importlib.import_module(found.name)
            if hasattr(module, "__all__"):
                yield module


def public() -> dict[str, Any]:
    """Dotted name and object, each once: where it is first met."""
    names: dict[str, Any] = {}
    seen: set[int] = set()
    for module in packages():
        for name in module.__all__:
            value = getattr(module, name)
            lasting = inspect.isclass(value) or inspect.isroutine(value)
            if inspect.ismodule(value) or name.startswith("__") or (lasting and id(value) in seen):
                continue
            seen.add(id(value))
            names[f"{module.__name__}.{name}"] = value
    return names


def gaps(name: str, value: Any) -> list[str]:
    """What a name leaves unsaid."""
    if inspect.isclass(value):
        return [
            *class_gaps(name, value),
            *(gap for k, f in methods(value) for gap in function_gaps(f"{name}.{k}", f, value)),
        ]
    function = inspect.unwrap(value) if callable(value) else value
    if inspect.isfunction(function):
        return function_gaps(name, function)
    return [] if is_commented(name) else [f"{name}: no comment says what it is"]


def methods(kind: type) -> Iterator[tuple[str, FunctionType]]:
    """The public methods and properties that a class defines itself."""
    for name, member in vars(kind).items():
        function = getattr(member, "__func__", None) or getattr(member, "fget", None) or getattr(member, "func", None)
        function = function or member
        if not name.startswith("_") and inspect.isfunction(function):
            yield name, function


def class_gaps(name: str, kind: type) -> list[str]:
    said = inspect.cleandoc(kind.__dict__.get("__doc__") or "")
    if not said or (dataclasses.is_dataclass(kind) and said.startswith(f"{kind.__name__}(")):
        return [f"{name}: no docstring"]
    if issubclass(kind, Exception):
        return []
    fields = getattr(kind, "model_fields", {})
    told = " ".join([*docs(kind), *docs(kind, "__init__")])
    missing = [p for p in parameters(kind) if not names(told, p) and not (p in fields and fields[p].description)]
    return [f"{name}: does not say what {', '.join(missing)} is"] if missing else []


def function_gaps(name: str, function: FunctionType, kind: type | None = None) -> list[str]:
    if not function.__doc__:
        return [f"{name}: no docstring"]
    told = " ".join([function.__doc__, *(docs(kind, function.__name__) if kind else ())])
    taken = parameters(function)
    found = []
    if len(taken) > 1 and not foreign(function, kind) and (missing := [p for p in taken if not names(told, p)]):
        found.append(f"{name}: does not say what {', '.join(missing)} is")
    if missing := [error for error in raised(function) if error not in told]:
        found.append(f"{name}: does not say that it raises {', '.join(missing)}")
    if gives_tensors(function) and not SHAPE.search(told):
        found.append(f"{name}: gives a tensor and says no shape")
    return found


def foreign(function: FunctionType, kind: type | None) -> bool:
    """Whether a method overrides one of another library, which says what it takes."""
    return kind is not None and any(
        function.__name__ in vars(each)
        for each in kind.__mro__
        if each.__module__.split(".")[0] != kind.__module__.split(".")[0]
    )


def docs(kind: type, method: str | None = None) -> Iterator[str]:
    """What a class of ours and those it is made from say, of themselves or of one method."""
    for each in kind.__mro__:
        if each.__module__.split(".")[0] != kind.__module__.split(".")[0]:
            continue
        owner = each if method is None else vars(each).get(method)
        yield getattr(owner, "__doc__", None) or ""


def parameters(what: Callable[..., Any]) -> list[str]:
    try:
        taken = inspect.signature(what).parameters
    except (TypeError, ValueError):
        return []
    return [name for name in taken if name not in ("self", "cls") and not name.startswith("_")]


def names(text: str, word: str) -> bool:
    """Whether a text has a name, or the words that it is made of; many or one of them."""
    stem = re.escape(word.removesuffix("s")).replace("_", "[_ ]")
    return re.search(rf"(?<![a-z]){stem}(?:e?s)?(?![a-z])", text, re.IGNORECASE) is not None


@cache
def our_errors() -> frozenset[str]:
    found, waiting = set(), [GlinerAdaptersError]
    while waiting:
        kind = waiting.pop()
        found.add(kind.__name__)
        waiting += kind.__subclasses__()
    return frozenset(found)


def raised(function: FunctionType) -> list[str]:
    """Our errors that stand in a function's own ``raise``."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc.func for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return sorted({call.id for call in calls if isinstance(call, ast.Name)} & our_errors())


def gives_tensors(function: FunctionType) -> bool:
    """Whether a tensor, or a tuple of them, is returned."""
    given = str(function.__annotations__.get("return", "")).removesuffix(" | None")
    return re.fullmatch(r"Tensor|tuple\[Tensor(, (Tensor|\.\.\.))*\]", given) is not None


def is_commented(name: str) -> bool:
    """Whether a module of the package assigns the name below a comment ``#:``, or above a text that says what it is."""
    short = name.rpartition(".")[2]
    assigned = rf"{re.escape(short)}\b[^(\n]*="
    pattern = re.compile(rf'^#: .+\n(?:#: ?.*\n)*{assigned}|^{assigned}.*\n"""', re.MULTILINE)
    folder = Path(gliner_adapters.__path__[0])
    return any(pattern.search(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py"))


def test_every_public_name_is_documented() -> None:
    found = public()
    assert len(found) > 150
    assert {
        "gliner_adapters.adapt",
        "gliner_adapters.methods.METHODS",
        "gliner_adapters.TrainedAdapter",
    } <= found.keys()
    missing = [gap for name, value in found.items() for gap in gaps(name, value)]
    assert not missing, "\n".join(missing)


class Told:
    """A pair.

    Args:
        left: one.
        right: the other.
    """

    def __init__(self, left: int, right: int) -> None:
        self.left, self.right = left, right

    def change(self, left: int, right: int) -> None:
        """Take ``left`` and ``right``."""


class Half(Told):
    """Half of it."""

    def change(self, left: int, right: int) -> None:
        """Others; see there."""

    def more(self, left: int, other: int) -> Tensor:
        """Take ``left``."""
        raise GlinerAdaptersError("no")


def test_what_is_left_unsaid_is_found() -> None:
    assert gaps("Told", Told) == []
    assert gaps("Half", Half) == [
        "Half.more: does not say what other is",
        "Half.more: does not say that it raises GlinerAdaptersError",
        "Half.more: gives a tensor and says no shape",
    ]

    def silent() -> None:
        pass

    @dataclasses.dataclass
    class Silent:
        left: int

    assert gaps("silent", silent) == ["silent: no docstring"]
    assert gaps("Silent", Silent) == ["Silent: no docstring"]
    assert gaps("x.NO_SUCH_CONSTANT", 1) == ["x.NO_SUCH_CONSTANT: no comment says what it is"]
    assert gaps("x.AVERAGES", ()) == []
