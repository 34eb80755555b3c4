"""One file of the registry: all that is known of a corpus.

A file says where the corpus is published, which bytes are meant (git blob ids, so that they can be compared with
upstream's own), what it may be used for, and how each of its types is called and described for a model that reads label
names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError

RAW_URL = "https://raw.githubusercontent.com"
SPLITS = ("train", "devel", "test")

_GIT_ID = r"^[0-9a-f]{40}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Blob(_Frozen):
    """Exact bytes: their number and their git blob id (what ``git hash-object`` prints)."""

    size: int = Field(gt=0)
    blob: str = Field(pattern=_GIT_ID)


class FileInfo(Blob):
    """One published file: ``path`` inside the corpus's folder, with size and id as published.

    ``text`` pins the decompressed text of a file that is published gzipped, so that a copy that somebody
    has unpacked can be verified as well.
    """

    path: str
    text: Blob | None = None

    @model_validator(mode="after")
    def _text_where_gzipped(self) -> FileInfo:
        if self.path.endswith(".gz") != (self.text is not None):
            raise ValueError(f"{self.path}: 'text' belongs to .gz files, and to each of them")
        return self


class Source(_Frozen):
    """Where a corpus is published: a folder of a GitHub repository at one revision."""

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=_GIT_ID)
    folder: str

    def url(self, file: FileInfo, base_url: str = RAW_URL) -> str:
        """The address of a file's bytes, below ``base_url``."""
        return f"{base_url.rstrip('/')}/{self.repository}/{self.revision}/{self.folder}/{file.path}"


class Licence(_Frozen):
    """Terms of use: an SPDX identifier, and whether the files may be passed on (``None``: not stated)."""

    name: str
    redistribution: bool | None
    note: str | None = None


class LabelInfo(_Frozen):
    """An entity type: the tag that the files use, the name that a model reads, and its meaning."""

    tag: str
    name: str
    description: str

    @property
    def label(self) -> Label:
        """The type as the rest of the library knows it, without the tag."""
        return Label(self.name, self.description)


class CorpusInfo(_Frozen):
    """Everything the registry knows about a corpus.

    Attributes:
        name: the canonical one.
        aliases: other names that it is known by.
        title: what it is, in a line.
        use: what the project does with it: score on it (``benchmark``), train bases on it (``pretraining``), keep it
            out of all training (``held-out``) or show things with it (``demo``).
        format: of its files, by name.
        fully_annotated: false where a type without mentions in a document is unknown, not absent.
        folder: where its files lie, below the folder of all corpora.
        source: where it is published; ``None`` for a corpus inside the package.
        files: the file of each split.
        licence: terms of use.
        citations: the papers to cite.
        labels: the types, in the order of reports.
        notes: what to know beside that.
        abstracts: the corpus that holds the same text in whole abstracts, where the files of one that comes sentence by
            sentence do not mark them.
    """

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    aliases: tuple[str, ...] = ()
    title: str
    use: Literal["benchmark", "pretraining", "held-out", "demo"]
    format: str
    fully_annotated: bool
    folder: str
    source: Source | None
    files: Mapping[Literal["train", "devel", "test"], FileInfo] = Field(min_length=1)
    licence: Licence
    citations: tuple[str, ...]
    labels: tuple[LabelInfo, ...] = Field(min_length=1)
    notes: tuple[str, ...] = ()
    abstracts: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> CorpusInfo:
        for what in ("tag", "name"):
            values = [getattr(label, what) for label in self.labels]
            if len(set(values)) != len(values):
                raise ValueError(f"{self.name}: two labels share a {what}")
        return self

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, in the order train, devel, test."""
        return tuple(split for split in SPLITS if split in self.files)

    def file(self, split: str) -> FileInfo:
        """The published file of a split; raises ``KeyError`` where there is none."""
        return {str(name): file for name, file in self.files.items()}[split]

    def url(self, split: str, base_url: str = RAW_URL) -> str | None:
        """Where a split's file is published, below ``base_url``; ``None`` for a corpus inside the package."""
        return self.source.url(self.file(split), base_url) if self.source else None


def read_info(path: Path) -> CorpusInfo:
    """Read one registry file; raises ``ConfigError`` that names the file and the field."""
    try:
        return CorpusInfo.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigError(f"{path}: not a corpus description: {error}") from error
