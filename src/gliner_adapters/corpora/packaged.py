"""A corpus that another package brings: its description, and code that reads it where no format does.

gliner_adapters_toy/
    corpus.py            CORPUS = PackagedCorpus(Path(__file__).parent / "toy-trials.json")
    toy-trials.json      as one of this package's own: splits, checksums, licence, labels
    toy-trials/          the files, unless the description says where they are published ("source")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gliner_adapters.corpora.info import CorpusInfo, read_info
from gliner_adapters.documents import Document

Loader = Callable[[Path], Iterable[Document]]
"""Reads the documents of a file whose checksum was verified."""


@dataclass(frozen=True)
class PackagedCorpus:
    """What an entry point of the group ``gliner_adapters.corpora`` names.

    Attributes:
        description: the JSON file with all that is known of the corpus (:class:`CorpusInfo`). Files of a corpus
            without ``source`` lie in its ``folder``, beside the JSON file.
        loader: reads a split's file, for files that no format reads; entities carry the ``tag`` of their label.
            ``None`` where ``format`` in the description does, be it one of this package or of another one.
    """

    description: Path
    loader: Loader | None = None

    @cached_property
    def info(self) -> CorpusInfo:
        """The description, read and checked.

        Raises:
            ConfigError: it is missing or malformed; names the field.
        """
        return read_info(self.description)

    @property
    def root(self) -> Path:
        """The folder that the corpus's folder lies in."""
        return self.description.parent
