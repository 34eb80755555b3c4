"""Every registered format against hundreds of damaged files: the project's own errors alone, and no document lost.

A format that is added is held to this at once; one that cannot be written needs a file of its own in ``SAMPLES``.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
import zipfile
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gliner_adapters.documents import ReadReport, formats, read_documents
from gliner_adapters.documents.formats import label_studio, prodigy
from gliner_adapters.documents.formats.blocks import raw_blocks
from gliner_adapters.documents.formats.table_columns import FIELDS
from gliner_adapters.errors import GlinerAdaptersError
from gliner_adapters.testing.damage import mutate
from gliner_adapters.testing.formats import (
    DOCUMENTS,
    FORMAT_CHECKS,
    TEXTS,
    FormatCase,
    check_damaged_files,
    check_documents,
)

SAMPLES = {
    "txt": "\n".join(text.replace("\n", " ") for text in TEXTS).encode(),
    "pubmed": "<PubmedArticleSet>{}</PubmedArticleSet>".format(
        "".join(
            f"<PubmedArticle><MedlineCitation><PMID>{n}</PMID><Article><ArticleTitle>{text}</ArticleTitle><Abstract>"
            f'<AbstractText Label="A">CO<sub>2</sub> {text}</AbstractText></Abstract></Article></MedlineCitation>'
            "</PubmedArticle>"
            for n, text in enumerate(TEXTS, 1)
        )
    ).encode(),
    "jats": "<pmc-articleset>{}</pmc-articleset>".format(
        "".join(
            f'<article><front><article-meta><article-id pub-id-type="pmc">{n}</article-id><title-group><article-title>'
            f"{text}</article-title></title-group></article-meta></front><body><sec><title>A</title><p>{text}</p></sec>"
            "</body></article>"
            for n, text in enumerate(TEXTS, 1)
        )
    ).encode(),
}
LEFT_OUT = (prodigy.NOT_ACCEPTED, label_studio.CANCELLED)


def of_json(raw: bytes) -> int | None:
    """Records of JSON Lines or of an array."""
    text = raw.removeprefix(b"\xef\xbb\xbf")
    if not text.lstrip(b" \t\r\n").startswith(b"["):
        return sum(bool(line.removeprefix(b"\xef\xbb\xbf" if not n else b"").strip(b" \t\r\n"))
                   for n, line in enumerate(raw.split(b"\n")))  # fmt: skip
    with suppress(ValueError, RecursionError):
        return len(json.loads(text))
    return None


def of_bioc(raw: bytes) -> int | None:
    """Documents of a collection."""
    with suppress(ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return len(json.loads(raw.removeprefix(b"\xef\xbb\xbf"))["documents"])
    return None


def of_blocks(raw: bytes) -> int | None:
    """Blocks between blank lines, where nothing else parts documents."""
    if b"-DOCSTART-" in raw or re.search(rb"(?m)^\xef?\xbb?\xbf?#", raw) or b"|t|" in raw:
        return None
    return sum(1 for _ in raw_blocks(io.BytesIO(raw), "f"))


def of_titles(raw: bytes) -> int | None:
    """PubTator's documents: blocks, each cut before a further title."""
    count = 0
    for block in raw_blocks(io.BytesIO(raw), "f"):
        for before, line in zip(block.lines, block.lines[1:], strict=False):
            title = re.match(rb"([^|\t]+\|)t\|", line)
            count += bool(title and not before.startswith(title[1]))
        count += 1
    return count


def of_rows(raw: bytes) -> int | None:
    """Numbers of documents in a table, where every row has one and they go up."""
    with suppress(UnicodeDecodeError, csv.Error, ValueError, IndexError):
        lines = raw.removeprefix(b"\xef\xbb\xbf").decode().splitlines(keepends=True)
        if any("\0" in line or line[-1] in "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029" for line in lines):
            return None
        header, *rows = csv.reader(lines, delimiter="\t" if "\t" in lines[0] else ",", strict=True)
        if tuple(header) != FIELDS or not all(re.fullmatch(r"\d{1,15}", row[0], re.ASCII) for row in rows if row):
            return None
        numbers = [int(row[0]) for row in rows if row]
        if numbers == sorted(numbers) and all(number > 0 for number in numbers):
            return len(set(numbers))
    return None


def of_xml(*names: str, sets: Collection[str]) -> Callable[[bytes], int | range]:
    """Elements of these names; text between two of them is left out like one, with what follows up to the next."""

    def count(raw: bytes) -> int | range:
        try:
            root = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
        except (etree.XMLSyntaxError, ValueError):
            shown = re.sub(rb"(?s)<\?.*?\?>|<!--.*?-->", b"", raw)
            several = len(opening(sets, shown)) > 0  # else a record itself is the root, whatever is in it
            # What is broken between two of them counts as well.
            return range(len(opening(names, shown)) if several else 1, 10**6)
        if local(root) not in sets:
            return 1
        found, stray = 0, bool((root.text or "").strip(" \t\r\n"))
        for each in root:
            if local(each) in names:
                found, stray = found + 1 + stray, False
            stray |= each.tag is etree.Entity or bool((each.tail or "").strip(" \t\r\n"))
        return found + stray

    def opening(elements: Collection[str], raw: bytes) -> list[bytes]:
        return re.findall(rb"<(?:\w+:)?(?:" + "|".join(elements).encode() + rb")(?=[\s/>])", raw)

    def local(element: Any) -> str:
        return element.tag.rpartition("}")[2].rpartition(":")[2] if isinstance(element.tag, str) else ""

    return count


def of_names(names: list[str]) -> int:
    """Documents of brat's: names that have a text, or annotations."""
    shown = [name for name in names if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))]
    return len({name.rpartition(".")[0] for name in shown if name.endswith((".txt", ".ann"))})


def of_zip(raw: bytes) -> int | None:
    """Documents of an archive."""
    with suppress(zipfile.BadZipFile, ValueError, OSError, NotImplementedError), zipfile.ZipFile(io.BytesIO(raw)) as it:
        return of_names(it.namelist())
    return None


def of_doc_bin(raw: bytes) -> int | None:
    """Documents of a DocBin: numbers of words."""
    import srsly

    with suppress(Exception):  # whatever damaged MessagePack makes of itself
        return len(srsly.msgpack_loads(zlib.decompress(raw))["lengths"]) // 4
    return None


def of_parquet(raw: bytes) -> int | None:
    """Rows of a table of documents."""
    import pyarrow.parquet as pq

    with suppress(Exception):  # whatever a damaged file makes pyarrow raise
        return pq.ParquetFile(io.BytesIO(raw)).metadata.num_rows
    return None


def of_arrow(raw: bytes) -> int | None:
    """Rows of a table of documents."""
    from pyarrow import ipc

    with suppress(Exception):  # as above
        file = ipc.open_file(io.BytesIO(raw))
        return sum(file.get_batch(number).num_rows for number in range(file.num_record_batches))
    return None


#: How many documents a file holds, where that can be told without reading it; ``None`` where it cannot.
THERE: dict[str, Callable[[bytes], int | range | None]] = {
    **dict.fromkeys(("jsonl", "doccano", "prodigy", "spacy-json", "label-studio", "gliner", "hf-tokens"), of_json),
    **dict.fromkeys(("csv", "tsv"), of_rows),
    "arrow": of_arrow,
    "bioc": of_bioc,
    "bioc-xml": of_xml("document", sets=("collection",)),
    "brat": of_zip,
    "jats": of_xml("article", sets=("pmc-articleset", "articles", "article-set")),
    "parquet": of_parquet,
    "pubmed": of_xml("PubmedArticle", "PubmedBookArticle", sets=("PubmedArticleSet", "PubmedBookArticleSet")),
    "spacy": of_doc_bin,
    "iob2": of_blocks,
    "pubtator": of_titles,
    "txt": lambda raw: sum(bool(line.removeprefix(b"\xef\xbb\xbf").strip()) for line in raw.split(b"\n")),
}
READABLE = [name for name, each in formats().items() if each.readable]


def case(name: str, damaged: int = 700) -> FormatCase:
    """What the checks need to know of a format; skips where an extra is missing."""
    if needed := formats()[name].needs:
        pytest.importorskip(needed[0], reason=f"needs the extra [{needed[1]}]")
    # Of two sentences IOB2 makes two documents.
    documents = [each for each in DOCUMENTS if name != "iob2" or "\n" not in each.text]
    told = 1 / 40 if name in ("arrow", "parquet") else 0.1  # most damage there ends the file
    return FormatCase(name, documents, SAMPLES.get(name), THERE.get(name), told, LEFT_OUT, damaged)


@pytest.mark.parametrize("check", FORMAT_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", formats())
def test_every_format_keeps_what_all_keep(check: Callable[[FormatCase], None], name: str) -> None:
    check(case(name))


def test_damaged_folders(tmp_path: Path) -> None:
    """brat's folders: files that are damaged, missing, or called otherwise."""
    rng = random.Random("folder")
    with zipfile.ZipFile(io.BytesIO(case("brat").file())) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    for _ in range(700):
        changed = rng.choice(list(files))
        place = other = tmp_path / changed
        match rng.randrange(5):
            case 0:
                place.unlink()
            case 1:
                other = place.rename(tmp_path / rng.choice(("9.txt", "9.ann", "x.md", ".1.txt", "1", "1.ann.txt")))
            case _:
                place.write_bytes(mutate(files[changed], rng))
        with suppress(GlinerAdaptersError):
            list(read_documents(tmp_path, "brat"))
        report = ReadReport()
        documents = list(read_documents(tmp_path, "brat", skip_bad=True, report=report))
        there = of_names([each.name for each in tmp_path.iterdir()])
        folder = FormatCase("brat", there=lambda _, there=there: there, left_out=LEFT_OUT)  # type: ignore[misc]
        assert check_documents(documents, report, folder, b"")
        other.unlink(missing_ok=True)
        for name in (changed, other.name):
            if name in files:
                (tmp_path / name).write_bytes(files[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", READABLE)
def test_many_damaged_files(name: str) -> None:
    check_damaged_files(case(name, 50_000))
