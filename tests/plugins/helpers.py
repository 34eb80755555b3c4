"""Packages as an installer lays them out: a module, and the metadata beside it that declares entry points."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from gliner_adapters.corpora.places import blob_id
from gliner_adapters.corpora.registry import DATA

_NUMBERS = count()

METHOD = '''
import torch
from dataclasses import replace
from torch import nn
from gliner_adapters.methods import Adapter

class Added(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(width))
    def forward(self, vectors):
        return vectors + self.shift

class Method(Adapter):
    """A trained shift of the label vectors."""
    name = "NAME"
    learning_rates = {"label_transform": 1e-2}
    def build(self, base):
        self.label_transform = Added(base.hidden_size)
    def parts(self, parts):
        if self.label_transform is None or parts.label_head is None:
            return parts
        return replace(parts, label_head=nn.Sequential(parts.label_head, self.label_transform))
'''

FORMAT = """
from gliner_adapters.documents import Document
from gliner_adapters.documents.formats import Format

class Lines(Format):
    name = "NAME"
    endings = ENDINGS
    summary = "a text a line"
    def recognises(self, head):
        return RECOGNISES
    def read(self, stream, path, *, options, report):
        for line in stream:
            document = Document(line.decode().rstrip())
            report.add_document(document)
            yield document
"""


def format_code(name: str, endings: tuple[str, ...] = (), recognises: str = "False") -> str:
    """The code of a format that is read."""
    return FORMAT.replace("NAME", name).replace("ENDINGS", repr(endings)).replace("RECOGNISES", recognises)


def make_package(
    place: Path, name: str, points: Mapping[str, Mapping[str, str]], code: str = "", version: str = "1.2"
) -> str:
    """Put a package into a folder.

    Args:
        place: a folder of the module path.
        name: of the distribution.
        points: the objects that each group's names stand for, in the package's only module.
        code: of that module.
        version: of the distribution.

    Returns:
        the name of the module, which no other test has.
    """
    module = f"plugin_{next(_NUMBERS)}_{name.replace('-', '_')}"
    (place / f"{module}.py").write_text(code)
    info = place / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, named in points.items():
        lines += [f"[gliner_adapters.{group}]", *(f"{each} = {module}:{target}" for each, target in named.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return module


CORPUS = """
from pathlib import Path
from gliner_adapters.corpora import PackagedCorpus
from gliner_adapters.documents import Document, Entity

def read(path):
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(" ")
        yield Document(line, [Entity(0, len(name), "Drug")])

CORPUS = PackagedCorpus(Path(__file__).parent / "FILE", LOADER)
"""


def corpus_package(place: Path, package: str, name: str, /, loader: str = "read", **changes: object) -> None:
    """A package with a corpus of one split in files of its own kind."""
    raw = b"Aspirin helps.\nLithium too.\n"
    file = {"path": "train.words", "size": len(raw), "blob": blob_id(io.BytesIO(raw), len(raw))}
    info = json.loads((DATA / "sample.json").read_text()) | {
        "name": name,
        "format": "words",
        "folder": name,
        "files": {"train": file},
        "labels": [{"tag": "Drug", "name": "drug", "description": "a drug that helps"}],
        **changes,
    }
    (place / name).mkdir()
    (place / name / "train.words").write_bytes(raw)
    (place / f"{name}.json").write_text(json.dumps(info))
    code = CORPUS.replace("FILE", f"{name}.json").replace("LOADER", loader)
    make_package(place, package, {"corpora": {name: "CORPUS"}}, code)
