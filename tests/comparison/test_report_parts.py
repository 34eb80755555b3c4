"""The report's parts that are functions of small inputs."""

from __future__ import annotations

from itertools import combinations

import pytest

from gliner_adapters.comparison.report.confusion import NOTHING, confusion, confusion_table
from gliner_adapters.comparison.report.examples import KINDS, Mistake, choose, excerpt
from gliner_adapters.comparison.report.figures import pooled_bins
from gliner_adapters.comparison.report.html import inlined, to_html
from gliner_adapters.comparison.report.markdown import to_markdown
from gliner_adapters.comparison.report.page import (
    Bullets,
    Code,
    Excerpt,
    Figure,
    Heading,
    Number,
    Page,
    Paragraph,
    Piece,
    Strong,
    Table,
)
from gliner_adapters.comparison.report.paired import holm
from gliner_adapters.comparison.report.pareto import pareto_front
from gliner_adapters.comparison.report.placing import Box, place_labels, spread_out
from gliner_adapters.comparison.report.wording import listed, p_value, points, spread
from gliner_adapters.documents import Document, Entity
from gliner_adapters.evaluation import align


def test_the_pareto_front() -> None:
    # Cheapest; dearer and worse; dearer and better; as dear and worse; dearest and no better.
    assert pareto_front([(1, 0.5), (2, 0.4), (3, 0.7), (3, 0.6), (9, 0.7)]) == [0, 2]
    assert pareto_front([(5, 0.9), (5, 0.9), (1, 0.9)]) == [2]
    assert pareto_front([(1, 0.9), (1, 0.9)]) == [0, 1]
    assert pareto_front([]) == []


def test_holm() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]


def test_values_are_spread_out_as_little_as_needed() -> None:
    assert spread_out([0.0, 10.0, 11.0], 4.0) == pytest.approx([0.0, 8.5, 12.5])
    assert spread_out([5.0, 5.0, 5.0], 2.0) == pytest.approx([3.0, 5.0, 7.0])
    assert spread_out([7.0, 1.0], 3.0) == [7.0, 1.0]
    assert spread_out([9.0, 9.5, 3.0], 2.0, 0.0, 10.0) == pytest.approx([8.0, 10.0, 3.0])
    assert spread_out([9.0, 9.5, 7.0], 2.0, 0.0, 10.0) == pytest.approx([8.0, 10.0, 6.0])
    assert spread_out([1.0, 1.0], 8.0, 0.0, 6.0) == [0.0, 8.0]


def test_labels_of_points_that_coincide_lie_apart() -> None:
    bounds = Box(0, 0, 400, 300)
    anchors = [(200.0, 150.0)] * 12 + [(398.0, 298.0), (2.0, 2.0)]
    markers = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in anchors]
    boxes = place_labels(anchors, [(60.0, 12.0)] * len(anchors), bounds, markers)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].meets(pair[1])]
    assert not [box for box in boxes for marker in markers if box.meets(marker)]
    assert all(box.inside(bounds) for box in boxes)


def test_labels_without_room_still_lie_apart() -> None:
    boxes = place_labels([(5.0, 5.0)] * 30, [(60.0, 12.0)] * 30, Box(0, 0, 10, 10))
    assert not [pair for pair in combinations(boxes, 2) if pair[0].meets(pair[1])]


TEXT = "Lithium caused tremor and kidney failure in rats given aspirin."


def entity(mention: str, label: str, score: float | None = None) -> Entity:
    start = TEXT.index(mention)
    return Entity(start, start + len(mention), label, score)


GOLD = Document(
    TEXT,
    [
        entity("Lithium", "chemical"),
        entity("tremor", "disease"),
        entity("kidney failure", "disease"),
        entity("aspirin", "chemical"),
    ],
    id="a",
)
PREDICTED = Document(
    TEXT,
    [
        entity("Lithium", "disease", 0.9),
        entity("tremor", "disease", 0.8),
        entity("failure", "disease", 0.7),
        entity("rats", "chemical", 0.6),
    ],
    id="a",
)


def test_confusion_tells_equal_spans_from_overlapping_ones() -> None:
    exact, overlapping = confusion(align(GOLD, PREDICTED))
    assert exact == {
        ("chemical", "disease"): 1,
        ("disease", "disease"): 1,
        ("chemical", NOTHING): 1,
        (NOTHING, "chemical"): 1,
    }
    assert overlapping == {("disease", "disease"): 1}
    table = confusion_table(align(GOLD, PREDICTED), ["chemical", "disease"], "")
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert table.head == ("gold", "chemical", "disease", "missed")
    assert shown == {"chemical": ["0", "1", "1"], "disease": ["0", "1 + 1", "0"], "spurious": ["1", "0", ""]}


def test_examples_are_spread_over_the_split() -> None:
    spurious = align(Document("rats", [], id="x"), Document("rats", [Entity(0, 4, "chemical", 0.5)], id="x"))[0]
    missed = align(Document("rats", [Entity(0, 4, "chemical")], id="x"), Document("rats", [], id="x"))[0]
    mistakes = [Mistake(GOLD, place, alignment) for place in range(100) for alignment in (spurious, missed)]
    chosen = choose(mistakes, 100)
    assert [(mistake.alignment.kind, mistake.position) for mistake in chosen] == [("spurious", 69), ("missed", 89)]
    assert KINDS == ("wrong_type", "boundary", "boundary_and_type", "spurious", "missed")


def test_an_excerpt_shows_both_spans_and_whole_words() -> None:
    text = "word " * 40 + TEXT + " more" * 40
    moved = [
        [Entity(e.start + 200, e.end + 200, e.label, e.score) for e in document.entities]
        for document in (GOLD, PREDICTED)
    ]
    gold, predicted = (Document(text, entities, id="a") for entities in moved)
    boundary = next(a for a in align(gold, predicted) if a.kind == "boundary")
    found = excerpt(Mistake(gold, 0, boundary), "heads")
    marked = [(piece.text, piece.gold, piece.predicted) for piece in found.pieces]
    assert ("kidney ", True, False) in marked
    assert ("failure", True, True) in marked
    assert found.head[0] == Code("heads")
    assert "".join(found.head[1:]) == ", boundary, document a: gold disease, predicted disease (0.70)"
    shown = "".join(text for text, *_ in marked)
    assert shown.startswith("… word")
    assert shown.endswith("more …")
    assert shown.strip("… ") in text


def test_bins_are_pooled_by_their_entities() -> None:
    one = [{"count": 3, "mean_score": 0.2, "accuracy": 0.0}, {"count": 1, "mean_score": 0.9, "accuracy": 1.0}]
    two = [{"count": 0, "mean_score": None, "accuracy": None}, {"count": 3, "mean_score": 0.7, "accuracy": 1 / 3}]
    pooled = pooled_bins([one, two])
    assert pooled == [pytest.approx((0.2, 0.0)), pytest.approx((0.75, 0.5))]


def test_figures_in_words() -> None:
    assert spread([0.5, 0.7]).text == "0.6000 ± 0.1414"
    assert (spread([0.5]).text, spread([]).text) == ("0.5000", "")
    assert (points(-0.0123), points(0.1)) == ("-1.2", "+10.0")
    assert (p_value(0.0001), p_value(0.0123)) == ("< 0.001", "0.012")
    assert listed(["a", Code("b"), "c"]) == ("a", ", ", Code("b"), ", ", "c")


NASTY = '<script>alert("x")</script> | *a* & _b_ [c](d) `e`'


def test_nothing_that_a_page_says_is_read_as_markup() -> None:
    blocks = [
        Heading(2, NASTY),
        Paragraph((NASTY, Strong(NASTY))),
        Bullets((NASTY,)),
        Table(NASTY, (NASTY, "n"), ((NASTY, Number(NASTY, 1.0)),), sorted_by=1),
        Excerpt((NASTY,), (Piece(NASTY, True, True),)),
        Figure("absent", NASTY, NASTY),
    ]
    html = to_html(Page(NASTY, blocks))
    assert html.count("<script>") == 1  # the page's own
    assert "alert(&quot;x&quot;)" in html
    markdown = to_markdown(Page(NASTY, blocks))
    assert "<script" not in markdown.replace("\\<script", "")
    row = next(line for line in markdown.splitlines() if line.startswith("| \\<script\\>") and line.endswith("\\` |"))
    assert len(row.replace("\\|", "").split("|")) == 4  # two cells


def test_an_inlined_drawing_takes_the_colours_of_the_page() -> None:
    svg = (
        '<?xml version="1.0"?>\n<svg width="10pt" height="5pt" viewBox="0 0 10 5"><defs><path id="g"/></defs>'
        '<use xlink:href="#g" style="fill: #1b1b1f; clip-path: url(#g)"/></svg>'
    )
    assert inlined(svg, "pareto", 'a "b"') == (
        '<svg role="img" aria-label="a &quot;b&quot;" viewBox="0 0 10 5"><defs><path id="pareto-g"/></defs>'
        '<use xlink:href="#pareto-g" style="fill: var(--ink); clip-path: url(#pareto-g)"/></svg>'
    )
