"""The reference has every public name once, and griffe reads the docstrings as they are meant."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import test_docstrings

griffe = pytest.importorskip("griffe", reason="needs the dependency group `docs`")

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted((PROJECT / "docs" / "reference").glob("*.md"))


@cache
def package() -> griffe.Module:
    """The package as the site's builder sees it."""
    from website.docstrings import PackageDocstrings

    loaded = griffe.load(
        "gliner_adapters",
        search_paths=[PROJECT / "src"],
        extensions=griffe.load_extensions(PackageDocstrings),
        docstring_parser="google",
    )
    assert isinstance(loaded, griffe.Module)
    return loaded


def found(path: str) -> griffe.Object:
    """What a name stands for, where it is written."""
    item = package()[path.removeprefix("gliner_adapters.")]
    return item.final_target if isinstance(item, griffe.Alias) else item


def written(name: str, value: object) -> str:
    """Where a public name is written: its module and its name there."""
    if inspect.isclass(value) or inspect.isroutine(value):
        return f"{value.__module__}.{inspect.unwrap(value).__qualname__}"
    return found(name).path


def on_pages() -> list[str]:
    """The names that have an entry; of a module only the text may stand there, without one."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    return re.findall(r"^::: (\S+)$(?!\n    options:\n      members: false)", text, re.MULTILINE)


def test_every_public_name_is_in_the_reference_once() -> None:
    shown = Counter(found(path).path for path in on_pages())
    assert [path for path, times in shown.items() if times > 1] == []
    missing = [name for name, value in test_docstrings.public().items() if written(name, value) not in shown]
    assert not missing, f"put these on a page of docs/reference: {', '.join(missing)}"


def test_the_reference_shows_no_module_in_place_of_a_function() -> None:
    """``jobs.run`` is a function to Python, and the module of that name to griffe."""
    assert [path for path in on_pages() if found(path).is_module] == []


def test_every_page_is_in_the_order_of_the_site() -> None:
    order = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (PROJECT / "docs").rglob("*.md"):
        name = page.relative_to(PROJECT / "docs").as_posix()
        assert re.search(rf"[ -] (.+: )?{re.escape(name)}$", order, re.MULTILINE), name


def text_of(path: str) -> str:
    docstring = found(path).docstring
    assert docstring is not None, path
    return docstring.value


def test_roles_become_links() -> None:
    told = text_of("gliner_adapters.adapt")
    assert '<autoref identifier="gliner_adapters.model.loading.load_base" optional><code>load_base()</code>' in told
    told = text_of("gliner_adapters.Annotator")
    assert '<autoref identifier="gliner_adapters.annotate.annotator.Annotator.read" optional>' in told
    left = [each for path in on_pages() for each in re.findall(r":[a-z]+:`[^`]*`", text_of(path))]
    assert left == []


def test_comments_and_fields_are_docstrings() -> None:
    assert text_of("gliner_adapters.runtimes.RUNTIMES") == "All of them."
    assert text_of("gliner_adapters.training.config.TrainingConfig.epochs") == "Passes over the training data."
    assert "description" not in str(found("gliner_adapters.training.config.TrainingConfig.epochs").value)


def test_parameters_that_share_a_text_have_one_each() -> None:
    (parameters,) = [
        section.value
        for section in found("gliner_adapters.documents.words_entity").docstring.parsed
        if section.kind is griffe.DocstringSectionKind.parameters
    ]
    described = {each.name: each.description for each in parameters}
    assert described["first"] == described["last"]
    assert "first, last" not in described


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(
        '"""See :mod:`.other`, :func:`~toy.other.there`, :func:`~toy.gone` and :class:`Path`."""\n', encoding="utf-8"
    )
    (tmp_path / "toy" / "other.py").write_text('def there() -> None:\n    """Here."""\n', encoding="utf-8")
    return tmp_path


def test_a_name_that_is_not_there_is_a_warning(toy: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Which ends a strict build."""
    from website.docstrings import PackageDocstrings

    loaded = griffe.load("toy", search_paths=[toy], extensions=griffe.load_extensions(PackageDocstrings))
    assert loaded.docstring is not None
    assert loaded.docstring.value == (
        'See <autoref identifier="toy.other" optional><code>other</code></autoref>, '
        '<autoref identifier="toy.other.there" optional><code>there()</code></autoref>, `gone()` and `Path`.'
    )
    assert [record.getMessage() for record in caplog.records] == ["toy: there is no toy.gone"]
