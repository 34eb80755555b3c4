"""A job does every input once, goes on where it ended, and says what it cannot do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from annotate.helpers import moved
from bases import LABELS as TINY_LABELS
from gliner_adapters.adapters import save_adapter
from gliner_adapters.annotate import Annotator
from gliner_adapters.documents import Document, read_documents, write_documents
from gliner_adapters.errors import ConfigError
from gliner_adapters.jobs import JobFolder, JobSettings, retry, run, status, verify
from gliner_adapters.jobs.folder import Attempt
from gliner_adapters.jobs.inputs import find_inputs
from gliner_adapters.model import load_base
from jobs.conftest import LABELS, Tiny, bytes_of


def test_a_job_finds_what_the_annotator_finds(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    out = tmp_path / "out"
    summary = run(out, [str(inputs / "*.jsonl")], settings)
    assert (summary.inputs, summary.done, summary.documents_in, summary.documents_out) == (5, 5, 60, 60)
    assert verify(out, inputs=True) == []
    annotator = Annotator(load_base(str(settings.base)), [name for name, _ in LABELS], threshold=0.4)
    for record in JobFolder(out).all_records().values():
        assert record.output is not None
        found = list(read_documents(out / "outputs" / record.output.file, "jsonl"))
        expected = annotator.annotate(list(read_documents(record.input.path)))
        assert [d.id for d in found] == [d.id for d in expected]
        assert [[e.key for e in d.entities] for d in found] == [[e.key for e in d.entities] for d in expected]
    assert sum(summary.entities.values()) > 10
    assert status(out).entities == summary.entities


def test_what_is_done_is_not_read_again(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    out = tmp_path / "out"
    run(out, [str(inputs)], settings)
    before = {file: file.stat().st_mtime_ns for file in (out / "outputs").iterdir()}
    (inputs / "f.jsonl").write_bytes((inputs / "a.jsonl").read_bytes())
    os.utime(inputs / "b.jsonl")  # another time, the same bytes
    write_documents([Document("Aspirin helped.", id="new")], inputs / "c ü.jsonl")
    summary = run(out)  # settings and patterns are the folder's
    assert (summary.done, summary.before, summary.changed) == (2, 4, 1)
    after = {file: file.stat().st_mtime_ns for file in (out / "outputs").iterdir()}
    assert sorted(file.name[0] for file in after if before.get(file) != after[file]) == ["c", "f"]
    assert verify(out, inputs=True) == []


def test_another_job_is_refused_and_says_what_differs(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    out = tmp_path / "out"
    run(out, [str(inputs)], settings)
    before = bytes_of(out)
    for other, named in (
        (settings.model_copy(update={"threshold": 0.6}), "threshold was 0.4 and is 0.6"),
        (settings.model_copy(update={"labels": LABELS[:1]}), "labels was"),
        (settings.model_copy(update={"to": "bioc"}), 'to was "jsonl" and is "bioc"'),
    ):
        with pytest.raises(ConfigError, match=named):
            run(out, [str(inputs)], other)
    assert bytes_of(out) == before


@pytest.mark.parametrize(
    ("form", "methods"), [("parquet", ["label-embeddings"]), ("pubtator", ["heads", "label-embeddings"])]
)
def test_adapters_read_and_any_format_is_written(
    form: str, methods: list[str], tiny: Tiny, tmp_path: Path, inputs: Path
) -> None:
    base = tiny("bi-bert").base
    folders = {
        method: str(save_adapter(moved(base, method, TINY_LABELS, {}, 3, threshold=0.3), tmp_path / method))
        for method in methods
    }
    out = tmp_path / "out"
    summary = run(out, [str(inputs)], JobSettings(adapters=folders, to=form))
    assert verify(out) == []
    assert summary.documents_out == 60
    assert summary.entities.total() > 10
    if form == "parquet":
        found = [d for file in sorted((out / "outputs").iterdir()) for d in read_documents(file)]
        assert len(found) == 60


def test_an_address_is_an_input(tmp_path: Path, inputs: Path, settings: JobSettings, memory: str) -> None:
    storage = fsspec.filesystem("memory")
    for file in inputs.iterdir():
        storage.pipe(f"/{memory}/{file.name}", file.read_bytes())
    out = tmp_path / "out"
    summary = run(out, [f"memory://{memory}/*.jsonl"], settings)
    assert summary.documents_out == 60
    assert verify(out, inputs=True) == []
    local = tmp_path / "local"
    run(local, [str(inputs)], settings)
    assert sorted(bytes_of(out).values()) == sorted(bytes_of(local).values())
    with pytest.raises(ConfigError, match="no input matches"):
        run(tmp_path / "none", [f"memory://{memory}/nothing/*.jsonl"], settings)


@pytest.fixture
def memory() -> Iterator[str]:
    """A folder of fsspec's storage in memory."""
    yield "job-test"
    fsspec.filesystem("memory").rm("/job-test", recursive=True)


def test_failures_are_counted_stop_a_job_and_are_tried_again(
    tmp_path: Path, inputs: Path, settings: JobSettings
) -> None:
    good = (inputs / "b.jsonl").read_text(encoding="utf-8")
    (inputs / "b.jsonl").write_text("{broken\n" + good + "{broken\n", encoding="utf-8")
    out = tmp_path / "out"
    summary = run(out, [str(inputs)], settings, max_failed=1)
    assert summary.stopped is not None
    assert (summary.done, summary.documents_failed) == (2, 2), "a and b, in this order"
    summary = run(out, max_failed=2)
    assert summary.stopped is None
    assert (summary.documents_in, summary.before) == (36, 2)
    (inputs / "b.jsonl").write_text(good, encoding="utf-8")
    again = retry(out)
    assert (again.done, again.before, again.documents_failed) == (1, 4, 0)
    assert verify(out, inputs=True) == []
    assert not list((out / "outputs").glob("*.failed.jsonl"))


def test_shards_do_every_input_once(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, [str(inputs)], settings)
    done = [run(parts, [str(inputs)], settings, shard=(number, 3)).done for number in (2, 1, 3)]
    assert sum(done) == 5
    assert bytes_of(parts) == bytes_of(whole)


def test_verify_finds_what_is_wrong(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    out = tmp_path / "out"
    run(out, [str(inputs)], settings)
    files = sorted((out / "outputs").iterdir())
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes().replace(b"chemical", b"chemicaL", 1))
    (out / "outputs" / "other.jsonl").write_bytes(b"")
    record = next(iter(sorted((out / "records").glob("e-*.json"))))
    record.unlink()
    problems = "\n".join(verify(out))
    for told in (f"{files[0].name}: missing", "other bytes", "other.jsonl: no record", "e.jsonl: not done"):
        assert told in problems
    run(out)
    assert [line for line in verify(out) if "other" not in line] == []
    assert len(verify(out)) == 2, "what has the right size is believed until somebody looks"


def test_wrong_use_is_told(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match="no input matches"):
        run(out, [str(inputs / "*.txt")], settings)
    assert not out.exists(), "nothing is begun for a request that cannot be met"
    with pytest.raises(ConfigError, match="no job"):
        run(out)
    with pytest.raises(ConfigError, match="needs inputs"):
        run(out, [], settings)
    with pytest.raises(ConfigError, match="local or shared"):
        run("memory://out", [str(inputs)], settings)
    with pytest.raises(ConfigError, match="a shard is"):
        run(out, [str(inputs)], settings, shard=(3, 2))
    with pytest.raises(ConfigError, match="is read, not written"):
        run(out, [str(inputs)], settings.model_copy(update={"to": "pubmed"}))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"mine\.txt and no job"):
        run(tmp_path / "full", [str(inputs)], settings)
    for wrong in ({"labels": LABELS}, {"base": "minilm-bi"}, {"base": "x", "labels": LABELS, "adapters": {"a": "b"}}):
        with pytest.raises(ValueError, match=r"who should read|base"):
            JobSettings.model_validate(wrong)


def test_bad_inputs_end_no_job_and_are_named(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    import gzip

    good = (inputs / "a.jsonl").read_bytes()
    packed = gzip.compress(good)
    (inputs / "cut.jsonl.gz").write_bytes(packed[: len(packed) * 2 // 3])
    (inputs / "empty.jsonl").write_bytes(b"")
    (inputs / "latin.txt").write_bytes("Café\n".encode("latin-1"))
    (inputs / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    (inputs / "bomb.xml").write_text('<!DOCTYPE a [<!ENTITY b "bbbb">]><PubmedArticleSet>&b;</PubmedArticleSet>')
    records = [
        f"<PubmedArticle><MedlineCitation><PMID>{number}</PMID><Article><ArticleTitle>Aspirin {number}"
        f"{'<b' if number == 2 else ''}</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
        for number in range(5)
    ]
    (inputs / "odd.xml").write_text(f"<PubmedArticleSet>{''.join(records)}</PubmedArticleSet>")
    (inputs / "big.txt").write_text("\n".join(["aspirin and asthma " * 4_000] * 2))
    (inputs / "unknown.bin").write_bytes(bytes(range(256)))
    out = tmp_path / "out"
    summary = run(out, [str(inputs / "*")], settings)
    assert summary.done == 13
    assert summary.documents_in == summary.documents_out + summary.documents_failed
    assert verify(out, inputs=True) == []
    failing = {Path(path).name: count for path, count in status(out).failing.items()}
    assert set(failing) == {"cut.jsonl.gz", "latin.txt", "gone.jsonl", "bomb.xml", "odd.xml", "unknown.bin"}
    reasons = {
        path.name.partition("-")[0]: path.read_text(encoding="utf-8")
        for path in (out / "outputs").glob("*.failed.jsonl")
    }
    for name, told in (
        ("cut", "truncated"),
        ("latin", "0xe9"),
        ("gone", "No such file"),
        ("bomb", "DOCTYPE"),
        ("odd", "not well-formed"),
        ("unknown", "cannot tell the format"),
    ):
        assert told in reasons[name]
    records_by_stem = {name.partition("-")[0]: record for name, record in JobFolder(out).all_records().items()}
    assert (records_by_stem["odd"].documents_out, records_by_stem["odd"].documents_failed) == (4, 1)
    assert records_by_stem["big"].documents_out == 2
    assert records_by_stem["cut"].documents_out > 3
    assert (records_by_stem["empty"].documents_in, records_by_stem["empty"].documents_failed) == (0, 0)


def test_what_a_format_cannot_hold_is_set_aside(tmp_path: Path, settings: JobSettings) -> None:
    """And counted once: a document is out or has failed."""
    texts = ["Aspirin helped.", "Aspirin \x00 helped.", "Asthma."]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"id": str(i), "text": text}) + "\n" for i, text in enumerate(texts)))
    for form, failed in (("bioc-xml", 1), ("jsonl", 0)):
        out = tmp_path / form
        summary = run(out, [str(source)], settings.model_copy(update={"to": form}))
        assert (summary.documents_in, summary.documents_out, summary.documents_failed) == (3, 3 - failed, failed)
        assert verify(out) == [], "as many documents in the output as are on record"
    with pytest.raises(ConfigError, match="one of folders"):
        run(tmp_path / "brat", [str(source)], settings.model_copy(update={"to": "brat"}))


def test_inputs_may_be_taken_away_once_they_are_done(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    out = tmp_path / "out"
    run(out, [str(inputs / "*.jsonl")], settings)
    before = bytes_of(out)
    for file in inputs.iterdir():
        file.unlink()
    assert (status(out).inputs, status(out).left) == (5, 0)
    assert verify(out, inputs=True) == []
    (tmp_path / "more").mkdir()
    write_documents([Document("Aspirin helped.")], tmp_path / "more" / "new.jsonl")
    assert run(out, [str(tmp_path / "more")]).done == 1
    assert before.items() <= bytes_of(out).items()
    assert verify(out) == []


def test_shards_try_again_their_own_inputs(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    for name in ("a", "b"):
        with (inputs / f"{name}.jsonl").open("a", encoding="utf-8") as file:
            file.write("{broken\n")
    out = tmp_path / "out"
    run(out, [str(inputs)], settings)
    first = retry(out, shard=(1, 2))
    assert (first.done, first.before) == (1, 2), "a, and not c and e"
    assert status(out).left == 0, "b is another shard's and stays done"
    assert retry(out, shard=(2, 2)).done == 1


def test_what_was_found_out_is_of_the_bytes_it_was_found_in(
    tmp_path: Path, inputs: Path, settings: JobSettings
) -> None:
    """A document that was left out of an input is not left out of another version of it."""
    out = tmp_path / "out"
    run(out, [str(inputs)], settings)
    folder = JobFolder(out)
    (given,) = find_inputs([str(inputs / "a.jsonl")])
    folder.forget(given.name)
    folder.note_attempt(given.name, Attempt(size=given.size, modified=given.modified, excluded={1: "it died"}))
    assert run(out).documents_failed == 1
    folder.forget(given.name)
    folder.note_attempt(given.name, Attempt(size=given.size, modified="earlier", excluded={1: "it died"}))
    assert run(out).documents_failed == 0
