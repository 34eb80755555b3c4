"""A whole run on a tiny encoder: stages, what ships, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from gliner import GLiNER
from safetensors.torch import load_file

from bases import TEXTS, build_encoder
from comparing import is_near
from gliner_adapters.annotate import Annotator
from gliner_adapters.errors import BaseModelError, ConfigError
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.delta import unpack
from gliner_adapters.model.embedded import BASE_FILE, DELTA_FILE, BaseRecord, from_delta, write_delta
from gliner_adapters.model.export import export_gliner
from gliner_adapters.pretraining import Recipe, pretrain
from gliner_adapters.pretraining.lowrank import LowRank
from gliner_adapters.training import Reporter
from pretraining.helpers import recipe

NAMES = ["chemical", "disease", "gene"]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random encoder's ``encoder:`` name."""
    return f"encoder:{build_encoder('bert', tmp_path_factory.mktemp('encoder'))}"


def small(encoder: str, architecture: str = "bi", **changes: Any) -> Recipe:
    """A recipe that takes a second; its ranks are far below the tiny encoder's width of 32."""
    rates = {"text_encoder": 1e-3, "span_head": 3e-3, "label_head": 3e-3}
    return recipe(
        **{
            "name": f"tiny-{architecture}",
            "architecture": architecture,
            "encoder": encoder,
            "group_size": 4,
            "sampling": {"sentences": 48, "most_tokens": 100},
            "shipping": {"text_rank": 4, "label_rank": 2, "embedding_rank": 1, "stages": [{"sentences": 24}]},
            "training": {
                "batch_size": 8,
                "precision": "fp32",
                "checkpoint_steps": 2,
                "learning_rates": rates | ({"label_encoder": 5e-4} if architecture == "bi" else {}),
            },
            **changes,
        }
    )


@pytest.fixture(scope="session", params=["bi", "uni"])
def made(request: pytest.FixtureRequest, encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp(request.param) / "base"
    pretrain(small(encoder, request.param), folder)
    return folder


def weights(base: Base) -> dict[str, torch.Tensor]:
    return base.network.state_dict()


def test_what_ships_is_small_and_says_what_it_is(made: Path, encoder: str) -> None:
    record = BaseRecord.read(made)
    base = load_base(str(made))
    assert (base.architecture, base.id) == (record.architecture, str(made))
    assert record.encoder == encoder
    delta = load_file(made / DELTA_FILE)
    assert all(tensor.dtype == torch.float16 for tensor in delta.values())
    matrices = [name for name in delta if name.startswith("token_rep_layer.") and delta[name].ndim == 2]
    assert matrices
    assert all("|" in name or delta[name].numel() <= 1024 for name in matrices)
    assert record.trained_on["full"]["sentences"] == pytest.approx(48, abs=12)
    assert record.trained_on["low_rank"][0]["sentences"] == pytest.approx(24, abs=8)
    assert record.trained_on["corpora"][0]["name"] == "sample"
    assert 0 < record.trained_on["left_out_by_ranks"]["text encoder"] < 1
    card = (made / "README.md").read_text()
    assert record.name in card
    assert "Apache-2.0" in card
    assert f"{record.trained_on['delta_bytes'] / 1e6:.1f} MB" in card


def test_it_is_the_encoder_plus_what_was_learnt(made: Path, encoder: str) -> None:
    base = load_base(str(made))
    start, trained = load_base(encoder, architecture=base.architecture), load_base(str(made / "run" / "trained"))
    projected = load_base(str(made / "run" / "projected"))
    name = "token_rep_layer.bert_layer.model.encoder.layer.0.intermediate.dense.weight"
    for one, rank in ((base, 4), (projected, 4), (trained, 32)):
        difference = (weights(one)[name] - weights(start)[name]).double()
        values = torch.linalg.svdvals(difference)
        assert (values[:rank] > 1e-6).all()
        assert (values[rank:] < 1e-5).all(), "of no higher rank than the recipe says"
    # The projection is closer to what was trained than the start is, and the last stage moved on from it.
    far = (weights(start)[name] - weights(trained)[name]).norm()
    near = (weights(projected)[name] - weights(trained)[name]).norm()
    assert near < far
    assert not torch.equal(weights(base)[name], weights(projected)[name])
    for head in ("span_rep_layer", "prompt_rep_layer"):
        parameters = [key for key in weights(base) if key.startswith(head)]
        assert all(not torch.equal(weights(base)[key], weights(start)[key]) for key in parameters)


def test_the_low_rank_form_computes_what_it_ships(made: Path, encoder: str) -> None:
    projected = load_base(str(made / "run" / "projected"))
    start = weights(load_base(encoder, architecture=projected.architecture))
    adapter = LowRank(projected, start, load_file(made / "run" / "projected" / DELTA_FILE)).eval()
    ids = torch.tensor([[2, 9, 8, 7, 3], [2, 6, 5, 3, 0]])
    mask = (ids > 0).long()
    with torch.no_grad():
        ours = adapter.parts(projected.parts).text_encoder(ids, mask)
        theirs = projected.parts.text_encoder(ids, mask)
    assert is_near(ours, theirs)
    assert set(adapter.delta()) == set(load_file(made / "run" / "projected" / DELTA_FILE))


def test_the_fingerprint_is_of_the_files(made: Path) -> None:
    assert from_delta(made, "one").fingerprint == from_delta(made, "other").fingerprint
    assert from_delta(made, "one").fingerprint != from_delta(made / "run" / "projected", "one").fingerprint


def test_heads_that_are_not_shipped_are_missed(made: Path, encoder: str, tmp_path: Path) -> None:
    delta = unpack(load_file(made / DELTA_FILE), "the base")
    head = next(name for name in delta if name.startswith("span_rep_layer"))
    start = load_base(encoder, architecture=load_base(str(made)).architecture)
    write_delta(tmp_path, start, "headless", {name: tensor for name, tensor in delta.items() if name != head})
    with pytest.raises(BaseModelError, match=f"misses 1 tensors of the heads: {head}"):
        load_base(str(tmp_path))


@pytest.mark.filterwarnings("ignore:Resizing embeddings:UserWarning")
def test_it_is_a_gliner(made: Path, tmp_path: Path) -> None:
    base = load_base(str(made))
    export_gliner(base, base.parts, tmp_path)
    theirs = GLiNER.from_pretrained(str(tmp_path), local_files_only=True).eval()
    with torch.inference_mode():
        found = theirs.inference(list(TEXTS), NAMES, threshold=0.002)
    ours = Annotator(base, NAMES, threshold=0.002).annotate(TEXTS)
    assert sum(map(len, found)) > 3
    for there, document in zip(found, ours, strict=True):
        assert sorted(e.key for e in document.entities) == sorted((e["start"], e["end"], e["label"]) for e in there)


class Killed(Exception):
    pass


class Killer(Reporter):
    """Stops a run after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(quiet=True)
        self.left = steps

    def advance(self, steps: int, sentences: int, loss: float | None = None) -> None:
        self.left -= steps
        if self.left < 0:
            raise Killed


def split(tmp_path_factory: pytest.TempPathFactory, encoder: str) -> Recipe:
    """Texts in an MPNet, labels in a narrower BERT, heads of another width; windows; all stages."""
    folder = tmp_path_factory.mktemp("split")
    return small(
        f"encoder:{build_encoder('mpnet', folder / 'text')}",
        label_encoder=f"encoder:{build_encoder('bert', folder / 'labels', 40)}",
        hidden_size=24,
        segment="window",
        stages=[{"sentences": 16}],
        sampling={"sentences": 48, "most_tokens": 100, "window_share": 0.5},
        shipping={"text_rank": 4, "label_rank": 2, "embedding_rank": 1, "stages": [{"sentences": 24}]},
    )


@pytest.mark.filterwarnings("ignore:Resizing embeddings:UserWarning")
def test_labels_with_an_encoder_of_their_own(
    tmp_path_factory: pytest.TempPathFactory, encoder: str, tmp_path: Path
) -> None:
    plan = split(tmp_path_factory, encoder)
    pretrain(plan, tmp_path / "base", checkpoint_steps=3)
    record = BaseRecord.read(tmp_path / "base")
    assert (record.format_version, record.segment, record.encoder) == (3, "window", plan.encoder)
    assert (record.label_encoder, record.limits["hidden_size"]) == (plan.label_encoder, 24)
    base = load_base(str(tmp_path / "base"))
    assert (base.segment, base.hidden_size) == ("window", 24)
    corpus = record.trained_on["corpora"][0]
    assert 0 < corpus["drawn_in_windows"] < corpus["drawn"]
    card = (tmp_path / "base" / "README.md").read_text()
    assert f"{corpus['drawn_in_windows']} stood in windows" in card
    assert str(plan.label_encoder) in card
    # Projections are as fresh as heads, so they ship whole, and the low-rank form trains them too.
    delta, projected = (load_file(tmp_path / "base" / name / DELTA_FILE) for name in (".", "run/projected"))
    for name in ("token_rep_layer.projection.weight", "token_rep_layer.labels_projection.weight"):
        assert delta[name].shape == weights(base)[name].shape
        assert not torch.equal(delta[name], projected[name])
    with pytest.raises(Killed):
        pretrain(plan, tmp_path / "killed", checkpoint_steps=2, reporter=Killer(4))
    pretrain(plan, tmp_path / "killed", resume=True)
    assert (tmp_path / "killed" / DELTA_FILE).read_bytes() == (tmp_path / "base" / DELTA_FILE).read_bytes()
    export_gliner(base, base.parts, tmp_path / "gliner")
    theirs = GLiNER.from_pretrained(str(tmp_path / "gliner"), local_files_only=True).eval()
    with torch.inference_mode():
        found = theirs.inference(list(TEXTS), NAMES, threshold=0.002)
    ours = Annotator(base, NAMES, threshold=0.002).annotate(TEXTS)
    assert sum(map(len, found)) > 3
    for there, document in zip(found, ours, strict=True):
        assert sorted(e.key for e in document.entities) == sorted((e["start"], e["end"], e["label"]) for e in there)
    # Another label encoder than the one that it was trained from.
    assert plan.label_encoder is not None
    build_encoder("bert", Path(plan.label_encoder.removeprefix("encoder:")), 44)
    with pytest.raises(BaseModelError, match=f"is the difference to {plan.label_encoder} with sha256"):
        load_base(str(tmp_path / "base"))


@pytest.mark.parametrize("steps", [3, 8])
def test_killed_in_either_stage_and_resumed(steps: int, encoder: str, tmp_path: Path) -> None:
    plan = small(encoder)
    pretrain(plan, tmp_path / "whole")
    with pytest.raises(Killed):
        pretrain(plan, tmp_path / "killed", reporter=Killer(steps))
    assert (tmp_path / "killed" / "run" / "full.json").exists() == (steps == 8), "each stage is killed once"
    with pytest.raises(ConfigError, match="--resume, --overwrite"):
        pretrain(plan, tmp_path / "killed")
    pretrain(plan, tmp_path / "killed", resume=True)
    one, other = ((tmp_path / name / DELTA_FILE).read_bytes() for name in ("whole", "killed"))
    assert one == other


def test_another_recipe_does_not_go_on_with_this_run(encoder: str, tmp_path: Path) -> None:
    pretrain(small(encoder), tmp_path)
    with pytest.raises(ConfigError, match="another recipe"):
        pretrain(small(encoder, sampling={"sentences": 40}), tmp_path, resume=True)
    # Other ranks are another last stage over the same trained weights.
    before = json.loads((tmp_path / "run" / "full.json").read_text())
    pretrain(small(encoder, shipping={"text_rank": 3, "label_rank": 2, "stages": []}), tmp_path, resume=True)
    assert json.loads((tmp_path / "run" / "full.json").read_text()) == before
    assert BaseRecord.read(tmp_path).trained_on["low_rank"] == []
    pretrain(small(encoder, sampling={"sentences": 40}), tmp_path, overwrite=True)
    with pytest.raises(ConfigError, match="give one of them"):
        pretrain(small(encoder), tmp_path, overwrite=True, resume=True)


def test_too_large_to_ship(encoder: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the recipe allows 0\.01; lower the ranks"):
        pretrain(small(encoder, shipping={"megabytes": 0.01, "stages": []}), tmp_path)
    assert not (tmp_path / BASE_FILE).exists()


def test_a_warm_start_takes_encoder_and_heads(encoder: str, made: Path, tmp_path: Path) -> None:
    still = {
        "batch_size": 8,
        "precision": "fp32",
        "learning_rates": dict.fromkeys(("text_encoder", "label_encoder", "span_head", "label_head"), 1e-12),
    }
    other = load_base(str(made))
    if other.architecture == "uni":
        with pytest.raises(ConfigError, match=r"has no token_rep_layer\.labels_encoder"):
            pretrain(small(encoder, warm_start=str(made), training=still), tmp_path)
        return
    pretrain(small(encoder, warm_start=str(made), training=still), tmp_path)
    again = weights(load_base(str(tmp_path / "run" / "trained")))
    assert all(is_near(again[name], tensor) for name, tensor in weights(other).items())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / DELTA_FILE).write_bytes(b"no"), "its sha256 differs"),
        (lambda f: (f / DELTA_FILE).unlink(), "misses delta.safetensors"),
        (lambda f: _edit(f, format_version=99), "format version 99"),
        (lambda f: _edit(f, encoder_sha256="0" * 64), "install the one that it was trained from"),
        (lambda f: _edit(f, limits={"max_width": 3}), "this version would build"),
        (lambda f: _edit(f, colour="blue"), "colour"),
        (lambda f: (f / BASE_FILE).write_text("{"), "not valid JSON"),
    ],
)
def test_a_spoilt_folder_is_refused(spoil: Any, message: str, made: Path, tmp_path: Path) -> None:
    for name in (BASE_FILE, DELTA_FILE):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    load_base(str(tmp_path))
    spoil(tmp_path)
    with pytest.raises(BaseModelError, match=message):
        load_base(str(tmp_path))


def _edit(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / BASE_FILE).read_text())
    (folder / BASE_FILE).write_text(json.dumps({**content, **changes}))


def test_every_parameter_is_trained_through_all_stages(encoder: str, tmp_path: Path) -> None:
    """Later stages go on from the one before; what ships is the projection of the last, as bytes with scales."""
    shipping = {"numbers": "int8", "text_rank": 32, "label_rank": 16, "embedding_rank": 8, "stages": []}
    stages = [{"sentences": 16}, {"sentences": 24, "drawing": {"split": 0.9}}]
    planned = small(encoder, stages=stages, shipping={**shipping, "label_embedding_rank": 0})
    pretrain(planned, tmp_path)
    record = BaseRecord.read(tmp_path)
    assert [stage["sentences"] for stage in record.trained_on["full_stages"]] == pytest.approx([16, 24], abs=8)
    main, trained, base = (load_base(str(tmp_path / name)) for name in ("run/main", "run/trained", "."))
    head = "span_rep_layer.span_rep_layer.out_project.0.weight"
    assert not torch.equal(weights(main)[head], weights(trained)[head])
    delta = load_file(tmp_path / DELTA_FILE)
    assert {tensor.dtype for tensor in delta.values()} == {torch.float16, torch.int8}
    assert not [name for name in delta if "labels_encoder" in name and "word_embeddings" in name]
    # Whole ranks on the text encoder: bytes are all that is lost of it.
    name = "token_rep_layer.bert_layer.model.encoder.layer.0.intermediate.dense.weight"
    start = load_base(encoder, architecture="bi")
    learnt = weights(trained)[name] - weights(start)[name]
    assert (weights(base)[name] - weights(trained)[name]).norm() < 0.05 * learnt.norm()
    texts = ["Aspirin helps.", "HeLa cells grew."]
    assert len(Annotator(base, NAMES, threshold=0.01).annotate(texts)) == 2
    before = (tmp_path / DELTA_FILE).read_bytes()
    pretrain(planned, tmp_path, resume=True)
    assert (tmp_path / DELTA_FILE).read_bytes() == before
