"""From files of a user's own to an adapter and its scores, and what is refused on the way."""

from __future__ import annotations

import inspect
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import gliner_adapters as ga
from adapters.helpers import Tiny, trained_adapter
from gliner_adapters import provenance
from gliner_adapters.adapters import load_adapter, save_adapter
from gliner_adapters.api import adapt, evaluate
from gliner_adapters.api.adapting import draw
from gliner_adapters.api.files import shipped_bytes
from gliner_adapters.documents import Document, write_documents
from gliner_adapters.errors import ConfigError, DataError, StorageError
from gliner_adapters.locking import locked
from training.toy import Stopper, quick, toy_corpus

FILES = {"adapter_config.json", "adapter_model.safetensors", "README.md", "run"}
LABELS = ("cell line", "chemical", "disease")


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    """A user's data in JSON Lines, documents without ids."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    documents = toy_corpus(20)
    for split, part in {"train": documents[:12], "devel": documents[12:16], "test": documents[16:]}.items():
        write_documents(part, folder / f"{split}.jsonl")
    return folder


def test_one_process_at_a_time_trains_into_a_folder(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    out, base = tmp_path / "out", tiny("bi-bert").base
    with locked(out / "run"):
        for more in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(ConfigError, match=r"in use by another process \(process \d+"):
                adapt(base, corpus_folder, "heads", output=out, config=quick(), **more)
    assert adapt(base, corpus_folder, "heads", output=out, config=quick()).folder == out


def test_a_run_goes_on_when_there_is_room_again(
    full_disk: Path, tiny: Tiny, corpus_folder: Path, tmp_path: Path, one_thread: None
) -> None:
    out, base = full_disk / "out", tiny("bi-bert").base
    for checkpoint_steps in (1, 1000):  # what is written first: a checkpoint, or the word vectors and best weights
        config = quick(checkpoint_steps=checkpoint_steps)
        with pytest.raises(StorageError, match=r"out/.*no room for a file of"):
            adapt(base, corpus_folder, "full", output=out, config=config, resume=True)
    (full_disk / "filler").unlink()
    adapt(base, corpus_folder, "full", output=out, config=quick(), resume=True)
    adapt(base, corpus_folder, "full", output=tmp_path / "whole", config=quick())
    assert weights(out)[0] == weights(tmp_path / "whole")[0]


@pytest.mark.parametrize("own", ["sentence", "window"])
def test_a_base_is_scored_as_it_reads_unless_asked_otherwise(own: Any, tiny: Tiny) -> None:
    base, corpus = tiny("bi-bert").base, ga.load_corpus("sample")
    before, base.segment = base.segment, own
    try:
        for asked in (None, "sentence", "window"):
            result = evaluate(base, corpus, "devel", segment=asked, threshold=0.3, bootstrap=0)
            assert result.record["segment"] == (asked or own)
            reading = ga.Annotator(base, corpus.labels, threshold=0.3, segment=asked or own)
            assert result.predictions == reading.annotate(corpus.documents("devel"))
    finally:
        base.segment = before
    trained = trained_adapter(base, "heads", tuple(corpus.labels), segment=own, threshold=0.3)
    for asked in (None, "sentence", "window"):
        result = evaluate(trained, corpus, "devel", segment=asked, bootstrap=0)
        assert result.record["segment"] == (asked or own)
        reading = ga.Annotator(trained, segment=asked or own)
        assert result.predictions == reading.annotate(corpus.documents("devel"))


def weights(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "adapter_model.safetensors").read_bytes(), (folder / "adapter_config.json").read_bytes()


@pytest.mark.parametrize(
    ("method", "name"),
    [("full", "uni-bert"), ("heads", "bi-modernbert"), ("label-embeddings", "bi-bert"), ("zero-shot", "bi-bert")],
)
def test_end_to_end(method: str, name: str, tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config = quick(seed=5, segment="window")
    trained = adapt(tiny(name).base, corpus_folder, method, output=out, config=config)
    assert {path.name for path in out.iterdir()} == FILES
    assert [path.name for path in (out / "run").iterdir()] == ["run.json"], "nothing else is left of a finished run"
    assert trained.folder == out
    assert trained.labels == LABELS
    known = trained.config
    assert known.segment == "window"
    assert known.trained_on["corpus"] == "corpus"
    assert (known.trained_on["documents"], known.trained_on["seed"]) == (12, 5)
    assert known.trained_on["config"] == config.model_dump(exclude={"checkpoint_steps", "seed"})
    assert known.metrics["devel_threshold"] == known.threshold
    run = json.loads((out / "run" / "run.json").read_text())
    assert run["shipped_bytes"] == shipped_bytes(out) < sum(p.stat().st_size for p in out.iterdir())
    assert run["config"] == config.model_dump()
    assert [row["macro_f1"] for row in run["curve"]].count(known.metrics["devel_macro_f1"]) >= 1

    result = evaluate(out, corpus_folder, bootstrap=50)
    in_memory = evaluate(trained, corpus_folder, bootstrap=50)
    assert result.predictions == in_memory.predictions
    assert result.report == in_memory.report
    assert [d.id for d in result.predictions] == ["1", "2", "3", "4"]
    record = result.record
    assert json.loads(json.dumps(record)) == record
    wanted = {
        *("base", "method", "corpus", "split", "seed", "train_split", "trained_parameters", "total_parameters"),
        *("shipped_bytes", "threshold", "micro_f1", "macro_f1", "per_type", "command", "version", "commit", "device"),
        *("seconds", "peak_memory_mb"),
    }
    assert wanted <= set(record)
    assert (record["method"], record["split"], record["seed"]) == (method, "test", 5)
    assert record["curve"] == run["curve"]
    assert record["seconds"] == run["cost"]["seconds"]
    assert set(record["per_type"]) == set(LABELS)
    assert record["threshold"] == known.threshold
    devel = evaluate(out, corpus_folder, "devel", bootstrap=0)
    # Training scored devel in the same arithmetic here, so the choice is what the file says.
    assert devel.report.macro_f1 == pytest.approx(known.metrics["devel_macro_f1"])


def test_without_devel_the_threshold_is_a_half(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    (corpus_folder / "devel.jsonl").unlink()
    trained = adapt(tiny("bi-bert").base, corpus_folder, "heads", output=tmp_path / "out", config=quick(epochs=1))
    assert (trained.config.threshold, trained.config.metrics) == (0.5, {})
    with pytest.raises(ConfigError, match="'zero-shot' trains nothing, and without devel"):
        adapt(tiny("bi-bert").base, corpus_folder, "zero-shot", output=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_without_devel_some_of_train_is_held_out_and_on_record(
    tiny: Tiny, corpus_folder: Path, tmp_path: Path, one_thread: None
) -> None:
    base = tiny("bi-bert").base
    (corpus_folder / "devel.jsonl").unlink()
    write_documents(toy_corpus(40), corpus_folder / "train.jsonl")
    first, second, other = (
        adapt(base, corpus_folder, "heads", output=tmp_path / name, config=quick(epochs=1, seed=seed), hold_out=0.2)
        for name, seed in (("first", 1), ("second", 1), ("other", 2))
    )
    record = first.config.trained_on
    count = record["held_out"]["documents"]
    assert record["held_out"] == {"from": "train", "documents": count, "share": 0.2, "seed": 1}
    assert 1 <= count <= 8
    assert record["documents"] == 40 - count
    assert "devel_macro_f1" in first.config.metrics
    assert second.config.trained_on == first.config.trained_on
    assert weights(tmp_path / "first") == weights(tmp_path / "second")
    assert other.config.trained_on["held_out"]["seed"] == 2
    whole = adapt(base, corpus_folder, "heads", output=tmp_path / "whole", config=quick(epochs=1), hold_out=0)
    assert "held_out" not in whole.config.trained_on
    assert (whole.config.threshold, whole.config.trained_on["documents"]) == (0.5, 40)
    with pytest.raises(ConfigError, match="a share to hold out"):
        adapt(base, corpus_folder, "heads", output=tmp_path / "bad", config=quick(), hold_out=1)


def test_train_and_devel_together(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    """The very run that a corpus gives whose training split holds both, and marked as what it is."""
    base, out, config = tiny("bi-bert").base, tmp_path / "out", quick(train_on="train+devel", threshold=0.3)
    trained = adapt(base, corpus_folder, "heads", output=out, config=config)
    assert (trained.config.threshold, trained.config.metrics) == (0.3, {})
    assert trained.config.trained_on["train_split"] == "train+devel"
    assert trained.config.trained_on["documents"] == 16
    assert "The development split was trained on too" in (out / "README.md").read_text()
    run = json.loads((out / "run" / "run.json").read_text())
    assert (run["curve"], run["untrained"], run["training_helped"]) == ([], None, None)
    assert run["config"]["train_on"] == "train+devel"
    whole = tmp_path / "whole"
    whole.mkdir()
    write_documents(toy_corpus(16), whole / "train.jsonl")
    write_documents(toy_corpus(20)[16:], whole / "test.jsonl")
    adapt(base, whole, "heads", output=tmp_path / "same", config=quick(threshold=0.3))
    assert weights(out)[0] == weights(tmp_path / "same")[0]
    one, other = evaluate(out, corpus_folder, bootstrap=0), evaluate(tmp_path / "same", whole, bootstrap=0)
    assert one.record["train_split"] == "train+devel"
    assert one.report.to_dict() == other.report.to_dict(), "mentions of devel were seen in training"


def test_devel_cannot_be_trained_on_and_judge(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    base, out = tiny("bi-bert").base, tmp_path / "out"
    with pytest.raises(ConfigError, match="patience needs evaluations on devel, and train_on"):
        adapt(base, corpus_folder, "heads", output=out, config=quick(train_on="train+devel", patience=2))
    with pytest.raises(ConfigError, match="on_evaluation needs evaluations on devel"):
        adapt(
            base, corpus_folder, output=out, config=quick(train_on="train+devel"), on_evaluation=lambda row: bool(row)
        )
    with pytest.raises(ConfigError, match="'zero-shot' trains nothing, and without devel"):
        adapt(base, corpus_folder, "zero-shot", output=out, config=quick(train_on="train+devel"))
    (corpus_folder / "devel.jsonl").unlink()
    with pytest.raises(ConfigError, match=r"train_on train\+devel: the corpus corpus has no devel split"):
        adapt(base, corpus_folder, "heads", output=out, config=quick(train_on="train+devel"))
    assert not out.exists()


def test_the_test_split_is_never_read(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    config = quick(epochs=1)
    adapt(tiny("bi-bert").base, corpus_folder, "heads", output=tmp_path / "whole", config=config)
    (corpus_folder / "test.jsonl").write_bytes(b"\x00 this is no JSON\n")
    adapt(tiny("bi-bert").base, corpus_folder, "heads", output=tmp_path / "broken", config=config)
    assert weights(tmp_path / "broken") == weights(tmp_path / "whole")
    with pytest.raises(DataError, match=r"test\.jsonl:1"):
        evaluate(tmp_path / "broken", corpus_folder)


def test_a_label_that_only_test_has(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    line = {"id": "t", "text": "IL6", "entities": [{"start": 0, "end": 3, "label": "gene"}]}
    (corpus_folder / "test.jsonl").write_text(json.dumps(line))
    trained = adapt(tiny("bi-bert").base, corpus_folder, "heads", output=tmp_path / "out", config=quick(epochs=1))
    assert trained.labels == LABELS
    with pytest.raises(
        DataError, match=r"test\.jsonl: document t has an entity of type 'gene'; the labels are cell line"
    ):
        evaluate(trained, corpus_folder)


def test_nothing_is_overwritten_unasked(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    base, out = tiny("bi-bert").base, tmp_path / "out"

    def run(**options: Any) -> ga.TrainedAdapter:
        config = quick(epochs=1, **options.pop("config", {}))
        return adapt(base, corpus_folder, options.pop("method", "heads"), output=out, config=config, **options)

    run()
    first = weights(out)
    for refused in ({}, {"resume": True}):
        with pytest.raises(ConfigError, match="holds an adapter already; choose another --output, or --overwrite"):
            run(config={"seed": 9}, **refused)
    with pytest.raises(ConfigError, match="give one of them"):
        run(overwrite=True, resume=True)
    for impossible in ({"method": "telepathy"}, {"options": {"rank": 3}}, {"limit": 0}, {"limit": 13}):
        with pytest.raises(ConfigError):
            run(overwrite=True, **impossible)
    assert weights(out) == first, "a request that cannot be met removes nothing"
    run(overwrite=True, config={"seed": 9})
    second = weights(out)
    assert second[0] != first[0]
    run(overwrite=True)
    assert weights(out)[0] == first[0]


@pytest.mark.parametrize("method", ["full", "heads"])
def test_resume(method: str, tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    config = quick(checkpoint_steps=1)

    def run(folder: str, **options: Any) -> ga.TrainedAdapter:
        options = {"config": config, "method": method, **options}
        return adapt(base, corpus_folder, output=tmp_path / folder, **options)

    run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("cut", reporter=Stopper(3))
    with pytest.raises(ConfigError, match="holds an unfinished run; go on with --resume, or start anew"):
        run("cut")
    for other in ({"config": quick(checkpoint_steps=1, seed=2)}, {"limit": 5}):
        with pytest.raises(ConfigError, match="belongs to a run with other data, labels, base or options"):
            run("cut", resume=True, **other)
    run("cut", resume=True)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert [path.name for path in (tmp_path / "cut" / "run").iterdir()] == ["run.json"]
    # Where there is nothing to go on with, it is a run like any other: a script may always say --resume.
    run("fresh", resume=True)
    assert weights(tmp_path / "fresh") == weights(tmp_path / "whole")


def test_a_run_that_was_cut_while_saving_goes_on(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    """The adapter was written, its run's record was not: something stood in its place."""
    base, out = tiny("bi-bert").base, tmp_path / "out"
    config = quick(epochs=1)
    in_the_way = out / "run" / "run.json"
    in_the_way.mkdir(parents=True)
    with pytest.raises(StorageError, match="Is a directory"):
        adapt(base, corpus_folder, "full", output=out, config=config)
    before = weights(out)
    in_the_way.rmdir()
    with pytest.raises(ConfigError, match="unfinished run"):
        adapt(base, corpus_folder, "full", output=out, config=config)
    adapt(base, corpus_folder, "full", output=out, config=config, resume=True)
    assert weights(out) == before
    assert (out / "run" / "run.json").is_file()


def test_smaller_draws_are_part_of_larger_ones() -> None:
    documents = [Document(str(i)) for i in range(50)]
    draws = [draw(documents, limit, 3) for limit in (1, 5, 20, 50)]
    for small, large in pairwise(draws):
        assert {d.text for d in small} < {d.text for d in large}
    assert draws[-1] == documents
    assert [int(d.text) for d in draws[2]] == sorted(int(d.text) for d in draws[2])
    assert draw(documents, None, 3) is documents
    assert draw(documents, 20, 4) != draws[2]
    for limit in (0, -1, 51):
        with pytest.raises(ConfigError, match=f"--limit {limit}: there are 50 training documents"):
            draw(documents, limit, 3)


def test_limit_and_options_reach_the_run(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    trained = adapt(
        tiny("bi-bert").base,
        corpus_folder,
        "label-embeddings",
        output=tmp_path / "out",
        options={"initialisation": "random", "label_style": "name"},
        config=quick(epochs=1),
        limit=5,
    )
    assert trained.config.trained_on["documents"] == 5
    assert trained.config.options == {"label_style": "name", "initialisation": "random"}


def test_evaluate_a_base_and_refuse_other_labels(tiny: Tiny, corpus_folder: Path) -> None:
    base = tiny("bi-bert").base
    result = evaluate(base, corpus_folder, bootstrap=0)
    record = result.record
    assert (record["method"], record["trained_parameters"], record["shipped_bytes"]) == ("zero-shot", 0, 0)
    assert (record["seed"], record["train_split"], record["threshold"]) == (None, None, 0.5)
    assert evaluate(base, corpus_folder, threshold=0.9, bootstrap=0).record["threshold"] == 0.9
    few = trained_adapter(base, "heads", (ga.Label("chemical"), ga.Label("gene")))
    with pytest.raises(ConfigError, match="the adapter has no label cell line, disease; it knows chemical, gene"):
        evaluate(few, corpus_folder)
    with pytest.raises(ConfigError, match="no split 'nonsense'"):
        evaluate(base, corpus_folder, "nonsense")


def test_an_adapter_of_more_labels_is_scored_on_the_corpus_own(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    others = ("gene", "organ", "virus", "species", "food")
    more = trained_adapter(tiny("bi-bert").base, "full", tuple(map(ga.Label, (*others, *LABELS))), threshold=0.01)
    save_adapter(more, tmp_path / "more")
    result = evaluate(load_adapter(tmp_path / "more", more.base), corpus_folder, bootstrap=0)
    assert tuple(result.report.labels) == LABELS
    assert {e.label for d in result.predictions for e in d.entities} & set(others)


def test_the_public_names() -> None:
    for name in ga.__all__:
        assert getattr(ga, name) is not None
    assert set(dir(ga)) == set(ga.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ga.nonsense
    for function in (ga.adapt, ga.evaluate, ga.load_adapter, ga.load_base, ga.load_corpus):
        assert inspect.getdoc(function)


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["/somewhere/bin/gliner-adapters", "adapt", "-o", "a b"], "gliner-adapters adapt -o 'a b'"),
        (["/somewhere/gliner_adapters/__main__.py", "demo"], "gliner-adapters demo"),
        (["/somewhere/bin/pytest", "-q", "tests"], "pytest"),
        (["-c"], "-c"),
    ],
)
def test_the_command_is_the_one_that_ran(argv: list[str], command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", argv)
    assert provenance.command() == command


def test_provenance(tiny: Tiny) -> None:
    base = tiny("bi-bert").base
    record = provenance.provenance(base.device)
    assert record["version"] == ga.__version__
    assert set(record) == {"command", "version", "commit", "device", "versions"}
    assert record["commit"] is None or len(record["commit"].rstrip("+")) == 40
    assert "threads" in record["device"]
