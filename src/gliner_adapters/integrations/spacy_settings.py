"""What the component is told by its config, checked as far as that goes without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gliner_adapters.errors import ConfigError
from gliner_adapters.inputs import as_probability
from gliner_adapters.runtimes.names import Runtime

if TYPE_CHECKING:
    from gliner_adapters.documents import Label

Alignment = Literal["strict", "contract", "expand"]

#: A score that no probability exceeds: the threshold of labels of an adapter that are not asked for.
NEVER = 1.0
#: The threshold of plain labels, as everywhere.
HALF = 0.5


@dataclass(frozen=True)
class ComponentSettings:
    """The settings of the spaCy component.

    Attributes:
        adapter: an adapter's folder, or its hub id (``OWNER/NAME``, ``OWNER/NAME@REVISION``).
        base: with labels, the base that reads them zero-shot: a name, a folder or a hub id. With an adapter, where to
            find its base; by default the one that the adapter names.
        revision: of the base on the hub.
        labels: with a base, what to look for: names, or a mapping of name to description. With an adapter, those of
            its labels that are wanted; by default all. Others are neither reported nor do they displace any.
        label_style: with a base, what the model reads of a label: ``name``, ``description``, ``name: description``.
        threshold: least probability (exceeded strictly), one or one a label; by default the adapter's, or 0.5.
        nested: also find entities within entities; they are in the group of spans only.
        segment: read by ``sentence`` or by ``window``; by default as the adapter was trained.
        precision: ``fp32`` or ``bf16``.
        runtime: what runs the text encoder.
        device: where to compute.
        batch_size: documents that are read together at most; `nlp.pipe` may ask for fewer.
        alignment: what becomes of an entity that begins or ends within a token of spaCy: ``expand`` takes the tokens
            that it touches, ``contract`` those that lie wholly within it, ``strict`` leaves it out. All is counted.
        spans_key: the group of ``doc.spans`` that is written; by default called like the component.
        annotate_ents: write ``doc.ents``, too.
        overwrite_ents: what is found replaces entities in ``doc.ents`` that it overlaps; by default they stay.
        extension: the name of an attribute of spans to register, ``span._.NAME``, that gives a span's score.
    """

    adapter: str | None = None
    base: str | None = None
    revision: str | None = None
    labels: Sequence[str] | Mapping[str, str | None] | None = None
    label_style: str | None = None
    threshold: float | Mapping[str, float] | None = None
    nested: bool = False
    segment: Literal["sentence", "window"] | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    runtime: Runtime = "torch"
    device: str = "cpu"
    batch_size: int = 256
    alignment: Alignment = "expand"
    spans_key: str | None = None
    annotate_ents: bool = True
    overwrite_ents: bool = False
    extension: str | None = None

    def check(self) -> None:
        """Raise :class:`ConfigError` for settings that do not go together."""
        if self.adapter is None:
            if self.base is None:
                raise ConfigError(
                    "the component needs an adapter, or a base and labels: "
                    'config={"adapter": "my-adapter"}, or {"base": "minilm-bi", "labels": ["disease"]}'
                )
            if self.labels is None:
                raise ConfigError(f"the base {self.base!r} alone needs labels to look for: give labels, or an adapter")
        elif self.label_style is not None:
            raise ConfigError("label_style goes with a base and labels; an adapter brings its own")
        if self.revision is not None and self.base is None:
            raise ConfigError(
                "revision is the base's, and no base is given; an adapter's own stands behind an @: OWNER/NAME@REVISION"
            )
        if self.labels is not None:
            wanted = self.label_list()
            if self.adapter is not None and (described := [label.name for label in wanted if label.description]):
                raise ConfigError(
                    f"labels: an adapter has descriptions of its own; give names alone, not {described[0]!r} with one"
                )
        if isinstance(self.threshold, Mapping):
            for name, value in self.threshold.items():
                as_probability(value, f"the threshold of {name!r}")
            if self.adapter is None:
                self._check_known(self.threshold, [label.name for label in self.label_list()], "threshold")
        elif self.threshold is not None:
            as_probability(self.threshold)
        if self.batch_size < 1:
            raise ConfigError(f"batch_size: at least one document is read at a time, got {self.batch_size}")
        for name in ("spans_key", "extension"):
            if getattr(self, name) == "":
                raise ConfigError(f"{name} is empty; leave it out, or give a name")
        if self.extension is not None and not self.extension.isidentifier():
            raise ConfigError(f"extension: expected a name as in span._.score, got {self.extension!r}")

    def label_list(self) -> list[Label]:
        """The labels that are named; none where the adapter's are meant."""
        from gliner_adapters.documents import as_labels  # every pipeline of spaCy imports this module

        return [] if self.labels is None else as_labels(self.labels)

    def check_adapter(self, names: Sequence[str]) -> None:
        """Raise :class:`ConfigError` for labels, or thresholds of labels, that an adapter does not have."""
        self._check_known([label.name for label in self.label_list()], names, "labels")
        wanted = [label.name for label in self.label_list()] or names
        if isinstance(self.threshold, Mapping):
            self._check_known(self.threshold, wanted, "threshold")

    def thresholds(self, names: Sequence[str], usual: float) -> float | list[float]:
        """The threshold of each label of what reads.

        Args:
            names: of its labels, in their order.
            usual: the threshold where none is set.
        """
        wanted = {label.name for label in self.label_list()} or set(names)
        single = self.threshold
        if not isinstance(single, Mapping) and wanted == set(names):
            return usual if single is None else float(single)
        given = single if isinstance(single, Mapping) else dict.fromkeys(names, usual if single is None else single)
        return [float(given.get(name, usual)) if name in wanted else NEVER for name in names]

    def _check_known(self, given: Sequence[str] | Mapping[str, float], known: Sequence[str], what: str) -> None:
        if unknown := [name for name in given if name not in known]:
            where = f"a label of the adapter {self.adapter}" if what == "labels" else "among the labels"
            raise ConfigError(f"{what}: {unknown[0]!r} is not {where}; there are: {', '.join(known)}")
