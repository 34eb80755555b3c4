"""The library: adapters by name, loaded when needed, dropped when there is no room, and the same ever after."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from adapters.helpers import Tiny
from annotate.helpers import OTHERS, assert_same, moved
from bases import LABELS, TEXTS, free
from gliner_adapters.adapters import load_adapter, save_adapter
from gliner_adapters.adapters.config import CONFIG_FILE, WEIGHTS_FILE
from gliner_adapters.annotate import AdapterLibrary, Annotator, Request
from gliner_adapters.errors import AdapterError, ConfigError

KINDS = (
    ("vectors", "label-embeddings", LABELS),
    ("descriptions", "label-descriptions", OTHERS),
    ("heads", "heads", LABELS),
    ("full", "full", OTHERS),
    ("keys", "injection-deep", LABELS),
)


@pytest.fixture(scope="module")
def folder(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Adapters of several kinds on one bi-encoder."""
    root = tmp_path_factory.mktemp("adapters")
    for number, (name, method, labels) in enumerate(KINDS):
        save_adapter(moved(tiny("bi-bert").base, method, labels, {}, number), root / name)
    (root / "notes").mkdir()
    return root


def test_looking_loads_nothing(folder: Path, tiny: Tiny) -> None:
    library = AdapterLibrary.of_folder(folder, tiny("bi-bert").base)
    assert library.names() == ("descriptions", "full", "heads", "keys", "vectors")
    info = library.info("vectors")
    trained = load_adapter(folder / "vectors", tiny("bi-bert").base)
    assert (info.name, info.method, info.labels, info.threshold, info.segment) == (
        "vectors", "label-embeddings", LABELS, 0.4, "sentence",
    )  # fmt: skip
    assert info.revision == trained.config.weights_sha256
    assert info.base == tiny("bi-bert").base.id
    assert not info.loaded
    assert info.bytes == (folder / "vectors" / WEIGHTS_FILE).stat().st_size
    assert library.loaded == ()
    assert library.loaded_bytes == 0
    assert library.get("vectors").labels == trained.labels
    assert library.loaded == ("vectors",)
    assert library.info("vectors").loaded


def test_what_only_makes_label_vectors_is_dropped(folder: Path, tiny: Tiny) -> None:
    base = tiny("bi-bert").base
    library = AdapterLibrary.of_folder(folder, base)
    vectors = sum(label_count * base.hidden_size * 4 for label_count in (len(LABELS),))
    library.get("vectors")
    assert library.info("vectors").bytes == vectors, "C x D numbers and nothing else"
    library.get("descriptions")
    assert library.info("descriptions").bytes == len(OTHERS) * base.hidden_size * 4
    assert library.loaded_bytes == vectors + len(OTHERS) * base.hidden_size * 4
    library.get("keys")
    prompts = library.info("keys").bytes
    assert vectors < prompts < (folder / "full" / WEIGHTS_FILE).stat().st_size


@pytest.mark.parametrize("room", [{"most_adapters": 1}, {"most_adapters": 2}, {"most_bytes": 10_000}])
def test_dropped_and_loaded_again_it_reads_the_same(room: dict[str, int], folder: Path, tiny: Tiny) -> None:
    base = tiny("bi-bert").base
    documents = free()
    requests = [Request(d, (name,)) for d in documents for name, _, _ in KINDS]
    expected = Annotator(base, adapters=AdapterLibrary.of_folder(folder, base)).read(requests)
    assert sum(len(reading.document.entities) for reading in expected) > 20
    library = AdapterLibrary.of_folder(folder, base, **room)
    annotator = Annotator(base, adapters=library)
    for _ in range(2):
        for reading, other in zip(annotator.read(requests), expected, strict=True):
            assert_same(reading.document, other.document)
            assert [found.revision for found in reading.found] == [found.revision for found in other.found]
        assert len(library.loaded) <= room.get("most_adapters", 5)
        assert len(library.loaded) == 1 or library.loaded_bytes <= room.get("most_bytes", 1 << 40)


def test_the_one_used_last_stays_and_memory_is_given_back(folder: Path, tiny: Tiny) -> None:
    library = AdapterLibrary.of_folder(folder, tiny("bi-bert").base, most_adapters=2)
    first = library.get("vectors")
    library.get("full")
    library.get("vectors")
    library.get("keys")
    assert library.loaded == ("vectors", "keys")
    assert library.get("vectors") is first
    watch = weakref.ref(library.get("keys").adapter)
    library.get("full")
    library.get("heads")
    gc.collect()
    assert watch() is None, "nobody uses it any more"
    assert first.adapter.baked is not None, "who holds it keeps it"


def test_many_threads_get_one_adapter(folder: Path, tiny: Tiny) -> None:
    library = AdapterLibrary.of_folder(folder, tiny("bi-bert").base, most_adapters=3)
    names = [name for name, _, _ in KINDS if name != "full"] * 4
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(library.get, names))
    for name, trained in zip(names, found, strict=True):
        expected = load_adapter(folder / name, tiny("bi-bert").base)
        assert trained.adapter.baked is not None
        assert torch.equal(trained.adapter.baked, expected.adapter.baked)


def test_names(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    saved = moved(base, "label-embeddings", LABELS, {}, 1)
    save_adapter(saved, tmp_path / "mine")
    assert AdapterLibrary([folder / "heads", str(folder / "keys"), saved], base).names() == ("heads", "keys", "mine")
    with pytest.raises(ConfigError, match="two adapters are called 'heads'"):
        AdapterLibrary([folder / "heads", folder / "heads"], base)
    with pytest.raises(ConfigError, match="not one path"):
        AdapterLibrary(str(folder), base)
    with pytest.raises(ConfigError, match="empty name"):
        AdapterLibrary({"": folder / "heads"}, base)
    with pytest.raises(ConfigError, match="no adapters in"):
        AdapterLibrary.of_folder(tmp_path / "nothing", base)
    with pytest.raises(ConfigError, match="needs room"):
        AdapterLibrary({}, base, most_adapters=0)
    library = AdapterLibrary.of_folder(folder, base)
    for look in (library.info, library.get):
        with pytest.raises(ConfigError, match="no adapter is called 'genes'; there are: descriptions, full"):
            look("genes")


def test_an_adapter_of_another_base(folder: Path, tiny: Tiny) -> None:
    library = AdapterLibrary.of_folder(folder, tiny("bi-modernbert").base)
    for look in (library.info, library.get):
        with pytest.raises(AdapterError, match=r"was trained on .* but the base"):
            look("heads")


def test_an_adapter_that_is_given_belongs_to_the_caller(tiny: Tiny) -> None:
    base = tiny("bi-bert").base
    trained = moved(base, "label-descriptions", LABELS, {}, 1)
    library = AdapterLibrary({"mine": trained}, base, most_adapters=1)
    assert library.get("mine") is trained
    assert not trained.adapter.deployable, "it can still be trained"
    info = library.info("mine")
    assert info.loaded
    assert len(info.revision) == 64
    assert library.loaded == ()
    other = moved(base, "label-descriptions", LABELS, {}, 2)
    assert AdapterLibrary({"mine": other}, base).info("mine").revision != info.revision


def test_a_damaged_adapter_and_one_that_was_replaced(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    for name in ("heads", "vectors"):
        (tmp_path / name).mkdir()
        for file in (CONFIG_FILE, WEIGHTS_FILE):
            (tmp_path / name / file).write_bytes((folder / name / file).read_bytes())
    annotator = Annotator(base, adapters=AdapterLibrary.of_folder(tmp_path, base, most_adapters=1))
    request = Request(free([TEXTS[0]])[0], ("heads", "vectors"))
    annotator.read([request])
    save_adapter(moved(base, "heads", LABELS, {}, 77), tmp_path / "heads")
    with pytest.raises(AdapterError, match="'heads' was replaced while it was in use; read again"):
        annotator.read([request])
    assert annotator.read([request])[0].found
    (tmp_path / "heads" / WEIGHTS_FILE).write_bytes(b"no")
    with pytest.raises(AdapterError, match="sha256 differs"):
        annotator.read([request])


def test_an_adapter_is_added_to_a_library_in_use(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    library = AdapterLibrary({"vectors": folder / "vectors"}, base)
    before = Annotator(base, adapters=library)
    library.add("late", folder / "heads")
    library.add("late", folder / "heads")  # the same again
    assert library.names() == ("vectors", "late")
    assert library.folder("late") == folder / "heads"
    assert library.loaded == ()
    request = Request(free()[0], ("late",), threshold=0)
    (late,) = before.read([request])
    (there,) = Annotator(base, adapters=AdapterLibrary({"late": folder / "heads"}, base)).read([request])
    assert late.document == there.document
    for name, path, kind, message in (
        ("late", folder / "full", ConfigError, "'late' already"),
        (" ", folder / "full", ConfigError, "empty name"),
        ("none", tmp_path, AdapterError, "no adapter at"),
    ):
        with pytest.raises(kind, match=message):
            library.add(name, path)
    with pytest.raises(AdapterError, match="was trained on"):
        AdapterLibrary({}, tiny("bi-deberta").base).add("other", folder / "heads")
    assert library.names() == ("vectors", "late")
    kept = AdapterLibrary({"kept": load_adapter(folder / "heads", base)}, base)
    assert kept.folder("kept") == folder / "heads"
