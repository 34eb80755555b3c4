"""Blocks of lines between blank lines: the layout that IOB2 and PubTator share, read and written exactly.

A block is one record. What lies around its lines (blank lines, byte order mark, line endings) is kept as
text, so that the same bytes can be written again; a document stores only what differs from the usual layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import encode
from gliner_adapters.documents.formats.streams import BOM, decode, first_line, numbered_lines

_BOM_TEXT = BOM.decode("utf-8")


@dataclass(slots=True)
class RawBlock:
    """Undecoded lines of one record, with the bytes before the first and after the last line.

    ``before`` is empty but for the file's first block. ``joined`` says that the record stood right after another.
    """

    line: int
    lines: list[bytes]
    before: bytes = b""
    after: bytes = b""
    joined: bool = False


@dataclass(slots=True)
class Block:
    """A record's lines without their line endings.

    Attributes:
        line: number of the first line.
        lines: the lines.
        newline: the line ending within the block.
        before: text before the first line.
        after: text after the content of the last line: its line ending and the blank lines that follow.
        mixed: whether the block's line endings differ from each other.
    """

    line: int
    lines: list[str]
    newline: str
    before: str
    after: str
    mixed: bool

    def layout(self, usual_before: str = "") -> dict[str, str]:
        """What a :class:`BlockWriter` needs to know beyond the usual layout (one blank line, ``\\n``)."""
        layout: dict[str, str] = {}
        if self.newline != "\n":
            layout["newline"] = self.newline
        if self.before != usual_before:
            layout["before"] = self.before
        if self.after != self.newline * 2:
            layout["after"] = self.after
        return layout


def raw_blocks(stream: BinaryIO, path: str) -> Iterator[RawBlock]:
    """Cut a stream into blocks; lines of white space alone separate them."""
    before = b""
    block: RawBlock | None = None
    for number, line in numbered_lines(stream, path):
        if number == 1:
            before, line = line[: len(BOM)] if line.startswith(BOM) else b"", first_line(line, path)
        if line == b"\n" or not line or line.isspace():
            if block is None:
                before += line
            else:
                block.after += line
        elif block is None:
            block, before = RawBlock(number, [line], before), b""
        elif block.after:
            yield block
            block = RawBlock(number, [line])
        else:
            block.lines.append(line)
    if block is not None:
        yield block


def decode_block(raw: RawBlock, path: str) -> Block:
    """Decode a block.

    Raises:
        DataError: if it is not UTF-8 or holds a NUL.
    """
    lines = decode(b"".join(raw.lines), path, raw.line).split("\n")
    terminated = lines[-1] == ""
    if terminated:
        lines.pop()
    newline, mixed = "\n", False
    if raw.lines[0].endswith(b"\r\n"):
        newline = "\r\n"
    full = lines if terminated else lines[:-1]
    if newline == "\r\n" or any(line.endswith("\r") for line in full):
        mixed = not all(line.endswith("\r") for line in full)
        lines = [line.removesuffix("\r") for line in full] + lines[len(full) :]
    ending = newline if terminated else ""
    after = ending + decode(raw.after, path, raw.line + len(lines))
    before = decode(raw.before, path, raw.line - raw.before.count(b"\n"))
    return Block(raw.line, lines, newline, before, after, mixed)


class BlockWriter:
    """Writes blocks one after the other, in the layout they came with or the usual one."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._after: str | None = None

    def write(self, name: str, lines: list[str], layout: Mapping[str, Any], usual_before: str = "") -> None:
        """Write one block.

        Args:
            name: how an error names the document.
            lines: its lines, without line endings.
            layout: what :meth:`Block.layout` gave, or ``{}``.
            usual_before: what is written before the block where the layout does not say.
        """
        newline = layout.get("newline", "\n")
        before = layout.get("before", usual_before)
        if self._after is not None:
            # A byte order mark belongs at the start of a file, and a blank line between two blocks.
            before = before.removeprefix(_BOM_TEXT)
            before = newline * max(0, 2 - self._after.count("\n")) + before
        self._after = layout.get("after", newline * 2)
        self._stream.write(encode(f"{before}{newline.join(lines)}{self._after}", name))
