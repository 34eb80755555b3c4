"""Fetching from the hub: one place for what may go wrong."""

from __future__ import annotations

from pathlib import Path

from gliner_adapters.errors import GlinerAdaptersError


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
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except HFValidationError:
        raise kind(f"{name!r} is neither a folder nor a hub id (OWNER/NAME)") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise kind(f"cannot fetch {name!r} from the hub: {first_line}. {hint}".rstrip()) from None
