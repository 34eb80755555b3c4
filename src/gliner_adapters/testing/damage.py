"""Damaged files: the same bytes, wrong in a few places."""

from __future__ import annotations

import io
import random
import zipfile
import zlib

#: What stands where it should not: marks of the field's formats, odd characters, broken UTF-8, large numbers.
PIECES = (
    *(b"", b"", b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"<", b">", b"&", b"&a;", b"</", b"/>", b"\t", b"\n"),
    *(b"\r", b" ", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\", b"\\ud800", b"-1", b"0", b"9", b"1e999"),
    *(b"null", b"true", b"9" * 20, b"T1", b"B-X", b"I-", b"|t|", b"#", b"-DOCSTART-", b";", b"\xe2\x80\xa8"),
)

# Entities that a parser must neither expand nor load.
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
#: Files that make a careless XML parser fill the memory, or read files of the machine.
XML_ATTACKS = {
    "bomb": f"{_BOMB}<r>&i;</r>",
    "external": '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n<r>&a;</r>',
    "parameter": (
        '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><collection>&p;</collection>'
    ),
}


def mutate(raw: bytes, rng: random.Random) -> bytes:
    """The same bytes, damaged in a few places: pieces put in, bytes changed, cut out or repeated.

    Args:
        raw: a good file.
        rng: decides.
    """
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


def mutate_content(raw: bytes, rng: random.Random) -> bytes:
    """A damaged file; where content is packed (zip, zlib), it is damaged as well as the packing.

    Args:
        raw: a good file.
        rng: decides.
    """
    if rng.random() < 0.2:
        return mutate(raw, rng)
    if raw.startswith(b"PK"):
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(stream, "w") as new:
            chosen = rng.choice(old.namelist())
            for each in old.namelist():
                new.writestr(each, mutate(old.read(each), rng) if each == chosen else old.read(each))
        return stream.getvalue()
    try:
        content = zlib.decompress(raw)
    except zlib.error:
        return mutate(raw, rng)
    return zlib.compress(mutate(content, rng), 1)
