"""Links of the documents, so that they work on the site as they do in the repository.

Documents link files by their place in the repository: another document, a script, a folder of results. On the site a
document is a page, wherever it lies. What is no document is linked at the repository's address, if
``pyproject.toml`` names one; else a file is copied into the site, and the name of a folder stays as text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: The folder whose files MkDocs takes by itself.
DOCS = "docs"
#: Where on the site the other files of the repository stand.
ELSEWHERE = "repository"
#: Files that are pages: Markdown, and notebooks, which are converted.
PAGES = (".md", ".ipynb")

# A link or an image: its text may hold code and one level of brackets, its target neither spaces nor brackets.
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)")
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}).*?^ *(?P=fence) *$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)", re.DOTALL)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|/|#", re.IGNORECASE)


def site_path(path: str) -> str:
    """Where a file of the repository stands among the site's sources.

    Args:
        path: from the repository's root, with ``/``.
    """
    if path == "README.md":  # the first page says what the README says
        return "index.md"
    inside = path.removeprefix(f"{DOCS}/") if path.startswith(f"{DOCS}/") else f"{ELSEWHERE}/{path}"
    return inside.removesuffix(".ipynb") + ".md" if inside.endswith(".ipynb") else inside


@dataclass(frozen=True)
class Target:
    """What a link of a document names.

    Attributes:
        path: from the repository's root, with ``/``.
        anchor: the part from ``#`` on, or nothing.
        image: whether it is shown and not followed.
        is_folder: whether it is a folder.
    """

    path: str
    anchor: str
    image: bool
    is_folder: bool

    @property
    def is_page(self) -> bool:
        """Whether it is one of the site's pages."""
        return PurePosixPath(self.path).suffix in PAGES


def target_of(match: re.Match[str], page: str, root: Path) -> Target | None:
    """What a link names in the repository; ``None`` for addresses, anchors, and what is not there.

    Args:
        match: the link.
        page: the document that has it, from the repository's root.
        root: the repository.
    """
    if _ELSEWHERE.match(match["target"]):
        return None
    name, mark, anchor = match["target"].partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), name))
    if path.startswith("..") or not (root / path).exists():
        return None
    return Target(path, mark + anchor, bool(match["image"]), (root / path).is_dir())


def targets(markdown: str, page: str, root: Path) -> list[Target]:
    """All that the links and images of a document name in the repository, in order."""
    found = [target_of(match, page, root) for match in _links(markdown)]
    return [target for target in found if target is not None]


def rewrite(markdown: str, page: str, root: Path, repository: str | None = None) -> str:
    """A document with links that work on the site.

    Args:
        markdown: the document.
        page: its path from the repository's root.
        root: the repository.
        repository: its address, if it has one that readers can open.
    """
    here = posixpath.dirname(site_path(page))

    def rewritten(match: re.Match[str]) -> str:
        target = target_of(match, page, root)
        if target is None:
            return match[0]
        if target.is_page or target.image:
            address = posixpath.relpath(site_path(target.path), here or ".")
        elif repository is not None:
            address = f"{repository.rstrip('/')}/{'tree' if target.is_folder else 'blob'}/main/{target.path}"
        elif target.is_folder:
            return match["text"]
        else:
            address = posixpath.relpath(site_path(target.path), here or ".")
        return f"{match['image']}[{match['text']}]({address}{target.anchor})"

    return _outside_code(markdown, lambda text: _LINK.sub(rewritten, text))


def _links(markdown: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []

    def collect(text: str) -> str:
        found.extend(_LINK.finditer(text))
        return text

    _outside_code(markdown, collect)
    return found


def _outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """A text that is changed everywhere but in fenced blocks and, apart from the texts of links, in code."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    hidden = _CODE.sub(keep, _FENCE.sub(keep, markdown))
    changed = change(hidden)
    while "\0" in changed:
        changed = re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], changed)
    return changed
