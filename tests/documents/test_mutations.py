"""Every registered format against thousands of damaged files: the project's own errors alone, and no document lost.

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
from collections.abc import Callable
from contextlib import suppress

import pytest

from documents.helpers import read_bytes, write_bytes
from gliner_adapters.documents import Document, Entity, ReadReport, formats
from gliner_adapters.documents.formats import label_studio, prodigy
from gliner_adapters.documents.formats.blocks import raw_blocks
from gliner_adapters.documents.formats.table_columns import FIELDS
from gliner_adapters.errors import DataError, GlinerAdaptersError

from .test_xml_safety import LAUGHS

TEXTS = ("Aspirin cures asthma.", "TNF-α and “IL-2” 🧪 rise.\nTwice, too.", "None here.", "Naloxone helps — often.")
DOCUMENTS = [
    Document(
        text,
        [Entity(m.start(), m.end(), "Chemical" if number % 2 else "Gene or protein", identifier=f"D{number}")
         for m in re.finditer(r"Aspirin|asthma|TNF-α|Twice|Naloxone", text)],
        str(number),
    )
    for number, text in enumerate(TEXTS, 1)
]  # fmt: skip

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
PIECES = (
    *(b"", b"", b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"<", b">", b"&", b"&a;", b"</", b"/>", b"\t", b"\n"),
    *(b"\r", b" ", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\", b"\\ud800", b"-1", b"0", b"9", b"1e999"),
    *(b"null", b"true", b"9" * 20, b"T1", b"B-X", b"I-", b"|t|", b"#", b"-DOCSTART-", b";", b"\xe2\x80\xa8"),
)
LEFT_OUT = (prodigy.NOT_ACCEPTED, label_studio.CANCELLED)


def sample(name: str) -> bytes:
    """A file of some documents in a format."""
    if name in SAMPLES:
        return SAMPLES[name]
    if needed := formats()[name].needs:
        pytest.importorskip(needed[0], reason=f"needs the extra [{needed[1]}]")
    # Of two sentences IOB2 makes two documents.
    documents = [each for each in DOCUMENTS if name != "iob2" or "\n" not in each.text]
    return write_bytes(documents, name, on_conflict="drop")


def mutate(raw: bytes, rng: random.Random) -> bytes:
    """The same bytes, damaged in a few places."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(raw) + 1)
        match rng.randrange(4):
            case 0:
                raw = raw[:at] + rng.choice(PIECES) + raw[at + rng.randrange(3) :]
            case 1:
                raw = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
            case 2:
                raw = raw[:at] + raw[at + rng.randrange(40) :]
            case _:
                start = rng.randrange(len(raw) + 1)
                raw = raw[:at] + raw[start : start + rng.randrange(60)] + raw[at:]
    return raw


def mutate_content(name: str, raw: bytes, rng: random.Random) -> bytes:
    """A damaged file; where content is packed, it is damaged as well as the packing."""
    if rng.random() < 0.2:
        return mutate(raw, rng)
    if raw.startswith(b"PK"):
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(stream, "w") as new:
            chosen = rng.choice(old.namelist())
            for each in old.namelist():
                new.writestr(each, mutate(old.read(each), rng) if each == chosen else old.read(each))
        return stream.getvalue()
    if name == "spacy":
        return zlib.compress(mutate(zlib.decompress(raw), rng), 1)
    return mutate(raw, rng)


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


def attack(name: str, count: int) -> None:
    """Read so many damaged files, strictly and leaving out what is bad.

    Whatever is raised is the project's own; a document that comes out is one that can be written; and where reading
    goes on to the end, what was read and what was left out are all that is there.
    """
    raw, rng = sample(name), random.Random(name)
    told = 0
    for _ in range(count):
        damaged = mutate_content(name, raw, rng)
        with suppress(GlinerAdaptersError):
            read_bytes(damaged, name)
        report = ReadReport()
        try:
            documents = read_bytes(damaged, name, skip_bad=True, report=report)
        except DataError:
            continue
        for document in documents:
            document.text.encode("utf-8")
            for entity in document.entities:
                assert 0 <= entity.start < entity.end <= len(document.text)
                assert entity.label
        assert report.documents == len(documents)
        there = THERE.get(name, lambda _: None)(damaged)
        if there is not None:
            told += 1
            left_out = sum(report.repairs[kind] for kind in LEFT_OUT)
            assert report.documents + report.skipped + left_out == there, damaged
    if name in THERE:
        assert told > count / 10


@pytest.mark.parametrize("name", READABLE)
def test_damaged_files(name: str) -> None:
    assert len(read_bytes(sample(name), name)) == len(DOCUMENTS) - (name == "iob2")
    attack(name, 2000)


@pytest.mark.slow
@pytest.mark.parametrize("name", READABLE)
def test_many_damaged_files(name: str) -> None:
    attack(name, 50_000)


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize(
    "attack",
    [
        LAUGHS + "<r>&i;</r>",
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n<r>&a;</r>',
        '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><collection>&p;</collection>',
    ],
    ids=["bomb", "external", "parameter"],
)
def test_nothing_is_expanded_or_loaded(name: str, attack: str) -> None:
    """A file that is no XML to the format is text at most."""
    for raw in (attack.encode(), sample(name) + attack.encode(), attack.encode() + sample(name)):
        try:
            documents = read_bytes(raw, name, skip_bad=True)
        except DataError:
            continue
        for document in documents:
            assert len(document.text) <= len(raw)
            assert "root:" not in document.text
