"""Figures of reading: one adapter through each method, memory over a long stream."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmark.harness.memory import growth, parts
from benchmark.harness.timing import interval
from gliner_adapters.markdown import markdown_table

TO_FIRST = "largest of all to that of the first"


def segments_part(record: dict[str, Any]) -> str:
    """Zero-shot scores on abstracts, read in both ways."""
    ways = [(segment, at) for at in ("at_0.5", "tuned") for segment in ("sentence", "window")]
    rows = []
    for row in record["scores"]:
        cells = [row[segment].get(at) for segment, at in ways]
        shown = ["" if cell is None else f"{cell['macro_f1']:.4f}" for cell in cells]
        rows.append([f"`{row['base']}`", f"{row['corpus']} ({row['split']})", f"{row['documents']:,}", *shown])
    head = [f"by {segment}, {at.replace('_', ' ')}" for segment, at in ways]
    table = markdown_table(["base", "corpus", "abstracts", *head], rows)
    return f"{table}\n\n{_from(record)}"


def one_way_part(record: dict[str, Any]) -> str:
    """Times of reading with one adapter through each method."""
    rows = []
    for method, row in record["methods"].items():
        for way in row["seconds"]:
            faster = interval(row["times_as_fast"].get(way)) or "1"
            same = (
                "the same, scores too"
                if row["same_bytes"][way]
                else "the same"
                if row["same_entities"][way]
                else "other"
            )
            rows.append([f"`{method}`", _WAYS[way], faster, same])
    table = markdown_table(["adapter", "read through", "times as fast", "entities"], rows)
    return (
        f"{table}\n\nOn {record['documents']:,} documents of `{record['corpus']}`, `{record['base']}`. {_from(record)}"
    )


def spacy_part(record: dict[str, Any]) -> str:
    """Times of a spaCy pipeline against the annotator's stream."""
    rows = []
    for method, row in record["methods"].items():
        same = "the same, scores too" if row["same_scores"] else "the same" if row["same_entities"] else "other"
        times = (interval(row[name], digits=3) for name in ("times_as_long", "tokenizer_share"))
        rows.append([f"`{method}`", *times, f"{row['entities']:,}, {same}", f"{row['moved']:,}", str(row["merged"])])
    head = [
        "reads with",
        "`nlp.pipe`",
        "spaCy's tokenizer alone",
        "entities",
        "begin or end within a token",
        "on a better one's token",
    ]
    return (
        f"{markdown_table(head, rows)}\n\nTimes as long as `Annotator.stream`, on {record['documents']:,} abstracts of "
        f"`{record['corpus']}`, `{record['base']}`, in turn: medians, lowest and highest in brackets. {_from(record)}"
    )


_WAYS = {
    "other": "the former pass for one adapter",
    "annotate": "`Annotator.annotate`",
    "stream": "`Annotator.stream`",
    "read": "`Annotator.read`, from a library",
}


def memory_part(records: list[dict[str, Any]]) -> str:
    """What a process holds after so many documents."""
    rows = []
    for record in records:
        tenths = parts(record["curve_mb"], record["documents"])
        shown = [f"{median(sizes):,.0f} MB, {max(sizes):,.0f}" for sizes in (tenths[0], tenths[4], tenths[-1])]
        grown = (growth(tenths), record["growth_after_500"])
        rows.append([record["way"], record["precision"], *shown, *(f"{each:+.1%}" for each in grown)])
    head = [
        "read through",
        "precision",
        "first tenth: median, largest",
        "fifth",
        "last",
        TO_FIRST,
        "to the size after 500",
    ]
    return markdown_table(head, rows) + "\n\n" + "\n".join(_from(record).strip() for record in records) + "\n"


def _from(record: dict[str, Any]) -> str:
    """The command that measured."""
    return f"`{record['command']}`.\n"
