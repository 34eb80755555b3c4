"""Write the versions that the image is built with: those, in this environment, of all that the server needs.

    python container/lock.py > container/constraints.txt

They are what the tests ran with. torch is left out: the Dockerfile names its build for processors.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import requires, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "gliner-adapters"
EXTRA = "server"
#: Named by the Dockerfile, together with what it brings along.
APART = {"torch"}


def needed(name: str, extras: tuple[str, ...] = ("",)) -> Iterator[Requirement]:
    """What a distribution asks for here, its extras' needs included."""
    for line in requires(name) or []:
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
            yield need


def locked() -> dict[str, str]:
    """Name and version of everything that the project needs with its extra."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(f"{PROJECT}[{EXTRA}]")]
    while waiting:
        need = waiting.pop()
        name = canonicalize_name(need.name)
        if (name, frozenset(need.extras)) in seen:
            continue
        seen.add((name, frozenset(need.extras)))
        if name not in (PROJECT, *APART):
            found[name] = version(name).partition("+")[0]
        waiting += needed(name, ("", *sorted(need.extras)))
    return dict(sorted(found.items()))


if __name__ == "__main__":
    print("# Written by container/lock.py. What the image is built with, beside torch.")
    for name, number in locked().items():
        print(f"{name}=={number}")
