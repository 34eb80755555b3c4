"""Links and notebooks become pages that work, and the whole site builds without a warning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import sites
from website.links import rewrite, site_path, targets
from website.notebooks import to_markdown

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small one, with documents, a notebook and other files."""
    for name in ("docs/a.md", "docs/deep/b.md", "README.md", "NOTES.md", "examples/n.ipynb", "src/x.py", "made/p.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("docs/a.md", "[b](deep/b.md#part)", "[b](deep/b.md#part)"),
        ("docs/deep/b.md", "[a](../a.md)", "[a](../a.md)"),
        ("docs/a.md", "[home](../README.md)", "[home](index.md)"),
        ("docs/deep/b.md", "[notes](../../NOTES.md#x)", "[notes](../repository/NOTES.md#x)"),
        ("docs/a.md", "[n](../examples/n.ipynb)", "[n](repository/examples/n.md)"),
        ("NOTES.md", "[a](docs/a.md) and [n](examples/n.ipynb)", "[a](../a.md) and [n](examples/n.md)"),
        ("docs/a.md", "[`x.py`](../src/x.py)", "[`x.py`](repository/src/x.py)"),
        ("docs/a.md", "the [sources](../src)", "the sources"),
        ("docs/a.md", "![a picture](../made/p.png)", "![a picture](repository/made/p.png)"),
        ("docs/a.md", "[gone](../gone.md)", "[gone](../gone.md)"),
        ("docs/a.md", "[out](../../out.md)", "[out](../../out.md)"),
        ("docs/a.md", "[web](https://example.org/a.md), [here](#x)", "[web](https://example.org/a.md), [here](#x)"),
        ("docs/a.md", "`[x](../src/x.py)`", "`[x](../src/x.py)`"),
        ("docs/a.md", "```python\n[x](../src)\n```", "```python\n[x](../src)\n```"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(
    repository: Path, page: str, link: str, expected: str
) -> None:
    assert rewrite(link, page, repository) == expected


def test_with_an_address_what_is_no_page_is_linked_there(repository: Path) -> None:
    markdown = "[x](../src/x.py#L3) [all](../src) ![p](../made/p.png) [n](../NOTES.md)"
    assert rewrite(markdown, "docs/a.md", repository, "https://example.org/r/") == (
        "[x](https://example.org/r/blob/main/src/x.py#L3) [all](https://example.org/r/tree/main/src) "
        "![p](repository/made/p.png) [n](repository/NOTES.md)"
    )


def test_what_a_document_links_is_found(repository: Path) -> None:
    found = targets("[`x`](../src/x.py) ![p](../made/p.png) `[a](a.md)` [no](no.md)", "docs/a.md", repository)
    assert [(target.path, target.image, target.is_page) for target in found] == [
        ("src/x.py", False, False),
        ("made/p.png", True, False),
    ]


def test_two_files_never_become_one_page() -> None:
    paths = [path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("*/**/*.md") if ".venv" not in path.parts]
    notebooks = [path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("examples/**/*.ipynb")]
    assert len({site_path(path) for path in (*paths, *notebooks)}) == len(paths) + len(notebooks)


def test_a_notebook_becomes_markdown() -> None:
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["# Title\n", "Text."]},
            {"cell_type": "code", "source": ["print(1)\n", "print('```')"], "outputs": []},
        ]
    }
    assert to_markdown(notebook) == "# Title\nText.\n\n````python\nprint(1)\nprint('```')\n````\n"
    with pytest.raises(ValueError, match="a cell of the kind 'raw'"):
        to_markdown({"cells": [{"cell_type": "raw", "source": ["x"]}]})


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top"></h1><a href="b.html#x">1</a><a href="b.html#y">2</a><a href="#top">3</a><a href="c.html">4</a>'
        '<script src="https://example.org/x.js"></script><img src="p.png">',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<p id="x">', encoding="utf-8")
    pages = sites.read_site(tmp_path)
    assert sites.broken(pages) == ["a.html: b.html#y", "a.html: c.html", "a.html: p.png"]
    assert sites.outside(pages) == ["a.html: https://example.org/x.js"]


@pytest.mark.slow
def test_the_site_builds_and_its_links_work(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="needs the dependency group `docs`")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sites.read_site(tmp_path / "site")
    assert sites.broken(pages) == []
    assert sites.outside(pages) == [], "a reader without a network sees all of it"
    notebooks = {path.stem for path in (PROJECT / "examples" / "notebooks").glob("*.ipynb")}
    assert notebooks <= {path.stem for path in pages}
    for path, page in pages.items():
        assert not re.search(r":(class|func|meth|mod|attr|data):", page.text), path.name
    adapt = pages[tmp_path / "site" / "reference" / "training.html"]
    assert "gliner_adapters.adapt" in adapt.ids
    assert "the adapter's folder. Configuration, curve and cost" in adapt.text
