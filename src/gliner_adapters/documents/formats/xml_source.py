"""A window on the bytes of an XML file that moves forward, counts lines and knows the file's encoding."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.streams import BOM
from gliner_adapters.errors import DataError

#: The longest record in bytes, decompressed; a full text has less than a tenth of it.
MAX_RECORD = 64 << 20

_CHUNK = 1 << 18
_MAX_MARKUP = 1 << 16
_START_TAG = re.compile(rb"""<([^\s/>!?<="']{1,200})((?:\s+[^\s=>/<"']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(/?)>""")
_DECLARED = re.compile(rb"""^<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_SPACE = re.compile(rb"[ \t\r\n]*")
# No address holds a bracket: a quote that does not end would swallow documents.
_DOCTYPE = re.compile(rb"""<!DOCTYPE(?:"[^"<]*"|'[^'<]*'|[^"'<>\[])*([>\[])""")
# Encodings whose text Python decodes; what it calls encodings beside these includes compressions.
_ENCODING = re.compile(r"(utf-?(8|16|32)([-_]?[lb]e)?|(us-)?ascii|iso-?8859-\d+|latin-?1|(windows|cp)-?125\d)", re.I)
_WIDE = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"), (b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))  # fmt: skip


class XmlSource:
    """A window on a stream that moves forward and counts lines.

    Args:
        stream: the bytes, in UTF-8, UTF-16, UTF-32, ISO 8859 or a Windows code page, as the file declares.
        path: what messages name.

    Raises:
        DataError: in every method: the stream is damaged, or is not in the encoding that it declares.
    """

    def __init__(self, stream: BinaryIO, path: str) -> None:
        self.path = path
        self.line = 1
        self._stream = stream
        self._text: Any = None
        self._buffer = b""
        self._position = 0
        self._ended = False
        self._begin()

    def error(self, message: str) -> DataError:
        """An error at the place that reading has come to."""
        return DataError(message, self.path, self.line)

    def look(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""
        while len(self._buffer) - self._position < size and self._fill():
            pass
        return self._buffer[self._position : self._position + size]

    def start_tag(self) -> tuple[str, bytes, bool] | None:
        """Name and attributes of the start tag that stands next and whether it is empty; none if none does."""
        if self.look(1) != b"<":
            return None
        while not (found := _START_TAG.match(self._buffer, self._position)):
            # Without a closing bracket the tag may go on in what is not read yet.
            if self._buffer.find(b">", self._position) >= 0 and len(self._buffer) - self._position > _MAX_MARKUP:
                return None
            if len(self._buffer) - self._position > _MAX_MARKUP or not self._fill():
                return None
        name, attributes, empty = found.groups()
        try:
            return name.decode("utf-8"), attributes, bool(empty)
        except UnicodeDecodeError:
            return None

    def skip_tag(self) -> bytes:
        """Take the start tag that stands next."""
        found = _START_TAG.match(self._buffer, self._position)
        assert found is not None, "start_tag() has found it"
        return self._take(found.end() - self._position)

    def skip_misc(self) -> None:
        """Pass white space, comments and processing instructions."""
        while True:
            while (found := _SPACE.match(self._buffer, self._position)) and found.end() > self._position:
                self._take(found.end() - self._position)
                self.look(1)
            start = self.look(4)
            if start == b"<!--":
                self._pass(b"-->")
            elif start.startswith(b"<?"):
                self._pass(b"?>")
            elif start[:1] not in (b" ", b"\t", b"\r", b"\n"):
                return

    def skip_doctype(self) -> None:
        """Pass a DOCTYPE that declares nothing.

        Raises:
            DataError: it has declarations of its own.
        """
        while not (found := _DOCTYPE.match(self._buffer, self._position)):
            if len(self._buffer) - self._position > _MAX_MARKUP or not self._fill():
                raise self.error("the DOCTYPE does not end")
        if found[1] == b"[":
            raise self.error(
                "the DOCTYPE holds declarations (entities, maybe); they are never expanded or loaded, so the file is "
                "refused: save it without them"
            )
        self._take(found.end() - self._position)

    def skip_past(self, mark: bytes) -> bytes:
        """Take everything up to and with a mark near by."""
        while (found := self._buffer.find(mark, self._position)) < 0:
            if len(self._buffer) - self._position > _MAX_MARKUP or not self._fill():
                raise self.error(f"expected {mark.decode()}")
        return self._take(found + len(mark) - self._position)

    def take_until(self, stop: re.Pattern[bytes], after: int) -> bytes:
        """Take everything before a match that begins at least ``after`` bytes on, or all there is.

        Raises:
            DataError: that is more than :data:`MAX_RECORD`.
        """
        start = self._position + after
        while not (found := stop.search(self._buffer, start)):
            checked = len(self._buffer) - self._position
            if checked > MAX_RECORD:
                raise self.error(f"an element of more than {MAX_RECORD >> 20} MB; refused")
            # Twice as far each time, so that a long record is not copied again and again.
            if not self._fill(max(_CHUNK, checked)):
                return self._take(len(self._buffer) - self._position)
            start = self._position + max(after, checked - 256)
        return self._take(found.start() - self._position)

    def _pass(self, mark: bytes) -> None:
        """Pass everything up to and with a mark, however far."""
        self._take(2)
        while (found := self._buffer.find(mark, self._position)) < 0:
            self._take(max(0, len(self._buffer) - self._position - len(mark)))
            if not self._fill():
                raise self.error(f"the file ends before {mark.decode()}; it is truncated")
        self._take(found + len(mark) - self._position)

    def _take(self, size: int) -> bytes:
        taken = self._buffer[self._position : self._position + size]
        self._position += size
        self.line += taken.count(b"\n")
        return taken

    def _fill(self, size: int = _CHUNK) -> bool:
        """Read on; whether there was anything."""
        while not self._ended:
            raw = self._read(size)
            self._ended = not raw
            if self._text is not None:
                raw = self._recode(raw)
            if raw:
                self._buffer = self._buffer[self._position :] + raw
                self._position = 0
                return True
        return False

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except EOFError as error:
            raise self.error("the compressed stream ends early; the file is truncated") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self.error(f"not a valid compressed stream: {error}") from error

    def _begin(self) -> None:
        """Find out the encoding."""
        self._fill()
        name = next((name for mark, name in _WIDE if self._buffer.startswith(mark)), "")
        if not name:
            self._buffer = self._buffer.removeprefix(BOM)
            if found := _DECLARED.match(self._buffer):
                name = found[1].decode("ascii")
                if not _ENCODING.fullmatch(name):
                    raise self.error(f"the declared encoding {name!r} is not read; convert the file to UTF-8")
                if name.lower().startswith(("utf-16", "utf-32")):
                    name = ""  # It says so in single bytes, so it is none of these.
        if name and codecs.lookup(name).name not in ("utf-8", "ascii"):
            self._text = codecs.getincrementaldecoder(name)()
            self._buffer = self._recode(self._buffer)

    def _recode(self, raw: bytes) -> bytes:
        try:
            return str(self._text.decode(raw, final=self._ended)).encode("utf-8")
        except UnicodeError as error:
            raise self.error(f"not in the encoding that the file declares: {error}") from error
