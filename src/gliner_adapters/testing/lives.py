"""What every method must keep when its adapters are trained, interrupted, saved, loaded and served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file

from gliner_adapters.adapters import TrainedAdapter, describe, load_adapter, save_adapter
from gliner_adapters.adapters.artifact import LABEL_VECTORS
from gliner_adapters.adapters.config import CONFIG_FILE, WEIGHTS_FILE, AdapterConfig
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.documents import Document, Label
from gliner_adapters.errors import AdapterError
from gliner_adapters.methods import Adapter, plugins_of
from gliner_adapters.methods.base import PRODUCERS
from gliner_adapters.model.fingerprint import file_sha256, fingerprint
from gliner_adapters.testing.bases import free
from gliner_adapters.testing.cases import MethodCase, quiet
from gliner_adapters.testing.expecting import expect, expect_refusal
from gliner_adapters.testing.toys import Stopper, one_thread, quick, snapshot, tensors_equal, toy_corpus
from gliner_adapters.training import TrainingResult, train

#: Labels of an adapter that is served beside others.
OTHERS = (Label("gene", "what is inherited"), Label("dose"), Label("patient", "a person who is treated"))
#: How far scores may be apart that were computed in other batches.
ROUNDING = 1e-4


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder and its folders, by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def check_saving(case: MethodCase) -> None:
    """Saved and loaded, it gives the same logits to the bit; the folder says the truth; loading it is strict."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "a"
        trained = case.trained()
        expected = quiet(case.base, trained.adapter)
        save_adapter(trained, folder)
        loaded = load_adapter(folder, case.base)
        expect(torch.equal(quiet(case.base, loaded.adapter), expected), f"{case}: saved and loaded, its logits differ")
        expect(loaded.config == trained.config, f"{case}: its configuration is not what was saved")
        expect(not loaded.adapter.training, f"{case}: a loaded adapter is in training mode")
        count = sum(p.numel() for p in loaded.adapter.trained().values())
        expect(loaded.config.trained_parameters == count, f"{case}: {CONFIG_FILE} counts other parameters")
        packages = {method: plugin.package for method, plugin in plugins_of(case.method).items()}
        expect(loaded.config.plugins == packages, f"{case}: {CONFIG_FILE} names other packages than {packages}")
        tensors = load_file(folder / WEIGHTS_FILE)
        vectors = {LABEL_VECTORS} if case.base.architecture == "bi" else set()
        known = set(trained.adapter.trained()) | set(trained.adapter.fixed()) | vectors
        expect(set(tensors) == known, f"{case}: {WEIGHTS_FILE} holds other tensors than what is trained and fixed")
        save_adapter(case.trained(), Path(place) / "b")
        save_adapter(loaded, Path(place) / "c")
        for other in ("b", "c"):
            expect(contents(Path(place) / other) == contents(folder), f"{case}: saved again, other bytes are written")
        _check_strict(case, folder, tensors)


def _check_strict(case: MethodCase, folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Loading refuses a tensor that is missing, unknown or ill-shaped."""
    config = AdapterConfig.read(folder)
    name = min(tensors, default=None)
    changed = [{**tensors, "unknown": torch.zeros(1)}]
    if name is not None:
        changed += [{n: t for n, t in tensors.items() if n != name}, {**tensors, name: torch.zeros(1, 2, 3, 4)}]
    for each in changed:
        save_file(each, folder / WEIGHTS_FILE)
        config.model_copy(update={"weights_sha256": file_sha256(folder / WEIGHTS_FILE)}).write(folder)
        with expect_refusal(f"{case}: loading tensors {', '.join(sorted(each)) or 'none'}", AdapterError):
            load_adapter(folder, case.base)


def check_deployable(case: MethodCase) -> None:
    """The deployable form reads the same and lacks what makes label vectors; a uni-encoder has none."""
    with TemporaryDirectory() as place:
        whole, small, again = (Path(place) / name for name in ("whole", "small", "again"))
        trained = case.trained()
        if case.base.architecture == "uni":
            with expect_refusal(f"{case}: saving a uni-encoder's deployable form", AdapterError):
                save_adapter(trained, small, deployable=True)
            return
        expected = quiet(case.base, trained.adapter)
        save_adapter(trained, whole)
        save_adapter(trained, small, deployable=True)
        loaded = load_adapter(small, case.base)
        expect(torch.equal(quiet(case.base, loaded.adapter), expected), f"{case}: its deployable form has other logits")
        made = {tensor.split(".")[0] for tensor in load_file(small / WEIGHTS_FILE)} & set(PRODUCERS)
        expect(not made, f"{case}: its deployable form still holds {', '.join(sorted(made))}")
        same = loaded.config.trained_parameters == trained.config.trained_parameters
        expect(same and loaded.config.deployable, f"{case}: the configuration of its deployable form is wrong")
        if set(trained.adapter.ingredients()) & set(PRODUCERS):
            sizes = [(folder / WEIGHTS_FILE).stat().st_size for folder in (small, whole)]
            expect(sizes[0] < sizes[1], f"{case}: its deployable form is not smaller")
        save_adapter(loaded, again)
        expect(contents(again) == contents(small), f"{case}: its deployable form, saved again, is another one")


def same_entities(read: Document, expected: Document) -> bool:
    """Whether two documents have the same entities, with scores that differ by rounding at most.

    Args:
        read: one.
        expected: the other.
    """
    pairs = list(zip(read.entities, expected.entities, strict=False))
    return len(read.entities) == len(expected.entities) and all(
        one.key == other.key and abs((one.score or 0) - (other.score or 0)) <= ROUNDING for one, other in pairs
    )


def check_serving(case: MethodCase) -> None:
    """Many adapters at once find what each finds alone: of this method twice, with other labels, and of two others."""
    adapters: dict[str, TrainedAdapter] = {
        "one": case.trained(seed=1),
        "two": replace_threshold(case.trained(seed=2, labels=(*OTHERS, case.labels[0])), 0.3),
        "heads": MethodCase(case.base, "heads", labels=case.labels).trained(seed=3),
        "base": MethodCase(case.base, "zero-shot", labels=OTHERS).trained(),
    }
    documents = free([*(document.text for document in free()), " ".join(document.text for document in free()), ""])
    alone = {name: Annotator(adapter).annotate(documents) for name, adapter in adapters.items()}
    expect(any(d.entities for d in alone["one"]), f"{case}: nothing is found, so nothing can be compared")
    requests = [Request(document, (name,)) for document in documents for name in adapters]
    single = Annotator(case.base, adapters=adapters).read(requests)
    for number, reading in enumerate(single):
        name, index = list(adapters)[number % len(adapters)], number // len(adapters)
        expect(same_entities(reading.document, alone[name][index]), f"{case}: in a mixed batch it finds something else")
    small = Annotator(case.base, adapters=adapters, max_passages=3, max_tokens=300)
    for index, reading in enumerate(small.read([Request(document, tuple(adapters)) for document in documents])):
        for found in reading.found:
            read = reading.document.with_entities(found.entities)
            held = same_entities(read, alone[str(found.adapter)][index])
            expect(held, f"{case}: asked together with others, {found.adapter!r} finds something else")


def replace_threshold(trained: TrainedAdapter, threshold: float) -> TrainedAdapter:
    """The adapter with another ``threshold``."""
    return replace(trained, config=trained.config.model_copy(update={"threshold": threshold}))


def check_training(case: MethodCase) -> None:
    """Training lowers the loss, changes each ingredient, and nothing else: not the base, not what is fixed."""
    base = case.base
    if not case.attach().trained():
        return
    weights = fingerprint(base.network.state_dict())
    with one_thread(), TemporaryDirectory() as place:
        torch.manual_seed(7)
        adapter = case.attach()
        fixed = {name: tensor.clone() for name, tensor in adapter.fixed().items()}
        before = snapshot(adapter)
        result = _run(case, adapter, Path(place), epochs=6, warmup=0.0, decay="constant")
        after = snapshot(adapter)
        losses = [row["loss"] for row in result.curve]
    expect(losses[-1] < losses[0], f"{case}: the loss of a short run does not fall ({losses[0]:.4f}, {losses[-1]:.4f})")
    expect(set(before) == set(after), f"{case}: what is trained is other than before the run")
    still = set(adapter.ingredients()) - {n.split(".", 1)[0] for n in after if not torch.equal(before[n], after[n])}
    expect(not still, f"{case}: training does not change {', '.join(sorted(still))}")
    expect(tensors_equal(fixed, adapter.fixed()), f"{case}: training changes what fixed() declares as never trained")
    expect(fingerprint(base.network.state_dict()) == weights, f"{case}: training it changes the base's weights")
    trained = describe(adapter, base, threshold=0.5)
    count = sum(parameter.numel() for parameter in before.values())
    expect(trained.config.trained_parameters == count, f"{case}: its parameters are counted wrongly")


def check_resuming(case: MethodCase) -> None:
    """The same seed gives the same adapter, to the bit, and so does a run that is interrupted twice and resumed."""
    if not case.attach().trained():
        return
    learned = []
    with one_thread(), TemporaryDirectory() as place:
        for number, stops in enumerate(((), (), (3, 5))):
            folder = Path(place) / str(number)
            for stop in (*stops, None):
                torch.manual_seed(7)
                adapter = case.attach()
                try:
                    _run(case, adapter, folder, stop=stop, epochs=3, checkpoint_steps=2)
                except KeyboardInterrupt:
                    expect(stop is not None, f"{case}: the run was interrupted")
            learned.append(snapshot(adapter))
    expect(tensors_equal(learned[0], learned[1]), f"{case}: the same seed gives another adapter; draw from torch alone")
    expect(
        tensors_equal(learned[0], learned[2]),
        f"{case}: interrupted and resumed, a run gives another adapter; keep no state beside parameters and fixed()",
    )


def _run(case: MethodCase, adapter: Adapter, folder: Path, stop: int | None = None, **more: object) -> TrainingResult:
    corpus = toy_corpus(12)
    config = quick(**{**more, **case.training})
    reporter = None if stop is None else Stopper(stop)
    return train(case.base, adapter, corpus, corpus[:6], config, folder=folder, resume=True, reporter=reporter)
