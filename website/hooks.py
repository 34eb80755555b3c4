"""Hooks of MkDocs: pages for documents that lie elsewhere in the repository, and links that work on the site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

from website.links import DOCS, rewrite, site_path, targets
from website.notebooks import read_notebook

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
#: Pages that the navigation names and that lie outside the folder of documents.
FIRST = ("CONTRIBUTING.md", "CHANGELOG.md")
NOTEBOOKS = "examples/notebooks"


def repository() -> str | None:
    """The address that ``pyproject.toml`` gives as the repository's, if it gives one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {name.lower(): address for name, address in project.get("urls", {}).items()}.get("repository")


def read_page(path: str) -> str:
    """The Markdown of a page.

    Args:
        path: a document or a notebook, from the repository's root.
    """
    file = ROOT / path
    return read_notebook(file) if file.suffix == ".ipynb" else file.read_text(encoding="utf-8")


def linked(first: list[str], copies: bool) -> tuple[list[str], list[str]]:
    """Pages and other files that belong to the site, as documents link each other.

    Args:
        first: documents to begin with, from the repository's root.
        copies: whether files that are no pages are wanted, or only images.
    """
    pages, files = list(first), []
    for page in pages:  # which grows
        for target in targets(read_page(page), page, ROOT):
            if target.is_page:
                if target.path not in pages and target.path != "README.md":
                    pages.append(target.path)
            elif not target.is_folder and (copies or target.image) and target.path not in files:
                files.append(target.path)
    return pages, files


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Show the repository's address, if there is one."""
    config.repo_url = repository()
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what documents link: other documents and notebooks as pages, images, and files as they are."""
    inside = [f"{DOCS}/{file.src_uri}" for file in files.documentation_pages()]
    notebooks = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / NOTEBOOKS).glob("*.ipynb"))
    pages, others = linked([*inside, *FIRST, *notebooks], copies=repository() is None)
    for path in pages:
        if path not in inside:
            files.append(File.generated(config, site_path(path), content=read_page(path)))
            _origin[site_path(path)] = path
    for path in others:
        if not path.startswith(f"{DOCS}/"):
            copied = File.generated(config, site_path(path), abs_src_path=str(ROOT / path))
            copied.inclusion = InclusionLevel.INCLUDED  # although names with a dot in front are left out else
            files.append(copied)
    return files


#: Where pages from elsewhere in the repository lie there.
_origin: dict[str, str] = {}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Links of the repository become links of the site."""
    uri = page.file.src_uri
    return rewrite(markdown, _origin.get(uri, f"{DOCS}/{uri}"), ROOT, config.repo_url)
