"""Recipes: those of the package, those of a file, and what is wrong with one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from gliner_adapters.corpora.registry import CorpusInfo, corpus_infos
from gliner_adapters.errors import ConfigError
from gliner_adapters.pretraining import Recipe, read_recipe
from gliner_adapters.pretraining.recipe import LABELS, RECIPES, TypeTexts
from pretraining.helpers import SAMPLE_LABELS, content

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN = sorted(path.stem for path in RECIPES.glob("*.toml"))
PRETRAINING = [info for info in corpus_infos().values() if info.use == "pretraining"]
TEXTS: dict[str, Any] = tomllib.loads(LABELS.read_text(encoding="utf-8"))


def written(folder: Path, what: dict[str, Any]) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(what), encoding="utf-8")
    return path


# The package's own


@pytest.mark.parametrize("name", OWN)
def test_the_packages_recipes_can_be_read(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.architecture == name.rsplit("-", 1)[1]


@pytest.mark.parametrize("name", OWN)
def test_the_packages_recipes_train_on_no_benchmark(name: str) -> None:
    """All that is scored on or kept out of training is held out, and all that is meant for it is trained on."""
    recipe = read_recipe(name)
    assert set(recipe.held_out) == {i.name for i in corpus_infos().values() if i.use in ("benchmark", "held-out")}
    assert set(recipe.corpora) == {info.name for info in PRETRAINING}


def test_there_are_texts_for_the_pretraining_corpora_and_no_others() -> None:
    assert set(TEXTS) == {info.name for info in PRETRAINING}


@pytest.mark.parametrize("info", PRETRAINING, ids=lambda info: info.name)
def test_every_type_has_several_names_and_descriptions(info: CorpusInfo) -> None:
    texts = TEXTS[info.name]
    assert set(texts) == {label.tag for label in info.labels}
    for label in info.labels:
        own = texts[label.tag]
        assert own["names"][0] == label.name
        assert own["descriptions"][0] == label.description
        assert min(len(own["names"]), len(own["descriptions"])) >= 3


@pytest.mark.parametrize("info", PRETRAINING, ids=lambda info: info.name)
def test_no_text_stands_for_two_types_of_a_corpus(info: CorpusInfo) -> None:
    """Else the same label would be right and wrong for one mention. Case and underscores are drawn, so they count."""
    drawn = [
        text.casefold().replace("_", " ")
        for own in TEXTS[info.name].values()
        for text in (*own["names"], *own["descriptions"])
    ]
    assert len(drawn) == len(set(drawn))
    assert all(text.strip() == text != "" for text in drawn)


# Files


def test_yaml_says_the_same_as_toml(tmp_path: Path) -> None:
    for name in OWN:
        toml = RECIPES / f"{name}.toml"
        path = written(tmp_path, tomllib.loads(toml.read_text(encoding="utf-8")))
        assert read_recipe(path) == read_recipe(toml) == read_recipe(name)


def test_every_setting_of_a_file_arrives(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        """
        name = "own"
        architecture = "uni"
        corpora = ["sample"]
        held_out = ["bionlp11id"]
        group_size = 8
        [labels.sample]
        Chemical = { names = ["drug"], descriptions = ["a substance"] }
        Disease = { names = ["disease"] }
        Gene = { names = ["gene"] }
        CellLine = { names = ["cell line"] }
        [sampling]
        sentences = 123
        [drawing]
        both = 0.5
        [training]
        batch_size = 16
        [training.learning_rates]
        span_head = 1e-3
        """,
        encoding="utf-8",
    )
    recipe = read_recipe(path)
    assert (recipe.name, recipe.architecture) == ("own", "uni")
    assert (recipe.corpora, recipe.held_out, recipe.group_size) == (("sample",), ("bionlp11id",), 8)
    assert recipe.labels["sample"]["Chemical"] == TypeTexts(names=("drug",), descriptions=("a substance",))
    assert (recipe.sampling.sentences, recipe.drawing.both, recipe.training.batch_size) == (123, 0.5, 16)
    assert recipe.training.learning_rates == {"span_head": 1e-3}


def test_a_file_without_labels_takes_the_packages(tmp_path: Path) -> None:
    what = content(corpora=["ncbi-disease"])
    del what["labels"]
    labels = read_recipe(written(tmp_path, what)).labels
    assert labels == read_recipe("minilm-bi").labels


def test_a_corpus_may_go_by_another_name(tmp_path: Path) -> None:
    what = content(corpora=["CRAFT_IOB"], labels={"craft": TEXTS["craft"]})
    assert read_recipe(written(tmp_path, what)).corpora == ("CRAFT_IOB",)


# What is wrong

WITHOUT_GENE = {tag: texts for tag, texts in SAMPLE_LABELS.items() if tag != "Gene"}
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown key": ({"epochs": 3}, ["epochs", "not permitted"]),
    "an unknown key in a table": ({"sampling": {"sentence": 3}}, ["sampling.sentence", "not permitted"]),
    "an unknown key of the training": ({"training": {"lr": 3}}, ["training.lr", "not permitted"]),
    "an unknown key of a type": (
        {"labels": {"sample": {**SAMPLE_LABELS, "Gene": {"names": ["gene"], "name": "gene"}}}},
        ["labels.sample.Gene.name", "not permitted"],
    ),
    "another architecture": ({"architecture": "tri"}, ["architecture", "'bi' or 'uni'"]),
    "a name that is none": ({"name": "Tiny Base"}, ["name", "pattern"]),
    "no corpora": ({"corpora": []}, ["corpora", "at least 1"]),
    "an unknown corpus": ({"corpora": ["samples"]}, ["no corpus named 'samples'"]),
    "an unknown corpus held out": ({"held_out": ["jnlpab"]}, ["no corpus named 'jnlpab'"]),
    "a corpus trained on and held out": ({"held_out": ["sample"]}, ["sample", "trained on and held out"]),
    "the same by another name": (
        {"corpora": ["craft"], "held_out": ["craft-iob"], "labels": {"craft": TEXTS["craft"]}},
        ["craft", "trained on and held out"],
    ),
    "no labels for a corpus": ({"labels": {}}, ["labels of sample", "CellLine, Chemical, Disease, Gene"]),
    "no labels for a type": ({"labels": {"sample": WITHOUT_GENE}}, ["labels of sample", "check Gene"]),
    "labels for a type that is not there": (
        {"labels": {"sample": {**SAMPLE_LABELS, "Protein": {"names": ["protein"]}}}},
        ["labels of sample", "check Protein"],
    ),
    "a type without names": (
        {"labels": {"sample": {**SAMPLE_LABELS, "Gene": {"names": []}}}},
        ["labels.sample.Gene.names", "at least 1"],
    ),
    "a group that does not divide": ({"group_size": 5}, ["group_size 5", "batch_size 32"]),
    "a group larger than a batch": ({"group_size": 64}, ["group_size 64", "batch_size 32"]),
    "shares over one": ({"drawing": {"description": 0.6, "both": 0.5}}, ["drawing", "together they exceed 1"]),
    "a probability over one": ({"drawing": {"other_case": 1.5}}, ["drawing.other_case", "less than or equal to 1"]),
    "all labels dropped": ({"drawing": {"drop": 1.0}}, ["drawing.drop", "less than 1"]),
    "no sentences": ({"sampling": {"sentences": 0}}, ["sampling.sentences", "greater than or equal to 1"]),
    "not a number": ({"sampling": {"corpus_power": "half"}}, ["sampling.corpus_power", "valid number"]),
    "no size": ({"shipping": {"megabytes": 0}}, ["shipping.megabytes", "greater than 0"]),
    "an unknown loss": ({"training": {"loss": "hinge"}}, ["training.loss", "bce"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(what: str, tmp_path: Path) -> None:
    changes, words = WRONG[what]
    path = written(tmp_path, content(**changes))
    with pytest.raises(ConfigError) as caught:
        read_recipe(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("field", ["name", "architecture", "corpora"])
def test_what_is_missing_is_named(field: str, tmp_path: Path) -> None:
    what = content()
    del what[field]
    with pytest.raises(ConfigError, match=f"{field}: Field required"):
        read_recipe(written(tmp_path, what))


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, content(architecture="tri", sampling={"sentences": 0}))
    with pytest.raises(ConfigError, match=r"architecture: .*; sampling\.sentences: "):
        read_recipe(path)


def test_the_unchanged_content_is_a_recipe(tmp_path: Path) -> None:
    """What the wrong ones were made from."""
    assert read_recipe(written(tmp_path, content())).name == "tiny"


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("a.toml", "name = tiny", "not TOML"),
        ("a.toml", "name: tiny", "not TOML"),
        ("a.txt", "name: tiny", "not TOML"),
        ("a.yaml", "name: [tiny", "not YAML"),
        ("a.yml", "- name", "expected tables"),
        ("a.yaml", "", "expected tables"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_named(file: str, text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=problem) as caught:
        read_recipe(path)
    assert str(path) in str(caught.value)


def test_an_unknown_recipe_says_which_are_known(tmp_path: Path) -> None:
    assert OWN
    for missing in ("minilm-tri", tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError) as caught:
            read_recipe(missing)
        for word in (str(missing), *OWN):
            assert word in str(caught.value)


def test_benchmarks_are_held_out_unless_said_otherwise() -> None:
    content_of = content()
    del content_of["held_out"]
    assert set(Recipe.model_validate(content_of).held_out) == {"bc5cdr", "bc5cdr-pubtator", "jnlpba", "bionlp11id"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corpora": ["sample", "SAMPLE"]}, "listed twice"),
        ({"labels": {"sample": {**SAMPLE_LABELS, "Gene": {"names": ["Disease"]}}}}, "'Disease' stands for both"),
        ({"labels": {"sample": {**SAMPLE_LABELS, "Gene": {"names": [" "]}}}}, "Gene has an empty text"),
        ({"architecture": "uni", "training": {"learning_rates": {"label_encoder": 1e-4}}}, "has no label_encoder"),
        ({"training": {"epochs": 3}}, "epochs"),
        ({"architecture": "uni", "label_encoder": "encoder:minilm"}, "label_encoder: a uni-encoder reads labels in"),
        ({"label_encoder": "minilm"}, "label_encoder"),
        ({"sampling": {"window_share": 1.5}}, "window_share"),
    ],
)
def test_what_would_do_nothing_or_harm_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(content(**changes))


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8: invalid start byte at byte 8"):
        read_recipe(path)
