"""What clients ask a server under load, and the answers: computed in this process before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliner_adapters.annotate import AdapterLibrary, Annotator, Request
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import Document
from gliner_adapters.model import Base

#: Least probability that every request asks for.
THRESHOLD = 0.3
#: How near to the threshold an expected score may not lie, and how far an answer's may be from it.
MARGIN, TOLERANCE = 1e-3, 1e-4


@dataclass(frozen=True)
class Case:
    """A text, an adapter, and the answer: start, end, label and score of each entity."""

    text: str
    adapter: str
    answer: tuple[tuple[int, int, str, float], ...]

    def answered_by(self, body: dict[str, Any]) -> bool:
        """Whether the answer of ``POST /v1/annotate`` is this case's own."""
        entities = body["results"][0]["entities"]
        same = [(e["start"], e["end"], e["label"], e["adapter"]) for e in entities] == [
            (start, end, label, self.adapter) for start, end, label, _ in self.answer
        ]
        return same and all(
            abs(e["score"] - score) < TOLERANCE for e, (*_, score) in zip(entities, self.answer, strict=True)
        )


def expected(base: Base, folder: Path) -> list[Case]:
    """Texts of the sample corpus, each with an adapter, and what this process finds there.

    What hangs on the last digits of a score is left out: in another batch they may differ.
    """
    annotator = Annotator(base, adapters=AdapterLibrary.of_folder(folder, base))
    documents = load_corpus("sample").documents("train")
    names = annotator.library.names()
    cases = []
    for number in range(max(len(names), len(documents))):
        text, adapter = documents[number % len(documents)].text, names[number % len(names)]
        low, high = (
            annotator.read([Request(Document(text), (adapter,), threshold=THRESHOLD + shift)])[0].document.entities
            for shift in (-MARGIN, MARGIN)
        )
        if [entity.key for entity in low] == [entity.key for entity in high]:
            answer = tuple((e.start, e.end, e.label, float(e.score or 0)) for e in low)
            cases.append(Case(text, adapter, answer))
    return cases
