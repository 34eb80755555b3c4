"""Kinds within a type: told by the mention's words, offered in the type's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from gliner_adapters.documents import Document, Entity
from gliner_adapters.model import Base
from gliner_adapters.pretraining import Recipe, read_recipe
from gliner_adapters.pretraining.data import kind_of, read_source
from gliner_adapters.pretraining.drawing import Group, draw_labels
from gliner_adapters.pretraining.held_out import HeldOut
from gliner_adapters.pretraining.recipe import Kind, LabelDrawing, TypeTexts
from gliner_adapters.pretraining.work import group_targets
from pretraining.helpers import SAMPLE_LABELS, content, made_corpus, passage, recipe, source

KINDS = (
    Kind(names=("RNA",), mention="RNAs?$"),
    Kind(names=("DNA",), mention="(?i)gene$|RNA"),
    Kind(names=("protein",)),
)


def test_the_first_kind_that_matches() -> None:
    assert [kind_of(KINDS, m) for m in ("vos mRNA", "vos Gene", "RNA polymerase", "Vos")] == [0, 1, 1, 2]


OWN = {
    "C": {"names": ["chemical"]},
    "D": {
        "names": ["disease"],
        "split": [{"names": ["syndrome"], "mention": "syndrome$"}, {"names": ["other disease"]}],
    },
}


@pytest.fixture
def split_recipe() -> Recipe:
    """A recipe for the corpus of `made_corpus`, whose diseases are split."""
    plain = recipe()
    labels = {"made": {tag: TypeTexts.model_validate(texts) for tag, texts in OWN.items()}}
    return plain.model_copy(update={"labels": labels})


@pytest.mark.parametrize("fully_annotated", [True, False])
def test_spans_get_the_kind_of_their_words(
    fully_annotated: bool, tmp_path: Path, reader: Base, split_recipe: Recipe
) -> None:
    text = "He had Vosar syndrome and colitis from vosarin ."
    spans = [("Vosar syndrome", "D"), ("colitis", "D"), ("vosarin", "C")]
    document = Document(text, [Entity(text.index(m), text.index(m) + len(m), tag) for m, tag in spans])
    corpus = made_corpus(tmp_path, [document], fully_annotated=fully_annotated)
    found = read_source(corpus, split_recipe, reader, HeldOut([]), set())
    assert [texts.names[0] for texts in found.texts] == ["chemical", "disease", "syndrome", "other disease"]
    assert found.split == {1: (2, 3)}
    (only,) = found.passages
    assert sorted(only.spans) == [(2, 3, 1), (2, 3, 2), (5, 5, 1), (5, 5, 3), (7, 7, 0)]
    assert found.mentions() == [1, 2, 1, 1]
    assert found.known == [(0, 1)], "kinds are known where their type is, and need no entry"


def drawn(split: float, times: int = 400) -> list[tuple[int, ...]]:
    own = source("made", [passage(4)], [TypeTexts.model_validate(texts) for texts in OWN.values()], [(0, 1)])
    own.texts += OWN_KINDS
    own.split = {1: (2, 3)}
    drawing = LabelDrawing(split=split, drop_from=0)
    generator = np.random.default_rng(0)
    return [tuple(sorted(draw_labels(own, Group(0, (0,)), drawing, generator).types)) for _ in range(times)]


OWN_KINDS = TypeTexts.model_validate(OWN["D"]).split


def test_kinds_stand_in_the_place_of_their_type() -> None:
    assert set(drawn(0.0)) == {(0, 1)}
    assert set(drawn(1.0)) == {(0, 2, 3)}
    share = drawn(0.4).count((0, 2, 3)) / 400
    assert share == pytest.approx(0.4, abs=0.08)


def test_a_kind_is_known_where_its_type_is() -> None:
    passages = [passage(2, (0, 1, 1), (0, 1, 3)), passage(1)]
    own = source("made", passages, [TypeTexts.model_validate(texts) for texts in OWN.values()], [(0, 1), (0,)])
    own.texts += OWN_KINDS
    own.split = {1: (2, 3)}
    targets, known = group_targets(own, Group(0, (0, 1)), passages, (3, 0, 2), 2)
    assert known.tolist() == [[1, 1, 1], [1, 1, 1], [0, 1, 0]]
    assert targets[0, 1].tolist() == [1, 0, 0]
    assert targets.sum() == 1


def test_the_packages_kinds_say_what_they_should() -> None:
    labels = read_recipe("minilm-bi").labels
    gene, cell = labels["bc2gm"]["GENE"].split, labels["bionlp13cg"]["Cell"].split
    examples = {
        "RNA": ("beta - globin mRNA", "Dhfr transcripts", "U6 snRNAs"),
        "DNA": ("AP - 1 site", "c - fos promoter", "p53 gene", "HIV - 1 LTR", "NF - kappa B binding sites"),
        "protein": ("p53", "RNA polymerase II", "SH2 domain", "interleukin - 2 receptor", "transcription factor"),
    }
    for name, mentions in examples.items():
        assert {gene[kind_of(gene, m)].names[0] for m in mentions} == {name}
    lines = ("MCF - 7 cells", "HeLa cells", "K562", "ovarian cancer cell lines", "clones")
    types = ("endothelial cells", "CD4 + T cells", "Th2 cells", "platelets", "tumor cells")
    assert {cell[kind_of(cell, m)].names[0] for m in lines} == {"cell line"}
    assert {cell[kind_of(cell, m)].names[0] for m in types} == {"cell type"}


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ([{"names": ["a"]}, {"names": ["b"]}], "each kind but the last needs `mention`"),
        ([{"names": ["a"], "mention": "x"}], "the last takes what is left"),
        ([{"names": ["a"], "mention": "("}, {"names": ["b"]}], "not a regular expression"),
        ([{"names": ["a"], "mention": "x"}, {"names": ["A"]}], "'A' stands for both"),
        ([{"names": ["drug"], "mention": "x"}, {"names": ["b"]}], "'drug' stands for both"),
    ],
)
def test_kinds_that_cannot_be_told_apart(split: list[dict[str, Any]], message: str) -> None:
    labels = {"sample": {**SAMPLE_LABELS, "Gene": {"names": ["gene"], "split": split}}}
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(content(labels=labels))


def test_a_kind_may_share_a_name_with_its_own_type() -> None:
    split = [{"names": ["DNA"], "mention": "gene$"}, {"names": ["gene"]}]
    Recipe.model_validate(content(labels={"sample": {**SAMPLE_LABELS, "Gene": {"names": ["gene"], "split": split}}}))
