"""Plans: what they expand to, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gliner_adapters.comparison.plan import Plan, read_plan
from gliner_adapters.comparison.specs import expand
from gliner_adapters.errors import ConfigError

PLANS = Path(__file__).parents[2] / "benchmark" / "plans"

BI = {"name": "bi", "architecture": "bi"}
UNI = {"name": "uni", "architecture": "uni"}


def plan(**settings: Any) -> Plan:
    usual = {"bases": [BI], "methods": ["heads"], "corpora": ["sample"], "seeds": [1]}
    return Plan.model_validate({**usual, **settings})


def names(found: Plan, **options: Any) -> list[str]:
    return [spec.name for spec in expand(found, **options).runs]


def test_everything_with_everything() -> None:
    found = names(plan(methods=["heads", "lora+heads"], seeds=[1, 2], limits=[50, "all"]))
    assert found == [
        f"bi_{method}_sample_{limit}_seed{seed}"
        for method in ("heads", "lora+heads")
        for limit in (50, "all")
        for seed in (1, 2)
    ]


def test_what_trains_nothing_is_run_once() -> None:
    assert names(plan(methods=["zero-shot"], seeds=[3, 4], limits=[50, "all"]), limit=9) == [
        "bi_zero-shot_sample_all_seed3"
    ]


def test_what_does_not_fit_a_base_is_skipped_and_said() -> None:
    expansion = expand(plan(bases=[BI, UNI], methods=["injection-cross", "extension"]))
    assert [spec.name for spec in expansion.runs] == [
        "bi_extension_sample_all_seed1",
        "uni_injection-cross_sample_all_seed1",
    ]
    assert expansion.skipped == [
        "injection-cross on bi: works on uni-encoders, and this is a bi-encoder",
        "extension on uni: works on bi-encoders, and this is a uni-encoder",
    ]


def test_the_narrowest_override_wins_and_rates_add_up() -> None:
    overrides = [
        {"methods": ["heads"], "corpora": ["sample"], "training": {"epochs": 4}, "seeds": [7]},
        {"methods": ["heads"], "training": {"epochs": 3, "learning_rates": {"span_head": 1e-3}}, "seeds": [8]},
        {"methods": ["lora"], "options": {"rank": 4}},
        {"methods": ["lora"], "options": {"rank": 8}},
    ]
    training = {"epochs": 2, "batch_size": 8, "learning_rates": {"label_head": 2e-3}}
    heads, lora = expand(plan(methods=["heads", "lora"], training=training, overrides=overrides)).runs
    assert (heads.training.epochs, heads.training.batch_size, heads.training.seed) == (4, 8, 7)
    assert heads.training.learning_rates == {"label_head": 2e-3, "span_head": 1e-3}
    assert (lora.training.epochs, lora.training.seed, lora.options) == (2, 1, {"rank": 8})


def test_variants_of_a_method_stand_beside_it() -> None:
    variants = [{"name": "lora4", "method": "lora", "options": {"rank": 4}}]
    overrides = [{"methods": ["lora4"], "options": {"alpha": 8}}, {"methods": ["lora"], "options": {"dropout": 0.0}}]
    runs = expand(plan(methods=["lora", "lora4"], variants=variants, overrides=overrides)).runs
    assert [spec.name for spec in runs] == ["bi_lora_sample_all_seed1", "bi_lora4_sample_all_seed1"]
    assert [(spec.method, spec.variant, spec.options) for spec in runs] == [
        ("lora", None, {"dropout": 0.0}),
        ("lora", "lora4", {"rank": 4, "alpha": 8}),
    ]
    # The name alone decides nothing: the same settings are the same run, whatever it is called.
    spelt_out = plan(methods=["lora"], overrides=[{"options": {"rank": 4, "alpha": 8}}])
    assert expand(spelt_out).runs[0].digest == runs[1].digest


def test_a_limit_for_trying_out_makes_runs_one() -> None:
    assert names(plan(limits=[2, 50, "all"]), limit=4) == ["bi_heads_sample_2_seed1", "bi_heads_sample_4_seed1"]


def test_training_on_devel_shows_in_the_name() -> None:
    assert names(plan(training={"train_on": "train+devel"}, limits=[2, "all"])) == [
        "bi_heads_sample_2+devel_seed1",
        "bi_heads_sample_all+devel_seed1",
    ]


def test_a_digest_is_of_what_decides_the_outcome() -> None:
    def digest(**settings: Any) -> str:
        return expand(plan(**settings)).runs[0].digest

    called = {**BI, "load": "here"}
    assert digest(bases=[called]) == digest(bases=[{**called, "name": "other"}])
    assert digest() == digest(training={"checkpoint_steps": 5})
    neutral = {"ema": 0.0, "layer_decay": 1.0, "train_on": "train", "threshold": None}
    assert digest() == digest(training=neutral), "runs on record are older than these options"
    others = [
        *(digest(training={name: value}) for name, value in (("ema", 0.9), ("train_on", "train+devel"))),
        digest(bases=[{**BI, "revision": "main"}]),
        digest(methods=["full"]),
        digest(seeds=[2]),
        digest(limits=[5]),
        digest(training={"epochs": 9}),
        digest(overrides=[{"options": {"label_style": "description"}}]),
    ]
    assert len({digest(), *others}) == len(others) + 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training": {"epoch": 3}}, "training of heads on bi for sample: epoch: Extra inputs"),
        ({"training": {"seed": 3}}, "seeds are given in the plan's `seeds`"),
        ({"overrides": [{"options": {"rank": 3}}]}, "options of method 'heads': rank"),
        ({"bases": [BI, {**BI, "load": "elsewhere"}]}, "two different runs are called bi_heads_sample_all_seed1"),
    ],
)
def test_settings_that_do_not_exist(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        expand(plan(**settings))


HEAD = 'methods = ["heads"]\ncorpora = ["sample"]\nseeds = [1]\n'
BASE = '[[bases]]\nname = "bi"\narchitecture = "bi"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("methods = [", "not TOML"),
        (HEAD, "bases: Field required"),
        (HEAD + "epochs = 3\n" + BASE, "epochs: Extra inputs"),
        (HEAD.replace("heads", "hats") + BASE, "methods: .*unknown method 'hats'"),
        (HEAD.replace("sample", "simple") + BASE, "corpora: .*simple"),
        (HEAD + BASE.replace('"bi"\na', '"b/i"\na'), "bases.0.name: "),
        (HEAD + BASE + '[[variants]]\nname = "heads"\nmethod = "heads"\n', "variants.0.name: 'heads' is taken"),
        (HEAD + BASE + '[[variants]]\nname = "lora4"\nmethod = "lora"\n', "'lora4' is not among the plan's methods"),
        (HEAD.replace("heads", "x") + BASE + '[[variants]]\nname = "x"\nmethod = "hats"\n', "unknown method 'hats'"),
        (HEAD + BASE + '[[overrides]]\nmethods = ["full"]\n', "overrides.0.methods: 'full' is not among"),
    ],
)
def test_errors_name_file_and_field(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"plan\.toml: .*{message}|plan\.toml: {message}"):
        read_plan(path)


def test_yaml_and_a_plan_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(HEAD + BASE)
    text = "methods: [heads]\ncorpora: [sample]\nseeds: [1]\nbases: [{name: bi, architecture: bi}]\n"
    (tmp_path / "plan.yaml").write_text(text)
    assert read_plan(tmp_path / "plan.yaml") == read_plan(tmp_path / "plan.toml")
    with pytest.raises(ConfigError, match=r"no plan .*other\.toml"):
        read_plan(tmp_path / "other.toml")


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_plans_that_come_with_the_project(path: Path) -> None:
    """They expand, and every method in them fits a base."""
    found = read_plan(path)
    assert {spec.variant or spec.method for spec in expand(found).runs} == set(found.methods)
