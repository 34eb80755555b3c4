"""An adapter on disk: save, load, bake.

    adapter_config.json         what it is, which base it fits, labels, threshold, where it came from
    adapter_model.safetensors   trained tensors by name, and `label_vectors` (bi-encoders)
    README.md                   the model card
    peft/PART/                  low-rank deltas once more, as `peft` writes them, for other programs to read

In a bi-encoder the label vectors are constants after training. They are always saved; the deployable form leaves
out what produced them. Loading is strict: anything missing, unknown, ill-shaped, made for another base or by a
newer format is an error that says what to do.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gliner_adapters.adapters.card import model_card
from gliner_adapters.adapters.config import (
    CARD_FILE,
    CONFIG_FILE,
    WEIGHTS_FILE,
    AdapterConfig,
    BaseReference,
    LabelEntry,
    check_weights,
)
from gliner_adapters.adapters.hub import Push, adapter_folder, push_adapter
from gliner_adapters.adapters.packages import check_plugins
from gliner_adapters.adapters.peft_format import clear_peft, write_peft
from gliner_adapters.errors import AdapterError, ConfigError
from gliner_adapters.inputs import as_path
from gliner_adapters.methods import Adapter, attach, package_versions, plugins_of
from gliner_adapters.methods.base import PRODUCERS
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.storage import atomic, write_tensors, write_text

#: The name of the baked label vectors among the tensors.
LABEL_VECTORS = "label_vectors"


@dataclass
class TrainedAdapter:
    """An adapter with the base it is plugged into and what is known of it.

    Attributes:
        adapter: the module; its label vectors are baked (bi-encoders).
        base: the base.
        config: the content of `adapter_config.json`.
        folder: where it lies, if it was saved or loaded.
    """

    adapter: Adapter
    base: Base
    config: AdapterConfig
    folder: Path | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels."""
        return tuple(label.name for label in self.adapter.labels)

    def push_to_hub(
        self,
        repository: str,
        *,
        deployable: bool = False,
        private: bool = False,
        revision: str | None = None,
        message: str | None = None,
        create_pr: bool = False,
        token: str | None = None,
        base_model: str | None = None,
        license: str | None = None,  # noqa: A002 - the hub's word
        language: Sequence[str] = (),
        datasets: Sequence[str] = (),
        results: Sequence[str | Path | Mapping[str, Any]] = (),
    ) -> Push:
        """Publish the adapter as it is in memory on a model hub, in one commit.

        Args:
            repository: ``USER/NAME``; made if it is missing.
            deployable: leave out what only makes label vectors (bi-encoders).
            private, revision, message, create_pr, token: see :func:`~gliner_adapters.push_adapter`.
            base_model, license, language, datasets, results: what its card says; see there.

        Returns:
            the commit and its address.

        Raises:
            GlinerAdaptersError: as :func:`save_adapter` and :func:`~gliner_adapters.push_adapter` do.
        """
        with TemporaryDirectory() as place:
            folder = save_adapter(replace(self), place, deployable=deployable)
            if self.folder is not None and (self.folder / CARD_FILE).is_file() and not deployable:
                # A card that was edited where the adapter lies is the one to publish.
                shutil.copyfile(self.folder / CARD_FILE, folder / CARD_FILE)
            return push_adapter(
                folder,
                repository,
                private=private,
                revision=revision,
                message=message,
                create_pr=create_pr,
                token=token,
                base_model=base_model,
                license=license,
                language=language,
                datasets=datasets,
                results=results,
            )


def describe(
    adapter: Adapter,
    base: Base,
    *,
    threshold: float,
    segment: str = "sentence",
    context: int = 0,
    trained_on: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
) -> TrainedAdapter:
    """Bake an adapter and put down what is known of it.

    Args:
        adapter: the module, trained.
        base: that it is plugged into.
        threshold: the probability above which it finds something.
        segment: what a passage is, ``sentence`` or ``window``.
        context: sub-tokens of neighbouring text, at most, that are read on either side of a passage.
        trained_on: corpus, split, hyper-parameters and the like, for the record and the card.
        metrics: scores on devel; never of test data.
    """
    adapter.eval()
    adapter.bake(base)
    config = AdapterConfig(
        method=adapter.name,
        options=adapter.options.model_dump(),
        plugins={method: plugin.package for method, plugin in plugins_of(adapter.name).items()},
        base=BaseReference(
            id=base.id,
            revision=base.revision,
            architecture=base.architecture,
            fingerprint=base.fingerprint,
            parameters=base.parameters,
        ),
        labels=[LabelEntry(name=label.name, description=label.description) for label in adapter.labels],
        threshold=threshold,
        segment=segment,
        context=context,
        trained_parameters=sum(p.numel() for p in adapter.trained().values()),
        trained_on=trained_on or {},
        metrics=metrics or {},
        versions={name: version(name) for name in _made_with(adapter)} | package_versions(adapter.name),
    )
    return TrainedAdapter(adapter, base, config)


def _made_with(adapter: Adapter) -> list[str]:
    """The packages whose versions an adapter's numbers depend on."""
    return ["gliner-adapters", "gliner", "torch", "transformers", *(["peft"] if adapter.peft_deltas() else [])]


def save_adapter(trained: TrainedAdapter, folder: str | Path, *, deployable: bool = False) -> Path:
    """Write an adapter's folder.

    Args:
        trained: what to save.
        folder: where to; made if missing. An adapter that is there already is replaced, weights last but one, so
            that an interrupted save is noticed by its digest.
        deployable: leave out what only makes label vectors (bi-encoders).

    Raises:
        AdapterError: a uni-encoder's adapter has no deployable form: its labels are read with each text.
        StorageError: there is no room; an adapter that was there before is whole.
    """
    folder = as_path(folder, "the adapter's folder")
    deployable = deployable or trained.adapter.deployable
    if deployable and trained.base.architecture == "uni":
        raise AdapterError("a uni-encoder reads its labels with each text, so there is nothing to bake")
    tensors = _tensors(trained.adapter, deployable)
    # Both files are complete before either takes its place.
    with atomic(folder / CONFIG_FILE) as fresh_config, atomic(folder / WEIGHTS_FILE) as fresh:
        write_tensors(fresh, tensors)
        config = trained.config.model_copy(update={"deployable": deployable, "weights_sha256": file_sha256(fresh)})
        write_text(fresh_config, config.to_json())
        clear_peft(folder)  # an interrupted save leaves none of another adapter
    deltas = trained.adapter.peft_deltas()
    written = write_peft(folder, {p: d for p, d in deltas.items() if not (deployable and _makes_labels(p))})
    write_text(folder / CARD_FILE, model_card(config, written))
    if deployable == trained.adapter.deployable:  # else the folder holds less than what is in memory
        trained.config, trained.folder = config, folder
    return folder


def _tensors(adapter: Adapter, deployable: bool) -> dict[str, Tensor]:
    """What is written: trained tensors (without producers in the deployable form) and label vectors."""
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in {**adapter.trained(), **adapter.fixed()}.items()
        if not (deployable and _makes_labels(name))
    }
    if adapter.baked is not None:
        tensors[LABEL_VECTORS] = adapter.baked.detach().cpu().contiguous()
    return tensors


def _makes_labels(name: str) -> bool:
    """Whether a parameter, or a part, only serves to make label vectors."""
    return name.split(".", 1)[0] in PRODUCERS


def load_adapter(
    source: str | Path,
    base: Base | None = None,
    *,
    revision: str | None = None,
    allow_pickle: bool = False,
    device: str | torch.device = "cpu",
) -> TrainedAdapter:
    """Load an adapter and plug it into its base.

    Args:
        source: an adapter's folder, or a hub id, ``OWNER/NAME`` or ``OWNER/NAME@REVISION``.
        base: a base that is in memory already; if ``None``, the one that the adapter names is loaded.
        revision: branch, tag or commit of the adapter's repository on the hub.
        allow_pickle: also accept a base with pickled weights; an adapter itself never holds pickles.
        device: where to put a base that is loaded here.

    Raises:
        AdapterError: anything missing, unknown or ill-shaped, or a base with another fingerprint.
        BaseModelError: the base that the adapter names cannot be loaded.
    """
    folder = adapter_folder(source, revision)
    config = AdapterConfig.read(folder)
    check_plugins(config, folder)
    if base is None:
        base = load_base(
            config.base.id,
            revision=config.base.revision,
            architecture=config.base.architecture,
            allow_pickle=allow_pickle,
            device=device,
        )
    check_fit(config, base, folder)
    tensors = _read_tensors(folder, config)
    try:
        adapter = attach(config.method, base, [entry.label() for entry in config.labels], config.options)
        _load_tensors(adapter, tensors, config, base, folder)
    except ConfigError as error:
        raise AdapterError(f"{folder / CONFIG_FILE}: {error}") from None
    return TrainedAdapter(adapter.eval(), base, config, folder)


def check_fit(config: AdapterConfig, base: Base, folder: Path) -> None:
    """Raise an :class:`AdapterError` if an adapter was trained on another base."""
    if base.fingerprint != config.base.fingerprint:
        revision = f" at revision {config.base.revision}" if config.base.revision else ""
        raise AdapterError(
            f"the adapter in {folder} was trained on {config.base.id}{revision} (fingerprint "
            f"{config.base.fingerprint[:12]}), but the base {base.id} has fingerprint {base.fingerprint[:12]}; "
            "load that base, or train the adapter anew on this one"
        )


def _read_tensors(folder: Path, config: AdapterConfig) -> dict[str, Tensor]:
    """The tensors of a folder, after their digest was checked."""
    path = check_weights(folder, config)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise AdapterError(f"{path} is damaged: {error}") from None


@torch.no_grad()
def _load_tensors(adapter: Adapter, tensors: dict[str, Tensor], config: AdapterConfig, base: Base, at: Path) -> None:
    """Put tensors into a fresh adapter, strictly."""
    expected: dict[str, Tensor] = {
        name: tensor.data
        for name, tensor in {**adapter.trained(), **adapter.fixed()}.items()
        if not (config.deployable and _makes_labels(name))
    }
    if base.architecture == "bi":
        expected[LABEL_VECTORS] = torch.empty(len(config.labels), base.hidden_size)
    problems = [f"misses {name}" for name in sorted(set(expected) - set(tensors))]
    problems += [f"has unknown {name}" for name in sorted(set(tensors) - set(expected))]
    problems += [
        f"{name} has shape {tuple(tensors[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in sorted(set(expected) & set(tensors))
        if tensors[name].shape != expected[name].shape
    ]
    problems += [
        f"{name} is {tensors[name].dtype} instead of {expected[name].dtype}"
        for name in sorted(set(expected) & set(tensors))
        if tensors[name].dtype != expected[name].dtype
    ]
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise AdapterError(f"{at / WEIGHTS_FILE} does not fit method {config.method!r}: {shown}")
    label_vectors = tensors.pop(LABEL_VECTORS, None)
    for name, tensor in tensors.items():
        expected[name].copy_(tensor)
    if label_vectors is not None:
        # A copy: where a file puts a tensor decides its alignment, and that the last bits of a matrix product.
        adapter.baked = label_vectors.to(base.device, copy=True)
    if config.deployable:
        adapter.drop_producers()
