"""The project as a whole: its layers, what it declares, and what may stand in its files."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "src" / "gliner_adapters"

#: The house, top to bottom. A room uses only rooms of lower floors; rooms of one floor stand alone.
#: ``gliner_adapters`` is the package's front (its ``__init__``), which gathers the public names.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("gliner_adapters",),
    ("server", "benchmark"),
    ("pretraining",),
    ("api",),
    ("annotate", "training"),
    ("adapters",),
    ("methods", "runtimes"),
    ("model", "provenance"),
    ("evaluation", "corpora"),
    ("documents",),
    ("settings", "markdown"),
    ("errors", "_lazy", "_imports"),
)
#: What a room may not use although it lies below.
CLOSED = {("model", "corpora")}
#: Rooms that work without a model: importing them must not cost the seconds that these libraries take.
LIGHT_ROOMS = ("documents", "evaluation", "corpora")
HEAVY_LIBRARIES = ("torch", "transformers", "gliner", "accelerate")
#: A technique knows no training loop, no file and no HTTP.
NOT_IN_METHODS = {"accelerate", "httpx", "huggingface_hub", "pathlib", "safetensors"}

LARGEST_FILE = 1_000_000
#: The weights of the embedded bases.
LARGEST_DELTA = 16_000_000
#: Paths of somebody's machine, and the hosts that packages come from. Tests may make up paths.
MACHINE_PATH = re.compile(r"(?<![\w.~*/-])/(?:work|tmp|root|home)/[\w.]")
PACKAGE_HOST = re.compile(
    r"\b(?:py[p]i|ana[c]onda|npm[j]s|python[h]osted)[.](?:org|com)\b|\bdown[l]oad[.]pytorch[.]org\b"
)


def floor(room: str) -> int:
    """How far from the top a room lies; raises ``KeyError`` for one that has no place yet."""
    return {each: number for number, rooms in enumerate(FLOORS) for each in rooms}[room]


def room_of(module: str) -> str:
    """The room of a dotted module name: ``corpora`` for ``gliner_adapters.corpora.registry``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imports(path: Path, package: Path = PACKAGE) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import of a module, wherever in the module it stands.

    A name imported from the package's front is resolved to the room of that name if there is one. The version
    stands in the front and is everyone's to use.
    """
    here = (package.name, *path.relative_to(package).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            parent = here[: len(here) - node.level + 1] if node.level else ()
            source = ".".join((*parent, *([node.module] if node.module else ())))
            for alias in node.names:
                if (source, alias.name) == (package.name, "__version__"):
                    continue
                inner = source == package.name and any(alias.name in rooms for rooms in FLOORS)
                yield node.lineno, f"{source}.{alias.name}" if inner else source


def climbing(room: str, path: Path, package: Path = PACKAGE) -> list[str]:
    """The imports of a room's module that do not go down the house."""
    found = []
    for line, module in imports(path, package):
        used = room_of(module)
        if module.split(".")[0] != package.name or used == room:
            continue
        if floor(used) <= floor(room) or (room, used) in CLOSED:
            found.append(f"{path.relative_to(package)}:{line}: {room} may not use {used}")
    return found


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of_path(path: Path, package: Path = PACKAGE) -> str:
    first = path.relative_to(package).parts[0]
    return package.name if first == "__init__.py" else first.removesuffix(".py")


def git_files(*options: str) -> list[Path]:
    """Files that git lists and that are there; skips where this is no git checkout."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", *options], cwd=PROJECT, check=True, capture_output=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = (PROJECT / os.fsdecode(name) for name in listed.split(b"\0") if name)
    return [path for path in paths if path.is_file()]


def pyproject() -> dict:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


# Layers


def test_every_module_is_in_a_known_room() -> None:
    known = {room for rooms in FLOORS for room in rooms}
    unknown = {room_of_path(path) for path in modules()} - known
    assert not unknown, f"say in FLOORS where these stand: {', '.join(sorted(unknown))}"


def test_a_room_uses_only_rooms_below_it() -> None:
    known = {room for rooms in FLOORS for room in rooms}
    rooms = [(room_of_path(path), path) for path in modules()]
    found = [line for room, path in rooms if room in known for line in climbing(room, path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("room", "source", "violations"),
    [
        ("corpora", "from gliner_adapters.documents import Document", 0),
        ("corpora", "from gliner_adapters.corpora.places import verify", 0),
        ("corpora", "from .places import verify", 0),
        ("corpora", "from ..documents import Document", 0),
        ("corpora", "from ..model import Base", 1),
        ("corpora", "import gliner_adapters.evaluation", 1),
        ("corpora", "from gliner_adapters import model", 1),
        ("corpora", "from gliner_adapters import load_base", 1),
        ("corpora", "from gliner_adapters import __version__", 0),
        ("model", "from gliner_adapters.corpora import Corpus", 1),
        ("model", "def f():\n    from gliner_adapters.methods import get_method", 1),
        ("training", "from gliner_adapters import corpora, evaluation, annotate", 1),
        ("documents", "from gliner_adapters.errors import DataError\nimport json", 0),
    ],
)
def test_the_layer_check_sees_imports(tmp_path: Path, room: str, source: str, violations: int) -> None:
    package = tmp_path / "gliner_adapters"
    (package / room).mkdir(parents=True)
    module = package / room / "module.py"
    module.write_text(source, encoding="utf-8")
    assert len(climbing(room, module, package)) == violations


def test_methods_know_no_loop_file_or_http() -> None:
    found = [
        f"{path.name}:{line}: {module}"
        for path in modules()
        if room_of_path(path) == "methods"
        for line, module in imports(path)
        if module.split(".")[0] in NOT_IN_METHODS
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("room", LIGHT_ROOMS)
def test_light_rooms_import_no_heavy_library(room: str) -> None:
    code = f"import sys, gliner_adapters.{room}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert f"gliner_adapters.{room}" in loaded
    assert loaded.isdisjoint(HEAVY_LIBRARIES)


# What the project declares


def test_version_is_the_same_everywhere() -> None:
    import gliner_adapters

    version = pyproject()["project"]["version"]
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    assert gliner_adapters.__version__ == version
    assert citation["version"] == version
    assert newest is not None
    assert newest[1] == version


def test_citation_and_licence_agree_with_the_package() -> None:
    project = pyproject()["project"]
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == project["name"]
    assert citation["license"] == project["license"] == "Apache-2.0"
    assert citation["authors"] == project["authors"]
    assert "Apache License" in (PROJECT / "LICENSE").read_text(encoding="utf-8")


def test_what_is_imported_is_declared() -> None:
    project = pyproject()["project"]
    extras = [name for names in project.get("optional-dependencies", {}).values() for name in names]
    declared = {normalise(re.split(r"[^\w.-]", need)[0]) for need in (*project["dependencies"], *extras)}
    providers = packages_distributions()
    missing = {}
    for path in modules():
        for line, module in imports(path):
            top = module.split(".")[0]
            if top in sys.stdlib_module_names or top == PACKAGE.name:
                continue
            if declared.isdisjoint(normalise(name) for name in providers.get(top, [top])):
                missing.setdefault(top, f"{path.relative_to(PROJECT)}:{line}")
    assert not missing, f"imported but not declared in pyproject.toml: {missing}"


def normalise(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_make_targets_that_documents_name_exist() -> None:
    defined = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    documents = [path for path in git_files("-co", "--exclude-standard") if path.suffix in (".md", ".toml")]
    for path in documents:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"(?:`|^\$ )make ([a-z-]+)", text, re.MULTILINE):
            assert target in defined, f"{path.name}: there is no `make {target}`"


def test_the_data_page_lists_every_corpus_and_format() -> None:
    from gliner_adapters.corpora import corpus_infos
    from gliner_adapters.documents import formats

    page = (PROJECT / "docs" / "data.md").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `([\w-]+)` \| (.+?) \| (.+?) \|", page, re.MULTILINE)}
    for info in corpus_infos().values():
        assert rows[info.name] == (info.use, {"iob2": "IOB2", "pubtator": "PubTator"}[info.format]), info.name
    for each in formats().values():
        assert rows[each.name][0] == " ".join(f"`{ending}`" for ending in each.endings)


# What may stand in its files


def test_no_file_names_a_machine_or_a_package_host() -> None:
    found = []
    for path in git_files("-co", "--exclude-standard"):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        name = path.relative_to(PROJECT)
        patterns = [PACKAGE_HOST] if name.parts[0] == "tests" else [PACKAGE_HOST, MACHINE_PATH]
        for number, line in enumerate(text.splitlines(), 1):
            found += [f"{name}:{number}: {match[0]}" for p in patterns if (match := p.search(line))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("data in /tmp/x", True),
        ('"/work/shared/data"', True),
        ("path=/root/.cache", True),
        ("src/work/x and ~/tmp/x", False),
        ("a /work item", False),
        ("https://example.org/tmp/x", False),
    ],
)
def test_the_path_pattern_tells_machine_paths(text: str, named: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) is named


def test_no_tracked_file_is_large() -> None:
    sizes = {path.relative_to(PROJECT): path.stat().st_size for path in git_files("--cached")}
    large = [
        f"{name}: {size:,} bytes"
        for name, size in sizes.items()
        if size > (LARGEST_DELTA if name.name == "delta.safetensors" else LARGEST_FILE)
    ]
    assert not large, "\n".join(large)
