"""What a report is made of, before it has a form: text, tables, figures. `markdown` and `html` write it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Code:
    """A name as the command line takes it."""

    text: str


@dataclass(frozen=True)
class Strong:
    """Words that the eye should find."""

    text: str


Inline = str | Code | Strong
#: A stretch of text; plain strings are never read as markup.
Text = Inline | tuple[Inline, ...]


@dataclass(frozen=True)
class Number:
    """A table's cell that is sorted by a number, not by what it shows.

    Attributes:
        text: what is shown.
        order: what it is sorted by; ``None`` goes last.
        share: of a whole, in [0, 1]: how strongly the cell is tinted where the form has colours.
    """

    text: Text
    order: float | None
    share: float = 0.0


#: A table's row.
Row = tuple[Text | Number, ...]


@dataclass(frozen=True)
class Heading:
    """A heading of level 2 or 3; the page's title is level 1."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: Text


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Text, ...]


@dataclass(frozen=True)
class Table:
    """A table, its rows in the order that was meant.

    Attributes:
        caption: what it shows.
        head: names of the columns.
        rows: as many cells each.
        sorted_by: the column that the rows come sorted by, from the largest down; ``None`` where another order would
            mean nothing, as in a confusion table. A reader may sort the others anew.
    """

    caption: Text
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    sorted_by: int | None = None


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        name: of its files and in the page.
        caption: what it shows.
        alternative: the same in words, for who cannot see it.
    """

    name: str
    caption: str
    alternative: str


@dataclass(frozen=True)
class Console:
    """Command lines."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A stretch of an example's text, and whose span it lies in."""

    text: str
    gold: bool
    predicted: bool


@dataclass(frozen=True)
class Excerpt:
    """An example from a text.

    Attributes:
        head: what it is an example of.
        pieces: the text around it.
    """

    head: Text
    pieces: tuple[Piece, ...]


Block = Heading | Paragraph | Bullets | Table | Figure | Console | Excerpt


@dataclass(frozen=True)
class Drawn:
    """A figure's two forms; the same runs give the same bytes."""

    svg: str
    png: bytes


@dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: its first heading.
        blocks: its content.
        drawn: the figures by name; empty where nothing can draw.
    """

    title: str
    blocks: Sequence[Block]
    drawn: dict[str, Drawn] = field(default_factory=dict)
