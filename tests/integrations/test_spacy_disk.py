"""Pipelines that are saved, moved, packed and sent to other processes."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("spacy", reason="needs the extra [spacy]")

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from adapters.helpers import Tiny, trained_adapter
from bases import TEXTS
from gliner_adapters.adapters import AdapterConfig, save_adapter
from gliner_adapters.errors import AdapterError, BaseModelError, DataError
from gliner_adapters.integrations import SpacyComponent
from integrations.conftest import MakePipeline


def seen(nlp: Language) -> list[list[tuple[int, int, str, float]]]:
    """All that is found, with the scores' every bit."""
    docs = [nlp(text) for text in TEXTS]
    return [_spans(doc) for doc in docs]


def _spans(doc: Doc) -> list[tuple[int, int, str, float]]:
    group = doc.spans["gliner_adapters"]
    return [(s.start, s.end, s.label_, score) for s, score in zip(group, group.attrs["scores"].tolist(), strict=True)]


def component(nlp: Language) -> SpacyComponent:
    found = nlp.get_pipe("gliner_adapters")
    assert isinstance(found, SpacyComponent)
    return found


METHODS = [("bi-bert", "heads"), ("bi-bert", "label-descriptions"), ("bi-bert", "lora"), ("uni-bert", "full")]


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_an_adapter_travels_with_the_pipeline(
    pipeline: MakePipeline, tiny: Tiny, tmp_path: Path, name: str, method: str
) -> None:
    folder = save_adapter(trained_adapter(tiny(name).base, method), tmp_path / "adapter")
    (folder / "README.md").write_text("A card of my own.\n", encoding="utf-8")
    nlp, _ = pipeline(adapter=str(folder), base=str(tiny(name).folder))
    expected = seen(nlp)
    assert any(expected)
    nlp.to_disk(tmp_path / "saved")
    packed, config = nlp.to_bytes(), nlp.config
    shutil.rmtree(folder)
    (tmp_path / "saved").rename(tmp_path / "moved")
    loaded = spacy.load(tmp_path / "moved")
    assert seen(loaded) == expected
    assert component(loaded).labels == component(nlp).labels
    kept = tmp_path / "moved" / "gliner_adapters" / "adapter"
    assert (kept / "README.md").read_text(encoding="utf-8") == "A card of my own.\n"
    assert AdapterConfig.read(kept).deployable is (name == "bi-bert")
    # Once more from there, although the folder in the config is gone.
    loaded.to_disk(tmp_path / "again")
    assert seen(spacy.load(tmp_path / "again")) == expected
    from_bytes = spacy.blank("en").from_config(config).from_bytes(packed)
    assert seen(from_bytes) == expected
    same = component(from_bytes).to_bytes() == component(loaded).to_bytes()
    assert same


def test_labels_of_a_base_travel_in_the_config(pipeline: MakePipeline, base_folder: str, tmp_path: Path) -> None:
    nlp, _ = pipeline(base=base_folder, labels={"disease": "an illness", "drug": None}, threshold=0.3)
    expected = seen(nlp)
    nlp.to_disk(tmp_path / "saved")
    assert seen(spacy.load(tmp_path / "saved")) == expected
    assert nlp.meta["labels"]["gliner_adapters"] == ["disease", "drug"]
    assert [path.name for path in (tmp_path / "saved" / "gliner_adapters").iterdir()] == ["cfg.json"]


def test_other_components_are_saved_beside_it(pipeline: MakePipeline, adapter_folder: Path, tmp_path: Path) -> None:
    nlp, _ = pipeline(adapter=str(adapter_folder))
    nlp.add_pipe("sentencizer", first=True)
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "GAS", "pattern": "oxygen"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    assert loaded.pipe_names == ["sentencizer", "gliner_adapters", "entity_ruler"]
    assert seen(loaded) == seen(nlp)
    without = spacy.load(tmp_path / "saved", exclude=["gliner_adapters"])
    assert [ent.label_ for ent in without("Some oxygen.").ents] == ["GAS"]


def test_the_config_may_say_otherwise(pipeline: MakePipeline, tiny: Tiny, adapter_folder: Path, tmp_path: Path) -> None:
    nlp, _ = pipeline(adapter=str(adapter_folder))
    nlp.to_disk(tmp_path / "saved")
    other = save_adapter(trained_adapter(tiny("bi-bert").base, "label-embeddings"), tmp_path / "other")
    loaded = spacy.load(tmp_path / "saved", config={"components.gliner_adapters.threshold": 0.9})
    assert [row for row in seen(loaded) for _ in row] != [row for row in seen(nlp) for _ in row]
    assert all(score > 0.9 for row in seen(loaded) for *_, score in row)
    loaded = spacy.load(tmp_path / "saved", config={"components.gliner_adapters.adapter": str(other)})
    direct, _ = pipeline(adapter=str(other))
    assert seen(loaded) == seen(direct) != seen(nlp)


def test_without_the_adapter(pipeline: MakePipeline, adapter_folder: Path, tmp_path: Path) -> None:
    nlp, own = pipeline(adapter=str(adapter_folder))
    own.to_disk(tmp_path / "component", exclude=["adapter"])
    assert [path.name for path in (tmp_path / "component").iterdir()] == ["cfg.json"]
    _, other = pipeline(adapter=str(adapter_folder))
    other.from_disk(tmp_path / "component")
    own.to_disk(tmp_path / "component")
    shutil.rmtree(adapter_folder)
    other.from_disk(tmp_path / "component")
    with pytest.raises(AdapterError, match="neither a folder nor a hub id"):
        other.from_disk(tmp_path / "component", exclude=["adapter"])
    # Saved over a former state, nothing of that stays.
    own.to_disk(tmp_path / "component", exclude=["adapter"])
    assert not (tmp_path / "component" / "adapter").exists()
    with pytest.raises(AdapterError, match="neither a folder nor a hub id"):
        other.from_disk(tmp_path / "component")
    assert seen(nlp)


def test_another_base_under_the_same_name(pipeline: MakePipeline, tiny: Tiny, tmp_path: Path) -> None:
    place = tmp_path / "base"
    shutil.copytree(tiny("bi-bert").folder, place)
    nlp = pipeline(base=str(place), labels=["disease"])[0]
    nlp.to_disk(tmp_path / "plain")
    adapter = save_adapter(trained_adapter(tiny("bi-bert").base, "heads"), tmp_path / "drugs")
    with_adapter = pipeline(adapter=str(adapter), base=str(place))[0]
    with_adapter.to_disk(tmp_path / "adapted")
    del nlp, with_adapter
    gc.collect()  # the base goes with the last component that reads with it
    shutil.rmtree(place)
    shutil.copytree(tiny("bi-deberta").folder, place)
    with pytest.raises(BaseModelError, match=r"has other weights .* than when the pipeline was saved"):
        spacy.load(tmp_path / "plain")
    with pytest.raises(AdapterError, match="was trained on"):
        spacy.load(tmp_path / "adapted")


def test_what_is_broken_is_refused(pipeline: MakePipeline, adapter_folder: Path, tmp_path: Path) -> None:
    _, own = pipeline(adapter=str(adapter_folder))
    with pytest.raises(DataError, match=r"no component of spaCy at .*expected cfg\.json"):
        own.from_disk(tmp_path)
    own.to_disk(tmp_path / "saved")
    record = tmp_path / "saved" / "cfg.json"
    content = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps({**content, "format_version": 2}), encoding="utf-8")
    with pytest.raises(DataError, match="format version 2"):
        own.from_disk(tmp_path / "saved")
    record.write_text(json.dumps(content), encoding="utf-8")
    weights = tmp_path / "saved" / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(AdapterError, match="sha256 differs"):
        own.from_disk(tmp_path / "saved")
    for data in (b"", b"no archive", own.to_bytes()[:-30]):
        with pytest.raises(DataError, match="not the bytes of a component of spaCy"):
            own.from_bytes(data)


def test_bytes_write_nothing_elsewhere(pipeline: MakePipeline, adapter_folder: Path, tmp_path: Path) -> None:
    _, own = pipeline(adapter=str(adapter_folder))
    target = tmp_path / "deep" / "escaped"
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(f"../../../../../../../../../..{target}", "x")
    with pytest.raises(DataError, match="no component of spaCy"):
        own.from_bytes((tmp_path / "evil.zip").read_bytes())
    assert not target.exists()


def test_it_travels_to_other_processes(pipeline: MakePipeline, adapter_folder: Path) -> None:
    nlp, own = pipeline(adapter=str(adapter_folder))
    assert len(pickle.dumps(own)) < 5_000  # nothing was loaded
    expected = seen(nlp)
    restored = pickle.loads(pickle.dumps(own))
    assert restored.counts.documents == 0
    for other in (restored, copy.deepcopy(own)):
        assert [_spans(other(nlp.make_doc(text))) for text in TEXTS] == expected


def test_several_processes(pipeline: MakePipeline, adapter_folder: Path) -> None:
    nlp, own = pipeline(adapter=str(adapter_folder))
    own.load()
    docs = list(nlp.pipe(TEXTS, n_process=2, batch_size=2))
    expected = seen(nlp)
    assert [[row[:3] for row in _spans(doc)] for doc in docs] == [[row[:3] for row in rows] for rows in expected]
    # The last bits of a score depend on what is read beside it.
    scores = [score for doc in docs for *_, score in _spans(doc)]
    assert scores == pytest.approx([score for rows in expected for *_, score in rows], abs=1e-5)
