"""The third stage of a reading: candidates to entities, source by source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, groupby
from operator import itemgetter

from gliner_adapters.annotate.engine import Scored
from gliner_adapters.annotate.plan import Plan, Question
from gliner_adapters.annotate.requests import Found, Reading
from gliner_adapters.documents import Document, Entity
from gliner_adapters.model.decode import Span, greedy
from gliner_adapters.model.passages import entities_of


def readings(plan: Plan, scored: Sequence[Scored]) -> list[Reading]:
    """The answers to a plan's requests, in their order."""
    for each in scored:
        _spread(each)
    answers = []
    for request, questions, losses in zip(plan.requests, plan.questions, plan.losses, strict=True):
        found = tuple(_found(request.document, question) for question in questions)
        entities = list(found[0].entities)
        if len(found) > 1:
            entities = sorted((e for each in found for e in each.entities), key=lambda e: (e.start, e.end))
        document = request.document.with_entities(entities)
        answers.append(Reading(document, found, windowed=losses.windowed > 0, notes=tuple(losses.lines())))
    return answers


def _spread(scored: Scored) -> None:
    """Give each question its spans."""
    found = scored.found
    fields = (found.passages, found.first, found.last, found.columns, found.scores)
    rows = zip(*(field.tolist() for field in fields), strict=True)
    for passage, group in groupby(rows, key=itemgetter(0)):
        number, questions = scored.passages[passage]
        ends = list(accumulate(len(question.limits) for question in questions))
        for _, first, last, column, score in group:
            which = bisect_right(ends, column)
            label = column - (ends[which - 1] if which else 0)
            questions[which].spans[number].append(Span(first, last, label, score))


def _found(document: Document, question: Question) -> Found:
    """What one source found."""
    profile = question.profile
    entities: list[Entity] = []
    if any(question.spans):
        spans = [greedy(each, nested=question.nested) if len(each) > 1 else each for each in question.spans]
        entities = entities_of([document], question.passages, spans, profile.labels)[0]
    return Found(profile.name, profile.revision, tuple(entities))
