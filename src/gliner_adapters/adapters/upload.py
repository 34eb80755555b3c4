"""What would be published of an adapter's folder: its files, checked, with a card that a hub reads. No network here.

Published are the configuration, the weights, the card and what lies in `peft/`; `run/` and everything else stay. What
names this machine, or looks like a secret, is refused with its place and never sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliner_adapters.adapters.card import PLACE, model_card
from gliner_adapters.adapters.card_data import CardFields, card_data, dashed, is_public, measured
from gliner_adapters.adapters.config import (
    CARD_FILE,
    CONFIG_FILE,
    WEIGHTS_FILE,
    AdapterConfig,
    check_weights,
)
from gliner_adapters.adapters.peft_format import PEFT_FOLDER
from gliner_adapters.embedded_names import embedded_bases
from gliner_adapters.errors import AdapterError, ConfigError, DataError
from gliner_adapters.inputs import as_names, as_path
from gliner_adapters.model.encoders import NAMED

#: The metadata of a card: YAML between two lines of dashes at its beginning.
_FRONT = re.compile(r"\A---\r?\n(?P<yaml>.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATHS = re.compile(
    r"(?<![\w.~*/:-])/(?:home|Users|root|tmp|mnt|media|work|srv|scratch|data|var|private|opt)/[\w.-]+"
    r"|\b[A-Za-z]:\\+Users\\+\w+"
)
_SECRETS = re.compile(
    r"\b(?:hf_|api_org_)[A-Za-z0-9]{20,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bsk-[A-Za-z0-9_-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


@dataclass(frozen=True)
class Upload:
    """What would be published.

    Attributes:
        repository: ``USER/NAME``.
        revision: the branch; ``None`` for the main one.
        message: of the commit.
        metadata: the card's, as a hub reads it.
        files: content of each file by its path in the repository: bytes, or a file to send as it is.
        config: the configuration as it is published.
    """

    repository: str
    revision: str | None
    message: str
    metadata: Mapping[str, Any]
    files: Mapping[str, bytes | Path]
    config: AdapterConfig

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in self.files.items()
        }

    @property
    def card(self) -> str:
        """The text of the card."""
        content = self.files[CARD_FILE]
        assert isinstance(content, bytes)
        return content.decode("utf-8")


def prepare_upload(
    folder: str | Path,
    repository: str,
    *,
    revision: str | None = None,
    message: str | None = None,
    base_model: str | None = None,
    license: str | None = None,  # noqa: A002 - the hub's word
    language: Sequence[str] = (),
    datasets: Sequence[str] = (),
    results: Sequence[str | Path | Mapping[str, Any]] = (),
) -> Upload:
    """Check an adapter's folder and put together what :func:`~gliner_adapters.push_adapter` would send.

    Args:
        folder, repository, revision, message: what is sent, and where to.
        base_model, license, language, datasets, results: for the card; see there.

    Raises:
        AdapterError, ConfigError, DataError: as there; the hub is asked for nothing.
    """
    folder = as_path(folder, "the adapter's folder")
    check_repository(repository)
    check_branch(revision)
    config = AdapterConfig.read(folder)
    check_weights(folder, config)
    fields = CardFields(
        repository=repository,
        license=license,
        language=as_names(language, "language"),
        datasets=as_names(datasets, "datasets"),
        results=tuple(measured(each, config) for each in results),
    )
    deltas, published = _deltas(folder), _with_public_base(config, base_model, folder)
    metadata, card = _card(folder, config, published, deltas, fields)
    files: dict[str, bytes | Path] = {
        CONFIG_FILE: published.to_json().encode(),
        WEIGHTS_FILE: folder / WEIGHTS_FILE,
        CARD_FILE: card.encode(),
    }
    for delta in deltas:
        files |= {f"{delta}/{name}": folder / delta / name for name in (CONFIG_FILE, WEIGHTS_FILE)}
    _refuse_private(folder, files)
    return Upload(repository, revision, message or f"Upload {config.method} adapter", metadata, files, published)


def check_repository(repository: Any) -> None:
    """Raise a :class:`ConfigError` for what is no name of a repository."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        if not isinstance(repository, str) or repository.count("/") != 1:
            raise HFValidationError("it has the form USER/NAME")
        validate_repo_id(repository)
    except HFValidationError as error:
        raise ConfigError(f"no name of a repository: {repository!r}: {str(error).splitlines()[0]}") from None


def check_branch(revision: str | None) -> None:
    """Raise a :class:`ConfigError` for a revision that nothing can be pushed to."""
    if revision is not None and (not revision.strip() or _COMMIT.fullmatch(revision)):
        raise ConfigError(f"the revision {revision!r}: what is pushed goes to a branch; give its name, or leave it out")


def _deltas(folder: Path) -> list[str]:
    """The folders with deltas in `peft`'s format that are whole, relative to the adapter's."""
    parts = sorted(path.parent for path in (folder / PEFT_FOLDER).glob(f"*/{CONFIG_FILE}"))
    return [f"{PEFT_FOLDER}/{part.name}" for part in parts if (part / WEIGHTS_FILE).is_file()]


def _with_public_base(config: AdapterConfig, base_model: str | None, folder: Path) -> AdapterConfig:
    """The configuration with a base that others can load by its name.

    Raises:
        ConfigError: the base is a folder of this machine, or ``base_model`` is nothing that others can load.
    """
    if base_model is None:
        if not is_public(config.base):
            raise ConfigError(
                f"the adapter in {folder} was trained on a base from a folder ({Path(config.base.id).name}), which "
                "others do not have; publish the base and say where with --base-model USER/NAME[@COMMIT] "
                "(base_model= in Python)"
            )
        return config
    name, _, commit = base_model.partition("@")
    kind, _, encoder = name.partition(":")
    if not (name in embedded_bases() or (kind == "encoder" and encoder in NAMED)):
        check_repository(name)
        if not commit:
            raise ConfigError(f"base_model {base_model}: name the commit too, {name}@COMMIT, so that it stays the same")
    base = config.base.model_copy(update={"id": name, "revision": commit or None})
    return config.model_copy(update={"base": base})


def _card(
    folder: Path, config: AdapterConfig, published: AdapterConfig, deltas: Sequence[str], fields: CardFields
) -> tuple[dict[str, Any], str]:
    """Metadata and text of the card. What the user has changed in the folder's card is kept.

    Raises:
        DataError: the folder's card has metadata that cannot be read.
    """
    fresh = model_card(published, deltas, fields)
    metadata = _metadata(card_data(published, fields))
    path = folder / CARD_FILE
    saved = path.read_text(encoding="utf-8") if path.is_file() else None
    if saved is None or saved == model_card(config, deltas):
        return metadata, fresh
    front = _FRONT.match(saved)
    theirs = _read_front(front["yaml"], path) if front else {}
    before = _metadata(card_data(config))
    said = {"license": fields.license, "language": fields.language, "datasets": fields.datasets}
    ours = {"base_model", "library_name"} | {key for key, value in said.items() if value}
    if fields.results:
        ours.add("model-index")
    kept = {key: value for key, value in theirs.items() if key not in ours and value != before.get(key)}
    if "license" in kept:  # held against the corpus's like one that is given
        card_data(published, CardFields(license=str(kept["license"])))
    body = (saved[front.end() :] if front else saved).replace(PLACE, str(fields.repository))
    metadata |= kept
    return metadata, f"{dashed(metadata)}\n\n{body.lstrip()}"


def _metadata(data: Any) -> dict[str, Any]:
    content: dict[str, Any] = data.to_dict()
    content.pop("model_name", None)
    return content


def _read_front(text: str, path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 2  # after the dashes, and counted from 1
        raise DataError(f"the card's metadata is not YAML: {getattr(error, 'problem', error)}", path, line) from None
    if not isinstance(content, dict):
        raise DataError("the card's metadata is not a mapping", path, 1)
    return content


def _refuse_private(folder: Path, files: Mapping[str, bytes | Path]) -> None:
    """Raise an :class:`AdapterError` where a text holds a path of this machine or what looks like a secret."""
    for name, content in files.items():
        if name.endswith(".safetensors"):
            continue
        text = (content if isinstance(content, bytes) else content.read_bytes()).decode("utf-8")
        if (problem := _private(text)) is None:
            continue
        what, found, shown = problem
        saved = (folder / name).read_text(encoding="utf-8").splitlines() if (folder / name).is_file() else []
        line = next((number for number, each in enumerate(saved, 1) if found in each), None)
        where = folder / name if line is None else f"{folder / name}:{line}"
        raise AdapterError(f"{where}: {what} stands there ({shown}); nothing was sent. Take it out, then push again")


def _private(text: str) -> tuple[str, str, str] | None:
    """What should not leave this machine: its kind, the text itself, and what may be shown of it."""
    from huggingface_hub import get_token

    token = get_token()
    if secret := _SECRETS.search(text):
        return "what looks like a secret", secret[0], f"{secret[0][:4]}..."
    if token and token in text:
        return "the token of the hub", token, "..."
    if path := _PATHS.search(text):
        return "a path of a machine", path[0], path[0]
    for own in sorted({str(Path.home()), str(Path.cwd())} - {"/"}):
        if own in text:
            return "a path of this machine", own, own
    return None
