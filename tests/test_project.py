"""The project as a whole: its layers, what it declares, and what may stand in its files."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "src" / "gliner_adapters"

#: The layers, top to bottom. A package uses only packages of lower layers; those of one layer stand side by side.
#: ``gliner_adapters`` is the package's front (its ``__init__``), which gathers the public names.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("gliner_adapters",),
    ("server", "comparison", "testing"),
    ("pretraining", "jobs", "integrations"),
    ("api",),
    ("annotate", "training"),
    ("adapters",),
    ("inference",),
    ("methods", "runtimes"),
    ("model", "provenance"),
    ("evaluation", "corpora"),
    ("documents",),
    ("settings", "markdown", "locking", "extras", "plugins"),
    ("storage", "inputs", "_imports", "signals"),
    ("embedded_names", "errors", "_lazy", "_memory"),
)
#: What a package may not use although it lies below.
CLOSED = {("model", "corpora")}
#: Packages that work without a model: importing them must not cost the seconds that these libraries take.
LIGHT_PACKAGES = ("documents", "evaluation", "corpora")
HEAVY_LIBRARIES = ("torch", "transformers", "gliner", "accelerate")
#: What `pip install gliner-adapters` brings directly. Something new goes into an extra, unless everybody needs it and
#: it is small; then it stands here too.
BARE = {
    *("accelerate", "filelock", "gliner", "httpx", "huggingface-hub", "lxml", "numpy", "packaging", "peft"),
    *("platformdirs", "pydantic", "pyyaml", "rich", "safetensors", "tomli", "torch", "transformers", "typer"),
}
#: A technique knows no training loop, no file and no HTTP.
NOT_IN_METHODS = {"accelerate", "httpx", "huggingface_hub", "pathlib", "safetensors"}

LARGEST_FILE = 1_500_000
#: The weights of the embedded bases.
LARGEST_DELTA = 16_000_000
#: Paths of somebody's machine, and the hosts that packages come from. Tests may make up paths.
MACHINE_PATH = re.compile(r"(?<![\w.~*/-])/(?:work|tmp|root|home)/[\w.]")
PACKAGE_HOST = re.compile(
    r"\b(?:py[p]i|ana[c]onda|npm[j]s|python[h]osted)[.](?:org|com)\b|\bdown[l]oad[.]pytorch[.]org\b"
)


def layer(package: str) -> int:
    """How far from the top a package lies; raises ``KeyError`` for one that has no place yet."""
    return {each: number for number, packages in enumerate(LAYERS) for each in packages}[package]


def package_of(module: str) -> str:
    """The package within ours of a dotted module name: ``corpora`` for ``gliner_adapters.corpora.registry``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imports(path: Path, root: Path = PACKAGE) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import of a module, wherever in the module it stands.

    A name imported from the package's front is resolved to the package of that name if there is one. The version
    stands in the front and is everyone's to use.
    """
    here = (root.name, *path.relative_to(root).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            parent = here[: len(here) - node.level + 1] if node.level else ()
            source = ".".join((*parent, *([node.module] if node.module else ())))
            for alias in node.names:
                if (source, alias.name) == (root.name, "__version__"):
                    continue
                inner = source == root.name and any(alias.name in packages for packages in LAYERS)
                yield node.lineno, f"{source}.{alias.name}" if inner else source


def upward(package: str, path: Path, root: Path = PACKAGE) -> list[str]:
    """The imports of a package's module that do not go down the layers."""
    found = []
    for line, module in imports(path, root):
        used = package_of(module)
        if module.split(".")[0] != root.name or used == package:
            continue
        if layer(used) <= layer(package) or (package, used) in CLOSED:
            found.append(f"{path.relative_to(root)}:{line}: {package} may not use {used}")
    return found


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def package_of_path(path: Path, root: Path = PACKAGE) -> str:
    first = path.relative_to(root).parts[0]
    return root.name if first == "__init__.py" else first.removesuffix(".py")


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


def test_every_module_is_in_a_known_package() -> None:
    known = {package for packages in LAYERS for package in packages}
    unknown = {package_of_path(path) for path in modules()} - known
    assert not unknown, f"say in LAYERS where these stand: {', '.join(sorted(unknown))}"


def test_a_package_uses_only_packages_below_it() -> None:
    known = {package for packages in LAYERS for package in packages}
    placed = [(package_of_path(path), path) for path in modules()]
    found = [line for package, path in placed if package in known for line in upward(package, path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("package", "source", "violations"),
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
def test_the_layer_check_sees_imports(tmp_path: Path, package: str, source: str, violations: int) -> None:
    root = tmp_path / "gliner_adapters"
    (root / package).mkdir(parents=True)
    module = root / package / "module.py"
    module.write_text(source, encoding="utf-8")
    assert len(upward(package, module, root)) == violations


def module_imports(root: Path) -> dict[str, set[str]]:
    """The modules of a package that each of its modules imports, within functions too.

    Left out is what stands under ``if TYPE_CHECKING``, which no program runs.
    """
    paths = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        here = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
        used = found[module] = set()
        for node in run_nodes(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Import):
                used.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parent = here[: len(here) - node.level + 1] if node.level else []
                source = ".".join([*parent, *([node.module] if node.module else [])])
                names = {alias.name: f"{source}.{alias.name}" for alias in node.names}
                used.update(name if name in paths else source for name in names.values())
        used.intersection_update(paths.keys() - {module})
    return found


def run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a syntax tree without the bodies of ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from run_nodes(other)
        else:
            yield child
            yield from run_nodes(child)


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules that reach each other."""
    reached: dict[str, set[str]] = {}
    for module in graph:
        seen: set[str] = set()
        waiting = [*graph[module]]
        while waiting:
            if (each := waiting.pop()) not in seen:
                seen.add(each)
                waiting += graph[each]
        reached[module] = seen
    groups = {frozenset({m, *(o for o in reached[m] if m in reached[o])}) for m in graph if m in reached[m]}
    return sorted(map(set, groups), key=sorted)


def test_no_modules_import_each_other() -> None:
    """Nor in a circle, and an import within a function counts: what needs one stands in the wrong module."""
    found = circles(module_imports(PACKAGE))
    assert not found, "\n".join(f"these import each other: {', '.join(sorted(group))}" for group in found)


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ({"a": "import pack.b", "b": "from pack import c", "c": ""}, []),
        ({"a": "import pack.b", "b": "from pack import a"}, [{"pack.a", "pack.b"}]),
        ({"a": "from .b import x", "b": "def f():\n    from pack.c import y", "c": "import pack.a"}, [{"abc"}]),
        ({"a": "if TYPE_CHECKING:\n    import pack.b\nelse:\n    import pack.c", "b": "import pack.a", "c": ""}, []),
        ({"__init__": "from pack.a import x", "a": "from pack import x"}, [{"pack", "pack.a"}]),
        ({"__init__": "from pack.a import x", "a": "from pack import b", "b": ""}, []),
    ],
)
def test_circles_are_found(tmp_path: Path, sources: dict[str, str], found: list[set[str]]) -> None:
    root = tmp_path / "pack"
    root.mkdir()
    for name, source in sources.items():
        (root / f"{name}.py").write_text(source, encoding="utf-8")
    expected = [{"pack.a", "pack.b", "pack.c"} if group == {"abc"} else group for group in found]
    assert circles(module_imports(root)) == expected


def test_methods_know_no_loop_file_or_http() -> None:
    found = [
        f"{path.name}:{line}: {module}"
        for path in modules()
        if package_of_path(path) == "methods"
        for line, module in imports(path)
        if module.split(".")[0] in NOT_IN_METHODS
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("package", LIGHT_PACKAGES)
def test_light_packages_import_no_heavy_library(package: str) -> None:
    code = f"import sys, gliner_adapters.{package}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert f"gliner_adapters.{package}" in loaded
    assert loaded.isdisjoint(HEAVY_LIBRARIES)


@pytest.mark.parametrize("arguments", [["--help"], ["adapt", "--help"], ["adapters", "push", "--help"], ["--version"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    """Nor what an extra brings, nor the client of a hub: help is there at once."""
    code = (
        f"import sys; from gliner_adapters.cli import app\n"
        f"try: app({arguments!r}, prog_name='gliner-adapters')\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stderr.split())
    assert "gliner_adapters.cli" in loaded
    extras = (
        "datasets",
        "fastapi",
        "matplotlib",
        "numba",
        "onnxruntime",
        "openvino",
        "optuna",
        "pandas",
        "pyarrow",
        "spacy",
    )
    assert loaded.isdisjoint({*HEAVY_LIBRARIES, "huggingface_hub", "peft", *extras})


# What the project declares


def test_the_bare_package_asks_for_nothing_new() -> None:
    asked = {normalise(re.split(r"[^\w.-]", need)[0]) for need in pyproject()["project"]["dependencies"]}
    assert asked == BARE, "an extra is the place for what not everybody needs"


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


def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    """As hatchling builds it: no tests, results or measuring tools, and every file that the package reads."""
    wheel = pytest.importorskip("hatchling.builders.wheel")
    shipped = {file.distribution_path for file in wheel.WheelBuilder(str(PROJECT)).recurse_included_files()}
    tracked = {path.relative_to(PACKAGE.parent).as_posix() for path in git_files("--cached") if PACKAGE in path.parents}
    assert tracked <= shipped
    assert {name.split("/")[0] for name in shipped} == {PACKAGE.name}
    parts = {PurePosixPath(name).parts[1].removesuffix(".py") for name in shipped if name.endswith(".py")}
    assert parts <= {"__init__", *(package for packages in LAYERS for package in packages)}
    assert not [name for name in shipped if PurePosixPath(name).suffix in (".png", ".svg", ".db", ".gz")]


def test_make_targets_that_documents_name_exist() -> None:
    defined = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    documents = [path for path in git_files("-co", "--exclude-standard") if path.suffix in (".md", ".toml")]
    for path in documents:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"(?:`|^\$ )make ([a-z-]+)", text, re.MULTILINE):
            assert target in defined, f"{path.name}: there is no `make {target}`"


def test_the_data_page_lists_every_corpus_and_format() -> None:
    from gliner_adapters.corpora import builtin_infos
    from gliner_adapters.documents.formats import builtin_formats

    page = (PROJECT / "docs" / "data.md").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `([\w-]+)` \| (.+?) \| (.+?) \|", page, re.MULTILINE)}
    for info in builtin_infos().values():
        assert rows[info.name] == (info.use, {"iob2": "IOB2", "pubtator": "PubTator"}[info.format]), info.name
    for each in builtin_formats().values():
        assert rows[each.name][0] == " ".join(f"`{ending}`" for ending in (*each.endings, *each.shared_endings))


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
