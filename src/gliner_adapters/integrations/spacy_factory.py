"""The factory ``gliner_adapters`` of spaCy, which finds it through the entry point group ``spacy_factories``.

spaCy loads every entry point of that group whenever a pipeline is made, ours or not, so nothing heavy is imported
here. Annotations are real objects, not strings, because spaCy makes the schema of the component's config from them.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from spacy.language import Language

from gliner_adapters.integrations.spacy_settings import ComponentSettings
from gliner_adapters.runtimes.names import Runtime

if TYPE_CHECKING:
    from gliner_adapters.integrations.spacy_component import SpacyComponent

FACTORY = "gliner_adapters"


@Language.factory(
    FACTORY,
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config={**asdict(ComponentSettings()), "scorer": {"@scorers": "spacy.ner_scorer.v1"}},
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_component(
    nlp: Language,
    name: str,
    adapter: str | None,
    base: str | None,
    revision: str | None,
    labels: list[str] | dict[str, str | None] | None,
    label_style: Literal["name", "description", "name: description"] | None,
    threshold: float | dict[str, float] | None,
    nested: bool,
    segment: Literal["sentence", "window"] | None,
    precision: Literal["fp32", "bf16"],
    runtime: Runtime,
    device: str,
    batch_size: int,
    alignment: Literal["strict", "contract", "expand"],
    spans_key: str | None,
    annotate_ents: bool,
    overwrite_ents: bool,
    extension: str | None,
    scorer: Callable[..., dict[str, Any]] | None,
) -> "SpacyComponent":
    """The component from its config; :class:`~gliner_adapters.integrations.ComponentSettings` says what each means.

    Args:
        nlp: the pipeline.
        name: of the component in it.
        adapter, base, revision, labels, label_style, threshold, nested, segment: what reads, for what.
        precision, runtime, device, batch_size: how it is computed.
        alignment, spans_key, annotate_ents, overwrite_ents, extension: what is written to a ``Doc``.
        scorer: what `nlp.evaluate` scores entities with.

    Raises:
        ConfigError: settings that do not go together.
    """
    from gliner_adapters.integrations.spacy_component import SpacyComponent

    settings = ComponentSettings(
        adapter=adapter,
        base=base,
        revision=revision,
        labels=labels,
        label_style=label_style,
        threshold=threshold,
        nested=nested,
        segment=segment,
        precision=precision,
        runtime=runtime,
        device=device,
        batch_size=batch_size,
        alignment=alignment,
        spans_key=spans_key,
        annotate_ents=annotate_ents,
        overwrite_ents=overwrite_ents,
        extension=extension,
    )
    return SpacyComponent(name, settings, scorer=scorer)
