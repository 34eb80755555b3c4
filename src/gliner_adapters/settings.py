"""Settings in files: TOML and YAML that people write, JSON records that we write.

Both are read strictly, with one kind of message for what is wrong.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gliner_adapters.errors import ConfigError, GlinerAdaptersError
from gliner_adapters.storage import write_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def problems_of(error: ValidationError, whole: str = "") -> str:
    """What is wrong with settings, field by field; ``whole`` stands for them all where no field is to blame."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or whole}: {e['msg']}" for e in error.errors())


def read_settings(path: Path) -> dict[str, Any]:
    """A TOML file, or a YAML file by its ending.

    Raises:
        ConfigError: not that, or not a table of settings.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    if path.suffix in (".yaml", ".yml"):
        import yaml

        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: not YAML: {error}") from None
    else:
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not TOML: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected tables of settings")
    return content


Read = TypeVar("Read", bound="Record")


class Record(BaseModel):
    """A JSON file that says what a folder holds, with a format version."""

    model_config = ConfigDict(extra="forbid")

    #: Name of the file.
    file: ClassVar[str]
    #: What a folder with such a file is.
    noun: ClassVar[str]
    #: The newest version that can be read.
    newest: ClassVar[int]
    #: What a file that cannot be read raises.
    error: ClassVar[type[GlinerAdaptersError]]

    def write(self, folder: Path) -> None:
        """Write the file into a folder."""
        write_text(folder / self.file, self.to_json())

    def to_json(self) -> str:
        """The content of the file."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def read(cls: type[Read], folder: Path) -> Read:
        """Read and check the file of a folder.

        Raises:
            GlinerAdaptersError: of the record's own kind; it is missing, malformed, or of a newer format.
        """
        path = folder / cls.file
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise cls.error(f"no {cls.noun} at {folder}: expected {cls.file} there") from None
        except ValueError as error:
            raise cls.error(f"{path} is not valid JSON: {error}") from None
        version = content.get("format_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > cls.newest:
            raise cls.error(
                f"{path} has format version {version}, this gliner-adapters reads up to {cls.newest}; upgrade it"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise cls.error(f"{path}: {problems_of(error)}") from None
