"""What a model hub is asked for: one place for fetching, and for what may go wrong.

Where the hub is, and who asks, is the client's own business: the variables HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, and
what `hf auth login` has stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gliner_adapters.errors import GlinerAdaptersError

#: How to get a token.
LOG_IN = "log in with `hf auth login`, or put a token of the hub into the variable HF_TOKEN"
#: What the hub answers about a request that it understood and refused, by HTTP status.
_REFUSED = {
    401: f"it does not know this token; {LOG_IN}",
    402: "it wants a paid plan for that",
    403: "the token may not do that; use one with write access to this name, or push under a name that is yours",
    409: "something of that name is in the way, or another request is under way; try again",
    412: "it was changed by somebody else in between, and nothing of yours was; try again",
    413: "it is larger than the hub takes",
    429: "too many requests; wait some minutes and try again",
}


def fetch_snapshot(
    name: str,
    revision: str | None,
    patterns: list[str],
    kind: type[GlinerAdaptersError],
    hint: str = "",
) -> Path:
    """The local folder of a repository's snapshot; the folder is named after the commit.

    Args:
        name: ``OWNER/NAME``.
        revision: branch, tag or commit.
        patterns: which files to fetch; nothing else is.
        kind: the error to raise.
        hint: what to do instead, appended to the message.

    Raises:
        GlinerAdaptersError: of the given kind, if the name is none, or the hub does not answer or has no such thing.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        with hub_errors(f"cannot fetch {name!r} from the hub", kind, hint):
            return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except HFValidationError:
        raise kind(f"{name!r} is neither a folder nor a hub id (OWNER/NAME)") from None


@contextmanager
def hub_errors(what: str, kind: type[GlinerAdaptersError], hint: str = "") -> Iterator[None]:
    """Turn what goes wrong between the hub and its client into an error for the user.

    Args:
        what: what failed; the message begins with it.
        kind: the error to raise.
        hint: what to do instead, appended to the message.

    Raises:
        GlinerAdaptersError: of the given kind. A name that is none is left to the caller (``HFValidationError``).
    """
    import httpx
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except (GlinerAdaptersError, HFValidationError):
        raise
    except (OSError, RuntimeError, ValueError, httpx.HTTPError) as error:
        raise kind(f"{what}: {reason(error)}. {hint}".rstrip()) from None


def reason(error: BaseException) -> str:
    """What the hub, or its client, says went wrong, and what to do about it. Never names a token."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, RuntimeError) and error.__cause__ is not None:
        return reason(error.__cause__)  # the client wraps what goes wrong while a file is sent
    if isinstance(error, OfflineModeIsEnabled) or isinstance(error.__cause__, OfflineModeIsEnabled):
        return "the variable HF_HUB_OFFLINE keeps this machine off the network, and the cache does not hold it"
    if isinstance(error, LocalTokenNotFoundError):
        return f"no token; {LOG_IN}"
    if isinstance(error, GatedRepoError):
        return "access has to be asked for on its page first"
    if isinstance(error, RevisionNotFoundError):
        return "it has no such revision; give a branch, a tag or a whole commit"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else None
    said = _one_line(getattr(error, "server_message", None) or "")
    # Without a token that it knows, a hub does not say whether a repository is missing or private.
    if isinstance(error, RepositoryNotFoundError) or (status == 401 and "credentials" not in said):
        return f"there is no such repository, or it is private; look at the name, and if it is private {LOG_IN}"
    if status in _REFUSED:
        return _REFUSED[status] + (f" ({said})" if said else "")
    if status is not None and status >= 500:
        return f"the hub is in trouble (HTTP status {status}); try again later"
    return _one_line(str(error)) or type(error).__name__


def _one_line(text: str) -> str:
    """The first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "").rstrip(".")
