"""Adapters and a model hub: finding one there, and publishing one.

A push is one commit: its large files are sent first, and until the commit stands the repository is what it was. Only
the adapter's own files are replaced or removed there; what else the repository holds stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliner_adapters.adapters.config import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE
from gliner_adapters.adapters.peft_format import PEFT_FOLDER
from gliner_adapters.adapters.upload import Upload, prepare_upload
from gliner_adapters.errors import AdapterError, ConfigError, HubError
from gliner_adapters.inputs import as_path
from gliner_adapters.model.hub import LOG_IN, fetch_snapshot, hub_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAIN = "main"


@dataclass(frozen=True)
class Push:
    """What a push did.

    Attributes:
        repository: ``USER/NAME``.
        commit: the commit that holds the adapter; load it with ``load_adapter(repository, revision=commit)``.
        url: the page of that commit.
        changed: whether it is a new commit; false where the hub held the same bytes already.
        pull_request: the page of the pull request, where one was opened.
    """

    repository: str
    commit: str
    url: str
    changed: bool
    pull_request: str | None = None


def adapter_folder(source: str | Path, revision: str | None = None) -> Path:
    """An adapter's folder: a local one, or the snapshot of a hub's repository.

    Args:
        source: a folder, or ``OWNER/NAME``, or ``OWNER/NAME@REVISION``.
        revision: branch, tag or commit of the repository.

    Raises:
        AdapterError: neither a folder nor a repository that can be read.
        ConfigError: two revisions are given.
    """
    folder = as_path(source, "the adapter")
    if folder.is_dir():
        return folder
    name, _, own = str(source).partition("@")
    if "/" not in name:
        raise AdapterError(f"no adapter at {source}: there is no such folder, and a hub's id has the form OWNER/NAME")
    if own and revision not in (None, own):
        raise ConfigError(f"{source} names a revision, and another one is given beside it ({revision})")
    return fetch_snapshot(name, own or revision, [CONFIG_FILE, WEIGHTS_FILE, CARD_FILE], AdapterError)


def push_adapter(
    folder: str | Path,
    repository: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
    create_pr: bool = False,
    token: str | None = None,
    base_model: str | None = None,
    license: str | None = None,  # noqa: A002 - the hub's word
    language: Sequence[str] = (),
    datasets: Sequence[str] = (),
    results: Sequence[str | Path | Mapping[str, Any]] = (),
) -> Push:
    """Publish an adapter's folder on a model hub, in one commit.

    The repository is made if it is missing. The same bytes pushed again make no commit. Everything that can be checked
    without the hub is checked before it is asked for anything.

    Args:
        folder: the adapter's.
        repository: ``USER/NAME``.
        private: make the repository private; refused if there is a public one already.
        revision: the branch to push to, made from the main one if it is missing; the main one if ``None``.
        message: of the commit.
        create_pr: open a pull request on the repository, which must be there, instead of changing it.
        token: of the hub; by default the variable ``HF_TOKEN``, or what ``hf auth login`` has stored.
        base_model: where others find the base, ``USER/NAME@COMMIT``, if it was loaded from a folder here.
        license: as the hub writes it (``cc-by-4.0``); by default that of the corpus, if the registry knows it.
        language: codes of languages; by default ``en`` for corpora of the registry.
        datasets: the hub's ids of what the adapter was trained on; by default the name of the registry's corpus.
        results: scores for the card: files that ``evaluate --output`` wrote, or records of
            :func:`~gliner_adapters.evaluate`, of this very adapter.

    Returns:
        the commit and its address.

    Raises:
        AdapterError: the folder holds no whole adapter, a text in it names this machine or looks like a secret, or a
            result is another adapter's.
        ConfigError: a name that is none, a base that others cannot load, or a licence that the corpus rules out.
        DataError: a file of results, or the card's metadata, cannot be read.
        HubError: the hub does not accept the token, refuses, or does not answer; what it held before is unchanged.
    """
    check_target(revision, create_pr)
    upload = prepare_upload(
        folder,
        repository,
        revision=revision,
        message=message,
        base_model=base_model,
        license=license,
        language=language,
        datasets=datasets,
        results=results,
    )
    return send(upload, private=private, create_pr=create_pr, token=token)


def check_target(revision: str | None, create_pr: bool) -> None:
    """Raise a :class:`ConfigError` for a pull request on another branch than the main one: hubs have none."""
    if create_pr and revision not in (None, MAIN):
        raise ConfigError("a pull request is opened on the main branch; leave the revision out")


def send(upload: Upload, *, private: bool = False, create_pr: bool = False, token: str | None = None) -> Push:
    """Send what was prepared; see :func:`push_adapter`.

    Raises:
        ConfigError: the card's metadata is not what the hub takes, or the repository is public and ``private`` is set.
        HubError: the hub does not accept the token, refuses, or does not answer.
    """
    from huggingface_hub import HfApi, get_token

    where, branch = upload.repository, upload.revision or MAIN
    if token is None and get_token() is None:
        raise HubError(f"cannot push to {where}: no token; {LOG_IN}")
    api = HfApi(token=token)
    with hub_errors(f"cannot push to {where}", HubError):
        head = _head(api, where, branch, private=private, create_pr=create_pr)
        return _commit(api, upload, branch, head, create_pr)


def _head(api: HfApi, where: str, branch: str, *, private: bool, create_pr: bool) -> str:
    """The commit that a branch is at; repository and branch are made if they are missing."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = api.model_info(where)
    except RepositoryNotFoundError:
        if create_pr:
            raise
        api.create_repo(where, private=private, exist_ok=True)
        info = api.model_info(where)
    if private and not info.private:
        raise ConfigError(f"{where} is there already, and public; make it private in its settings, or choose another")
    if branch == MAIN:
        return str(info.sha)
    try:
        return str(api.model_info(where, revision=branch).sha)
    except RevisionNotFoundError:
        api.create_branch(where, branch=branch, exist_ok=True)
        return str(api.model_info(where, revision=branch).sha)


def _commit(api: HfApi, upload: Upload, branch: str, head: str, create_pr: bool) -> Push:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete
    from huggingface_hub.errors import HfHubHTTPError

    there = api.list_repo_files(upload.repository, revision=head)
    stale = [
        name
        for name in there
        if name not in upload.files and (name in (CONFIG_FILE, WEIGHTS_FILE) or name.startswith(f"{PEFT_FOLDER}/"))
    ]
    operations: list[CommitOperationAdd | CommitOperationDelete] = [CommitOperationDelete(name) for name in stale]
    for name, content in upload.files.items():
        operations.append(CommitOperationAdd(name, content if isinstance(content, bytes) else str(content)))
    try:
        done = api.create_commit(
            upload.repository,
            operations,
            commit_message=upload.message,
            revision=branch,
            create_pr=create_pr,
            parent_commit=head,
        )
    except ValueError as error:
        # The client's word for what the hub does not take in the card; other refusals are of the hub's own kind.
        if isinstance(error, HfHubHTTPError):
            raise
        raise ConfigError(f"the hub does not take the card: {' '.join(str(error).split())}") from None
    return Push(upload.repository, done.oid, done.commit_url, done.oid != head, done.pr_url)
