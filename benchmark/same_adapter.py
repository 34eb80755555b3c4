"""The same documents in every format that is read and written give the same adapter, to the byte.

The documents of the sample corpus are written in each format, read again, and trained on for one epoch. What the
adapters' weights are hashed to must be one value. Formats that hold words in place of a text (IOB2, GLiNER's) are
named beside them with what they hold: their texts are other texts.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table

from benchmark.harness.script import Output, finish, origin, run
from gliner_adapters.adapters.config import WEIGHTS_FILE
from gliner_adapters.api import adapt
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import Corpus, load_corpus, user_corpus
from gliner_adapters.documents import Document, formats, read_documents, write_documents
from gliner_adapters.model import Base, load_base
from gliner_adapters.training import TrainingConfig

METHOD = "label-embeddings"
#: What the adapters are compared with.
REFERENCE = "jsonl"
#: Formats whose documents are words or sentences: the text between them is not kept.
OF_WORDS = ("iob2", "gliner", "hf-tokens")


def whole_text_formats() -> list[str]:
    """Formats that are read and written and keep a document's text, sorted."""
    return [name for name, each in formats().items() if each.readable and each.writable and name not in OF_WORDS]


def write_all(documents: Sequence[Document], name: str, folder: Path) -> Path:
    """The documents in a format; words are cut where the format holds words and an entity ends inside one."""
    each = formats()[name]
    path = folder / f"train{(each.endings or each.shared_endings)[0]}"
    write_documents(documents, path, name, on_conflict="split")
    return path


def same_adapter(base: Base, corpus: Corpus, names: Sequence[str], config: TrainingConfig) -> dict[str, Any]:
    """Train on the same documents from each format.

    Args:
        base: what to adapt.
        corpus: its documents, of all splits.
        names: formats.
        config: one epoch, for the most part.

    Returns:
        For each format how many documents and entities were read, whether they are the same, and the hash of the
        adapter's weights.
    """
    # With the types as the files write them: brat allows no spaces in a type.
    documents = [document for file in corpus.files.values() for document in read_documents(file)]
    rows = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = write_all(documents, name, Path(folder))
            read = list(read_documents(path, name))
            adapt(
                base,
                user_corpus(path, format=name, name="same"),
                METHOD,
                output=Path(folder) / "adapter",
                config=config,
                hold_out=0,
            )
            weights = (Path(folder) / "adapter" / WEIGHTS_FILE).read_bytes()
        same = [content(one) == content(other) for one, other in zip(documents, read, strict=True)]
        rows.append(
            {
                "format": name,
                "documents": len(read),
                "entities": sum(len(document.entities) for document in read),
                "documents_alike": sum(same),
                "adapter_sha256": hashlib.sha256(weights).hexdigest(),
            }
        )
    return {
        "base": base.id,
        "corpus": corpus.name,
        "method": METHOD,
        "epochs": config.epochs,
        "seed": config.seed,
        "formats": rows,
        "adapters": len({row["adapter_sha256"] for row in rows}),
        **origin(base.device),
    }


def content(document: Document) -> tuple[Any, ...]:
    """What training sees of a document."""
    return document.text, sorted(entity.key for entity in document.entities)


def same_adapter_table(result: dict[str, Any]) -> Table:
    """The result for a terminal."""
    table = Table("format", "documents", "entities", "adapter (sha256)")
    for row in result["formats"]:
        table.add_row(row["format"], str(row["documents"]), str(row["entities"]), row["adapter_sha256"][:16])
    return table


def main(
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option(help="A corpus of documents.")] = "sample",
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Train on the same documents from every format and hold the adapters against each other."""
    torch.set_num_threads(1)
    result = same_adapter(
        load_base(base),
        load_corpus(corpus, data_dir=data_dir),
        whole_text_formats(),
        TrainingConfig(epochs=1, seed=1),
    )
    finish(result, same_adapter_table(result), output)
    if result["adapters"] != 1:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
