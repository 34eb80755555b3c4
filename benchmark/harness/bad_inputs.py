"""Inputs with whatever may be wrong with a file, and what a job must make of each."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gliner_adapters.documents import Document

#: Bytes that are packed at a time; a gzip file may be many packed pieces, one after the other.
PIECE = 64 << 20
MB = 1 << 20


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        name: what is wrong with it, or right.
        file: what it is called.
        make: writes it, from the lines of a good file.
        counts: documents in, out and failed, for so many good lines; ``None`` where that hangs on where a file breaks.
        says: part of the reason that is put down; empty where nothing may fail.
    """

    name: str
    file: str
    make: Callable[[Path, list[bytes]], None]
    counts: Callable[[int], tuple[int | None, int | None, int]]
    says: str = ""


def light_kinds() -> list[Kind]:
    """Those that take little memory."""
    return [
        Kind("nothing wrong", "good.jsonl", _put, lambda n: (n, n, 0)),
        Kind("spaces and Unicode in its name", "naïve „Größe“ 药物 🧪.jsonl", _put, lambda n: (n, n, 0)),
        Kind("empty", "empty.jsonl", lambda path, lines: _put(path, []), lambda n: (0, 0, 0)),
        Kind("gzip, cut off", "cut.jsonl.gz", _cut, lambda n: (None, None, 1), "truncated"),
        Kind("gzip, a byte changed", "flipped.jsonl.gz", _flipped, lambda n: (None, None, 1), "compressed stream"),
        Kind(
            "gzip bomb: an element of 1 GB in XML",
            "bomb.xml.gz",
            lambda path, lines: _bomb(path, _xml_head(), b"a", 1 << 30),
            lambda n: (2, 1, 1),
            "more than 64 MB",
        ),
        Kind("malformed XML in the middle", "odd.xml", _odd, lambda n: (n, n - 1, 1), "not well-formed"),
        Kind(
            "XML that declares entities",
            "entities.xml",
            lambda path, lines: _text(path, '<!DOCTYPE a [<!ENTITY b "bb">]><PubmedArticleSet>&b;</PubmedArticleSet>'),
            lambda n: (1, 0, 1),
            "DOCTYPE",
        ),
        Kind("broken JSON in the middle", "broken.jsonl", _broken, lambda n: (n + 1, n, 1), "JSON"),
        Kind("Latin-1 in the middle", "latin.jsonl", _latin, lambda n: (n + 1, n, 1), "0xe9"),
        Kind(
            "UTF-16",
            "wide.txt",
            lambda path, lines: _put(path, ["Aspirin helped.\n".encode("utf-16")]),
            lambda n: (1, 0, 1),
            "UTF-16",
        ),
        Kind("half a character in a text", "half.jsonl", _half, lambda n: (n + 1, n, 1), "surrogate"),
        Kind(
            "no known format",
            "unknown.bin",
            lambda path, lines: _put(path, [bytes(range(256))]),
            lambda n: (1, 0, 1),
            "cannot tell the format",
        ),
        Kind("not allowed to be read", "locked.jsonl", _locked, lambda n: (1, 0, 1), "Permission denied"),
        Kind(
            "on a disk that cannot be read",
            "damaged.jsonl",
            lambda path, lines: path.symlink_to("/proc/self/mem"),
            lambda n: (1, 0, 1),
            "Input/output error",
        ),
        Kind(
            "a link to nothing",
            "gone.jsonl",
            lambda path, lines: path.symlink_to("nowhere"),
            lambda n: (1, 0, 1),
            "No such file",
        ),
    ]


def heavy_kinds(document_mb: int, memory: int) -> list[Kind]:
    """Those that take much memory.

    Args:
        document_mb: size of the large documents.
        memory: bytes that a process may have; one line unpacks to as many.
    """
    return [
        Kind(
            f"a document of {document_mb} MB, most of it line breaks",
            "huge.jsonl",
            lambda path, lines: _put(path, [_huge(lines, document_mb * MB)]),
            lambda n: (1, 1, 0),
        ),
        Kind(
            f"a word of {document_mb} MB",
            "word.jsonl",
            lambda path, lines: _put(path, [*lines, _line("Aspirin " + "a" * document_mb * MB + " and asthma.")]),
            lambda n: (n + 1, n + 1, 0),
        ),
        Kind(
            f"gzip bomb: a line of {memory >> 30} GB in JSON Lines",
            "bomb.jsonl.gz",
            lambda path, lines: _bomb(path, b"".join(lines) + b'{"text": "', b"a", memory),
            lambda n: (n + 1, n, 1),
            "the process that parsed it",
        ),
    ]


def lay_out_kinds(folder: Path, kinds: Sequence[Kind], documents: Sequence[Document]) -> None:
    """Write an input of each kind."""
    folder.mkdir()
    lines = [_line(each.text, each.id) for each in documents]
    for kind in kinds:
        kind.make(folder / kind.file, lines)


def _line(text: str, name: str | None = None) -> bytes:
    return json.dumps({"id": name, "text": text} if name else {"text": text}, ensure_ascii=False).encode() + b"\n"


def _put(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(lines))


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _huge(lines: list[bytes], size: int) -> bytes:
    """All texts as one document, with long runs of line breaks between them: large, and soon read."""
    texts = [json.loads(line)["text"] for line in lines]
    return _line(("\n" * (size // len(texts))).join(texts) + "\n" * (size // len(texts)))


def _cut(path: Path, lines: list[bytes]) -> None:
    packed = gzip.compress(b"".join(lines))
    path.write_bytes(packed[: len(packed) * 2 // 3])


def _flipped(path: Path, lines: list[bytes]) -> None:
    """The checksum at the end is another one, so that everything was read before that is seen."""
    packed = bytearray(gzip.compress(b"".join(lines)))
    packed[-6] ^= 0xFF
    path.write_bytes(packed)


def _bomb(path: Path, head: bytes, content: bytes, size: int) -> None:
    """A small file that unpacks to a large one."""
    piece = gzip.compress(content * PIECE)
    with path.open("wb") as file:
        file.write(gzip.compress(head))
        for _ in range(-(-size // PIECE)):
            file.write(piece)
        file.write(gzip.compress(b'"}\n'))


def _article(number: int, title: str) -> str:
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{number}</PMID><Article><ArticleTitle>{title}</ArticleTitle></Article>"
        "</MedlineCitation></PubmedArticle>"
    )


def _xml_head() -> bytes:
    """One article, and the beginning of another."""
    second = _article(2, "").partition("</ArticleTitle>")[0]
    return f"<PubmedArticleSet>{_article(1, 'Aspirin in asthma')}{second}".encode()


def _odd(path: Path, lines: list[bytes]) -> None:
    articles = [_article(n, f"Aspirin {n}{'<b' if n == len(lines) // 2 else ''}") for n in range(len(lines))]
    _text(path, f"<PubmedArticleSet>{''.join(articles)}</PubmedArticleSet>")


def _broken(path: Path, lines: list[bytes]) -> None:
    middle = len(lines) // 2
    _put(path, [*lines[:middle], b'{"text": "Aspirin\n', *lines[middle:]])


def _latin(path: Path, lines: list[bytes]) -> None:
    middle = len(lines) // 2
    _put(path, [*lines[:middle], '{"text": "Caféine."}\n'.encode("latin-1"), *lines[middle:]])


def _half(path: Path, lines: list[bytes]) -> None:
    middle = len(lines) // 2
    _put(path, [*lines[:middle], b'{"text": "Aspirin \\ud83d helped."}\n', *lines[middle:]])


def _locked(path: Path, lines: list[bytes]) -> None:
    _put(path, lines)
    os.chmod(path, 0)  # noqa: PTH101
