"""What every format keeps, thousands of damaged files among it: the project's own errors alone, and no document lost.

A format that is added is held to this at once; one that cannot be written needs a file of its own in ``SAMPLES``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from contextlib import suppress

import pytest

from gliner_adapters.documents import formats
from gliner_adapters.documents.formats import label_studio, prodigy
from gliner_adapters.documents.formats.blocks import raw_blocks
from gliner_adapters.documents.formats.table_columns import FIELDS
from gliner_adapters.testing.formats import DOCUMENTS, FORMAT_CHECKS, TEXTS, FormatCase, check_damaged_files

#: Files of formats that are read only.
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


#: How many documents a file holds, where that can be told without reading it; ``None`` where it cannot.
THERE: dict[str, Callable[[bytes], int | None]] = {
    **dict.fromkeys(("jsonl", "doccano", "prodigy", "spacy-json", "label-studio", "gliner", "hf-tokens"), of_json),
    **dict.fromkeys(("csv", "tsv"), of_rows),
    "bioc": of_bioc,
    "iob2": of_blocks,
    "pubtator": of_titles,
    "txt": lambda raw: sum(bool(line.removeprefix(b"\xef\xbb\xbf").strip()) for line in raw.split(b"\n")),
}
READABLE = [name for name, each in formats().items() if each.readable]


def case(name: str, damaged: int = 2000) -> FormatCase:
    """What the checks need to know of a format; skips where an extra is missing."""
    if needed := formats()[name].needs:
        pytest.importorskip(needed[0], reason=f"needs the extra [{needed[1]}]")
    # Of two sentences IOB2 makes two documents.
    documents = [each for each in DOCUMENTS if name != "iob2" or "\n" not in each.text]
    return FormatCase(name, documents, SAMPLES.get(name), THERE.get(name), left_out=LEFT_OUT, damaged=damaged)


@pytest.mark.parametrize("check", FORMAT_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", formats())
def test_every_format_keeps_what_all_keep(check: Callable[[FormatCase], None], name: str) -> None:
    check(case(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", READABLE)
def test_many_damaged_files(name: str) -> None:
    check_damaged_files(case(name, 50_000))
