"""Errors that say what was wrong, where, and what to do.

Every error that a user can cause derives from :class:`GlinerAdaptersError`, so that the command line prints
its message without a traceback and a program catches one class.
"""

from __future__ import annotations

from pathlib import Path


class GlinerAdaptersError(Exception):
    """Base of all errors that the user's input can cause."""


class DataError(GlinerAdaptersError):
    """Malformed data in a file: names the file, the line and what was expected there.

    Args:
        message: what is wrong and what was expected instead.
        path: the file, or ``None`` for standard input and strings.
        line: line number, counted from 1.
    """

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None) -> None:
        self.message = message
        self.path = str(path) if path is not None else None
        self.line = line
        where = self.path or ("<input>" if line is not None else "")
        if line is not None:
            where = f"{where}:{line}"
        super().__init__(f"{where}: {message}" if where else message)


class ConfigError(GlinerAdaptersError):
    """An option or a configuration file asks for something that does not exist or does not fit."""


class PluginError(ConfigError):
    """What another package adds cannot be used: two packages claim one name, or one cannot be imported. Names them."""


class StorageError(GlinerAdaptersError):
    """A file cannot be written: no room, or no permission. What was there before is whole."""


class HubError(GlinerAdaptersError):
    """A model hub refuses what is sent to it, or does not answer. What it held before is unchanged."""


class BaseModelError(GlinerAdaptersError):
    """A base cannot be loaded: missing, unsupported, or unsafe."""


class AdapterError(GlinerAdaptersError):
    """An adapter cannot be loaded or does not fit the base."""
