"""The third stage of reading: candidates to entities, source by source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gliner_adapters.annotate.plan import Plan
from gliner_adapters.annotate.requests import Found, Reading
from gliner_adapters.annotate.resolve import Task
from gliner_adapters.documents import Document, Entity
from gliner_adapters.inference import Scored
from gliner_adapters.inference.engine import decoded
from gliner_adapters.model.decode import Span, greedy
from gliner_adapters.model.passages import entities_of


def readings(plan: Plan, scored: Sequence[Scored]) -> list[Reading]:
    """The answers to a plan's requests, in their order."""
    for each in scored:
        each.hand_out()
    answers = []
    for request, tasks, losses in zip(plan.requests, plan.tasks, plan.losses, strict=True):
        found = tuple(_found(request.document, task) for task in tasks)
        entities = list(found[0].entities)
        if len(found) > 1:
            entities = sorted((e for each in found for e in each.entities), key=lambda e: (e.start, e.end))
        document = request.document.with_entities(entities)
        notes = (*losses.lines(), *(note for task in tasks for note in task.notes()))
        answers.append(Reading(document, found, windowed=losses.windowed > 0, notes=notes))
    return answers


def _found(document: Document, task: Task) -> Found:
    """What one source found."""
    profile = task.parts[0].profile
    entities: list[Entity] = []
    if any(spans for part in task.parts for spans in part.spans):
        spans = decoded(task.parts[0]) if len(task.parts) == 1 else _merged(task)
        entities = entities_of([document], task.parts[0].passages, spans, task.labels)[0]
    return Found(profile.name, profile.revision, tuple(entities))


def _merged(task: Task) -> list[list[Span]]:
    """The spans of all groups of labels in each passage, as if the labels had been read together."""
    merged = []
    for of_passage in zip(*(part.spans for part in task.parts), strict=True):
        first, spans = 0, list[Span]()
        for part, own in zip(task.parts, of_passage, strict=True):
            spans += [replace(span, label=span.label + first) for span in own]
            first += len(part.profile.labels)
        spans.sort(key=lambda span: (span.first, span.last, span.label))  # the order that ties are broken in
        merged.append(greedy(spans, nested=task.parts[0].nested))
    return merged
