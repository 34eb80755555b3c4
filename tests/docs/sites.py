"""Reading a built site: its pages, their links, and what is on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Attributes that make a browser fetch something at once.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


@dataclass
class Read(HTMLParser):
    """What a page names.

    Attributes:
        ids: places that links may name.
        links: what a reader may follow.
        fetched: what the browser fetches.
        text: all text, code included.
    """

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {value for name, value in attrs if name in ("id", "name") and value}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        if tag == "link" and given.get("rel") in ("canonical", "prev", "next"):
            return
        self.fetched += [value for name, value in attrs if (tag, name) in FETCHED and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def read_site(folder: Path) -> dict[Path, Read]:
    """All pages of a site, but the one for addresses that are not there: its links are those of the site's root."""
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        if path.name != "404.html":
            pages[path] = Read()
            pages[path].feed(path.read_text(encoding="utf-8"))
    return pages


def broken(pages: dict[Path, Read]) -> list[str]:
    """Links within a site that lead to no file, or to no place on a page."""
    found = []
    for path, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and target in pages and anchor not in pages[target].ids):
                found.append(f"{path.name}: {link}")
    return found


def outside(pages: dict[Path, Read]) -> list[str]:
    """What pages would fetch from elsewhere."""
    return [f"{path.name}: {link}" for path, page in pages.items() for link in page.fetched if urlsplit(link).netloc]
