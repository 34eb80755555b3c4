"""Options that the verbs of `gliner-adapters job` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from gliner_adapters.errors import ConfigError
from gliner_adapters.settings import problems_of

if TYPE_CHECKING:
    from gliner_adapters import jobs

Out = Annotated[Path, typer.Argument(metavar="OUT", help="The job's folder.", show_default=False)]


def job_settings(values: dict[str, Any]) -> jobs.JobSettings:
    """Settings of a job, checked.

    Raises:
        ConfigError: they do not fit together.
    """
    from gliner_adapters.jobs import JobSettings

    try:
        return JobSettings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(problems_of(error).removeprefix(": Value error, ")) from None


def adapters_by_name(sources: list[str]) -> dict[str, str]:
    """Adapters by the names of their folders, with paths that hold from another folder too.

    Raises:
        ConfigError: two have one name.
    """
    named: dict[str, str] = {}
    for source in sources:
        path = Path(source)
        where = str(path.absolute()) if path.is_dir() else source
        name = path.resolve().name if path.is_dir() else path.name
        if name in named:
            raise ConfigError(f"two adapters are called {name!r}; a job tells them apart by the names of their folders")
        named[name] = where
    return named


def label_entry(entry: str) -> tuple[str, str | None]:
    """NAME or NAME=DESCRIPTION as both."""
    name, _, description = entry.partition("=")
    return name, description or None


def check_bare(given: dict[str, Any]) -> None:
    """Without adapter and labels the job is as it was begun; other options would be passed over.

    Raises:
        ConfigError: there is one.
    """
    plain = {"architecture": "bi", "precision": "fp32", "runtime": "torch", "device": "cpu", "threads": 1}
    asked = [name for name, value in given.items() if value and value != plain.get(name)]
    if asked:
        names = ", ".join("--from" if name == "read_as" else f"--{name.replace('_', '-')}" for name in asked)
        raise ConfigError(f"{names}: say who reads too (--adapter, or --base with --label), as when the job was begun")
