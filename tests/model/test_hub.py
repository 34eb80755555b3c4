"""Loading from a hub: the real client against a server on this machine that speaks the hub's protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub_server import Client, Failed, Hub

if TYPE_CHECKING:
    from bases import TinyBase

REPOSITORY = "acme/tiny-gliner"


@pytest.fixture(scope="module")
def hub(tiny: Callable[[str], TinyBase]) -> Iterator[Hub]:
    base = tiny("bi-bert")
    (base.folder / "evil.py").write_text("raise SystemExit('a checkpoint must not run')\n")
    with Hub().serving() as served:
        commit = served.add(REPOSITORY, base.folder)
        served.repositories[REPOSITORY].branches["v1"] = commit
        served.repositories["acme/hidden"] = served.repositories[REPOSITORY].__class__(private=True)
        yield served
    (base.folder / "evil.py").unlink()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def client(hub: Hub, cache: Path) -> Iterator[Client]:
    client = Client(hub, cache, {})
    client.run("from gliner_adapters.model import load_base")
    yield client
    client.close()


def load(client: Client, name: str, revision: str | None = None) -> list[str]:
    code = f"base = load_base({name!r}, revision={revision!r})\nresult = [base.id, base.revision, base.fingerprint]"
    return client.run(code)


def test_a_base_comes_from_the_hub_with_its_commit(
    hub: Hub, client: Client, cache: Path, tiny: Callable[[str], TinyBase]
) -> None:
    commit, fingerprint = hub.repositories[REPOSITORY].branches["v1"], tiny("bi-bert").base.fingerprint
    assert load(client, REPOSITORY, "v1") == [REPOSITORY, commit, fingerprint]
    asked = [path.rpartition("/")[2] for method, path in hub.asked if method == "GET" and "/resolve/" in path]
    assert "model.safetensors" in asked
    assert not [name for name in asked if name.endswith((".py", ".bin"))]
    # Fetched once: the commit is enough to find it again without a network.
    alone = Client(hub, cache, {"HF_HUB_OFFLINE": "1"})
    try:
        alone.run("from gliner_adapters.model import load_base")
        before = len(hub.asked)
        assert load(alone, REPOSITORY, commit)[2] == fingerprint
        assert len(hub.asked) == before
    finally:
        alone.close()


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("acme/nothing", None, "cannot fetch 'acme/nothing' from the hub: there is no such repository, or it is priv"),
        ("acme/hidden", None, "if it is private log in with `hf auth login`"),
        (REPOSITORY, "v7", "it has no such revision; give a branch, a tag or a whole commit"),
        ("no folder and no id", None, "'no folder and no id' is neither a folder nor a hub id"),
    ],
)
def test_what_is_not_there_is_a_clear_error(client: Client, name: str, revision: str | None, message: str) -> None:
    with pytest.raises(Failed) as failed:
        load(client, name, revision)
    assert failed.value.kind == "BaseModelError"
    assert message in failed.value.message


def test_a_wrong_token_is_told_and_not_shown(client: Client) -> None:
    with pytest.raises(Failed) as failed:
        client.run(f"import os; os.environ['HF_TOKEN'] = 'hf_wrong'\nload_base({REPOSITORY!r}, revision='v2')")
    client.run("del os.environ['HF_TOKEN']")
    assert failed.value.kind == "BaseModelError"
    assert "it does not know this token; log in with `hf auth login`, or put a token" in failed.value.message
    assert "hf_wrong" not in failed.value.message
