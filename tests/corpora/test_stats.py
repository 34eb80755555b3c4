"""Statistics: by hand on a tiny corpus, and the known figures on the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gliner_adapters.corpora import CorpusStats, Overlap, SplitStats, corpus_stats, load_corpus, user_corpus

TRAIN = """HeLa\tB-cell
cells\tI-cell
grow\tO

IL-2\tB-gene
rises\tO

IL-2\tB-gene
rises\tO

il-2\tB-gene
rises\tO

"""
TEST = """IL-2\tB-gene
rises\tO

IL-2\tB-gene
rises\tO

hela\tB-gene
cells\tI-gene
die\tO

HeLa\tB-cell
die\tO

"""


def test_every_number_by_hand(tmp_path: Path) -> None:
    for name, text in (("train", TRAIN), ("test", TEST)):
        (tmp_path / f"{name}.tsv").write_text(text, encoding="utf-8")
    found = corpus_stats(load_corpus(tmp_path), max_width=1)
    assert found.splits["train"] == SplitStats(
        documents=4,
        sentences=4,
        words=9,
        longest_sentence=3,
        mentions=4,
        mentions_by_label={"cell": 1, "gene": 3},
        widths={1: 3, 2: 1},
        widest=2,
        too_wide=1,
        unaligned=0,
        repeated_sentences=1,
    )
    # "hela cells" is seen although case and type differ; "HeLa" alone is not.
    assert found.overlap == {"test": Overlap(sentences=2, seen_mentions=3, mentions=4)}
    assert found.overlap["test"].seen_share == 0.75
    assert json.loads(json.dumps(found.to_dict()))["overlap"]["test"]["seen_share"] == 0.75


def test_free_text_is_split_into_sentences_and_cut_words_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "train.pubtator"
    path.write_text(
        "1|t|Cisplatin-induced deafness.\n1|a|It is rare. It is lasting.\n"
        "1\t0\t9\tCisplatin\tChemical\n1\t18\t26\tdeafness\tDisease\n\n",
        encoding="utf-8",
    )
    split = corpus_stats(user_corpus(path)).splits["train"]
    assert (split.documents, split.sentences, split.mentions) == (1, 3, 2)
    assert (split.unaligned, split.widths) == (1, {1: 2})


def test_without_a_training_split_there_is_no_overlap(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text(TEST, encoding="utf-8")
    assert corpus_stats(load_corpus(tmp_path)).overlap == {}


def wider(found: CorpusStats) -> float:
    """Percent of the training and test mentions that are wider than the cap."""
    both = [found.splits["train"], found.splits["test"]]
    return 100 * sum(split.too_wide for split in both) / sum(split.mentions for split in both)


@pytest.mark.corpora
def test_jnlpba(data_dir: Path) -> None:
    found = corpus_stats(load_corpus("jnlpba", data_dir=data_dir))
    assert found.splits["test"].mentions_by_label == {
        **{"DNA": 1056, "RNA": 118, "cell line": 500, "cell type": 1921, "protein": 5067}
    }
    assert found.splits["test"].mentions == 8662
    assert found.splits["train"].repeated_sentences == 71
    assert found.overlap["test"].sentences == 108
    assert round(found.overlap["test"].seen_share, 2) == 0.57
    assert max(split.longest_sentence for split in found.splits.values()) == 208
    assert f"{wider(found):.2f}" == "0.10"


@pytest.mark.corpora
def test_bc5cdr(data_dir: Path) -> None:
    found = corpus_stats(load_corpus("bc5cdr", data_dir=data_dir))
    assert found.splits["test"].mentions == 9809
    assert found.splits["devel"].mentions_by_label["disease"] == 4246
    assert found.overlap["test"].sentences == 16
    assert round(found.overlap["test"].seen_share, 2) == 0.62
    assert f"{wider(found):.2f}" == "0.19"
