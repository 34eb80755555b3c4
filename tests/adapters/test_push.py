"""Publishing an adapter: the real client against a hub on this machine, and what is refused before any network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from huggingface_hub.repocard import metadata_load

from adapters.helpers import Tiny, trained_adapter
from gliner_adapters.adapters import AdapterConfig, load_adapter, prepare_upload, save_adapter
from gliner_adapters.errors import AdapterError, ConfigError, DataError
from gliner_adapters.model import Base, load_base
from hub_server import Client, Failed, Hub

BASE = "acme/base"
COMMIT = "c" * 40
METRICS = {
    **{"devel_epoch": 2, "devel_macro_f1": 0.8, "devel_macro_precision": 0.75, "devel_macro_recall": 0.9},
    **{"devel_micro_f1": 0.81, "devel_micro_precision": 0.76, "devel_micro_recall": 0.91, "devel_threshold": 0.4},
}
KNOWN: dict[str, Any] = {"trained_on": {"corpus": "bc5cdr", "licence": "CC-BY-4.0", "seed": 3}, "metrics": METRICS}
FILES = {"README.md", "adapter_config.json", "adapter_model.safetensors"}


def from_hub(tiny: Tiny, name: str = "bi-bert") -> Base:
    """A tiny base as if it had come from a hub."""
    base = load_base(tiny(name).folder)
    base.id, base.revision = BASE, COMMIT
    return base


@pytest.fixture
def folder(tiny: Tiny, tmp_path: Path) -> Path:
    return save_adapter(trained_adapter(from_hub(tiny), "heads", **KNOWN), tmp_path / "adapter")


def config_of(folder: Path) -> AdapterConfig:
    return AdapterConfig.read(folder)


def rewrite(folder: Path, **changes: Any) -> None:
    """Another configuration; the card goes with the one before."""
    config_of(folder).model_copy(update=changes).write(folder)
    (folder / "README.md").unlink()


# What would be sent: no network here, and the tests are offline.


def test_an_upload_is_the_adapter_and_nothing_else(folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "run.json").write_text('{"command": "secret"}')
    (folder / "notes.txt").write_text("mine")
    upload = prepare_upload(folder, "acme/cdr")
    assert set(upload.files) == FILES
    assert upload.sizes == {name: len(_bytes(content)) for name, content in upload.files.items()}
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert _bytes(upload.files[name]) == (folder / name).read_bytes()
    assert 'ga.load_adapter("acme/cdr")' in upload.card
    assert "PATH/TO" not in upload.card


def _bytes(content: bytes | Path) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def test_deltas_for_peft_are_sent_too(tiny: Tiny, tmp_path: Path) -> None:
    folder = save_adapter(trained_adapter(from_hub(tiny), "lora"), tmp_path / "lora")
    sent = set(prepare_upload(folder, "acme/lora").files) - FILES
    assert sent == {
        f"peft/{part}/{name}"
        for part in ("label_encoder", "text_encoder")
        for name in FILES - {"README.md"}
        if (folder / "peft" / part).is_dir()
    }
    assert sent


def test_the_metadata_is_what_the_hubs_library_reads(folder: Path, tmp_path: Path) -> None:
    upload = prepare_upload(folder, "acme/cdr")
    card = tmp_path / "card.md"
    card.write_text(upload.card, encoding="utf-8")
    assert metadata_load(card) == upload.metadata
    data = ModelCard.load(card).data
    assert data.to_dict() == upload.metadata
    assert (data.base_model, data["base_model_relation"]) == (BASE, "adapter")
    assert (data.library_name, data.pipeline_tag) == ("gliner-adapters", "token-classification")
    assert (data.license, data.language, data.datasets) == ("cc-by-4.0", ["en"], ["bc5cdr"])
    assert data.metrics == ["f1", "precision", "recall"]
    assert {"gliner", "named-entity-recognition", "heads"} <= set(data.tags)
    assert data.model_name == "cdr"
    found = {
        (each.dataset_name, each.dataset_split, each.metric_name.partition(" (")[0], each.metric_type): (
            each.metric_value,
            each.task_type,
            each.metric_args,
        )
        for each in data.eval_results
    }
    for kind in ("macro", "micro"):
        for ratio in ("f1", "precision", "recall"):
            shown = f"{kind.capitalize()} {'F1' if ratio == 'f1' else ratio}"
            expected = (METRICS[f"devel_{kind}_{ratio}"], "token-classification", {"threshold": 0.4})
            assert found.pop(("bc5cdr", "validation", shown, ratio)) == expected
    assert not found


def test_the_card_names_the_corpus_its_licence_and_papers(folder: Path) -> None:
    card = prepare_upload(folder, "acme/cdr").card
    assert "## Data\n\n- **bc5cdr**:" in card
    assert "CC-BY-4.0" in card
    assert "- Jiao Li" in card


@pytest.mark.parametrize(
    ("licence", "given", "said"),
    [
        ("CC-BY-4.0", None, "cc-by-4.0"),
        ("CC-BY-4.0", "apache-2.0", "apache-2.0"),
        ("NOASSERTION", None, None),
        ("NOASSERTION", "mit", "mit"),
        ("CC-BY-SA-3.0", None, "cc-by-sa-3.0"),
        ("CC-BY-SA-3.0", "other", "other"),
        (None, None, None),
        (None, "mit", "mit"),
    ],
)
def test_the_licence_follows_the_corpus(folder: Path, licence: str | None, given: str | None, said: str | None) -> None:
    rewrite(folder, trained_on={"corpus": "toy"} | ({} if licence is None else {"licence": licence}))
    metadata = prepare_upload(folder, "acme/cdr", license=given).metadata
    assert metadata.get("license") == said
    assert metadata.get("language") == (None if licence is None else ["en"])
    assert metadata.get("datasets") == (None if licence is None else ["toy"])


def test_terms_that_pass_on_are_not_dropped(folder: Path) -> None:
    rewrite(folder, trained_on={"corpus": "bionlp13cg", "licence": "CC-BY-SA-3.0"})
    with pytest.raises(ConfigError, match=r"licence mit: the corpus bionlp13cg is under CC-BY-SA-3\.0, whose"):
        prepare_upload(folder, "acme/cg", license="mit")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# My own card\n")
    with pytest.raises(ConfigError, match=r"licence apache-2\.0: the corpus bionlp13cg"):
        prepare_upload(folder, "acme/cg")


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ({"id": "minilm-bi", "revision": None}, "sentence-transformers/all-MiniLM-L6-v2"),
        ({"id": "encoder:mpnet", "revision": None}, "sentence-transformers/all-mpnet-base-v2"),
        ({"id": "urchade/gliner_small-v2.1", "revision": COMMIT}, "urchade/gliner_small-v2.1"),
    ],
)
def test_the_base_model_is_what_the_hub_knows(folder: Path, base: dict[str, Any], expected: str) -> None:
    rewrite(folder, base=config_of(folder).base.model_copy(update=base))
    assert prepare_upload(folder, "acme/cdr").metadata["base_model"] == expected


def test_full_is_a_finetune(tiny: Tiny, tmp_path: Path) -> None:
    folder = save_adapter(trained_adapter(from_hub(tiny), "full"), tmp_path / "full")
    assert prepare_upload(folder, "acme/full").metadata["base_model_relation"] == "finetune"


def test_a_card_that_was_edited_is_kept(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    edited = card.replace("## Labels", "## Notes\n\nMy own words.\n\n## Labels").replace(
        "- gliner\n", "- gliner\n- ours\n"
    )
    (folder / "README.md").write_text(edited)
    upload = prepare_upload(folder, "acme/cdr", language=["de"])
    assert "My own words." in upload.card
    assert 'ga.load_adapter("acme/cdr")' in upload.card
    assert "ours" in upload.metadata["tags"]
    assert upload.metadata["language"] == ["de"]
    assert upload.metadata["license"] == "cc-by-4.0"
    assert upload.metadata["model-index"][0]["name"] == "cdr"


def test_results_go_to_the_card(folder: Path, tmp_path: Path) -> None:
    digest = config_of(folder).weights_sha256
    strict = {"per_type": {"a": {"tp": 8, "fp": 2, "fn": 0}, "b": {"tp": 1, "fp": 1, "fn": 3}}}
    record = {
        "adapter_sha256": digest,
        "corpus": "bc5cdr",
        "split": "test",
        "threshold": 0.4,
        "report": {"strict": strict},
    }
    path = tmp_path / "test.json"
    path.write_text(json.dumps(record))
    for given in (path, record):
        upload = prepare_upload(folder, "acme/cdr", results=[given], datasets=["acme/cdr-data"])
        results = upload.metadata["model-index"][0]["results"]
        assert [each["dataset"]["split"] for each in results] == ["validation", "test"]
        assert {each["dataset"]["type"] for each in results} == {"acme/cdr-data"}
        scores = {each["name"]: each["value"] for each in results[1]["metrics"]}
        assert scores["Macro recall (exact spans)"] == pytest.approx((1 + 0.25) / 2)
        assert scores["Micro F1 (exact spans)"] == pytest.approx(18 / 24)
        assert "| bc5cdr | test | 0.4 |" in upload.card
    path.write_text(json.dumps(record | {"adapter_sha256": "0" * 64}))
    with pytest.raises(AdapterError, match=r"test\.json is of an adapter with other weights .* evaluate this one"):
        prepare_upload(folder, "acme/cdr", results=[path])
    path.write_text("[]")
    with pytest.raises(DataError, match=r"test\.json: not a result of an adapter"):
        prepare_upload(folder, "acme/cdr", results=[path])
    with pytest.raises(DataError, match="no such file; write it with"):
        prepare_upload(folder, "acme/cdr", results=[tmp_path / "none.json"])


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("cdr", None, "no name of a repository: 'cdr'"),
        ("a/b/c", None, "no name of a repository"),
        ("acme/c d r", None, "no name of a repository"),
        ("acme/cdr", COMMIT, "goes to a branch"),
    ],
)
def test_names_that_are_none(folder: Path, name: str, revision: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        prepare_upload(folder, name, revision=revision)


def test_what_is_no_whole_adapter_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"no adapter at .*expected adapter_config\.json"):
        prepare_upload(tmp_path, "acme/cdr")
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(AdapterError, match="its sha256 differs"):
        prepare_upload(folder, "acme/cdr")
    weights.unlink()
    with pytest.raises(AdapterError, match=r"misses adapter_model\.safetensors"):
        prepare_upload(folder, "acme/cdr")


def test_a_base_from_a_folder_has_to_be_named_for_others(tiny: Tiny, tmp_path: Path) -> None:
    folder = save_adapter(trained_adapter(load_base(tiny("bi-bert").folder), "heads"), tmp_path / "local")
    assert str(tiny("bi-bert").folder) in (folder / "README.md").read_text()
    with pytest.raises(ConfigError, match=r"a base from a folder \(gliner\).*--base-model USER/NAME"):
        prepare_upload(folder, "acme/cdr")
    with pytest.raises(ConfigError, match="name the commit too"):
        prepare_upload(folder, "acme/cdr", base_model=BASE)
    upload = prepare_upload(folder, "acme/cdr", base_model=f"{BASE}@{COMMIT}")
    assert (upload.config.base.id, upload.config.base.revision) == (BASE, COMMIT)
    for name in ("README.md", "adapter_config.json"):
        assert str(tiny("bi-bert").folder).encode() not in _bytes(upload.files[name])
        assert BASE.encode() in _bytes(upload.files[name])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("made with " + "hf_" + "A" * 34, "what looks like a secret"),
        ("key " + "AKIA" + "ABCDEFGH12345678", "what looks like a secret"),
        ("data in /home/somebody/data", "a path of a machine"),
        ("data in C:\\Users\\somebody", "a path of a machine"),
        ("my token is a-token-of-ours", "the token of the hub"),
    ],
)
def test_secrets_and_paths_never_leave(folder: Path, text: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-token-of-ours")
    card = folder / "README.md"
    card.write_text(card.read_text() + f"{text}\n")
    line = len(card.read_text().splitlines())
    with pytest.raises(AdapterError, match=rf"README\.md:{line}: {what} stands there") as raised:
        prepare_upload(folder, "acme/cdr")
    assert "a-token-of-ours" not in str(raised.value)
    assert "A" * 34 not in str(raised.value)


def test_a_secret_in_a_description_is_found_in_the_configuration(folder: Path) -> None:
    labels = [entry.model_copy(update={"description": "hf_" + "b" * 34}) for entry in config_of(folder).labels]
    rewrite(folder, labels=labels)
    with pytest.raises(AdapterError, match=r"adapter_config\.json:\d+: what looks like a secret"):
        prepare_upload(folder, "acme/cdr")


def test_metadata_that_is_not_yaml_is_told_with_its_line(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [a\n---\n\nText.\n")
    with pytest.raises(DataError, match=r"README\.md:\d: the card's metadata is not YAML"):
        prepare_upload(folder, "acme/cdr")


# The real client and a hub.


@dataclass
class World:
    """A hub with a base, a client that may write, and an adapter of that base."""

    hub: Hub
    client: Client
    cache: Path
    folder: Path
    base_commit: str

    def push(self, name: str, folder: Path | None = None, **options: Any) -> dict[str, Any]:
        """Push in the client's process; what came of it."""
        return self.client.run(
            f"done = ga.push_adapter({str(folder or self.folder)!r}, {name!r}, **{options!r})\n"
            "import dataclasses; result = dataclasses.asdict(done)"
        )

    def refused(self, name: str, folder: Path | None = None, **options: Any) -> str:
        """The message of a push that fails; it is the hub's fault or the token's."""
        with pytest.raises(Failed) as failed:
            self.push(name, folder, **options)
        assert failed.value.kind == "HubError", failed.value
        return failed.value.message

    def cli(self, *arguments: object) -> tuple[int, str, str]:
        """The program in the client's process: exit code, standard output and standard error."""
        argv = ["gliner-adapters", *map(str, arguments)]
        code, out, err = self.client.run(f"result = command({argv!r})")
        return code, out, err


PRELUDE = """
import contextlib, io, sys
import gliner_adapters as ga
from gliner_adapters.cli import main

def command(argv):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = argv
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return [code, out.getvalue(), err.getvalue()]
"""


@pytest.fixture(scope="module")
def world(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("hub")
    with Hub().serving() as hub:
        commit = hub.add(BASE, tiny("bi-bert").folder)
        client = Client(hub, place / "home", {"HF_TOKEN": "hf_ours"})
        try:
            client.run(PRELUDE)
            base = from_hub(tiny)
            base.revision = commit
            folder = save_adapter(trained_adapter(base, "heads", **KNOWN), place / "adapter")
            yield World(hub, client, place / "home", folder, commit)
        finally:
            client.close()


def files_of(world: World, name: str, commit: str) -> dict[str, bytes]:
    return world.hub.repositories[name].commits[commit]


DIGEST = """
import hashlib, pathlib
trained = ga.load_adapter({name!r}, revision={revision!r})
found = ga.Annotator(trained, threshold=0.01).annotate(["Aspirin eased the asthma of mice."])[0].entities
files = {{p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in pathlib.Path(trained.folder).iterdir()}}
result = [files, [[e.start, e.end, e.label, e.score] for e in found], trained.base.id, trained.base.revision]
"""


def test_what_is_pushed_is_what_is_loaded(world: World, tiny: Tiny) -> None:
    import hashlib

    from gliner_adapters.annotate import Annotator

    pushed = world.push("acme/first", message="The first one")
    commit, url = pushed["commit"], pushed["url"]
    assert (pushed["changed"], pushed["pull_request"]) == (True, None)
    assert url == f"{world.hub.endpoint}/acme/first/commit/{commit}"
    assert world.hub.repositories["acme/first"].messages == ["initial commit", "The first one"]
    stored = files_of(world, "acme/first", commit)
    assert set(stored) == FILES | {".gitattributes"}
    for revision in (commit, "main", None):
        files, entities, base, at = world.client.run(DIGEST.format(name="acme/first", revision=revision))
        assert files == {name: hashlib.sha256(stored[name]).hexdigest() for name in FILES}
        assert stored["adapter_model.safetensors"] == (world.folder / "adapter_model.safetensors").read_bytes()
        assert stored["adapter_config.json"] == (world.folder / "adapter_config.json").read_bytes()
        assert (base, at) == (BASE, world.base_commit)
        local = Annotator(load_adapter(world.folder, tiny("bi-bert").base), threshold=0.01)
        here = local.annotate(["Aspirin eased the asthma of mice."])[0].entities
        assert here
        assert entities == [[e.start, e.end, e.label, e.score] for e in here]
    assert world.hub.cards[-1] == stored["README.md"].decode(), "the hub validated the card that it got"


def test_the_same_bytes_make_no_commit_and_another_message_neither(world: World) -> None:
    first = world.push("acme/twice")
    again = world.push("acme/twice", message="Once more")
    assert again == first | {"changed": False}
    assert len(world.hub.repositories["acme/twice"].messages) == 2


def test_an_adapter_replaces_another_one_and_leaves_what_else_is_there(
    world: World, tiny: Tiny, tmp_path: Path
) -> None:
    base = from_hub(tiny)
    base.revision = world.base_commit
    lora = save_adapter(trained_adapter(base, "lora", **KNOWN), tmp_path / "lora")
    before = world.push("acme/replaced", lora)["commit"]
    world.hub.repositories["acme/replaced"].commits[before]["LICENSE.txt"] = b"terms"
    assert any(name.startswith("peft/") for name in files_of(world, "acme/replaced", before))
    after = world.push("acme/replaced")["commit"]
    assert set(files_of(world, "acme/replaced", after)) == FILES | {".gitattributes", "LICENSE.txt"}
    method = "result = ga.load_adapter('acme/replaced', revision={!r}).config.method"
    assert [world.client.run(method.format(commit)) for commit in (before, after)] == ["lora", "heads"]


def test_a_branch_is_made_and_the_main_one_stays(world: World) -> None:
    main = world.push("acme/branches")["commit"]
    edited = shutil.copytree(world.folder, world.cache / "edited")
    (edited / "README.md").write_text((edited / "README.md").read_text() + "\nMore.\n")
    other = world.push("acme/branches", edited, revision="try-2")
    assert other["changed"]
    assert world.hub.repositories["acme/branches"].branches == {"main": main, "try-2": other["commit"]}
    assert not world.push("acme/branches", edited, revision="try-2")["changed"]


def test_a_pull_request_changes_nothing(world: World) -> None:
    main = world.push("acme/asked")["commit"]
    edited = shutil.copytree(world.folder, world.cache / "asked")
    (edited / "README.md").write_text((edited / "README.md").read_text() + "\nMore.\n")
    pushed = world.push("acme/asked", edited, create_pr=True)
    assert pushed["pull_request"] == f"{world.hub.endpoint}/acme/asked/discussions/1"
    assert world.hub.repositories["acme/asked"].branches["main"] == main
    assert "there is no such repository" in world.refused("acme/nothing-yet", create_pr=True)
    with pytest.raises(Failed, match="a pull request is opened on the main branch"):
        world.push("acme/asked", revision="other", create_pr=True)


def test_private_is_private_or_refused(world: World) -> None:
    world.push("acme/secret", private=True)
    assert world.hub.repositories["acme/secret"].private
    assert not world.push("acme/secret", private=True)["changed"]
    world.push("acme/open")
    with pytest.raises(Failed, match="acme/open is there already, and public"):
        world.push("acme/open", private=True)


@pytest.mark.parametrize(
    ("token", "name", "message"),
    [
        (
            "hf_wrong",
            "acme/denied",
            "log in with `hf auth login`, or put a token of the hub into the variable HF_TOKEN",
        ),
        ("hf_reads", "acme/denied", "use one with write access to this name"),
        ("hf_ours", "others/denied", "or push under a name that is yours"),
    ],
)
def test_who_may_not_push_is_told_what_to_do(world: World, token: str, name: str, message: str) -> None:
    said = world.refused(name, token=token)
    assert said.startswith(f"cannot push to {name}: ")
    assert message in said
    assert token not in said
    assert name not in world.hub.repositories


def test_without_a_token_nothing_is_asked(world: World) -> None:
    before = len(world.hub.asked)
    try:
        world.client.run("import os; os.environ.pop('HF_TOKEN')")
        assert "no token; log in with `hf auth login`" in world.refused("acme/tokenless")
    finally:
        world.client.run("import os; os.environ['HF_TOKEN'] = 'hf_ours'")
    assert len(world.hub.asked) == before


def test_what_is_no_adapter_never_reaches_the_hub(world: World, tmp_path: Path) -> None:
    before = len(world.hub.asked)
    with pytest.raises(Failed, match=r"AdapterError: no adapter at"):
        world.push("acme/none", tmp_path)
    leaking = shutil.copytree(world.folder, tmp_path / "leaking")
    (leaking / "README.md").write_text((leaking / "README.md").read_text() + "see /home/somebody/notes\n")
    with pytest.raises(Failed, match=r"AdapterError: .*README\.md:\d+: a path of a machine stands there"):
        world.push("acme/none", leaking)
    assert len(world.hub.asked) == before


#: Whatever the library asks the hub's own address, this hub is asked.
REROUTED = """
import httpx, huggingface_hub as hf
from huggingface_hub.utils._http import default_client_factory

class Rerouted(httpx.HTTPTransport):
    def handle_request(self, request):
        request.url = httpx.URL({endpoint!r}).copy_with(raw_path=request.url.raw_path)
        return super().handle_request(request)

hf.set_client_factory(lambda: httpx.Client(transport=Rerouted()))
try:
    hf.ModelCard(ga.adapters.prepare_upload({folder!r}, "acme/checked", license={license!r}).card).validate()
    result = "valid"
except ValueError as error:
    result = str(error)
finally:
    hf.set_client_factory(default_client_factory)
"""


def test_the_hubs_library_validates_the_card(world: World) -> None:
    values = {"endpoint": world.hub.endpoint, "folder": str(world.folder)}
    before = len(world.hub.cards)
    assert world.client.run("import gliner_adapters.adapters\n" + REROUTED.format(**values, license=None)) == "valid"
    assert len(world.hub.cards) == before + 1
    assert 'license\\" must be one of' in world.client.run(REROUTED.format(**values, license="my-own"))


def test_metadata_that_the_hub_refuses_is_told(world: World) -> None:
    with pytest.raises(Failed, match=r'ConfigError: the hub does not take the card: .*"license" must be one of'):
        world.push("acme/odd", license="my-own")
    assert world.hub.repositories["acme/odd"].messages == ["initial commit"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/storage/", 403, "the token may not do that"),
        ("/commit/main$", 412, "it was changed by somebody else in between"),
        ("/commit/main$", 500, "the hub is in trouble (HTTP status 500); try again later"),
        ("/commit/main$", 409, "something of that name is in the way, or another request is under way"),
        ("/commit/main$", 429, "too many requests; wait some minutes"),
    ],
)
def test_what_fails_midway_leaves_the_repository_as_it_was(
    world: World, tiny: Tiny, tmp_path: Path, path: str, status: int, message: str
) -> None:
    name = f"acme/midway-{status}-{len(path)}"
    before = world.push(name)["commit"]
    base = from_hub(tiny)
    base.revision = world.base_commit
    changed = trained_adapter(base, "heads", **KNOWN)
    with torch.no_grad():
        next(iter(changed.adapter.trained().values())).add_(status + len(path))
    folder = save_adapter(changed, tmp_path / "changed")
    world.hub.fails[path] = status
    try:
        assert message in world.refused(name, folder)
    finally:
        world.hub.fails.clear()
    assert world.hub.repositories[name].branches == {"main": before}
    assert world.push(name, folder)["changed"], "and again, once the hub is well"


def test_a_push_that_is_killed_leaves_the_former_revision(world: World, tiny: Tiny, tmp_path: Path) -> None:
    before = world.push("acme/killed")["commit"]
    base = from_hub(tiny)
    base.revision = world.base_commit
    changed = trained_adapter(base, "heads", **KNOWN)
    with torch.no_grad():
        next(iter(changed.adapter.trained().values())).add_(7)
    folder = save_adapter(changed, tmp_path / "changed")
    killed = Client(world.hub, world.cache, {"HF_TOKEN": "hf_ours"})
    world.hub.waiting.clear()
    world.hub.stuck.add("/storage/")
    try:
        killed.begin(f"import gliner_adapters as ga\nga.push_adapter({str(folder)!r}, 'acme/killed')")
        assert world.hub.waiting.wait(120), "the weights were on their way"
    finally:
        killed.close()
        world.hub.stuck.clear()
    assert world.hub.repositories["acme/killed"].branches == {"main": before}
    files, *_ = world.client.run(DIGEST.format(name="acme/killed", revision="main"))
    assert files["adapter_model.safetensors"] == config_of(world.folder).weights_sha256
    assert world.push("acme/killed", folder)["changed"]


def test_a_trained_adapter_pushes_itself(world: World) -> None:
    pushed = world.client.run(
        f"trained = ga.load_adapter({str(world.folder)!r})\n"
        "done = trained.push_to_hub('acme/memory', message='From memory')\n"
        "small = trained.push_to_hub('acme/small', deployable=True)\n"
        "result = [done.commit, small.commit, str(trained.folder)]"
    )
    assert pushed[2] == str(world.folder), "where it lies is not changed by that"
    stored = files_of(world, "acme/memory", pushed[0])
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert stored[name] == (world.folder / name).read_bytes()
    assert json.loads(files_of(world, "acme/small", pushed[1])["adapter_config.json"])["deployable"]


TRAINED = """
config = ga.TrainingConfig(epochs=1, batch_size=4, precision="fp32")
trained = ga.adapt(ga.load_base({base!r}), "sample", "heads", output={output!r}, config=config, limit=12)
record = ga.evaluate(trained, "sample", bootstrap=0).record
done = trained.push_to_hub("acme/trained", results=[record])
result = [done.commit, record["report"]["strict"], trained.config.metrics]
"""


def test_from_training_to_the_hub_with_test_scores(world: World, tmp_path: Path) -> None:
    commit, strict, metrics = world.client.run(TRAINED.format(base=BASE, output=str(tmp_path / "out")))
    stored = files_of(world, "acme/trained", commit)
    assert set(stored) == FILES | {".gitattributes"}
    (tmp_path / "card.md").write_bytes(stored["README.md"])
    data = ModelCard.load(tmp_path / "card.md").data
    assert (data.base_model, data.datasets, data.license, data.language) == (BASE, ["sample"], "apache-2.0", ["en"])
    found = {(each.dataset_split, each.metric_name.partition(" (")[0]): each.metric_value for each in data.eval_results}
    assert {split for split, _ in found} == {"validation", "test"}
    for kind in ("macro", "micro"):
        for ratio, shown in (("f1", "F1"), ("precision", "precision"), ("recall", "recall")):
            name = f"{kind.capitalize()} {shown}"
            assert found["validation", name] == pytest.approx(metrics[f"devel_{kind}_{ratio}"], abs=1e-4)
            assert found["test", name] == pytest.approx(strict[kind][ratio], abs=1e-4)


def test_a_missing_adapter_or_revision_is_told(world: World) -> None:
    world.push("acme/here")
    for name, revision, message in (
        ("acme/not-here", None, "there is no such repository, or it is private"),
        ("acme/here", "v9", "it has no such revision"),
        ("acme/here@v9", None, "it has no such revision"),
    ):
        with pytest.raises(Failed, match=message) as failed:
            world.client.run(f"ga.load_adapter({name!r}, revision={revision!r})")
        assert failed.value.kind == "AdapterError"
    with pytest.raises(Failed, match="names a revision, and another one is given"):
        world.client.run("ga.load_adapter('acme/here@v1', revision='v2')")


def test_the_command_line(world: World) -> None:
    asked = len(world.hub.asked)
    code, out, err = world.cli("adapters", "push", world.folder, "acme/shown", "--dry-run", "--language", "en")
    assert (code, len(world.hub.asked)) == (0, asked)
    assert re.search(r"^ +[\d,]+ bytes  adapter_model\.safetensors$", out, re.MULTILINE)
    assert "license: cc-by-4.0" in out
    assert "nothing was sent; to acme/shown, the main branch, with the message 'Upload heads adapter'" in err
    code, out, err = world.cli("adapters", "push", world.folder, "acme/shown", "-m", "Shown", "--branch", "next")
    assert code == 0, err
    commit = world.hub.repositories["acme/shown"].branches["next"]
    assert out.splitlines() == [f"acme/shown@{commit}", f"{world.hub.endpoint}/acme/shown/commit/{commit}"]
    code, out, err = world.cli("adapters", "push", world.folder, "acme/shown", "--branch", "next")
    assert (code, err) == (0, "nothing has changed since the last push\n")
    assert out.splitlines()[0] == f"acme/shown@{commit}"
    code, out, err = world.cli("adapters", "show", f"acme/shown@{commit}")
    assert code == 0, err
    assert "heads" in out
    code, out, err = world.cli("adapters", "verify", "acme/shown@next")
    assert code == 0, err
    assert "weights match their sha256" in out
    code, out, err = world.cli("annotate", "-a", f"acme/shown@{commit}", "--threshold", "0.01", "Aspirin.")
    assert code == 0, err
    code, out, err = world.cli("adapters", "push", world.folder, "others/denied")
    assert (code, out) == (5, "")
    assert err.startswith("error: cannot push to others/denied: the token may not do that")


def test_nothing_of_this_machine_is_on_the_hub(world: World) -> None:
    """After all that was pushed above: no token, no path of the folders that it came from."""
    sent = [
        (name, path, content)
        for name, repository in world.hub.repositories.items()
        if name != BASE
        for files in repository.commits.values()
        for path, content in files.items()
    ]
    assert sent
    for name, path, content in sent:
        for word in ("hf_ours", str(world.cache.parent), str(Path.home()) + "/", str(Path.cwd())):
            assert word.encode() not in content, f"{name}: {path}"
